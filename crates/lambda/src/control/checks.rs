//! What must be allowed before an operation runs.

use arn::{AccountId, Arn};
use policy::{Check, Context, Principal};
use serde_json::Value;
use wire::{ApiError, Call};

use super::errors::other_account;
use super::{FunctionName, Lambda, view};

/// The APIs that a function's policy can open to other accounts
/// [D: Lambda Developer Guide, access-control-resource-based, "Cross-account APIs"].
const CROSS_ACCOUNT: [&str; 18] = [
    "Invoke",
    "GetFunction",
    "GetFunctionConfiguration",
    "UpdateFunctionCode",
    "DeleteFunction",
    "PublishVersion",
    "ListVersionsByFunction",
    "CreateAlias",
    "GetAlias",
    "ListAliases",
    "UpdateAlias",
    "DeleteAlias",
    "GetPolicy",
    "PutFunctionConcurrency",
    "DeleteFunctionConcurrency",
    "ListTags",
    "TagResource",
    "UntagResource",
];

/// Actions that are checked against every resource: they name none
/// [D: Service Authorization Reference, AWS Lambda, actions without resource types].
const WITHOUT_RESOURCE: [&str; 6] = [
    "GetAccountSettings",
    "ListFunctions",
    "ListLayers",
    "ListLayerVersions",
    "ListEventSourceMappings",
    "ListCodeSigningConfigs",
];

/// The action is the operation's name but for these [D: Lambda Developer Guide, lambda-api-permissions-ref].
fn action(operation: &str) -> String {
    let name = match operation {
        "Invoke" | "InvokeWithResponseStream" => "InvokeFunction",
        "GetLayerVersionByArn" => "GetLayerVersion",
        other => other,
    };
    format!("lambda:{name}")
}

impl Lambda {
    /// What must be allowed before `call` runs: the action on the function exactly as it was named, and, where a role is
    /// handed over, `iam:PassRole` on it.
    ///
    /// # Errors
    /// What AWS refuses before any policy is looked at: names of other regions, and operations on functions of other
    /// accounts that no policy can allow.
    pub fn checks(&self, call: &Call, _principal: &Principal) -> Result<Vec<Check>, ApiError> {
        let operation = call.operation;
        let mut context = Context::new();
        self.keys(call, &mut context);
        if WITHOUT_RESOURCE.contains(&operation) {
            return Ok(vec![plain(action(operation), "*", Some(call.account), context)]);
        }
        if let Some(layer) = layer_arn(call) {
            let account = layer.split(':').nth(4).and_then(|a| AccountId::new(a).ok());
            return Ok(vec![plain(action(operation), &layer, account, context)]);
        }
        let named = call.text("FunctionName").or_else(|| call.text("Resource"));
        let Some(named) = named else {
            return Ok(vec![plain(action(operation), "*", Some(call.account), context)]);
        };
        let name = FunctionName::of(named, call.text("Qualifier"), call.account, &call.region)?;
        let policy = self.policy_of(&name)?;
        if name.account != call.account {
            // Recorded as a null text for GetFunction (test_function_arns). Where a policy exists it decides; Invoke is
            // always decided, since its refusals name the missing policy.
            let open = CROSS_ACCOUNT.contains(&operation) && (policy.is_some() || operation == "Invoke");
            if !open {
                return Err(other_account());
            }
        }
        self.resource_tags(&name, &mut context)?;
        let mut checks = vec![Check {
            action: action(operation),
            resource: name.qualified_arn(),
            resource_account: Some(name.account),
            resource_policy: policy,
            context,
        }];
        self.handed_over(call, &name, &mut checks)?;
        Ok(checks)
    }

