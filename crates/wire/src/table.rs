//! Reads a table that `cargo xtask models` wrote. Nothing is copied: names and patterns point into the embedded text.

use std::collections::HashMap;
use std::sync::OnceLock;

use crate::model::{
    ErrorTrait, Kind, Location, Member, Model, Operation, Pagination, Protocol, Shape, ShapeId,
};
use crate::service::Service;
use crate::uri::Template;

/// One line's fields after the first: some by position, the rest attributes. A member may be named `status` or
/// `required`, so attributes are looked for behind the positions only.
struct Fields {
    fixed: Vec<&'static str>,
    attributes: Vec<&'static str>,
}

impl Fields {
    fn new(first: &str, rest: &'static str) -> Self {
        let count = match first {
            "service" => 1,
            "op" => 4,
            "page" => 0,
            "list" | "" => 2,
            "map" => 3,
            _ => 1,
        };
        let mut fixed: Vec<&'static str> = rest.split('\t').collect();
        let attributes = fixed.split_off(count.min(fixed.len()));
        Self { fixed, attributes }
    }

    fn at(&self, index: usize, line: &str) -> Result<&'static str, String> {
        self.fixed.get(index).copied().ok_or_else(|| format!("field {index} is missing in `{line}`"))
    }

    fn value(&self, name: &str) -> Option<&'static str> {
        self.attributes.iter().find_map(|f| f.strip_prefix(name)?.strip_prefix('='))
    }

    fn flag(&self, name: &str) -> bool {
        self.attributes.contains(&name)
    }

    fn number(&self, name: &str) -> Result<Option<f64>, String> {
        self.value(name).map(|v| v.parse().map_err(|_| format!("{name}={v} is not a number"))).transpose()
    }
}

/// Reads a whole table.
///
/// # Errors
/// A text that names the line, for a table that was not written by `cargo xtask models`.
pub(crate) fn read(service: Service, text: &'static str) -> Result<Model, String> {
    let names = number_shapes(text);
    let id = |name: &str| names.get(name).copied().ok_or_else(|| format!("no shape `{name}`"));
    let optional = |name: Option<&str>| name.map(id).transpose();
    let mut model = Model::empty(service);
    model.shapes.reserve_exact(names.len());
    for line in text.lines().filter(|l| !l.starts_with('#')) {
        let (first, rest) = line.split_once('\t').unwrap_or((line, ""));
        let fields = Fields::new(first, rest);
        match first {
            "service" => header(&mut model, &fields)?,
            "op" => model.operations.push(Operation {
                name: fields.at(0, line)?,
                service,
                method: fields.at(1, line)?,
                uri: fields.at(2, line)?,
                status: fields.at(3, line)?.parse().map_err(|_| format!("no status in `{line}`"))?,
                input: optional(fields.value("in"))?,
                output: optional(fields.value("out"))?,
                errors: fields.value("errors").map_or(Ok(Vec::new()), |e| e.split(',').map(id).collect())?,
                anonymous: fields.flag("anonymous"),
                deprecated: fields.flag("deprecated"),
                host_prefix: fields.value("host"),
                pagination: None,
                template: Template::new(fields.at(2, line)?),
            }),
            "page" => {
                let wanted = |name: &str| fields.value(name).ok_or_else(|| format!("no {name} in `{line}`"));
                let page = Pagination {
                    input_token: wanted("in")?,
                    output_token: wanted("out")?,
                    limit: fields.value("limit"),
                    more: fields.value("more"),
                    items: wanted("items")?,
                };
                model.operations.last_mut().ok_or("page before op")?.pagination = Some(page);
            }
            "" => {
                let member = member(&fields, line, id(fields.at(1, line)?)?)?;
                match model.shapes.last_mut().map(|s| &mut s.kind) {
                    Some(Kind::Structure { members, .. }) => members.push(member),
                    _ => return Err(format!("a member outside a structure: `{line}`")),
                }
            }
            kind => model.shapes.push(shape(kind, &fields, line, id)?),
        }
    }
    amend(&mut model)?;
    model.operations.sort_by_key(|o| o.name);
    let mut routes: Vec<u32> = (0..).take(model.operations.len()).collect();
    routes.sort_by(|&a, &b| {
        let template = |at: u32| &model.operations[at as usize].template;
        template(a).specificity().cmp(&template(b).specificity())
    });
    model.routes = routes;
    Ok(model)
}

