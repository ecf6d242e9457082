//! Function URLs: their configuration. What happens when one is called is `crate::url` and the server's
//! `function_url`.

use std::sync::Arc;

use jiff::Timestamp;
use serde::{Deserialize, Serialize};
use serde_json::{Map, Value, json};
use wire::{ApiError, Call, Reply};

use super::create::Failed;
use super::errors::{self, conflict, no_function, not_found};
use super::model::URLS;
use super::read::page;
use super::{FunctionName, Lambda, view};
use crate::url::Cors;

/// A function URL.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct FunctionUrl {
    /// The first label of its host name: 32 lower-case letters and digits.
    pub id: String,
    /// The function or alias that it calls.
    pub function_arn: String,
    /// `NONE` or `AWS_IAM`.
    pub auth_type: String,
    /// `BUFFERED` or `RESPONSE_STREAM`.
    pub invoke_mode: String,
    /// What browsers are told, when that was set.
    #[serde(default)]
    pub cors: Option<Cors>,
    /// `Cors` as it was given, for answers.
    #[serde(default)]
    given_cors: Option<Value>,
    created_ms: i64,
    modified_ms: i64,
}

/// Labels of host names. 32 characters, as published function URLs have.
fn new_id() -> Result<String, ApiError> {
    let mut random = [0u8; 32];
    getrandom::fill(&mut random).map_err(|e| ApiError::internal(format!("no randomness: {e}")))?;
    let letters = b"abcdefghijklmnopqrstuvwxyz234567";
    Ok(random.iter().map(|b| char::from(letters[usize::from(*b) % letters.len()])).collect())
}

/// The key of the URL of a function or alias; `ids` go from a URL's id to it.
fn key(name: &FunctionName) -> String {
    format!("f/{}/{}", name.key(), name.qualifier.as_deref().unwrap_or_default())
}

fn id_key(id: &str) -> String {
    format!("i/{id}")
}

/// Recorded: TestLambdaFunction::test_ops_on_nonexisting_fn[get_function_url_config].
fn missing() -> ApiError {
    not_found("The resource you requested does not exist.")
}

impl Lambda {
    /// The kind of authorization of the URL that a call is about, if there is one.
    pub(super) fn url_auth_type(&self, name: &FunctionName) -> Result<Option<String>, ApiError> {
        let url: Option<FunctionUrl> =
            self.inner.store.read(|r| r.get(URLS, &key(name))).map_err(errors::store)?;
        Ok(url.map(|url| url.auth_type))
    }

    pub(super) fn create_url(&self, call: &Call) -> Result<Reply, ApiError> {
        let name = self.own_name(call, "FunctionName")?;
        let url = FunctionUrl {
            id: new_id()?,
            function_arn: name.qualified_arn(),
            auth_type: call.required("AuthType").to_owned(),
            invoke_mode: call.text("InvokeMode").unwrap_or("BUFFERED").to_owned(),
            cors: None,
            given_cors: None,
            created_ms: call.now_ms,
            modified_ms: call.now_ms,
        };
        let url = with_cors(url, call)?;
        let at = key(&name);
        self.inner.store.write(|w| {
            if view::target(w, &name)?.is_none() {
                // Recorded for a function (test_url_config_list_paging); an alias is reasoned.
                return Err(Failed::Api(match name.qualifier {
                    None => not_found("Function does not exist"),
                    Some(_) => no_function(&name.qualified_arn()),
                }));
            }
            if w.get::<FunctionUrl>(URLS, &at)?.is_some() {
                return Err(Failed::Api(conflict(format!(
                    "Failed to create function url config for [functionArn = {}]. Error message:  FunctionUrlConfig \
                     exists for this Lambda function",
                    name.qualified_arn()
                ))));
            }
            w.put(URLS, &at, &url)?;
            w.put(URLS, &id_key(&url.id), &at)?;
            Ok(())
        })?;
        let mut shown = self.shown_url(&url, call);
        shown.remove("LastModifiedTime");
        Ok(Reply { status: Some(201), ..Value::Object(shown).into() })
    }

