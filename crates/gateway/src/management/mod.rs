//! The operations of the API Gateway control plane.
//!
//! Every operation is one transaction. What differs between resources is in their own files; what they share is in
//! `failure` (texts), `lookup` (an API as one account sees it), `patch` (JSON patch as API Gateway permits it) and
//! `page` (lists).

mod access_association;
mod account;
mod authorization;
mod authorizer;
mod base_path_mapping;
mod client_certificate;
mod clone;
mod condition_keys;
mod deployment;
mod documentation_part;
mod documentation_version;
mod domain_name;
mod failure;
mod flatten;
mod gateway_response;
mod integration;
mod integration_response;
mod integration_uri;
mod key;
mod key_import;
mod lookup;
mod mapping;
mod method;
mod method_response;
mod method_settings;
mod model_template;
mod openapi;
mod operations;
mod page;
mod patch;
mod quota;
mod resource;
mod resource_policy;
mod rest_api;
mod schema;
mod sdk_type;
mod stage;
mod tags;
#[cfg(test)]
mod tests;
mod undocumented;
mod usage_plan;
mod validator;
mod vpc_link;

use std::collections::BTreeMap;
use std::sync::Arc;

use policy::{Check, Principal};
use store::{Store, StoreError};
use wire::{ApiError, Call, Reply};

use failure::Failure;

pub(crate) use base_path_mapping::{Mapping, NONE};
pub(crate) use client_certificate::Certificate;
pub(crate) use domain_name::Domain;
pub use gateway_response::{effective_gateway_response, effective_gateway_responses};
pub use operations::implemented;
pub use quota::{ACCOUNT_THROTTLE, quotas};

/// What management asks of IAM.
pub trait Roles: Send + Sync {
    /// Whether the role exists and its trust policy lets `service` (for example `apigateway.amazonaws.com`) assume it.
    fn trusts(&self, role_arn: &str, service: &str) -> bool;
}

/// What management needs of other services.
#[derive(Clone, Default)]
pub struct Deps {
    /// Asked about the account's CloudWatch role. `None`: such a role is accepted unseen.
    pub roles: Option<Arc<dyn Roles>>,
}

/// The control plane over one store.
#[derive(Clone)]
pub struct Management {
    store: Store,
    deps: Deps,
}

impl Management {
    /// A control plane that keeps its documents in `store`.
    #[must_use]
    pub fn new(store: Store, deps: Deps) -> Self {
        Self { store, deps }
    }

    /// Sets quotas, by the names of [`quotas`]; the others are AWS's.
    ///
    /// # Errors
    /// The store cannot be written.
    pub fn set_quotas(&self, numbers: &BTreeMap<String, usize>) -> Result<(), StoreError> {
        quota::set(&self.store, numbers)
    }

    /// What must be allowed before `call` runs: `apigateway:METHOD` on the path of the request, and `iam:PassRole` where
    /// a role is handed over.
    ///
    /// Source: Service Authorization Reference, "Actions, resources, and condition keys for Amazon API Gateway
    /// Management".
    ///
    /// # Errors
    /// [`ApiError::internal`] for an operation that API Gateway does not have, or when the store cannot be read.
    pub fn checks(&self, call: &Call, principal: &Principal) -> Result<Vec<Check>, ApiError> {
        authorization::checks(&self.store, call, principal).map_err(ApiError::from)
    }

    /// Runs an allowed operation.
    ///
    /// # Errors
    /// API Gateway's own errors; [`ApiError::not_implemented`] for operations that are not in [`implemented`].
    pub fn handle(&self, call: &Call, _principal: &Principal) -> Result<Reply, ApiError> {
        self.run(call).map_err(ApiError::from)
    }