    /// The role and the layers that a configuration brings along.
    fn handed_over(&self, call: &Call, name: &FunctionName, checks: &mut Vec<Check>) -> Result<(), ApiError> {
        if !matches!(call.operation, "CreateFunction" | "UpdateFunctionConfiguration") {
            return Ok(());
        }
        if let Some(role) = call.text("Role") {
            let owner = Arn::parse(role).ok().and_then(|a| AccountId::new(&a.account).ok());
            if owner.is_some_and(|o| o != name.account) {
                // The text that public reports quote for Lambda and other services.
                return Err(ApiError::new(
                    "AccessDeniedException",
                    403,
                    "Cross-account pass role is not allowed.",
                ));
            }
            let mut context = Context::new();
            context.set("iam:PassedToService", "lambda.amazonaws.com");
            context.set("iam:AssociatedResourceArn", name.arn());
            checks.push(plain("iam:PassRole".to_owned(), role, owner, context));
        }
        for layer in texts(call.input.get("Layers")) {
            let owner = layer.split(':').nth(4).and_then(|a| AccountId::new(a).ok());
            checks.push(plain("lambda:GetLayerVersion".to_owned(), &layer, owner, Context::new()));
        }
        Ok(())
    }

    /// Lambda's condition keys [D: Service Authorization Reference, AWS Lambda, condition keys].
    fn keys(&self, call: &Call, context: &mut Context) {
        let many = |context: &mut Context, key: &str, values: Vec<String>| {
            if !values.is_empty() {
                context.set_all(key, values);
            }
        };
        match call.operation {
            "CreateFunction" | "UpdateFunctionConfiguration" => {
                many(context, "lambda:Layer", texts(call.input.get("Layers")));
                let vpc = call.input.get("VpcConfig");
                many(context, "lambda:SubnetIds", texts(vpc.and_then(|v| v.get("SubnetIds"))));
                many(context, "lambda:SecurityGroupIds", texts(vpc.and_then(|v| v.get("SecurityGroupIds"))));
            }
            "AddPermission" | "RemovePermission" => {
                if let Some(principal) = call.text("Principal") {
                    context.set("lambda:Principal", principal);
                }
                if let Some(kind) = call.text("FunctionUrlAuthType") {
                    context.set("lambda:FunctionUrlAuthType", kind);
                }
            }
            _ => {}
        }
        if let Some(tags) = call.input.get("Tags").and_then(Value::as_object) {
            for (key, value) in tags {
                context.set(&format!("aws:RequestTag/{key}"), value.as_str().unwrap_or_default());
            }
            many(context, "aws:TagKeys", tags.keys().cloned().collect());
        }
        many(context, "aws:TagKeys", texts(call.input.get("TagKeys")));
    }

    /// `aws:ResourceTag/…` of the function with this ARN; empty when there is none.
    ///
    /// # Errors
    /// When the store cannot be read.
    pub fn tag_context(&self, function_arn: &str) -> Result<Context, ApiError> {
        let mut context = Context::new();
        if let Some(name) = view::full_name(function_arn) {
            self.resource_tags(&name, &mut context)?;
        }
        Ok(context)
    }

    fn resource_tags(&self, name: &FunctionName, context: &mut Context) -> Result<(), ApiError> {
        let function = self.inner.store.read(|r| view::function(r, name)).map_err(super::errors::store)?;
        for (key, value) in function.into_iter().flat_map(|f| f.tags) {
            context.set(&format!("aws:ResourceTag/{key}"), value);
        }
        Ok(())
    }
}

fn plain(action: String, resource: &str, account: Option<AccountId>, context: Context) -> Check {
    Check { action, resource: resource.to_owned(), resource_account: account, resource_policy: None, context }
}

fn texts(value: Option<&Value>) -> Vec<String> {
    let items = value.and_then(Value::as_array).map(Vec::as_slice).unwrap_or_default();
    items.iter().filter_map(Value::as_str).map(str::to_owned).collect()
}

