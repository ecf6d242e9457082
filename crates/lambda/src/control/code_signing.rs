//! Code signing configurations. There is no AWS Signer here, so no package is ever signed by one of their publishers:
//! a configuration that enforces signatures refuses every package, as AWS refuses unsigned ones.

use std::collections::BTreeMap;

use serde_json::{Value, json};
use wire::{ApiError, Call, Reply};

use super::create::Failed;
use super::errors::{self, conflict, no_function, not_found};
use super::model::{CODE_SIGNING, CodeSigning, FUNCTIONS, Function, function_key};
use super::read::page;
use super::render::last_modified;
use super::view::Read;
use super::{FunctionName, Lambda, view};

/// For operations on a configuration (recorded: `test_code_signing_not_found_excs`, without `Type`).
fn gone(arn: &str) -> ApiError {
    not_found(format!("The Lambda code signing configuration {arn} can not be found."))
        .with("Type", Value::Null)
}

/// For a function that is given one (recorded: as above).
fn not_usable(arn: &str) -> ApiError {
    let text = format!(
        "The code signing configuration cannot be found. Check that the provided configuration is not deleted: {arn}."
    );
    ApiError::new("CodeSigningConfigNotFoundException", 404, text).with("Type", "User")
}

/// `ACCOUNT/REGION/ID` of a configuration's ARN.
fn key_of(arn: &str) -> Option<String> {
    let parts: Vec<&str> = arn.split(':').collect();
    match parts[..] {
        ["arn", _, "lambda", region, account, "code-signing-config", id] => {
            Some(format!("{account}/{region}/{id}"))
        }
        _ => None,
    }
}

fn stored(read: &impl Read, arn: &str) -> Result<Option<CodeSigning>, store::StoreError> {
    key_of(arn).map_or(Ok(None), |key| read.one(CODE_SIGNING, &key))
}

fn shown(config: &CodeSigning) -> Value {
    json!({
        "CodeSigningConfigId": config.id,
        "CodeSigningConfigArn": config.arn,
        "Description": config.description,
        "AllowedPublishers": { "SigningProfileVersionArns": config.publishers },
        "CodeSigningPolicies": { "UntrustedArtifactOnDeployment": config.untrusted },
        "LastModified": last_modified(config.modified_ms),
    })
}

/// Puts the members that were sent into `config`.
fn fill(config: &mut CodeSigning, call: &Call) {
    if let Some(text) = call.text("Description") {
        text.clone_into(&mut config.description);
    }
    let publishers = call.input.get("AllowedPublishers").and_then(|p| p.get("SigningProfileVersionArns"));
    if let Some(arns) = publishers.and_then(Value::as_array) {
        config.publishers = arns.iter().filter_map(Value::as_str).map(str::to_owned).collect();
    }
    let policies = call.input.get("CodeSigningPolicies");
    if let Some(untrusted) =
        policies.and_then(|p| p.get("UntrustedArtifactOnDeployment")).and_then(Value::as_str)
    {
        untrusted.clone_into(&mut config.untrusted);
    }
    config.modified_ms = call.now_ms;
}

impl Lambda {
    pub(super) fn create_code_signing(&self, call: &Call) -> Result<Reply, ApiError> {
        let mut random = [0; 9];
        getrandom::fill(&mut random).map_err(|e| ApiError::internal(format!("no randomness: {e}")))?;
        let id = format!("csc-{}", hex::encode(random).get(..17).unwrap_or_default());
        let resource = format!("code-signing-config:{id}");
        let mut config = CodeSigning {
            arn: arn::Arn::new("lambda", &call.region, call.account.as_str(), resource).to_string(),
            description: String::new(),
            publishers: Vec::new(),
            untrusted: "Warn".to_owned(),
            modified_ms: call.now_ms,
            tags: super::tags::read(&call.input)?,
            id,
        };
        fill(&mut config, call);
        let key = format!("{}/{}/{}", call.account, call.region, config.id);
        self.inner.store.write(|w| w.put(CODE_SIGNING, &key, &config)).map_err(errors::store)?;
        Ok(Reply { status: Some(201), ..json!({ "CodeSigningConfig": shown(&config) }).into() })
    }

    pub(super) fn get_code_signing(&self, call: &Call) -> Result<Reply, ApiError> {
        let config = self.code_signing_config(call.required("CodeSigningConfigArn"))?;
        Ok(json!({ "CodeSigningConfig": shown(&config) }).into())
    }

    /// The configuration with this ARN.
    pub(super) fn code_signing_config(&self, arn: &str) -> Result<CodeSigning, ApiError> {
        self.inner.store.read(|r| stored(r, arn)).map_err(errors::store)?.ok_or_else(|| gone(arn))
    }

    /// Changes a configuration in one transaction; the configuration as it is afterwards.
    pub(super) fn change_code_signing(
        &self,
        arn: &str,
        change: impl FnOnce(&mut CodeSigning) -> Result<(), ApiError>,
    ) -> Result<CodeSigning, ApiError> {
        let config = self.inner.store.write(|w| {
            let Some(mut config) = stored(w, arn)? else { return Err(Failed::Api(gone(arn))) };
            change(&mut config)?;
            w.put(CODE_SIGNING, &key_of(arn).unwrap_or_default(), &config)?;
            Ok(config)
        })?;
        Ok(config)
    }

    /// The tags of the configuration with this ARN, for decisions; none when it does not exist.
    pub(super) fn code_signing_tags(&self, arn: &str) -> Result<BTreeMap<String, String>, ApiError> {
        let config = self.inner.store.read(|r| stored(r, arn)).map_err(errors::store)?;
        Ok(config.map(|c| c.tags).unwrap_or_default())
    }

