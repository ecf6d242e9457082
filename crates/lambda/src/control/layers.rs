//! Layers.

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use serde_json::{Value, json};
use wire::{ApiError, Call, Reply};

use super::Lambda;
use super::errors::{self, invalid, not_found};
use super::model::{LAYERS, LayerVersion};
use super::read::page;
use super::render::last_modified;

/// A layer, as a caller named it: its name or its ARN, perhaps with a version.
pub struct LayerName {
    account: String,
    region: String,
    name: String,
}

impl LayerName {
    pub fn of(call: &Call) -> Result<Self, ApiError> {
        let text = call.required("LayerName");
        let parts: Vec<&str> = text.split(':').collect();
        match parts[..] {
            [name] => Ok(Self {
                account: call.account.to_string(),
                region: call.region.clone(),
                name: name.to_owned(),
            }),
            ["arn", _, "lambda", region, account, "layer", name, ..] => {
                Ok(Self { account: account.to_owned(), region: region.to_owned(), name: name.to_owned() })
            }
            _ => Err(invalid(format!("{text} is not the name or ARN of a layer"))),
        }
    }

    fn prefix(&self) -> String {
        format!("{}/{}/{}/", self.account, self.region, self.name)
    }

    pub fn key(&self, version: u64) -> String {
        format!("{}{version:0>12}", self.prefix())
    }

    pub fn arn(&self) -> String {
        arn::Arn::new("lambda", &self.region, &self.account, format!("layer:{}", self.name)).to_string()
    }
}

fn name_of(layer: &LayerVersion) -> LayerName {
    LayerName { account: layer.account.clone(), region: layer.region.clone(), name: layer.name.clone() }
}

/// A layer version as lists show it.
fn listed(layer: &LayerVersion) -> Value {
    let mut shown = json!({
        "LayerVersionArn": format!("{}:{}", name_of(layer).arn(), layer.version),
        "Version": layer.version,
        "Description": layer.description,
        "CreatedDate": last_modified(layer.created_ms),
    });
    if let Some(members) = shown.as_object_mut() {
        if !layer.runtimes.is_empty() {
            members.insert("CompatibleRuntimes".to_owned(), json!(layer.runtimes));
        }
        if !layer.architectures.is_empty() {
            members.insert("CompatibleArchitectures".to_owned(), json!(layer.architectures));
        }
        if let Some(license) = &layer.license {
            members.insert("LicenseInfo".to_owned(), license.as_str().into());
        }
    }
    shown
}

fn texts(value: Option<&Value>) -> Vec<String> {
    let items = value.and_then(Value::as_array).map(Vec::as_slice).unwrap_or_default();
    items.iter().filter_map(Value::as_str).map(str::to_owned).collect()
}

impl Lambda {
    fn whole_layer(&self, layer: &LayerVersion, now_ms: i64) -> Value {
        let mut shown = listed(layer);
        if let Some(members) = shown.as_object_mut() {
            members.insert("LayerArn".to_owned(), name_of(layer).arn().into());
            members.insert(
                "Content".to_owned(),
                json!({
                    "CodeSha256": layer.code.sha256, "CodeSize": layer.code.size,
                    "Location": self.link(&layer.code, now_ms),
                }),
            );
        }
        shown
    }

    pub(super) fn publish_layer_version(&self, call: &Call) -> Result<Reply, ApiError> {
        let name = LayerName::of(call)?;
        let content = call.input.get("Content").and_then(Value::as_object);
        let Some(zip) = content.and_then(|c| c.get("ZipFile")).and_then(Value::as_str) else {
            return Err(invalid(
                "Content has no ZipFile; crossgate has no S3 to fetch a layer from: send the archive in the request",
            ));
        };
        let archive = STANDARD.decode(zip).map_err(|e| ApiError::internal(format!("ZipFile: {e}")))?;
        let pinned = self.inner.packages.store(&archive)?;
        let mut layer = LayerVersion {
            account: name.account.clone(),
            region: name.region.clone(),
            name: name.name.clone(),
            version: 1,
            description: call.text("Description").unwrap_or_default().to_owned(),
            license: call.text("LicenseInfo").map(str::to_owned),
            runtimes: texts(call.input.get("CompatibleRuntimes")),
            architectures: texts(call.input.get("CompatibleArchitectures")),
            created_ms: call.now_ms,
            code: pinned.code.clone(),
            policy: None,
        };
        let layer = self.inner.store.write(|w| {
            // Numbers are not used twice, also after a deletion: the counter lives beside the versions.
            let counter = format!("next/{}", name.prefix());
            let version: u64 = w.get(COUNTERS, &counter)?.unwrap_or(1);
            layer.version = version;
            w.put(LAYERS, &name.key(version), &layer)?;
            w.put(COUNTERS, &counter, &(version + 1))?;
            Ok(layer)
        });
        let layer: LayerVersion = layer.map_err(errors::store)?;
        drop(pinned);
        Ok(Reply { status: Some(201), ..self.whole_layer(&layer, call.now_ms).into() })
    }

