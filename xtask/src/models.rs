//! Reduces botocore's models to the tables that `wire` embeds.
//!
//! A table is text: one line per thing, fields between tabs, the first field says what the line is. A line that starts
//! with a tab is a member of the structure above it. `crates/wire/src/table.rs` reads it.

use std::fmt::Write as _;
use std::path::{Path, PathBuf};
use std::process::Command;

use crate::source::{Member, Metadata, Operation, Paginator, PaginatorFile, ServiceFile, Shape};

/// The folders of botocore's data that are reduced. One more line here, one more variant in `wire::Service`.
const SERVICES: [&str; 6] = ["apigateway", "lambda", "iam", "sts", "logs", "organizations"];

/// Writes one table per service into `crates/wire/models`.
pub fn reduce_all(data: &Path) -> Result<(), String> {
    let target = Path::new(env!("CARGO_MANIFEST_DIR")).join("../crates/wire/models");
    std::fs::create_dir_all(&target).map_err(|e| format!("{}: {e}", target.display()))?;
    let release = release(data).unwrap_or_else(|| "unknown".to_owned());
    for service in SERVICES {
        let folder = newest(&data.join(service))?;
        let model: ServiceFile = read(&folder, "service-2.json")?;
        let pages: PaginatorFile = read(&folder, "paginators-1.json")?;
        let table = reduce(service, &release, &model, &pages).map_err(|e| format!("{service}: {e}"))?;
        let file = target.join(format!("{service}.tsv"));
        std::fs::write(&file, table).map_err(|e| format!("{}: {e}", file.display()))?;
    }
    Ok(())
}

/// botocore's version, from the source file beside the data folder.
fn release(data: &Path) -> Option<String> {
    let text = std::fs::read_to_string(data.parent()?.join("__init__.py")).ok()?;
    let line = text.lines().find(|l| l.starts_with("__version__"))?;
    Some(line.split(['\'', '"']).nth(1)?.to_owned())
}

/// The folder of the newest API version: they are named by date.
fn newest(service: &Path) -> Result<PathBuf, String> {
    let mut versions: Vec<PathBuf> = std::fs::read_dir(service)
        .map_err(|e| format!("{}: {e}", service.display()))?
        .filter_map(|entry| Some(entry.ok()?.path()))
        .filter(|path| path.is_dir())
        .collect();
    versions.sort();
    versions.pop().ok_or_else(|| format!("{}: no API version inside", service.display()))
}

/// Reads a JSON file, compressed or not. Newer botocore releases ship the large ones as `.gz`; unpacking is left to the
/// `gzip` program, so that this tool needs no library for it.
fn read<T: serde::de::DeserializeOwned>(folder: &Path, name: &str) -> Result<T, String> {
    let plain = folder.join(name);
    let text = if plain.exists() {
        std::fs::read(&plain).map_err(|e| format!("{}: {e}", plain.display()))?
    } else {
        let packed = folder.join(format!("{name}.gz"));
        let output = Command::new("gzip").arg("-dc").arg(&packed).output();
        let output = output.map_err(|e| format!("gzip -dc {}: {e}", packed.display()))?;
        if !output.status.success() {
            return Err(format!(
                "gzip -dc {}: {}",
                packed.display(),
                String::from_utf8_lossy(&output.stderr)
            ));
        }
        output.stdout
    };
    serde_json::from_slice(&text).map_err(|e| format!("{}: {e}", plain.display()))
}

/// A line under construction: fields, then optional attributes.
struct Line(String);

impl Line {
    fn new(fields: &[&str]) -> Self {
        Self(fields.join("\t"))
    }

    fn flag(mut self, name: &str, set: bool) -> Self {
        if set {
            let _ = write!(self.0, "\t{name}");
        }
        self
    }

    fn value(mut self, name: &str, value: Option<&str>) -> Self {
        if let Some(value) = value {
            let _ = write!(self.0, "\t{name}={value}");
        }
        self
    }

