//! Aliases.

use std::collections::BTreeMap;

use serde_json::Value;
use wire::{ApiError, Call, Reply};

use super::create::Failed;
use super::errors::{self, conflict, invalid, no_function, not_found, stale_revision};
use super::model::{Alias, Config, FUNCTIONS, LATEST, POLICIES, alias_key, policy_key, version_key};
use super::read::page;
use super::view::Read;
use super::{FunctionName, Lambda, render, urls, uuid, view};

impl Lambda {
    /// The function that an operation on aliases names; the alias's name is not a qualifier here.
    fn alias_of(&self, call: &Call) -> Result<FunctionName, ApiError> {
        let mut name = FunctionName::of(call.required("FunctionName"), None, call.account, &call.region)?;
        name.qualifier = None;
        Ok(name)
    }

    pub(super) fn create_alias(&self, call: &Call) -> Result<Reply, ApiError> {
        let name = self.alias_of(call)?;
        let alias = Alias {
            name: call.required("Name").to_owned(),
            version: call.required("FunctionVersion").to_owned(),
            description: call.text("Description").unwrap_or_default().to_owned(),
            revision: uuid()?,
            weights: weights(call)?.unwrap_or_default(),
        };
        let key = alias_key(&name.key(), &alias.name);
        self.inner.store.write(|w| {
            check_versions(w, &name, &alias)?;
            if w.get::<Alias>(FUNCTIONS, &key)?.is_some() {
                let arn = name.arn_with(&alias.name);
                return Err(Failed::Api(conflict(format!("Alias already exists: {arn}"))));
            }
            w.put(FUNCTIONS, &key, &alias)?;
            Ok(())
        })?;
        let shown = render::alias(&alias, &name.arn_with(&alias.name));
        Ok(Reply { status: Some(201), ..shown.into() })
    }

    pub(super) fn update_alias(&self, call: &Call) -> Result<Reply, ApiError> {
        let name = self.alias_of(call)?;
        let arn = name.arn_with(call.required("Name"));
        let key = alias_key(&name.key(), call.required("Name"));
        let weights = weights(call)?;
        let alias = self.inner.store.write(|w| {
            let Some(mut alias) = w.get::<Alias>(FUNCTIONS, &key)? else {
                return Err(Failed::Api(not_found(format!("Alias not found: {arn}"))));
            };
            if call.text("RevisionId").is_some_and(|r| r != alias.revision) {
                return Err(Failed::Api(stale_revision("GetFunction/GetAlias")));
            }
            if let Some(version) = call.text("FunctionVersion") {
                version.clone_into(&mut alias.version);
            }
            if let Some(description) = call.text("Description") {
                description.clone_into(&mut alias.description);
            }
            if let Some(weights) = weights {
                alias.weights = weights;
            }
            alias.revision = uuid()?;
            check_versions(w, &name, &alias)?;
            w.put(FUNCTIONS, &key, &alias)?;
            Ok(alias)
        })?;
        Ok(render::alias(&alias, &arn).into())
    }

    pub(super) fn get_alias(&self, call: &Call) -> Result<Reply, ApiError> {
        let name = self.alias_of(call)?;
        let wanted = call.required("Name");
        let key = alias_key(&name.key(), wanted);
        let alias: Option<Alias> =
            self.inner.store.read(|r| r.get(FUNCTIONS, &key)).map_err(errors::store)?;
        let arn = name.arn_with(wanted);
        let alias = alias.ok_or_else(|| not_found(format!("Cannot find alias arn: {arn}")))?;
        Ok(render::alias(&alias, &arn).into())
    }

    pub(super) fn list_aliases(&self, call: &Call) -> Result<Reply, ApiError> {
        let name = self.alias_of(call)?;
        let prefix = alias_key(&name.key(), "");
        let found = self.inner.store.read(|r| {
            if view::function(r, &name)?.is_none() {
                return Ok(None);
            }
            r.list::<Alias>(FUNCTIONS, &prefix, None, usize::MAX).map(Some)
        });
        let Some(aliases) = found.map_err(errors::store)? else { return Err(no_function(&name.arn())) };
        let version = call.text("FunctionVersion");
        let shown = aliases
            .iter()
            .map(|(_, alias)| alias)
            .filter(|alias| version.is_none_or(|v| alias.version == v || alias.weights.contains_key(v)))
            .map(|alias| render::alias(alias, &name.arn_with(&alias.name)))
            .collect();
        Ok(page(call, "Aliases", shown))
    }

    pub(super) fn delete_alias(&self, call: &Call) -> Result<Reply, ApiError> {
        let name = self.alias_of(call)?;
        let wanted = call.required("Name");
        // An alias that does not exist is deleted silently. Reasoned from versions, for which it is recorded
        // (test_delete_on_nonexisting_version).
        self.inner
            .store
            .write(|w| {
                w.delete(FUNCTIONS, &alias_key(&name.key(), wanted))?;
                urls::forget(w, &name.key(), Some(wanted))?;
                w.delete(POLICIES, &policy_key(&name.key(), Some(wanted)))
            })
            .map_err(errors::store)?;
        Ok(Reply { status: Some(204), ..Reply::empty() })
    }
}

