//! What must be allowed before an operation runs.

use arn::{AccountId, Arn};
use policy::{Check, Context, Principal};
use serde_json::Value;
use wire::{ApiError, Call};

use super::errors::other_account;
use super::model::{FunctionPolicy, POLICIES, policy_key};
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
const WITHOUT_RESOURCE: [&str; 9] = [
    "CreateCodeSigningConfig",
    "CreateEventSourceMapping",
    "GetAccountSettings",
    "ListCapacityProviders",
    "ListCodeSigningConfigs",
    "ListEventSourceMappings",
    "ListFunctions",
    "ListLayers",
    "ListLayerVersions",
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
    /// Whether a function's policy can let other accounts do this.
    #[must_use]
    pub fn across_accounts(operation: &str) -> bool {
        CROSS_ACCOUNT.contains(&operation)
    }

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
        if let Some(arn) = other_resource(call) {
            let account = arn.split(':').nth(4).and_then(|a| AccountId::new(a).ok());
            let mut checks = vec![plain(action(operation), &arn, account, context)];
            if let Some(main) = checks.first_mut() {
                main.resource_policy = self.layer_policy(&arn)?;
                for (key, value) in self.code_signing_tags(&arn)? {
                    main.context.set(format!("aws:ResourceTag/{key}"), value);
                }
            }
            let operator =
                call.input.get("PermissionsConfig").and_then(|p| p.get("CapacityProviderOperatorRoleArn"));
            if let Some(role) = operator.and_then(Value::as_str) {
                checks.push(pass_role(role, &arn, call.account)?);
            }
            return Ok(checks);
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
        self.resource_keys(call, &name, &mut context)?;
        let mut checks = vec![Check {
            action: action(operation),
            resource: name.qualified_arn(),
            resource_account: Some(name.account),
            resource_policy: policy,
            context,
        }];
        if operation == "CreateFunction" {
            checks.extend(tagging(call, &name));
        }
        self.handed_over(call, &name, &mut checks)?;
        Ok(checks)
    }

    /// The role, the layers and the further resources that a call brings along.
    fn handed_over(&self, call: &Call, name: &FunctionName, checks: &mut Vec<Check>) -> Result<(), ApiError> {
        // The reference wants both the function and the configuration for this one.
        if let ("PutFunctionCodeSigningConfig", Some(main), Some(arn)) =
            (call.operation, checks.first(), call.text("CodeSigningConfigArn"))
        {
            let mut both = plain(main.action.clone(), arn, Some(call.account), main.context.clone());
            for (key, value) in self.code_signing_tags(arn)? {
                both.context.set(format!("aws:ResourceTag/{key}"), value);
            }
            checks.push(both);
        }
        if !matches!(call.operation, "CreateFunction" | "UpdateFunctionConfiguration") {
            return Ok(());
        }
        if let Some(role) = call.text("Role") {
            checks.push(pass_role(role, &name.arn(), name.account)?);
        }
        for layer in texts(call.input.get("Layers")) {
            let owner = layer.split(':').nth(4).and_then(|a| AccountId::new(a).ok());
            let resource_policy = self.layer_policy(&layer)?;
            checks.push(Check {
                resource_policy,
                ..plain("lambda:GetLayerVersion".to_owned(), &layer, owner, Context::new())
            });
        }
        // A dependent action of CreateFunction in the reference.
        let provider = call.input.get("CapacityProviderConfig");
        let provider = provider.and_then(|c| c.get("LambdaManagedInstancesCapacityProviderConfig"));
        if let Some(arn) = provider.and_then(|c| c.get("CapacityProviderArn")).and_then(Value::as_str) {
            checks.push(plain(
                "lambda:PassCapacityProvider".to_owned(),
                arn,
                Some(call.account),
                Context::new(),
            ));
        }
        Ok(())
    }

    /// Lambda's condition keys that come from the request [D: Service Authorization Reference, AWS Lambda, condition
    /// keys]. `lambda:VpcIds` is never there: it is the VPC of the subnets, which only EC2 knows.
    fn keys(&self, call: &Call, context: &mut Context) {
        let many = |context: &mut Context, key: &'static str, values: Vec<String>| {
            if !values.is_empty() {
                context.set_all(key, values);
            }
        };
        let mut one = |member: &str, key: &'static str| {
            if let Some(value) = call.text(member) {
                context.set(key, value);
            }
        };
        match call.operation {
            "CreateFunction" | "PutFunctionCodeSigningConfig" => {
                one("CodeSigningConfigArn", "lambda:CodeSigningConfigArn");
            }
            "AddPermission" => {
                one("Principal", "lambda:Principal");
                one("FunctionUrlAuthType", "lambda:FunctionUrlAuthType");
            }
            "CreateFunctionUrlConfig" | "UpdateFunctionUrlConfig" => {
                one("AuthType", "lambda:FunctionUrlAuthType")
            }
            "CreateEventSourceMapping" | "UpdateEventSourceMapping" => {
                // Whatever form the name has, the key is an ARN.
                let name = FunctionName::parse(call.required("FunctionName"), call.account, &call.region);
                if let Some(name) = name {
                    context.set("lambda:FunctionArn", name.qualified_arn());
                }
            }
            _ => {}
        }
        if matches!(call.operation, "CreateFunction" | "UpdateFunctionConfiguration") {
            many(context, "lambda:Layer", texts(call.input.get("Layers")));
        }
        if matches!(
            call.operation,
            "CreateFunction" | "UpdateFunctionConfiguration" | "CreateCapacityProvider"
        ) {
            let vpc = call.input.get("VpcConfig");
            many(context, "lambda:SubnetIds", texts(vpc.and_then(|v| v.get("SubnetIds"))));
            many(context, "lambda:SecurityGroupIds", texts(vpc.and_then(|v| v.get("SecurityGroupIds"))));
        }
        request_tags(call, context);
    }

    /// Keys that come from what is stored: the function's tags, and the statement that RemovePermission takes away.
    fn resource_keys(&self, call: &Call, name: &FunctionName, context: &mut Context) -> Result<(), ApiError> {
        if call.operation.ends_with("FunctionUrlConfig") {
            context.set("lambda:FunctionArn", name.qualified_arn());
        }
        if operation_on_url(call.operation) && context.get("lambda:FunctionUrlAuthType").is_none() {
            // Of the request where it names one, else of the URL that is there.
            if let Some(kind) = self.url_auth_type(name)? {
                context.set("lambda:FunctionUrlAuthType", kind);
            }
        }
        // A function that is about to be made has no tags.
        if call.operation != "CreateFunction" {
            self.resource_tags(name, context)?;
        }
        if call.operation != "RemovePermission" {
            return Ok(());
        }
        let key = policy_key(&name.key(), name.qualifier.as_deref());
        let policy: Option<FunctionPolicy> =
            self.inner.store.read(|r| r.get(POLICIES, &key)).map_err(super::errors::store)?;
        let sid = call.required("StatementId");
        if let Some(gone) = policy.iter().flat_map(|p| &p.statements).find(|s| s.sid == sid) {
            removed_keys(&gone.text, context);
        }
        Ok(())
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
        let load = || {
            let function =
                self.inner.store.read(|r| view::function(r, name)).map_err(super::errors::store)?;
            let key = |(key, value)| (format!("aws:ResourceTag/{key}"), value);
            Ok::<_, ApiError>(function.map(|f| f.tags.into_iter().map(key).collect::<Vec<_>>()))
        };
        let tags = self.inner.tags.get(&self.inner.store, &name.key(), load)?;
        for (key, value) in tags.iter().flat_map(|tags| tags.iter()) {
            context.set(key.clone(), value.as_str());
        }
        Ok(())
    }
}

