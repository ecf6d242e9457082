//! AddLayerVersionPermission, RemoveLayerVersionPermission, GetLayerVersionPolicy: who else may use a layer version.

use std::sync::Arc;

use policy::{Policy, PolicyKind};
use serde_json::{Value, json};
use wire::{ApiError, Call, Reply};

use super::create::Failed;
use super::errors::{conflict, invalid, not_found, stale_revision};
use super::layers::LayerName;
use super::model::{FunctionPolicy, LAYERS, LayerVersion, Statement, is_number};
use super::{Lambda, errors, uuid};

/// The layer version that a call names (recorded texts: `TestLambdaLayer::test_layer_policy_exceptions`).
fn version(call: &Call) -> Result<(String, String), ApiError> {
    let name = LayerName::of(call)?;
    let number = call.input.get("VersionNumber").and_then(Value::as_u64).filter(|n| *n > 0);
    let number = number.ok_or_else(|| invalid("Layer Version Cannot be less than 1"))?;
    Ok((name.key(number), format!("{}:{number}", name.arn())))
}

fn no_version(arn: &str) -> ApiError {
    not_found(format!("Layer version {arn} does not exist."))
}

fn no_policy() -> ApiError {
    not_found("No policy is associated with the given resource.")
}

/// The `Principal` element: an account, or everybody [D: AddLayerVersionPermission].
fn principal(text: &str) -> Result<Value, ApiError> {
    let account = text.strip_prefix("arn:aws:iam::").and_then(|t| t.strip_suffix(":root")).unwrap_or(text);
    match account {
        "*" => Ok("*".into()),
        id if id.len() == 12 && is_number(id) => Ok(json!({ "AWS": format!("arn:aws:iam::{id}:root") })),
        _ => Err(invalid("The provided principal was invalid. Please check the principal and try again.")),
    }
}

impl Lambda {
    pub(super) fn add_layer_permission(&self, call: &Call) -> Result<Reply, ApiError> {
        let (key, arn) = version(call)?;
        let sid = call.required("StatementId");
        let quoted = |text: &str| Value::from(text).to_string();
        let mut text = format!(
            r#"{{"Sid":{},"Effect":"Allow","Principal":{},"Action":{},"Resource":{}"#,
            quoted(sid),
            principal(call.required("Principal"))?,
            quoted(call.required("Action")),
            quoted(&arn)
        );
        if let Some(organization) = call.text("OrganizationId") {
            text.push_str(&format!(
                r#","Condition":{{"StringEquals":{{"aws:PrincipalOrgID":{}}}}}"#,
                quoted(organization)
            ));
        }
        text.push('}');
        let revision = self.inner.store.write(|w| {
            let Some(mut layer) = w.get::<LayerVersion>(LAYERS, &key)? else {
                return Err(Failed::Api(no_version(&arn)));
            };
            let mut policy = layer.policy.take().unwrap_or_default();
            if policy.statements.iter().any(|s| s.sid == sid) {
                return Err(Failed::Api(conflict(format!(
                    "The statement id ({sid}) provided already exists. Please provide a new statement id, or remove the \
                     existing statement."
                ))));
            }
            if call.text("RevisionId").is_some_and(|r| r != policy.revision) {
                return Err(Failed::Api(stale_revision("GetLayerPolicy")));
            }
            policy.statements.push(Statement { sid: sid.to_owned(), identity: None, identity_id: None, text: text.clone() });
            policy.revision = uuid()?;
            let revision = policy.revision.clone();
            layer.policy = Some(policy);
            w.put(LAYERS, &key, &layer)?;
            Ok(revision)
        })?;
        Ok(Reply { status: Some(201), ..json!({ "Statement": text, "RevisionId": revision }).into() })
    }

    pub(super) fn remove_layer_permission(&self, call: &Call) -> Result<Reply, ApiError> {
        let (key, arn) = version(call)?;
        let sid = call.required("StatementId");
        self.inner.store.write(|w| {
            let Some(mut layer) = w.get::<LayerVersion>(LAYERS, &key)? else {
                return Err(Failed::Api(no_version(&arn)));
            };
            let mut policy = layer.policy.take().ok_or_else(no_policy)?;
            if call.text("RevisionId").is_some_and(|r| r != policy.revision) {
                return Err(Failed::Api(stale_revision("GetLayerPolicy")));
            }
            let before = policy.statements.len();
            policy.statements.retain(|s| s.sid != sid);
            if policy.statements.len() == before {
                return Err(Failed::Api(not_found(format!(
                    "Statement {sid} is not found in resource policy."
                ))));
            }
            policy.revision = uuid()?;
            layer.policy = (!policy.statements.is_empty()).then_some(policy);
            w.put(LAYERS, &key, &layer)?;
            Ok(())
        })?;
        Ok(Reply { status: Some(204), ..Reply::empty() })
    }

    pub(super) fn get_layer_policy(&self, call: &Call) -> Result<Reply, ApiError> {
        let (key, arn) = version(call)?;
        let layer: Option<LayerVersion> =
            self.inner.store.read(|r| r.get(LAYERS, &key)).map_err(errors::store)?;
        let policy = layer.ok_or_else(|| no_version(&arn))?.policy.ok_or_else(no_policy)?;
        Ok(json!({ "Policy": policy.text(|_| false), "RevisionId": policy.revision }).into())
    }

    /// The policy of the layer version with this ARN, for decisions about it.
    pub(super) fn layer_policy(&self, arn: &str) -> Result<Option<Arc<Policy>>, ApiError> {
        let parts: Vec<&str> = arn.split(':').collect();
        let ["arn", _, "lambda", region, account, "layer", name, version] = parts[..] else {
            return Ok(None);
        };
        let key = format!("{account}/{region}/{name}/{version:0>12}");
        let layer: Option<LayerVersion> =
            self.inner.store.read(|r| r.get(LAYERS, &key)).map_err(errors::store)?;
        let Some(stored) = layer.and_then(|l| l.policy) else { return Ok(None) };
        parse(&stored, arn).map(Some)
    }
}

fn parse(stored: &FunctionPolicy, arn: &str) -> Result<Arc<Policy>, ApiError> {
    let title = format!("policy of layer version {arn}");
    let policy = Policy::parse(title, &stored.text(|_| false), PolicyKind::Resource);
    policy.map(Arc::new).map_err(|e| ApiError::internal(format!("the stored policy of {arn}: {e}")))
}
