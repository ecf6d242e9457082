//! GetFunction, GetFunctionConfiguration, ListFunctions.

use serde_json::{Value, json};
use wire::{ApiError, Call, Reply};

use super::errors::{self, no_function};
use super::model::{Config, FUNCTIONS, Function, LATEST, function_key};
use super::render::{self, Progress};
use super::view::{self, Target};
use super::{FunctionName, Lambda};

/// A page when `MaxItems` is absent, and the longest page [D: ListFunctions].
pub const PAGE: usize = 50;

/// `MaxItems`, within what AWS allows.
pub fn page_size(call: &Call) -> usize {
    let wanted = call.input.get("MaxItems").and_then(Value::as_u64).and_then(|n| usize::try_from(n).ok());
    wanted.unwrap_or(PAGE).clamp(1, PAGE)
}

/// Cuts `items` to a page; answers under `member`, with `NextMarker` when there is more. The marker is the number of
/// items before the page: opaque, as AWS's is.
pub fn page(call: &Call, member: &str, items: Vec<Value>) -> Reply {
    let from = call.text("Marker").and_then(|m| m.parse::<usize>().ok()).unwrap_or(0);
    let size = page_size(call);
    let next = from.saturating_add(size);
    let more = next < items.len();
    let items: Vec<Value> = items.into_iter().skip(from).take(size).collect();
    let mut answer = json!({ member: items });
    if more && let Some(members) = answer.as_object_mut() {
        members.insert("NextMarker".to_owned(), next.to_string().into());
    }
    answer.into()
}

impl Lambda {
    /// The function and what its qualifier stands for; AWS's text when there is none.
    pub(super) fn find(&self, name: &FunctionName) -> Result<(Function, Target), ApiError> {
        let found = self.inner.store.read(|r| view::target(r, name)).map_err(errors::store)?;
        found.ok_or_else(|| no_function(&name.qualified_arn()))
    }

    pub(super) fn get_configuration(&self, call: &Call) -> Result<Reply, ApiError> {
        let name = self.own_name(call, "FunctionName")?;
        let (_, target) = self.find(&name)?;
        Ok(render::configuration(target.config(), &name.name, &name.qualified_arn(), Progress::Active).into())
    }

    pub(super) fn get_function(&self, call: &Call) -> Result<Reply, ApiError> {
        let name = self.own_name(call, "FunctionName")?;
        let (function, target) = self.find(&name)?;
        let config = target.config();
        let mut answer = json!({
            "Configuration": render::configuration(config, &name.name, &name.qualified_arn(), Progress::Active),
            "Code": { "RepositoryType": "S3", "Location": self.link(&config.code, call.now_ms) },
        });
        if let Some(members) = answer.as_object_mut() {
            if !function.tags.is_empty() {
                members.insert("Tags".to_owned(), json!(function.tags));
            }
            if let Some(reserved) = function.reserved {
                members.insert("Concurrency".to_owned(), json!({ "ReservedConcurrentExecutions": reserved }));
            }
        }
        Ok(answer.into())
    }

    pub(super) fn list_functions(&self, call: &Call) -> Result<Reply, ApiError> {
        let prefix = function_key(&format!("{}/{}/", call.account, call.region));
        let all = call.text("FunctionVersion") == Some("ALL");
        let items = self.inner.store.read(|r| {
            let mut items = Vec::new();
            let functions: Vec<(String, Function)> = r.list(FUNCTIONS, &prefix, None, usize::MAX)?;
            for (_, function) in functions {
                let name = FunctionName {
                    account: call.account,
                    region: call.region.clone(),
                    name: function.name.clone(),
                    qualifier: None,
                };
                if !all {
                    items.push(render::configuration(
                        &function.latest,
                        &name.name,
                        &name.arn(),
                        Progress::Listed,
                    ));
                    continue;
                }
                for config in every_version(r, &name, function.latest)? {
                    let arn = name.arn_with(&config.version);
                    items.push(render::configuration(&config, &name.name, &arn, Progress::Listed));
                }
            }
            Ok(items)
        });
        Ok(page(call, "Functions", items.map_err(errors::store)?))
    }
}

/// `$LATEST` and the published versions, oldest first.
pub fn every_version(
    reader: &store::Reader,
    name: &FunctionName,
    latest: Config,
) -> Result<Vec<Config>, store::StoreError> {
    debug_assert_eq!(latest.version, LATEST);
    let versions: Vec<(String, Config)> =
        reader.list(FUNCTIONS, &format!("v/{}/", name.key()), None, usize::MAX)?;
    let mut all = vec![latest];
    all.extend(versions.into_iter().map(|(_, config)| config));
    Ok(all)
}