fn operation_on_url(operation: &str) -> bool {
    operation.ends_with("FunctionUrlConfig") || operation == "ListFunctionUrlConfigs"
}

/// `lambda:Principal` and `lambda:FunctionUrlAuthType` of a statement. Both keys exist for RemovePermission, whose
/// request names the statement alone, so they can only be the statement's (reasoned).
fn removed_keys(statement: &str, context: &mut Context) {
    let statement: Value = serde_json::from_str(statement).unwrap_or_default();
    let principal = statement.get("Principal");
    let principal = principal.and_then(|p| p.get("Service").or_else(|| p.get("AWS")).or(Some(p)));
    if let Some(principal) = principal.and_then(Value::as_str) {
        context.set("lambda:Principal", principal);
    }
    let kind = statement.pointer("/Condition/StringEquals/lambda:FunctionUrlAuthType");
    if let Some(kind) = kind.and_then(Value::as_str) {
        context.set("lambda:FunctionUrlAuthType", kind);
    }
}

/// Creating a function with tags is tagging it too (Developer Guide, configuration-tags; `lambda:TagResource on resource:
/// …:function:NAME` in aws-samples/amazon-mwaa-examples pull request 63).
fn tagging(call: &Call, name: &FunctionName) -> Option<Check> {
    let mut context = Context::new();
    request_tags(call, &mut context);
    context.get("aws:TagKeys")?;
    Some(plain("lambda:TagResource".to_owned(), &name.arn(), Some(name.account), context))
}