    fn finish(self, table: &mut String) -> Result<(), String> {
        // The fields came from JSON text; a tab or line break inside one would break the table.
        if self.0.contains(['\n', '\r']) {
            return Err(format!("a line break inside {:?}", self.0));
        }
        table.push_str(&self.0);
        table.push('\n');
        Ok(())
    }
}

fn reduce(name: &str, release: &str, model: &ServiceFile, pages: &PaginatorFile) -> Result<String, String> {
    let mut table = format!(
        "# Reduced from botocore {release}, data/{name}/{} by `cargo xtask models`. Apache-2.0, see NOTICE.\n",
        model.metadata.api_version
    );
    service(name, &model.metadata, &mut table)?;
    for (key, operation_) in &model.operations.0 {
        if key != &operation_.name {
            return Err(format!("operation {key} is named {}", operation_.name));
        }
        let page = pages.pagination.0.iter().find(|(n, _)| n == key).map(|(_, p)| p);
        operation(operation_, page, &mut table)?;
    }
    for (key, shape_) in &model.shapes.0 {
        shape(key, shape_, &mut table)?;
    }
    Ok(table)
}

fn service(name: &str, metadata: &Metadata, table: &mut String) -> Result<(), String> {
    if !matches!(metadata.protocol.as_str(), "rest-json" | "json" | "query") {
        return Err(format!("protocol {} is not supported", metadata.protocol));
    }
    Line::new(&["service", name])
        .value("protocol", Some(&metadata.protocol))
        .value("version", Some(&metadata.api_version))
        .value("endpoint", Some(&metadata.endpoint_prefix))
        .value("signing", Some(metadata.signing_name.as_deref().unwrap_or(&metadata.endpoint_prefix)))
        .value("id", Some(&metadata.service_id))
        .value("json", metadata.json_version.as_deref())
        .value("target", metadata.target_prefix.as_deref())
        .value("namespace", metadata.xml_namespace.as_deref())
        .finish(table)
}

fn operation(operation: &Operation, page: Option<&Paginator>, table: &mut String) -> Result<(), String> {
    let name = operation.name.as_str();
    if let Some(wrapper) = operation.output.as_ref().and_then(|o| o.result_wrapper.as_deref()) {
        // The reader derives the wrapper's name, as every service here follows the rule.
        if wrapper != format!("{name}Result") {
            return Err(format!("{name}: result wrapper {wrapper}"));
        }
    }
    let status = operation.http.response_code.unwrap_or(200).to_string();
    let errors: Vec<&str> = operation.errors.iter().map(|e| e.shape.as_str()).collect();
    let anonymous = operation.auth.as_ref().is_some_and(|a| a.iter().any(|x| x == "smithy.api#noAuth"));
    Line::new(&["op", name, &operation.http.method, &operation.http.request_uri, &status])
        .value("in", operation.input.as_ref().map(|w| w.shape.as_str()))
        .value("out", operation.output.as_ref().map(|w| w.shape.as_str()))
        .value("errors", (!errors.is_empty()).then(|| errors.join(",")).as_deref())
        .value("host", operation.endpoint.as_ref().map(|e| e.host_prefix.as_str()))
        .flag("anonymous", anonymous)
        .flag("deprecated", operation.deprecated)
        .finish(table)?;
    let Some(page) = page else { return Ok(()) };
    Line::new(&["page"])
        .value("in", Some(&page.input_token.joined()))
        .value("out", Some(&page.output_token.joined()))
        .value("limit", page.limit_key.as_deref())
        .value("more", page.more_results.as_deref())
        .value("items", Some(&page.result_key.joined()))
        .finish(table)
}