    fn layer(&self, name: &LayerName, version: i64) -> Result<LayerVersion, ApiError> {
        let Ok(number) = u64::try_from(version) else {
            return Err(invalid("Layer Version Cannot be less than 1"));
        };
        if number == 0 {
            return Err(invalid("Layer Version Cannot be less than 1"));
        }
        let layer: Option<LayerVersion> =
            self.inner.store.read(|r| r.get(LAYERS, &name.key(number))).map_err(errors::store)?;
        // The text for another number is ours; the recorded one belongs to layer policies.
        layer.ok_or_else(|| not_found("The resource you requested does not exist."))
    }

    fn numbered(call: &Call) -> i64 {
        call.input.get("VersionNumber").and_then(Value::as_i64).unwrap_or_default()
    }

    pub(super) fn get_layer_version(&self, call: &Call) -> Result<Reply, ApiError> {
        let layer = self.layer(&LayerName::of(call)?, Self::numbered(call))?;
        Ok(self.whole_layer(&layer, call.now_ms).into())
    }

    pub(super) fn get_layer_version_by_arn(&self, call: &Call) -> Result<Reply, ApiError> {
        let parts: Vec<&str> = call.required("Arn").split(':').collect();
        let ["arn", _, "lambda", region, account, "layer", name, version] = parts[..] else {
            return Err(not_found("The resource you requested does not exist."));
        };
        let name =
            LayerName { account: account.to_owned(), region: region.to_owned(), name: name.to_owned() };
        let layer = self.layer(&name, version.parse().unwrap_or_default())?;
        Ok(self.whole_layer(&layer, call.now_ms).into())
    }

    pub(super) fn list_layer_versions(&self, call: &Call) -> Result<Reply, ApiError> {
        let name = LayerName::of(call)?;
        let layers: Vec<(String, LayerVersion)> = self
            .inner
            .store
            .read(|r| r.list(LAYERS, &name.prefix(), None, usize::MAX))
            .map_err(errors::store)?;
        let shown = layers.iter().rev().map(|(_, l)| l).filter(|l| fits(call, l)).map(listed).collect();
        Ok(page(call, "LayerVersions", shown))
    }

    pub(super) fn list_layers(&self, call: &Call) -> Result<Reply, ApiError> {
        let prefix = format!("{}/{}/", call.account, call.region);
        let layers: Vec<(String, LayerVersion)> =
            self.inner.store.read(|r| r.list(LAYERS, &prefix, None, usize::MAX)).map_err(errors::store)?;
        let mut newest: Vec<&LayerVersion> = Vec::new();
        for (_, layer) in layers.iter().filter(|(_, l)| fits(call, l)) {
            match newest.last_mut() {
                Some(last) if last.name == layer.name => *last = layer,
                _ => newest.push(layer),
            }
        }
        let shown = newest
            .into_iter()
            .map(|l| {
                json!({
                    "LayerName": l.name, "LayerArn": name_of(l).arn(), "LatestMatchingVersion": listed(l),
                })
            })
            .collect();
        Ok(page(call, "Layers", shown))
    }

    pub(super) fn delete_layer_version(&self, call: &Call) -> Result<Reply, ApiError> {
        let name = LayerName::of(call)?;
        let Some(number) = u64::try_from(Self::numbered(call)).ok().filter(|n| *n > 0) else {
            return Err(invalid("Layer Version Cannot be less than 1"));
        };
        let key = name.key(number);
        let gone = self.inner.store.write(|w| {
            let layer: Option<LayerVersion> = w.get(LAYERS, &key)?;
            w.delete(LAYERS, &key)?;
            Ok(layer)
        });
        if let Some(layer) = gone.map_err(errors::store)? {
            self.inner.packages.release(&self.inner.store, [layer.code.id], self.inner.settings.keep_code);
        }
        Ok(Reply { status: Some(204), ..Reply::empty() })
    }
}

/// Next version numbers.
const COUNTERS: &str = "lambda-counters";

/// Whether a layer version passes the filters of a list.
fn fits(call: &Call, layer: &LayerVersion) -> bool {
    let has = |member: &str, values: &[String]| {
        call.text(member).is_none_or(|wanted| values.iter().any(|v| v == wanted))
    };
    has("CompatibleRuntime", &layer.runtimes) && has("CompatibleArchitecture", &layer.architectures)
}
