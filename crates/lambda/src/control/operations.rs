//! Which operation is handled where.

use policy::Principal;
use wire::{ApiError, Call, Reply};

use super::Lambda;

/// Operations that answer from the store without writing: quick enough for the caller's thread.
const READS: &[&str] = &[
    "GetAccountSettings",
    "GetAlias",
    "GetCodeSigningConfig",
    "GetFunction",
    "GetFunctionCodeSigningConfig",
    "GetFunctionConcurrency",
    "GetFunctionConfiguration",
    "GetFunctionEventInvokeConfig",
    "GetFunctionRecursionConfig",
    "GetFunctionUrlConfig",
    "GetLayerVersion",
    "GetLayerVersionByArn",
    "GetLayerVersionPolicy",
    "GetPolicy",
    "GetProvisionedConcurrencyConfig",
    "GetRuntimeManagementConfig",
    "ListAliases",
    "ListCodeSigningConfigs",
    "ListFunctionEventInvokeConfigs",
    "ListFunctionUrlConfigs",
    "ListFunctions",
    "ListFunctionsByCodeSigningConfig",
    "ListLayerVersions",
    "ListLayers",
    "ListProvisionedConcurrencyConfigs",
    "ListTags",
    "ListVersionsByFunction",
];

const WRITES: &[&str] = &[
    "AddLayerVersionPermission",
    "AddPermission",
    "CreateAlias",
    "CreateCodeSigningConfig",
    "CreateFunction",
    "CreateFunctionUrlConfig",
    "DeleteAlias",
    "DeleteCodeSigningConfig",
    "DeleteFunction",
    "DeleteFunctionCodeSigningConfig",
    "DeleteFunctionConcurrency",
    "DeleteFunctionEventInvokeConfig",
    "DeleteFunctionUrlConfig",
    "DeleteLayerVersion",
    "DeleteProvisionedConcurrencyConfig",
    "PublishLayerVersion",
    "PublishVersion",
    "PutFunctionCodeSigningConfig",
    "PutFunctionConcurrency",
    "PutFunctionEventInvokeConfig",
    "PutFunctionRecursionConfig",
    "PutProvisionedConcurrencyConfig",
    "PutRuntimeManagementConfig",
    "RemoveLayerVersionPermission",
    "RemovePermission",
    "TagResource",
    "UntagResource",
    "UpdateAlias",
    "UpdateCodeSigningConfig",
    "UpdateFunctionCode",
    "UpdateFunctionConfiguration",
    "UpdateFunctionEventInvokeConfig",
    "UpdateFunctionUrlConfig",
];