/// `RoutingConfig`, when it was sent (recorded: test_notfound_and_invalid_routingconfigs).
fn weights(call: &Call) -> Result<Option<BTreeMap<String, f64>>, ApiError> {
    let Some(routing) = call.input.get("RoutingConfig") else { return Ok(None) };
    let mut weights = BTreeMap::new();
    for (version, weight) in
        routing.get("AdditionalVersionWeights").and_then(Value::as_object).into_iter().flatten()
    {
        weights.insert(version.clone(), weight.as_f64().unwrap_or_default());
    }
    if weights.len() > 1 {
        return Err(invalid("Number of items in AdditionalVersionWeights cannot be greater than 1"));
    }
    let outside = weights.iter().find(|(_, w)| !(0.0..=1.0).contains(*w));
    if let Some((version, weight)) = outside {
        return Err(ApiError::new(
            "ValidationException",
            400,
            format!(
                "1 validation error detected: Value '{{{version}={weight:?}}}' at \
                 'routingConfig.additionalVersionWeights' failed to satisfy constraint: Map value must satisfy \
                 constraint: [Member must have value less than or equal to 1.0, Member must have value greater than or \
                 equal to 0.0, Member must not be null]"
            ),
        ));
    }
    Ok(Some(weights))
}

/// Every version that the alias names exists, and only once.
fn check_versions(read: &impl Read, name: &FunctionName, alias: &Alias) -> Result<(), Failed> {
    let missing = |version: &str| Failed::Api(no_function(&name.arn_with(version)));
    if view::function(read, name)?.is_none() {
        return Err(missing(&alias.version));
    }
    if alias.version != LATEST
        && read.one::<Config>(FUNCTIONS, &version_key(&name.key(), &alias.version))?.is_none()
    {
        return Err(missing(&alias.version));
    }
    for version in alias.weights.keys() {
        if alias.version == LATEST {
            return Err(
                invalid("$LATEST is not supported for an alias pointing to more than 1 version").into()
            );
        }
        if *version == alias.version {
            return Err(invalid(format!(
                "Invalid function version {version}. Function version {version} is already included in routing \
                 configuration."
            ))
            .into());
        }
        if read.one::<Config>(FUNCTIONS, &version_key(&name.key(), version))?.is_none() {
            return Err(missing(version));
        }
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use crate::control::testing::world;

    #[test]
    fn an_alias_lives() {
        let world = world();
        world.create("users");
        world.ok("PublishVersion", json!({ "FunctionName": "users" }));
        let made = world
            .ok("CreateAlias", json!({ "FunctionName": "users", "Name": "live", "FunctionVersion": "1" }));
        let arn = "arn:aws:lambda:us-east-1:111111111111:function:users:live";
        assert_eq!(made["AliasArn"], arn);
        assert_eq!(made["Description"], "");
        assert!(made.get("RoutingConfig").is_none());
        let by_alias =
            world.ok("GetFunctionConfiguration", json!({ "FunctionName": "users", "Qualifier": "live" }));
        assert_eq!((by_alias["FunctionArn"].as_str(), by_alias["Version"].as_str()), (Some(arn), Some("1")));
        let (code, text) =
            world.refused("DeleteFunction", json!({ "FunctionName": "users", "Qualifier": "1" }));
        assert_eq!(code, "ResourceConflictException");
        assert!(text.ends_with("the following aliases reference it: [live]"), "{text}");
        world.run("DeleteAlias", json!({ "FunctionName": "users", "Name": "live" })).unwrap();
        world.run("DeleteAlias", json!({ "FunctionName": "users", "Name": "live" })).unwrap();
        let (_, text) = world.refused("GetAlias", json!({ "FunctionName": "users", "Name": "live" }));
        assert_eq!(text, format!("Cannot find alias arn: {arn}"));
    }

    /// TestLambdaAlias::test_notfound_and_invalid_routingconfigs.
    #[test]
    fn routing_is_refused_in_the_recorded_words() {
        let world = world();
        world.create("users");
        world.ok("PublishVersion", json!({ "FunctionName": "users" }));
        world.ok("UpdateFunctionConfiguration", json!({ "FunctionName": "users", "Timeout": 9 }));
        world.ok("PublishVersion", json!({ "FunctionName": "users" }));
        let refused = |version: &str, weights: serde_json::Value| {
            let routing = json!({ "AdditionalVersionWeights": weights });
            world
                .refused(
                    "CreateAlias",
                    json!({
                        "FunctionName": "users", "Name": "x", "FunctionVersion": version, "RoutingConfig": routing,
                    }),
                )
                .1
        };
        assert_eq!(
            refused("1", json!({ "1": 0.5, "2": 0.2 })),
            "Number of items in AdditionalVersionWeights cannot be greater than 1"
        );
        assert!(
            refused("1", json!({ "2": 2.0 })).starts_with("1 validation error detected: Value '{2=2.0}' at ")
        );
        assert_eq!(
            refused("1", json!({ "1": 0.5 })),
            "Invalid function version 1. Function version 1 is already included in routing configuration."
        );
        assert_eq!(
            refused("$LATEST", json!({ "1": 0.5 })),
            "$LATEST is not supported for an alias pointing to more than 1 version"
        );
        assert_eq!(
            refused("10", json!({})),
            "Function not found: arn:aws:lambda:us-east-1:111111111111:function:users:10"
        );
    }
}
