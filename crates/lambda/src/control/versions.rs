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