impl Lambda {
    /// The operations that have behaviour.
    pub fn implemented() -> impl Iterator<Item = &'static str> {
        READS.iter().chain(WRITES).copied().chain(["Invoke", "InvokeAsync"])
    }

    /// Runs an operation for a caller who has passed [`Self::checks`]. Writes wait for the disk on a thread of their
    /// own; must be called inside a tokio runtime.
    ///
    /// # Errors
    /// Lambda's errors; [`ApiError::not_implemented`] for operations without behaviour.
    pub async fn handle(&self, call: &Call, principal: &Principal) -> Result<Reply, ApiError> {
        if call.operation == "Invoke" {
            return self.invoke(call).await;
        }
        if READS.contains(&call.operation) || !WRITES.contains(&call.operation) {
            return self.handle_sync(call, principal);
        }
        let (lambda, call, principal) = (self.clone(), call.clone(), principal.clone());
        tokio::task::spawn_blocking(move || lambda.handle_sync(&call, &principal))
            .await
            .map_err(|e| ApiError::internal(format!("the operation did not end: {e}")))?
    }

    /// Runs an operation other than Invoke on this thread.
    ///
    /// # Errors
    /// As [`Self::handle`].
    pub fn handle_sync(&self, call: &Call, _principal: &Principal) -> Result<Reply, ApiError> {
        match call.operation {
            "AddLayerVersionPermission" => self.add_layer_permission(call),
            "AddPermission" => self.add_permission(call),
            "CreateAlias" => self.create_alias(call),
            "CreateCodeSigningConfig" => self.create_code_signing(call),
            "CreateFunction" => self.create_function(call),
            "CreateFunctionUrlConfig" => self.create_url(call),
            "DeleteAlias" => self.delete_alias(call),
            "DeleteCodeSigningConfig" => self.delete_code_signing(call),
            "DeleteFunction" => self.delete_function(call),
            "DeleteFunctionCodeSigningConfig" => self.delete_function_code_signing(call),
            "DeleteFunctionConcurrency" => self.delete_concurrency(call),
            "DeleteFunctionEventInvokeConfig" => self.delete_event_config(call),
            "DeleteFunctionUrlConfig" => self.delete_url(call),
            "DeleteLayerVersion" => self.delete_layer_version(call),
            "DeleteProvisionedConcurrencyConfig" => self.delete_provisioned(call),
            "GetAccountSettings" => self.account_settings(call),
            "GetAlias" => self.get_alias(call),
            "GetCodeSigningConfig" => self.get_code_signing(call),
            "GetFunction" => self.get_function(call),
            "GetFunctionCodeSigningConfig" => self.get_function_code_signing(call),
            "GetFunctionConcurrency" => self.get_concurrency(call),
            "GetFunctionConfiguration" => self.get_configuration(call),
            "GetFunctionEventInvokeConfig" => self.get_event_config(call),
            "GetFunctionRecursionConfig" => self.get_recursion(call),
            "GetFunctionUrlConfig" => self.get_url(call),
            "GetLayerVersion" => self.get_layer_version(call),
            "GetLayerVersionByArn" => self.get_layer_version_by_arn(call),
            "GetLayerVersionPolicy" => self.get_layer_policy(call),
            "GetPolicy" => self.get_policy(call),
            "GetProvisionedConcurrencyConfig" => self.get_provisioned(call),
            "GetRuntimeManagementConfig" => self.runtime_management(call),
            "InvokeAsync" => self.invoke_async(call),
            "ListAliases" => self.list_aliases(call),
            "ListCodeSigningConfigs" => self.list_code_signing(call),
            "ListFunctionEventInvokeConfigs" => self.list_event_configs(call),
            "ListFunctionUrlConfigs" => self.list_urls(call),
            "ListFunctions" => self.list_functions(call),
            "ListFunctionsByCodeSigningConfig" => self.list_functions_by_code_signing(call),
            "ListLayerVersions" => self.list_layer_versions(call),
            "ListLayers" => self.list_layers(call),
            "ListProvisionedConcurrencyConfigs" => self.list_provisioned(call),
            "ListTags" => self.list_tags(call),
            "ListVersionsByFunction" => self.list_versions(call),
            "PublishLayerVersion" => self.publish_layer_version(call),
            "PublishVersion" => self.publish_version(call),
            "PutFunctionCodeSigningConfig" => self.put_function_code_signing(call),
            "PutFunctionConcurrency" => self.put_concurrency(call),
            "PutFunctionEventInvokeConfig" => self.put_event_config(call, false),
            "PutFunctionRecursionConfig" => self.put_recursion(call),
            "PutProvisionedConcurrencyConfig" => self.put_provisioned(call),
            "PutRuntimeManagementConfig" => self.put_runtime_management(call),
            "RemoveLayerVersionPermission" => self.remove_layer_permission(call),
            "RemovePermission" => self.remove_permission(call),
            "TagResource" => self.tag(call),
            "UntagResource" => self.untag(call),
            "UpdateAlias" => self.update_alias(call),
            "UpdateCodeSigningConfig" => self.update_code_signing(call),
            "UpdateFunctionCode" => self.update_code(call),
            "UpdateFunctionConfiguration" => self.update_configuration(call),
            "UpdateFunctionEventInvokeConfig" => self.put_event_config(call, true),
            "UpdateFunctionUrlConfig" => self.update_url(call),
            other => Err(ApiError::not_implemented("lambda", other)),
        }
    }
}
