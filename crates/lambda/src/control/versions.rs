//! PublishVersion and ListVersionsByFunction.

use wire::{ApiError, Call, Reply};

use super::create::Failed;
use super::errors::{self, invalid, no_function, stale_revision};
use super::model::{Config, FUNCTIONS, function_key, version_key};
use super::read::{every_version, page};
use super::render::{self, Progress};
use super::{FunctionName, Lambda, uuid, view};

impl Lambda {
    pub(super) fn publish_version(&self, call: &Call) -> Result<Reply, ApiError> {
        let name = self.own_name(call, "FunctionName")?;
        let sha256 = call.text("CodeSha256").filter(|s| !s.is_empty());
        let published =
            self.publish(&name, sha256, call.text("RevisionId"), call.text("Description"), call.now_ms)?;
        let arn = name.arn_with(&published.version);
        let shown = render::configuration(&published, &name.name, &arn, Progress::Active);
        Ok(Reply { status: Some(201), ..shown.into() })
    }

    /// Freezes `$LATEST`, unless the newest version is the same already: then that one is answered.
    pub(super) fn publish(
        &self,
        name: &FunctionName,
        sha256: Option<&str>,
        revision: Option<&str>,
        description: Option<&str>,
        now_ms: i64,
    ) -> Result<Config, ApiError> {
        let key = name.key();
        let published = self.inner.store.write(|w| {
            let Some(mut function) = view::function(w, name)? else {
                return Err(Failed::Api(no_function(&name.arn())));
            };
            if revision.is_some_and(|r| r != function.latest.revision) {
                return Err(Failed::Api(stale_revision("GetFunction/GetAlias")));
            }
            if let Some(wanted) = sha256
                && wanted != function.latest.code.sha256
            {
                return Err(Failed::Api(invalid(format!(
                    "CodeSHA256 ({wanted}) is different from current CodeSHA256 in $LATEST ({}). Please try again with \
                     the CodeSHA256 in $LATEST.",
                    function.latest.code.sha256
                ))));
            }
            let newest: Option<Config> = match function.next_version.checked_sub(1) {
                Some(newest) => w.get(FUNCTIONS, &version_key(&key, &newest.to_string()))?,
                None => None,
            };
            if let Some(newest) = newest
                && newest.was_published_from(&function.latest)
            {
                return Ok(newest);
            }
            let mut version = function.latest.clone();
            if let Some(description) = description {
                version.latest_description = Some(std::mem::replace(&mut version.description, description.to_owned()));
            }
            version.version = function.next_version.to_string();
            version.revision = uuid()?;
            version.modified_ms = now_ms;
            function.next_version += 1;
            w.put(FUNCTIONS, &version_key(&key, &version.version), &version)?;
            w.put(FUNCTIONS, &function_key(&key), &function)?;
            Ok(version)
        })?;
        Ok(published)
    }

    pub(super) fn list_versions(&self, call: &Call) -> Result<Reply, ApiError> {
        let name = self.own_name(call, "FunctionName")?;
        let versions = self.inner.store.read(|r| {
            let Some(function) = view::function(r, &name)? else { return Ok(None) };
            every_version(r, &name, function.latest).map(Some)
        });
        let Some(versions) = versions.map_err(errors::store)? else { return Err(no_function(&name.arn())) };
        let shown = versions
            .iter()
            .map(|c| render::configuration(c, &name.name, &name.arn_with(&c.version), Progress::Listed))
            .collect();
        Ok(page(call, "Versions", shown))
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use crate::control::testing::world;

    #[test]
    fn a_version_is_published_only_when_something_changed() {
        let world = world();
        world.create("users");
        let users = json!({ "FunctionName": "users" });
        let first = world.ok("PublishVersion", json!({ "FunctionName": "users", "Description": "first" }));
        assert_eq!((first["Version"].as_str(), first["Description"].as_str()), (Some("1"), Some("first")));
        assert_eq!(world.ok("PublishVersion", users.clone())["Version"], "1");
        world.ok("UpdateFunctionConfiguration", json!({ "FunctionName": "users", "Timeout": 9 }));
        let second = world.ok("PublishVersion", users.clone());
        assert_eq!((second["Version"].as_str(), second["Timeout"].as_u64()), (Some("2"), Some(9)));
        assert_eq!(world.ok("PublishVersion", users.clone())["RevisionId"], second["RevisionId"]);
        let listed = world.ok("ListVersionsByFunction", users.clone());
        let versions: Vec<&str> = listed["Versions"]
            .as_array()
            .unwrap()
            .iter()
            .map(|v| v["FunctionArn"].as_str().unwrap())
            .collect();
        let arn = "arn:aws:lambda:us-east-1:111111111111:function:users";
        assert_eq!(versions, [format!("{arn}:$LATEST"), format!("{arn}:1"), format!("{arn}:2")]);
        // The number of a deleted version does not come back.
        world.run("DeleteFunction", json!({ "FunctionName": "users:2" })).unwrap();
        world.ok("UpdateFunctionConfiguration", json!({ "FunctionName": "users", "Timeout": 10 }));
        assert_eq!(world.ok("PublishVersion", users)["Version"], "3");
    }

    #[test]
    fn a_wrong_hash_or_revision_publishes_nothing() {
        let world = world();
        world.create("users");
        let (_, text) =
            world.refused("PublishVersion", json!({ "FunctionName": "users", "CodeSha256": "other" }));
        assert!(
            text.starts_with("CodeSHA256 (other) is different from current CodeSHA256 in $LATEST ("),
            "{text}"
        );
        let (code, _) =
            world.refused("PublishVersion", json!({ "FunctionName": "users", "RevisionId": "other" }));
        assert_eq!(code, "PreconditionFailedException");
        let (_, text) = world.refused("PublishVersion", json!({ "FunctionName": "none" }));
        assert_eq!(text, "Function not found: arn:aws:lambda:us-east-1:111111111111:function:none");
    }

    #[test]
    fn lists_are_cut_into_pages() {
        let world = world();
        for name in ["a", "b", "c"] {
            world.create(name);
        }
        let first = world.ok("ListFunctions", json!({ "MaxItems": 2 }));
        assert_eq!(first["Functions"].as_array().unwrap().len(), 2);
        let second = world.ok("ListFunctions", json!({ "MaxItems": 2, "Marker": first["NextMarker"] }));
        assert_eq!(second["Functions"][0]["FunctionName"], "c");
        assert!(second.get("NextMarker").is_none());
        assert!(second["Functions"][0].get("State").is_none(), "lists show no state");
    }
}