    fn run(&self, call: &Call) -> Result<Reply, Failure> {
        let store = &self.store;
        match call.operation {
            "CreateRestApi" => rest_api::create(store, call),
            "GetRestApi" => rest_api::get(store, call),
            "GetRestApis" => rest_api::list(store, call),
            "UpdateRestApi" => rest_api::update(store, call),
            "DeleteRestApi" => rest_api::delete(store, call),
            "CreateResource" => resource::create(store, call),
            "GetResource" => resource::get(store, call),
            "GetResources" => resource::list(store, call),
            "UpdateResource" => resource::update(store, call),
            "DeleteResource" => resource::delete(store, call),
            "PutMethod" => method::put(store, call),
            "GetMethod" => method::get(store, call),
            "UpdateMethod" => method::update(store, call),
            "DeleteMethod" => method::delete(store, call),
            "PutMethodResponse" => method_response::put(store, call),
            "GetMethodResponse" => method_response::get(store, call),
            "UpdateMethodResponse" => method_response::update(store, call),
            "DeleteMethodResponse" => method_response::delete(store, call),
            "PutIntegration" => integration::put(store, call),
            "GetIntegration" => integration::get(store, call),
            "UpdateIntegration" => integration::update(store, call),
            "DeleteIntegration" => integration::delete(store, call),
            "PutIntegrationResponse" => integration_response::put(store, call),
            "GetIntegrationResponse" => integration_response::get(store, call),
            "UpdateIntegrationResponse" => integration_response::update(store, call),
            "DeleteIntegrationResponse" => integration_response::delete(store, call),
            "CreateDeployment" => deployment::create(store, call),
            "GetDeployment" => deployment::get(store, call),
            "GetDeployments" => deployment::list(store, call),
            "UpdateDeployment" => deployment::update(store, call),
            "DeleteDeployment" => deployment::delete(store, call),
            "CreateStage" => stage::create(store, call),
            "GetStage" => stage::get(store, call),
            "GetStages" => stage::list(store, call),
            "UpdateStage" => stage::update(store, call),
            "DeleteStage" => stage::delete(store, call),
            "GetAccount" => account::get(store, call),
            "UpdateAccount" => account::update(store, &self.deps, call),
            "GetTags" => tags::get(store, call),
            "TagResource" => tags::tag(store, call),
            "UntagResource" => tags::untag(store, call),
            "PutGatewayResponse" => gateway_response::put(store, call),
            "GetGatewayResponse" => gateway_response::get(store, call),
            "GetGatewayResponses" => gateway_response::list(store, call),
            "UpdateGatewayResponse" => gateway_response::update(store, call),
            "DeleteGatewayResponse" => gateway_response::delete(store, call),
            "CreateModel" => schema::create(store, call),
            "GetModel" => schema::get(store, call),
            "GetModels" => schema::list(store, call),
            "UpdateModel" => schema::update(store, call),
            "DeleteModel" => schema::delete(store, call),
            "CreateRequestValidator" => validator::create(store, call),
            "GetRequestValidator" => validator::get(store, call),
            "GetRequestValidators" => validator::list(store, call),
            "UpdateRequestValidator" => validator::update(store, call),
            "DeleteRequestValidator" => validator::delete(store, call),
            "CreateAuthorizer" => authorizer::create(store, call),
            "GetAuthorizer" => authorizer::get(store, call),
            "GetAuthorizers" => authorizer::list(store, call),
            "UpdateAuthorizer" => authorizer::update(store, call),
            "DeleteAuthorizer" => authorizer::delete(store, call),
            "CreateApiKey" => key::create(store, call),
            "GetApiKey" => key::get(store, call),
            "GetApiKeys" => key::list(store, call),
            "UpdateApiKey" => key::update(store, call),
            "DeleteApiKey" => key::delete(store, call),
            "CreateUsagePlan" => usage_plan::create(store, call),
            "GetUsagePlan" => usage_plan::get(store, call),
            "GetUsagePlans" => usage_plan::list(store, call),
            "UpdateUsagePlan" => usage_plan::update(store, call),
            "DeleteUsagePlan" => usage_plan::delete(store, call),
            "CreateUsagePlanKey" => usage_plan::create_key(store, call),
            "GetUsagePlanKey" => usage_plan::get_key(store, call),
            "GetUsagePlanKeys" => usage_plan::list_keys(store, call),
            "DeleteUsagePlanKey" => usage_plan::delete_key(store, call),
            "ImportRestApi" => openapi::import(store, call),
            "PutRestApi" => openapi::put(store, call),
            "GetExport" => openapi::export(store, call),
            "ImportDocumentationParts" => openapi::documentation_parts(store, call),
            "ImportApiKeys" => key_import::run(store, call),
            "GetModelTemplate" => model_template::get(store, call),
            "CreateDocumentationPart" => documentation_part::create(store, call),
            "GetDocumentationPart" => documentation_part::get(store, call),
            "GetDocumentationParts" => documentation_part::list(store, call),
            "UpdateDocumentationPart" => documentation_part::update(store, call),
            "DeleteDocumentationPart" => documentation_part::delete(store, call),
            "CreateDocumentationVersion" => documentation_version::create(store, call),
            "GetDocumentationVersion" => documentation_version::get(store, call),
            "GetDocumentationVersions" => documentation_version::list(store, call),
            "UpdateDocumentationVersion" => documentation_version::update(store, call),
            "DeleteDocumentationVersion" => documentation_version::delete(store, call),
            "GenerateClientCertificate" => client_certificate::generate(store, call),
            "GetClientCertificate" => client_certificate::get(store, call),
            "GetClientCertificates" => client_certificate::list(store, call),
            "UpdateClientCertificate" => client_certificate::update(store, call),
            "DeleteClientCertificate" => client_certificate::delete(store, call),
            "CreateDomainName" => domain_name::create(store, call),
            "GetDomainName" => domain_name::get(store, call),
            "GetDomainNames" => domain_name::list(store, call),
            "UpdateDomainName" => domain_name::update(store, call),
            "DeleteDomainName" => domain_name::delete(store, call),
            "CreateBasePathMapping" => base_path_mapping::create(store, call),
            "GetBasePathMapping" => base_path_mapping::get(store, call),
            "GetBasePathMappings" => base_path_mapping::list(store, call),
            "UpdateBasePathMapping" => base_path_mapping::update(store, call),
            "DeleteBasePathMapping" => base_path_mapping::delete(store, call),
            "CreateDomainNameAccessAssociation" => access_association::create(store, call),
            "GetDomainNameAccessAssociations" => access_association::list(store, call),
            "DeleteDomainNameAccessAssociation" => access_association::delete(store, call),
            "RejectDomainNameAccessAssociation" => access_association::reject(store, call),
            "CreateVpcLink" => vpc_link::create(store, call),
            "GetVpcLink" => vpc_link::get(store, call),
            "GetVpcLinks" => vpc_link::list(store, call),
            "UpdateVpcLink" => vpc_link::update(store, call),
            "DeleteVpcLink" => vpc_link::delete(store, call),
            "GetSdkType" => sdk_type::get(call),
            "GetSdkTypes" => sdk_type::list(call),
            other => Err(ApiError::not_implemented("apigateway", other).into()),
        }
    }
}
