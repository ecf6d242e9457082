//! TagResource, UntagResource, ListTags.

use std::collections::BTreeMap;

use serde_json::{Map, Value, json};
use wire::{ApiError, Call, Reply};

use super::create::Failed;
use super::errors::{self, invalid, no_function, not_found};
use super::model::Function;
use super::{FunctionName, Lambda, view};

/// Tags of one function [D: Lambda quotas; the text is recorded: test_tag_limits].
const MAX_TAGS: usize = 50;

/// The member `Tags`.
pub fn read(input: &Map<String, Value>) -> Result<BTreeMap<String, String>, ApiError> {
    let sent = input.get("Tags").and_then(Value::as_object);
    let tags: BTreeMap<String, String> = sent
        .into_iter()
        .flatten()
        .map(|(k, v)| (k.clone(), v.as_str().unwrap_or_default().to_owned()))
        .collect();
    within_limit(&tags)?;
    Ok(tags)
}

fn within_limit(tags: &BTreeMap<String, String>) -> Result<(), ApiError> {
    if tags.len() > MAX_TAGS {
        return Err(invalid("Number of tags exceeds resource tag limit."));
    }
    Ok(())
}

/// What a tagging operation is about.
enum Tagged {
    Function(FunctionName),
    /// By its ARN.
    CodeSigning(String),
}

impl Lambda {
    fn tagged(&self, call: &Call) -> Result<Tagged, ApiError> {
        let arn = call.required("Resource");
        match arn.split(':').nth(5) {
            Some("code-signing-config") => return Ok(Tagged::CodeSigning(arn.to_owned())),
            // Neither can exist here (recorded: TestLambdaTag::test_tag_exceptions).
            Some("event-source-mapping") => {
                return Err(not_found(format!("Event source mapping not found: {arn}")));
            }
            Some("capacity-provider") => {
                return Err(not_found(format!("Capacity provider not found: {arn}")));
            }
            _ => {}
        }
        let name = FunctionName::of(arn, None, call.account, &call.region)?;
        if name.qualifier.is_some() {
            return Err(invalid(
                "Tags on function aliases and versions are not supported. Please specify a function ARN.",
            ));
        }
        Ok(Tagged::Function(name))
    }

    pub(super) fn list_tags(&self, call: &Call) -> Result<Reply, ApiError> {
        let tags = match self.tagged(call)? {
            Tagged::Function(name) => {
                let function = self.inner.store.read(|r| view::function(r, &name)).map_err(errors::store)?;
                function.ok_or_else(|| no_function(&name.arn()))?.tags
            }
            Tagged::CodeSigning(arn) => self.code_signing_config(&arn)?.tags,
        };
        Ok(json!({ "Tags": tags }).into())
    }

    pub(super) fn tag(&self, call: &Call) -> Result<Reply, ApiError> {
        let of = self.tagged(call)?;
        let tags = read(&call.input)?;
        if tags.is_empty() {
            return Err(invalid("An error occurred and the request cannot be processed."));
        }
        self.change_tags(&of, |kept| {
            kept.extend(tags);
            within_limit(kept)
        })
    }

    pub(super) fn untag(&self, call: &Call) -> Result<Reply, ApiError> {
        let of = self.tagged(call)?;
        let keys = call.input.get("TagKeys").and_then(Value::as_array).map(Vec::as_slice).unwrap_or_default();
        self.change_tags(&of, |kept| {
            for key in keys.iter().filter_map(Value::as_str) {
                kept.remove(key);
            }
            Ok(())
        })
    }

    fn change_tags(
        &self,
        of: &Tagged,
        change: impl FnOnce(&mut BTreeMap<String, String>) -> Result<(), ApiError>,
    ) -> Result<Reply, ApiError> {
        match of {
            Tagged::Function(name) => {
                self.change_function(name, |function| change(&mut function.tags))?;
            }
            Tagged::CodeSigning(arn) => {
                self.change_code_signing(arn, |config| change(&mut config.tags))?;
            }
        }
        Ok(Reply { status: Some(204), ..Reply::empty() })
    }

    /// Changes what belongs to no version, in one transaction; the function as it is afterwards.
    pub(super) fn change_function(
        &self,
        name: &FunctionName,
        change: impl FnOnce(&mut Function) -> Result<(), ApiError>,
    ) -> Result<Function, ApiError> {
        let function = self.inner.store.write(|w| {
            let Some(mut function) = view::function(w, name)? else {
                return Err(Failed::Api(no_function(&name.arn())));
            };
            change(&mut function)?;
            super::concurrency::put_with_shares(w, &name.key(), &function)?;
            Ok(function)
        })?;
        Ok(function)
    }
}
