//! Reads case files and the policies that they name, JSON or YAML.

use std::fs;
use std::path::Path;

use doctor::yaml;
use policy::Span;
use policy::cases::{self, Case};

/// The cases of a file. A policy given as `{"file": …}` is looked for beside it.
///
/// # Errors
/// What is wrong, to be put directly behind the file's name: `:3:14: …` or `: …`.
pub fn read(file: &Path) -> Result<Vec<Case>, String> {
    let text = fs::read_to_string(file).map_err(|e| format!(": {e}"))?;
    let folder = file.parent().unwrap_or(Path::new(""));
    let mut load = |path: &str| {
        let text = fs::read_to_string(folder.join(path)).map_err(|e| e.to_string())?;
        if !is_yaml(Path::new(path)) {
            return Ok(text);
        }
        let converted =
            yaml::to_json(&text).map_err(|e| format!("{}:{}: {}", e.line, e.column, e.message))?;
        Ok(converted.text)
    };
    if is_yaml(file) {
        let converted =
            yaml::to_json(&text).map_err(|e| format!(":{}:{}: {}", e.line, e.column, e.message))?;
        return cases::parse(&converted.text, &mut load).map_err(|e| {
            let (line, column) = converted.place(e.span.start);
            format!(":{line}:{column}: {}", e.message)
        });
    }
    cases::parse(&text, &mut load).map_err(|e| at(&text, e.span, &e.message))
}

fn at(text: &str, span: Span, message: &str) -> String {
    let place = span.position(text);
    format!(":{}:{}: {message}", place.line, place.column)
}

fn is_yaml(path: &Path) -> bool {
    let kind = path.extension().and_then(|e| e.to_str()).unwrap_or_default();
    ["yaml", "yml"].iter().any(|yaml| kind.eq_ignore_ascii_case(yaml))
}