/// The layer, or the layer's version, that an operation on layers names.
fn layer_arn(call: &Call) -> Option<String> {
    if let Some(arn) = call.text("Arn") {
        return Some(arn.to_owned());
    }
    let name = call.text("LayerName")?;
    let layer = if name.starts_with("arn:") {
        name.to_owned()
    } else {
        Arn::new("lambda", &call.region, call.account.as_str(), format!("layer:{name}")).to_string()
    };
    let version = call.input.get("VersionNumber").and_then(Value::as_u64);
    Some(version.map_or_else(|| layer.clone(), |v| format!("{layer}:{v}")))
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;
    use crate::control::testing::{OTHER, OWNER, ROLE, World, call, call_as, function, root, with, world};

    #[track_caller]
    fn actions(world: &World, call: &Call) -> Vec<(String, String)> {
        let checks = world.lambda.checks(call, &root(OWNER)).unwrap();
        checks.into_iter().map(|c| (c.action, c.resource)).collect()
    }

    const USERS: &str = "arn:aws:lambda:us-east-1:111111111111:function:users";

    #[test]
    fn the_resource_is_exactly_what_was_named() {
        let world = world();
        for (input, expected) in [
            (json!({ "FunctionName": "users" }), USERS.to_owned()),
            (json!({ "FunctionName": "users", "Qualifier": "live" }), format!("{USERS}:live")),
            (json!({ "FunctionName": "users:live" }), format!("{USERS}:live")),
            (json!({ "FunctionName": USERS, "Qualifier": "$LATEST" }), format!("{USERS}:$LATEST")),
        ] {
            let found = actions(&world, &call("Invoke", input));
            assert_eq!(found, [("lambda:InvokeFunction".to_owned(), expected)]);
        }
        assert_eq!(
            actions(&world, &call("ListFunctions", json!({}))),
            [("lambda:ListFunctions".into(), "*".into())]
        );
    }

    #[test]
    fn a_role_that_is_handed_over_needs_pass_role() {
        let world = world();
        let created = call("CreateFunction", with(function("users"), json!({ "Tags": { "team": "a" } })));
        let checks = world.lambda.checks(&created, &root(OWNER)).unwrap();
        assert_eq!(checks[0].context.get("aws:RequestTag/team"), Some(&["a".to_owned()][..]));
        assert_eq!((checks[1].action.as_str(), checks[1].resource.as_str()), ("iam:PassRole", ROLE));
        assert_eq!(
            checks[1].context.get("iam:PassedToService"),
            Some(&["lambda.amazonaws.com".to_owned()][..])
        );
        let foreign = with(function("users"), json!({ "Role": "arn:aws:iam::222222222222:role/exec" }));
        let error = world.lambda.checks(&call("CreateFunction", foreign), &root(OWNER)).unwrap_err();
        assert_eq!(error.message.unwrap(), "Cross-account pass role is not allowed.");
    }

    #[test]
    fn a_function_of_another_account_is_a_null_text_unless_a_policy_can_open_it() {
        let world = world();
        world.create("users");
        let check = |operation, input| world.lambda.checks(&call_as(OTHER, operation, input), &root(OTHER));
        let users = json!({ "FunctionName": USERS });
        for operation in ["GetFunction", "UpdateFunctionConfiguration", "AddPermission"] {
            let error = check(operation, users.clone()).unwrap_err();
            assert_eq!(
                (error.code.as_str(), error.status, error.message),
                ("AccessDeniedException", 403, None)
            );
        }
        // An invocation is decided, whether or not the function exists: the refusal does not tell.
        for name in ["users", "none"] {
            let arn = format!("arn:aws:lambda:us-east-1:111111111111:function:{name}");
            let checks = check("Invoke", json!({ "FunctionName": arn })).unwrap();
            assert_eq!(checks[0].resource_account, Some(AccountId::new(OWNER).unwrap()));
            assert!(checks[0].resource_policy.is_none());
        }
        world.ok(
            "AddPermission",
            json!({ "FunctionName": "users", "StatementId": "x", "Action": "lambda:GetFunction", "Principal": OTHER }),
        );
        assert!(check("GetFunction", users.clone()).unwrap()[0].resource_policy.is_some());
        assert!(
            check("UpdateFunctionConfiguration", users).is_err(),
            "not one of the APIs that a policy can open"
        );
    }
}