    pub(super) fn update_url(&self, call: &Call) -> Result<Reply, ApiError> {
        let name = self.own_name(call, "FunctionName")?;
        let at = key(&name);
        let url = self.inner.store.write(|w| {
            let Some(mut url) = w.get::<FunctionUrl>(URLS, &at)? else { return Err(Failed::Api(missing())) };
            if let Some(auth) = call.text("AuthType") {
                auth.clone_into(&mut url.auth_type);
            }
            if let Some(mode) = call.text("InvokeMode") {
                mode.clone_into(&mut url.invoke_mode);
            }
            let mut url = with_cors(url, call).map_err(Failed::Api)?;
            url.modified_ms = call.now_ms;
            w.put(URLS, &at, &url)?;
            Ok(url)
        })?;
        Ok(Value::Object(self.shown_url(&url, call)).into())
    }

    pub(super) fn get_url(&self, call: &Call) -> Result<Reply, ApiError> {
        let name = self.own_name(call, "FunctionName")?;
        let found: Option<FunctionUrl> =
            self.inner.store.read(|r| r.get(URLS, &key(&name))).map_err(errors::store)?;
        let url = found.ok_or_else(missing)?;
        Ok(Value::Object(self.shown_url(&url, call)).into())
    }

    pub(super) fn list_urls(&self, call: &Call) -> Result<Reply, ApiError> {
        let name = self.own_name(call, "FunctionName")?;
        let found = self.inner.store.read(|r| {
            if view::function(r, &name)?.is_none() {
                return Ok(None);
            }
            r.list::<FunctionUrl>(URLS, &format!("f/{}/", name.key()), None, usize::MAX).map(Some)
        });
        let found = found.map_err(errors::store)?.ok_or_else(|| not_found("Function does not exist"))?;
        let shown = found.iter().map(|(_, url)| Value::Object(self.shown_url(url, call)));
        Ok(page(call, "FunctionUrlConfigs", shown.collect()))
    }

    pub(super) fn delete_url(&self, call: &Call) -> Result<Reply, ApiError> {
        let name = self.own_name(call, "FunctionName")?;
        let at = key(&name);
        self.inner.store.write(|w| {
            let Some(url) = w.get::<FunctionUrl>(URLS, &at)? else { return Err(Failed::Api(missing())) };
            w.delete(URLS, &at)?;
            w.delete(URLS, &id_key(&url.id))?;
            Ok(())
        })?;
        Ok(Reply { status: Some(204), ..Reply::empty() })
    }

    /// The URL with this id, whoever owns it. Cached.
    ///
    /// # Errors
    /// When the store cannot be read.
    pub fn function_url(&self, id: &str) -> Result<Option<Arc<FunctionUrl>>, ApiError> {
        self.inner.urls.get(&self.inner.store, id, || {
            self.inner
                .store
                .read(|r| match r.get::<String>(URLS, &id_key(id))? {
                    Some(at) => r.get(URLS, &at),
                    None => Ok(None),
                })
                .map_err(errors::store)
        })
    }

    /// The address at which this server answers it, where AWS has `https://ID.lambda-url.REGION.on.aws/`.
    fn shown_url(&self, url: &FunctionUrl, call: &Call) -> Map<String, Value> {
        let port = self.inner.settings.base_url.rsplit(':').next().filter(|p| p.parse::<u16>().is_ok());
        let port = port.map(|p| format!(":{p}")).unwrap_or_default();
        let shown = json!({
            "FunctionUrl": format!("http://{}.lambda-url.{}.localhost{port}/", url.id, call.region),
            "FunctionArn": url.function_arn,
            "AuthType": url.auth_type,
            "InvokeMode": url.invoke_mode,
            "CreationTime": time(url.created_ms),
            "LastModifiedTime": time(url.modified_ms),
        });
        let mut shown = shown.as_object().cloned().unwrap_or_default();
        if let Some(cors) = &url.given_cors {
            shown.insert("Cors".to_owned(), cors.clone());
        }
        shown
    }
}