fn shape(name: &str, shape: &Shape, table: &mut String) -> Result<(), String> {
    let unsupported = |what: &str| Err(format!("shape {name}: {what} is not supported"));
    if shape.choices.iter().any(|c| c.contains(['|', '\t', '\n'])) {
        return unsupported("an enum value with a bar or a tab");
    }
    if shape.pattern.as_ref().is_some_and(|p| p.contains('\t')) {
        return unsupported("a pattern with a tab");
    }
    if shape.timestamp_format.is_some() {
        return unsupported("timestampFormat on a shape");
    }
    if shape.flattened || shape.members.0.iter().any(|(_, m)| m.flattened) {
        return unsupported("a flattened list");
    }
    let mut head = vec![shape.kind.as_str(), name];
    match shape.kind.as_str() {
        "list" => head.push(inner(name, shape.member.as_ref())?),
        "map" => head.extend([inner(name, shape.key.as_ref())?, inner(name, shape.value.as_ref())?]),
        "structure" | "string" | "integer" | "long" | "double" | "float" | "boolean" | "blob"
        | "timestamp" => {}
        other => return unsupported(other),
    }
    let error = shape.exception.then(|| {
        let details = shape.error.as_ref();
        let fault = shape.fault || details.is_some_and(|e| e.fault);
        let status = details.and_then(|e| e.http_status_code).unwrap_or(if fault { 500 } else { 400 });
        let code = details.and_then(|e| e.code.as_deref()).unwrap_or(name);
        let sender = details.is_some_and(|e| e.sender_fault);
        format!(
            "{code},{status}{}",
            if fault {
                ",fault"
            } else if sender {
                ",sender"
            } else {
                ""
            }
        )
    });
    Line::new(&head)
        .value("error", error.as_deref())
        .value("payload", shape.payload.as_deref())
        .value("min", shape.min.as_ref().map(ToString::to_string).as_deref())
        .value("max", shape.max.as_ref().map(ToString::to_string).as_deref())
        .value("enum", (!shape.choices.is_empty()).then(|| shape.choices.join("|")).as_deref())
        .flag("sensitive", shape.sensitive)
        .flag("streaming", shape.streaming)
        .flag("eventstream", shape.eventstream)
        .flag("event", shape.event)
        .flag("union", shape.union)
        .flag("deprecated", shape.deprecated)
        .value("pattern", shape.pattern.as_deref())
        .finish(table)?;
    for (member_name, details) in &shape.members.0 {
        let required = shape.required.contains(member_name);
        member(name, member_name, details, required, table)?;
    }
    Ok(())
}

/// The shape of a list's items, a map's keys or its values, which have no traits of their own in these models.
fn inner<'a>(name: &str, member: Option<&'a Member>) -> Result<&'a str, String> {
    let member = member.ok_or_else(|| format!("shape {name}: no inner shape"))?;
    if member.location_name.is_some() || member.location.is_some() || member.timestamp_format.is_some() {
        return Err(format!("shape {name}: names and formats of inner shapes are not supported"));
    }
    Ok(&member.shape)
}

fn member(
    shape: &str,
    name: &str,
    member: &Member,
    required: bool,
    table: &mut String,
) -> Result<(), String> {
    let wire_name = member.location_name.as_deref().unwrap_or(name);
    if member.timestamp_format.is_some() {
        return Err(format!("{shape}.{name}: timestampFormat is not supported"));
    }
    let mut line = Line::new(&["", name, &member.shape]).flag("required", required);
    line = match member.location.as_deref() {
        None => line.value("name", member.location_name.as_deref().filter(|n| *n != name)),
        Some(place @ ("uri" | "header")) => line.value(place, Some(wire_name)),
        Some("querystring") => line.value("query", Some(wire_name)),
        Some("statusCode") => line.flag("status", true),
        Some(other) => return Err(format!("{shape}.{name}: location {other} is not supported")),
    };
    line.flag("streaming", member.streaming)
        .flag("idempotency", member.idempotency_token)
        .flag("eventpayload", member.eventpayload)
        .flag("deprecated", member.deprecated)
        .finish(table)
}
