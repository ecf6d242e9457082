//! Policy unit tests: permissions kept under test without any account.

use std::fs;
use std::path::Path;
use std::process::ExitCode;

use policy::cases::{self, Outcome};
use serde_json::json;

use crate::cli::{Test, TestFormat};

/// Exit status: 0 all cases hold, 1 some differ, 2 a file cannot be read.
pub fn run(options: &Test) -> ExitCode {
    let mut outcomes = Vec::new();
    for file in &options.files {
        match read(file) {
            Ok(cases) => outcomes.extend(cases.iter().map(|case| (file.display().to_string(), case.run()))),
            Err(message) => {
                eprintln!("crossgate: {}: {message}", file.display());
                return ExitCode::from(2);
            }
        }
    }
    match options.format {
        TestFormat::Text => print!("{}", text(&outcomes)),
        TestFormat::Json => println!("{}", as_json(&outcomes)),
        TestFormat::Junit => print!("{}", junit(&outcomes)),
    }
    if outcomes.iter().all(|(_, outcome)| outcome.holds) { ExitCode::SUCCESS } else { ExitCode::FAILURE }
}

fn read(file: &Path) -> Result<Vec<cases::Case>, String> {
    let kind = file.extension().and_then(|e| e.to_str()).unwrap_or_default();
    if ["yaml", "yml"].contains(&kind) {
        return Err("case files are read as JSON; YAML is not supported yet".to_owned());
    }
    let text = fs::read_to_string(file).map_err(|e| e.to_string())?;
    let folder = file.parent().unwrap_or(Path::new(""));
    let mut load = |path: &str| fs::read_to_string(folder.join(path)).map_err(|e| format!("{path}: {e}"));
    cases::parse(&text, &mut load).map_err(|e| e.to_string())
}

fn text(outcomes: &[(String, Outcome)]) -> String {
    let mut out = String::new();
    for (file, outcome) in outcomes.iter().filter(|(_, outcome)| !outcome.holds) {
        out += &format!("{file}: {}\n", outcome.line);
    }
    out + &format!("{} of {} cases hold\n", holding(outcomes), outcomes.len())
}

fn holding(outcomes: &[(String, Outcome)]) -> usize {
    outcomes.iter().filter(|(_, outcome)| outcome.holds).count()
}

fn as_json(outcomes: &[(String, Outcome)]) -> serde_json::Value {
    let cases: Vec<_> = outcomes
        .iter()
        .map(|(file, outcome)| {
            json!({
                "file": file, "name": outcome.name, "holds": outcome.holds, "effect": outcome.effect,
                "deniedBy": outcome.denied_by, "line": outcome.line, "explanation": outcome.explanation,
            })
        })
        .collect();
    json!({"hold": holding(outcomes), "cases": cases})
}

fn junit(outcomes: &[(String, Outcome)]) -> String {
    let failures = outcomes.len() - holding(outcomes);
    let mut out = format!(
        "<?xml version=\"1.0\" encoding=\"UTF-8\"?>\n<testsuite name=\"crossgate\" tests=\"{}\" failures=\"{failures}\">\n",
        outcomes.len()
    );
    for (file, outcome) in outcomes {
        let head = format!("  <testcase classname=\"{}\" name=\"{}\"", escape(file), escape(&outcome.name));
        out += &match outcome.holds {
            true => format!("{head}/>\n"),
            false => format!("{head}><failure>{}</failure></testcase>\n", escape(&outcome.line)),
        };
    }
    out + "</testsuite>\n"
}

/// What XML 1.0 has no way to write is left out.
fn escape(text: &str) -> String {
    let mut out = String::new();
    for c in text.chars() {
        match c {
            '&' => out += "&amp;",
            '<' => out += "&lt;",
            '>' => out += "&gt;",
            '"' => out += "&quot;",
            '\n' | '\t' => out.push(c),
            c if c.is_control() => {}
            c => out.push(c),
        }
    }
    out
}