/// Constraints that recordings show and the models lack.
const RECORDED: &str = include_str!("../models/recorded.tsv");

fn amend(model: &mut Model) -> Result<(), String> {
    for line in RECORDED.lines().filter(|l| !l.starts_with('#')) {
        let Some((service, rest)) = line.split_once('\t') else { continue };
        if service != model.service.name() {
            continue;
        }
        let fields = Fields::new(service, rest);
        let name = fields.at(0, line)?;
        // A table of a test need not hold every shape; `tests` sees to it that the real ones do.
        let Some(shape) = model.shapes.iter_mut().find(|s| s.name == name) else { continue };
        shape.min = fields.number("min")?.or(shape.min);
        shape.max = fields.number("max")?.or(shape.max);
        shape.pattern = fields.value("pattern").or(shape.pattern);
        shape.choices = fields.value("enum").or(shape.choices);
    }
    Ok(())
}

/// Shapes may be named before their line comes.
fn number_shapes(text: &'static str) -> HashMap<&'static str, ShapeId> {
    let lines = text.lines().filter(|l| !l.starts_with(['#', '\t']));
    let shapes = lines.filter_map(|line| {
        let (first, rest) = line.split_once('\t')?;
        (!matches!(first, "service" | "op" | "page")).then(|| rest.split('\t').next().unwrap_or(rest))
    });
    shapes.zip((0..).map(ShapeId)).collect()
}

fn header(model: &mut Model, fields: &Fields) -> Result<(), String> {
    let wanted = |name: &str| fields.value(name).ok_or_else(|| format!("the service line has no {name}"));
    model.protocol = match wanted("protocol")? {
        "rest-json" => Protocol::RestJson,
        "query" => Protocol::Query,
        "json" => Protocol::Json,
        other => return Err(format!("protocol `{other}`")),
    };
    model.api_version = wanted("version")?;
    model.endpoint_prefix = wanted("endpoint")?;
    model.signing_name = wanted("signing")?;
    model.service_id = wanted("id")?;
    model.json_version = fields.value("json").unwrap_or("1.1");
    model.target_prefix = fields.value("target");
    model.namespace = fields.value("namespace");
    Ok(())
}

fn shape(
    kind: &str,
    fields: &Fields,
    line: &str,
    id: impl Fn(&str) -> Result<ShapeId, String>,
) -> Result<Shape, String> {
    let kind = match kind {
        "structure" => Kind::Structure {
            members: Vec::new(),
            payload: fields.value("payload"),
            event_stream: fields.flag("eventstream"),
        },
        "list" => Kind::List(id(fields.at(1, line)?)?),
        "map" => Kind::Map { key: id(fields.at(1, line)?)?, value: id(fields.at(2, line)?)? },
        "string" => Kind::String,
        "integer" => Kind::Integer,
        "long" => Kind::Long,
        "double" | "float" => Kind::Double,
        "boolean" => Kind::Boolean,
        "blob" => Kind::Blob,
        "timestamp" => Kind::Timestamp,
        other => return Err(format!("`{other}` is not a kind of shape")),
    };
    let error = fields.value("error").map(|text| {
        let mut parts = text.split(',');
        let code = parts.next().unwrap_or(text);
        let status = parts.next().and_then(|s| s.parse().ok()).unwrap_or(400);
        ErrorTrait { code, status, fault: parts.next() == Some("fault") }
    });
    Ok(Shape {
        name: fields.at(0, line)?,
        kind,
        min: fields.number("min")?,
        max: fields.number("max")?,
        pattern: fields.value("pattern"),
        compiled: OnceLock::new(),
        choices: fields.value("enum"),
        sensitive: fields.flag("sensitive"),
        error,
    })
}

fn member(fields: &Fields, line: &str, shape: ShapeId) -> Result<Member, String> {
    let name = fields.at(0, line)?;
    let places = [("uri", Location::Uri), ("query", Location::Query), ("header", Location::Header)];
    let placed = places.into_iter().find_map(|(word, place)| Some((fields.value(word)?, place)));
    let (wire_name, location) = match placed {
        Some(found) => found,
        None if fields.flag("status") => (name, Location::Status),
        None => (fields.value("name").unwrap_or(name), Location::Body),
    };
    Ok(Member {
        name,
        wire_name,
        shape,
        location,
        required: fields.flag("required"),
        idempotency_token: fields.flag("idempotency"),
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_table_is_read_whole() {
        for &service in Service::all() {
            let text = service.text();
            let model = read(service, text).expect("table");
            let starting = |word: &str| text.lines().filter(|l| l.starts_with(word)).count();
            assert_eq!(model.operations.len(), starting("op\t"), "{service}");
            let other = starting("service\t") + starting("#") + starting("page\t") + starting("\t");
            assert_eq!(
                model.shapes.len(),
                text.lines().count() - model.operations.len() - other,
                "{service}"
            );
            let members: usize = model.shapes.iter().map(|s| s.members().len()).sum();
            assert_eq!(members, starting("\t"), "{service}");
            assert_eq!(model.protocol, service.protocol());
        }
    }

    #[test]
    fn every_recorded_constraint_has_its_shape_and_enums_keep_their_values() {
        for line in RECORDED.lines().filter(|l| !l.starts_with('#')) {
            let (service, rest) = line.split_once('\t').expect("fields");
            let fields = Fields::new(service, rest);
            let service = Service::by_signing_name(service).expect("service");
            let own = service.text().lines().filter_map(|l| l.strip_prefix("string\t"));
            let own = own.map(|rest| Fields::new("string", rest)).find(|own| own.fixed == fields.fixed);
            let own = own.expect("shape");
            let sorted = |f: &Fields| {
                let mut values: Vec<&str> = f.value("enum").unwrap_or_default().split('|').collect();
                values.sort_unstable();
                values
            };
            assert_eq!(sorted(&own), sorted(&fields), "{line}");
        }
    }

    #[test]
    fn what_the_models_say_is_found() {
        let lambda = Service::Lambda.operation("AddPermission").expect("operation");
        assert_eq!((lambda.method, lambda.status), ("POST", 201));
        assert_eq!(lambda.uri, "/2015-03-31/functions/{FunctionName}/policy");
        let missing = Service::Iam.model().error("NoSuchEntity").expect("error");
        assert_eq!(missing.name, "NoSuchEntityException");
        assert_eq!(missing.error.expect("trait").status, 404);
        let page = Service::Iam.operation("ListRoles").and_then(|o| o.pagination).expect("pages");
        assert_eq!((page.input_token, page.more, page.items), ("Marker", Some("IsTruncated"), "Roles"));
        assert!(Service::Sts.operation("AssumeRoleWithWebIdentity").expect("operation").anonymous);
    }

    #[test]
    fn a_member_named_like_an_attribute_is_a_member_of_the_body() {
        let op = Service::Logs.operation("DescribeQueries").expect("operation");
        let status = op.input_members().iter().find(|m| m.name == "status").expect("member");
        assert_eq!((status.location, status.required), (Location::Body, false));
    }

    #[test]
    fn a_table_of_something_else_is_refused() {
        assert!(read(Service::Sts, "structure\tA\n\tB\tC\n").is_err());
        assert!(read(Service::Sts, "what\tA\n").is_err());
        assert!(read(Service::Sts, "op\tA\n").is_err());
    }
}