    pub(super) fn update_code_signing(&self, call: &Call) -> Result<Reply, ApiError> {
        let config = self.change_code_signing(call.required("CodeSigningConfigArn"), |config| {
            fill(config, call);
            Ok(())
        })?;
        Ok(json!({ "CodeSigningConfig": shown(&config) }).into())
    }

    pub(super) fn delete_code_signing(&self, call: &Call) -> Result<Reply, ApiError> {
        let arn = call.required("CodeSigningConfigArn");
        self.inner.store.write(|w| {
            if stored(w, arn)?.is_none() {
                return Err(Failed::Api(gone(arn)));
            }
            // Documented: only one that no function uses can be deleted. The text is ours.
            if let Some(user) = users(w, arn)?.first() {
                return Err(Failed::Api(conflict(format!(
                    "The code signing configuration {arn} is used by the function {user}. Remove it from the function \
                     first."
                ))));
            }
            w.delete(CODE_SIGNING, &key_of(arn).unwrap_or_default())?;
            Ok(())
        })?;
        Ok(Reply { status: Some(204), ..Reply::empty() })
    }

    pub(super) fn list_code_signing(&self, call: &Call) -> Result<Reply, ApiError> {
        let prefix = format!("{}/{}/", call.account, call.region);
        let all: Vec<(String, CodeSigning)> =
            self.inner.store.read(|r| r.all(CODE_SIGNING, &prefix)).map_err(errors::store)?;
        Ok(page(call, "CodeSigningConfigs", all.iter().map(|(_, c)| shown(c)).collect()))
    }

    pub(super) fn list_functions_by_code_signing(&self, call: &Call) -> Result<Reply, ApiError> {
        let arn = call.required("CodeSigningConfigArn");
        self.code_signing_config(arn)?;
        let users = self.inner.store.read(|r| users(r, arn)).map_err(errors::store)?;
        Ok(page(call, "FunctionArns", users.into_iter().map(Value::from).collect()))
    }

    pub(super) fn put_function_code_signing(&self, call: &Call) -> Result<Reply, ApiError> {
        let name = self.own_name(call, "FunctionName")?;
        let arn = call.required("CodeSigningConfigArn");
        if self.inner.store.read(|r| stored(r, arn)).map_err(errors::store)?.is_none() {
            return Err(not_usable(arn));
        }
        self.change_function(&name, |function| {
            function.code_signing = Some(arn.to_owned());
            Ok(())
        })?;
        Ok(json!({ "CodeSigningConfigArn": arn, "FunctionName": name.name }).into())
    }

    pub(super) fn get_function_code_signing(&self, call: &Call) -> Result<Reply, ApiError> {
        let name = self.own_name(call, "FunctionName")?;
        let function = self.inner.store.read(|r| view::function(r, &name)).map_err(errors::store)?;
        let function = function.ok_or_else(|| no_function(&name.arn()))?;
        let arn = function.code_signing.unwrap_or_default();
        Ok(json!({ "CodeSigningConfigArn": arn, "FunctionName": name.name }).into())
    }

    pub(super) fn delete_function_code_signing(&self, call: &Call) -> Result<Reply, ApiError> {
        let name = self.own_name(call, "FunctionName")?;
        self.change_function(&name, |function| {
            function.code_signing = None;
            Ok(())
        })?;
        Ok(Reply { status: Some(204), ..Reply::empty() })
    }

    /// The configuration that CreateFunction names, which must exist and not enforce signatures.
    pub(super) fn signed_by(&self, name: &FunctionName, call: &Call) -> Result<Option<String>, ApiError> {
        let Some(arn) = call.text("CodeSigningConfigArn") else { return Ok(None) };
        self.check_signature(&name.name, Some(arn))?;
        Ok(Some(arn.to_owned()))
    }

    /// Refuses a package for a function whose configuration enforces signatures.
    pub(super) fn check_signature(&self, function: &str, arn: Option<&str>) -> Result<(), ApiError> {
        let Some(arn) = arn else { return Ok(()) };
        let config = self.inner.store.read(|r| stored(r, arn)).map_err(errors::store)?;
        let config = config.ok_or_else(|| not_usable(arn))?;
        if config.untrusted != "Enforce" {
            return Ok(());
        }
        // The code is documented (UpdateFunctionCode); the text is ours.
        let text = format!(
            "The package of {function} is not signed by a publisher of the code signing configuration {arn}, which \
             enforces signatures. crossgate has no AWS Signer: set UntrustedArtifactOnDeployment to Warn, or remove \
             the configuration from the function."
        );
        Err(ApiError::new("CodeVerificationFailedException", 400, text).with("Type", "User"))
    }
}

/// The ARNs of the functions that use a configuration.
fn users(read: &impl Read, arn: &str) -> Result<Vec<String>, store::StoreError> {
    let owner = key_of(arn).unwrap_or_default();
    let prefix = owner.rsplit_once('/').map(|(prefix, _)| format!("{prefix}/")).unwrap_or_default();
    let functions: Vec<(String, Function)> = read.all(FUNCTIONS, &function_key(&prefix))?;
    let using = functions.into_iter().map(|(_, f)| f).filter(|f| f.code_signing.as_deref() == Some(arn));
    Ok(using
        .map(|f| arn::Arn::new("lambda", &f.region, &f.account, format!("function:{}", f.name)).to_string())
        .collect())
}
