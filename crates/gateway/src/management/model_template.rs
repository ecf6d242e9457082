//! `GetModelTemplate`: a mapping template generated from a model, to begin a template of one's own with.

use serde_json::Value;
use store::Store;
use wire::{Call, Reply};

use super::failure::{Failure, bad_request};
use super::schema;

/// Levels of a schema that are written out.
const DEPTH: usize = 20;

pub(super) fn get(store: &Store, call: &Call) -> Result<Reply, Failure> {
    let model = store.read(|reader| schema::named(reader, call))?;
    let schema: Value = model
        .schema
        .as_deref()
        .and_then(|text| serde_json::from_str(text).ok())
        .ok_or_else(|| bad_request("Unable to generate a template for a model without a JSON schema"))?;
    let mut out = String::from("#set($inputRoot = $input.path('$'))\n");
    write(&schema, 0, &mut out);
    Ok(serde_json::json!({ "value": out }).into())
}

/// In the form of templates that AWS generated and people published: example values for members, and a loop for arrays
/// with a remark on what is left to do.
fn write(schema: &Value, depth: usize, out: &mut String) {
    let indent = "  ".repeat(depth);
    let kind = schema.get("type").and_then(Value::as_str);
    let properties = schema.get("properties").and_then(Value::as_object).filter(|p| !p.is_empty());
    match (kind, properties) {
        (Some("array"), _) if depth < DEPTH => {
            out.push_str(&format!(
                "[\n##TODO: Update this foreach loop to reference array from input json\n#foreach($elem in $inputRoot)\n{indent}  "
            ));
            write(schema.get("items").unwrap_or(&Value::Null), depth + 1, out);
            out.push_str(&format!("#if($foreach.hasNext),#end\n\n#end\n{indent}]"));
        }
        (Some("object") | None, Some(properties)) if depth < DEPTH => {
            out.push('{');
            let mut separator = "\n";
            for (name, member) in properties {
                out.push_str(&format!("{separator}{indent}  {} : ", Value::from(name.as_str())));
                write(member, depth + 1, out);
                separator = ",\n";
            }
            out.push_str(&format!("\n{indent}}}"));
        }
        (Some("string"), _) => out.push_str("\"foo\""),
        (Some("integer"), _) => out.push_str("42"),
        (Some("number"), _) => out.push_str("3.14"),
        (Some("boolean"), _) => out.push_str("true"),
        _ => out.push_str("{ }"),
    }
}
