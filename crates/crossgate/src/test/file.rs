//! Reads case files and the policies that they name, JSON or YAML.

use std::fs;
use std::io::Read;
use std::path::Path;

use doctor::yaml;
use policy::Span;
use policy::cases::{self, Case};

/// The cases of a file, or of what is piped in when it is `-`. A policy given as `{"file": …}` is looked for beside it.
///
/// # Errors
/// What is wrong, to be put directly behind the file's name: `:3:14: …` or `: …`.
pub fn read(file: &Path) -> Result<Vec<Case>, String> {
    let from_pipe = file == Path::new("-");
    let text = match from_pipe {
        true => whole(std::io::stdin().lock()),
        false => open(file),
    };
    let text = text.map_err(|e| format!(": {e}"))?;
    let folder = file.parent().unwrap_or(Path::new(""));
    let mut load = |path: &str| {
        let text = open(&folder.join(path))?;
        if !is_yaml(Path::new(path)) {
            return Ok(text);
        }
        let converted =
            yaml::to_json(&text).map_err(|e| format!("{}:{}: {}", e.line, e.column, e.message))?;
        Ok(converted.text)
    };
    // A pipe has no name to tell by; YAML of block style begins with neither.
    if is_yaml(file) || from_pipe && !text.trim_start().starts_with(['[', '{']) {
        let converted =
            yaml::to_json(&text).map_err(|e| format!(":{}:{}: {}", e.line, e.column, e.message))?;
        return cases::parse(&converted.text, &mut load).map_err(|e| {
            let (line, column) = converted.place(e.span.start);
            format!(":{line}:{column}: {}", e.message)
        });
    }
    cases::parse(&text, &mut load).map_err(|e| at(&text, e.span, &e.message))
}

/// The most bytes of a file, which is that of the cases' own reader and a little more: it words the refusal.
const MOST: u64 = 33 * 1024 * 1024;

fn open(path: &Path) -> Result<String, String> {
    fs::File::open(path).map_err(|e| e.to_string()).and_then(whole)
}

/// The text, without the byte order mark that editors on Windows put before it.
fn whole(from: impl Read) -> Result<String, String> {
    let mut text = String::new();
    from.take(MOST).read_to_string(&mut text).map_err(|e| e.to_string())?;
    match text.strip_prefix('\u{feff}') {
        Some(rest) => Ok(rest.to_owned()),
        None => Ok(text),
    }
}

fn at(text: &str, span: Span, message: &str) -> String {
    let place = span.position(text);
    format!(":{}:{}: {message}", place.line, place.column)
}

fn is_yaml(path: &Path) -> bool {
    let kind = path.extension().and_then(|e| e.to_str()).unwrap_or_default();
    ["yaml", "yml"].iter().any(|yaml| kind.eq_ignore_ascii_case(yaml))
}