/// `aws:RequestTag/…` and `aws:TagKeys`.
fn request_tags(call: &Call, context: &mut Context) {
    let tags = call.input.get("Tags").and_then(Value::as_object).filter(|tags| !tags.is_empty());
    for (key, value) in tags.into_iter().flatten() {
        context.set(format!("aws:RequestTag/{key}"), value.as_str().unwrap_or_default());
    }
    let keys = tags.map_or_else(|| texts(call.input.get("TagKeys")), |tags| tags.keys().cloned().collect());
    if !keys.is_empty() {
        context.set_all("aws:TagKeys", keys);
    }
}

/// `iam:PassRole` on a role that goes to Lambda for `resource` of `account`.
fn pass_role(role: &str, resource: &str, account: AccountId) -> Result<Check, ApiError> {
    let owner = Arn::parse(role).ok().and_then(|a| AccountId::new(&a.account).ok());
    if owner.is_some_and(|o| o != account) {
        // The text that public reports quote for Lambda and other services.
        return Err(ApiError::new("AccessDeniedException", 403, "Cross-account pass role is not allowed."));
    }
    let mut context = Context::new();
    context.set("iam:PassedToService", "lambda.amazonaws.com");
    context.set("iam:AssociatedResourceArn", resource);
    Ok(plain("iam:PassRole".to_owned(), role, owner, context))
}

fn plain(action: String, resource: &str, account: Option<AccountId>, context: Context) -> Check {
    Check { action, resource: resource.to_owned(), resource_account: account, resource_policy: None, context }
}

fn texts(value: Option<&Value>) -> Vec<String> {
    let items = value.and_then(Value::as_array).map(Vec::as_slice).unwrap_or_default();
    items.iter().filter_map(Value::as_str).map(str::to_owned).collect()
}

/// What an operation is about that is no function: a layer or its version, an event source mapping, a code signing
/// configuration, a capacity provider, a durable execution.
fn other_resource(call: &Call) -> Option<String> {
    let own =
        |resource: String| Arn::new("lambda", &call.region, call.account.as_str(), resource).to_string();
    let named = |word: &str, member: &str| {
        let name = call.text(member)?;
        Some(if name.starts_with("arn:") { name.to_owned() } else { own(format!("{word}:{name}")) })
    };
    if call.text("FunctionName").is_some() && call.text("UUID").is_none() {
        return None;
    }
    if let Some(arn) = call.text("Resource").filter(|arn| !is_function(arn)) {
        return arn.starts_with("arn:").then(|| arn.to_owned());
    }
    if let Some(layer) = named("layer", "LayerName") {
        let version = call.input.get("VersionNumber").and_then(Value::as_u64);
        return Some(version.map_or_else(|| layer.clone(), |v| format!("{layer}:{v}")));
    }
    if call.text("CallbackId").is_some() {
        // The id is Lambda's own secret: which execution it belongs to is known to it alone.
        return Some(own("function:*:*/durable-execution/*/*".to_owned()));
    }
    let whole = ["Arn", "DurableExecutionArn", "CodeSigningConfigArn"].into_iter().find_map(|m| call.text(m));
    whole
        .map(str::to_owned)
        .or_else(|| named("event-source-mapping", "UUID"))
        .or_else(|| named("capacity-provider", "CapacityProviderName"))
}

fn is_function(arn: &str) -> bool {
    Arn::parse(arn).is_ok_and(|arn| arn.resource.starts_with("function:"))
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
        assert_eq!((checks[1].action.as_str(), checks[1].resource.as_str()), ("lambda:TagResource", USERS));
        assert_eq!((checks[2].action.as_str(), checks[2].resource.as_str()), ("iam:PassRole", ROLE));
        assert_eq!(
            checks[2].context.get("iam:PassedToService"),
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
