//! Makes a differing case small, so that a person sees what it is about.

use serde_json::Value;

/// `case` with one thing less, in every way.
pub fn smaller(case: &Value) -> Vec<Value> {
    let mut paths = Vec::new();
    collect(case, &mut Vec::new(), &mut paths);
    // A role always has a trust policy: without one the question would be another.
    let trust = case["request"]["action"] == "sts:AssumeRole";
    paths.retain(|path| !(trust && path.iter().eq(["policies", "resource"])));
    paths.iter().filter_map(|path| without(case, path)).collect()
}

/// Everything that may be left out: members of `policies`, `context` and conditions, and items of lists.
fn collect(value: &Value, path: &mut Vec<String>, out: &mut Vec<Vec<String>>) {
    match value {
        Value::Object(map) => {
            for (key, inner) in map {
                path.push(key.clone());
                let parent = path.len().checked_sub(2).and_then(|p| path.get(p)).map_or("", String::as_str);
                let grandparent =
                    path.len().checked_sub(3).and_then(|p| path.get(p)).map_or("", String::as_str);
                if matches!(parent, "policies" | "context" | "Condition")
                    || grandparent == "Condition"
                    || key == "Condition"
                {
                    out.push(path.clone());
                }
                collect(inner, path, out);
                path.pop();
            }
        }
        Value::Array(items) => {
            for (i, inner) in items.iter().enumerate() {
                path.push(i.to_string());
                if items.len() > 1
                    || matches!(inner, Value::Object(_))
                        && path.first().is_some_and(|p| p == "policies")
                        && path.len() == 3
                {
                    out.push(path.clone());
                }
                collect(inner, path, out);
                path.pop();
            }
        }
        _ => {}
    }
}

fn without(case: &Value, path: &[String]) -> Option<Value> {
    let mut case = case.clone();
    let (last, parents) = path.split_last()?;
    let mut at = &mut case;
    for step in parents {
        at = match at {
            Value::Object(map) => map.get_mut(step)?,
            Value::Array(items) => items.get_mut(step.parse::<usize>().ok()?)?,
            _ => return None,
        };
    }
    match at {
        Value::Object(map) => {
            map.remove(last);
        }
        Value::Array(items) => {
            items.remove(last.parse().ok()?);
        }
        _ => return None,
    }
    Some(case)
}