fn time(ms: i64) -> String {
    Timestamp::from_millisecond(ms).unwrap_or_default().strftime("%Y-%m-%dT%H:%M:%S.%3fZ").to_string()
}

/// An empty `Cors` takes the settings away (API reference, UpdateFunctionUrlConfig).
fn with_cors(mut url: FunctionUrl, call: &Call) -> Result<FunctionUrl, ApiError> {
    if let Some(given) = call.input.get("Cors") {
        let cors = serde_json::from_value(given.clone())
            .map_err(|e| errors::invalid(format!("Cors cannot be read: {e}")))?;
        let empty = given.as_object().is_some_and(Map::is_empty);
        (url.cors, url.given_cors) = if empty { (None, None) } else { (Some(cors), Some(given.clone())) };
    }
    Ok(url)
}

/// Takes the URLs of a function away, or of one of its aliases.
pub(super) fn forget(
    w: &mut store::Writer<'_>,
    function: &str,
    alias: Option<&str>,
) -> Result<(), store::StoreError> {
    let prefix = format!("f/{function}/{}", alias.unwrap_or_default());
    for (at, url) in w.list::<FunctionUrl>(URLS, &prefix, None, usize::MAX)? {
        if alias.is_none() || at == prefix {
            w.delete(URLS, &at)?;
            w.delete(URLS, &id_key(&url.id))?;
        }
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use crate::control::testing::world;

    #[test]
    fn a_url_lives_as_recorded() {
        let world = world();
        let users = json!({ "FunctionName": "users", "AuthType": "NONE" });
        assert_eq!(world.refused("CreateFunctionUrlConfig", users.clone()).1, "Function does not exist");
        world.create("users");
        let made = world.ok("CreateFunctionUrlConfig", users.clone());
        assert_eq!(made["InvokeMode"], "BUFFERED");
        assert!(made["FunctionUrl"].as_str().unwrap().contains(".lambda-url.us-east-1.localhost"));
        let (code, text) = world.refused("CreateFunctionUrlConfig", users.clone());
        assert_eq!(code, "ResourceConflictException");
        assert!(text.contains("FunctionUrlConfig exists for this Lambda function"), "{text}");
        let id = made["FunctionUrl"].as_str().unwrap()[7..39].to_owned();
        let found = world.lambda.function_url(&id).unwrap().unwrap();
        assert_eq!(found.function_arn, "arn:aws:lambda:us-east-1:111111111111:function:users");
        let cors =
            json!({ "FunctionName": "users", "Cors": { "AllowOrigins": ["*"] }, "AuthType": "AWS_IAM" });
        let changed = world.ok("UpdateFunctionUrlConfig", cors);
        assert_eq!(
            (&changed["AuthType"], &changed["Cors"]["AllowOrigins"][0]),
            (&json!("AWS_IAM"), &json!("*"))
        );
        assert_eq!(world.lambda.function_url(&id).unwrap().unwrap().auth_type, "AWS_IAM");
        world.ok("DeleteFunctionUrlConfig", json!({ "FunctionName": "users" }));
        assert_eq!(
            world.refused("GetFunctionUrlConfig", json!({ "FunctionName": "users" })).1,
            "The resource you requested does not exist."
        );
        assert!(world.lambda.function_url(&id).unwrap().is_none());
    }

    #[test]
    fn a_url_goes_with_its_function() {
        let world = world();
        world.create("users");
        let made =
            world.ok("CreateFunctionUrlConfig", json!({ "FunctionName": "users", "AuthType": "NONE" }));
        world.ok("DeleteFunction", json!({ "FunctionName": "users" }));
        let id = &made["FunctionUrl"].as_str().unwrap()[7..39];
        assert!(world.lambda.function_url(id).unwrap().is_none());
    }
}
