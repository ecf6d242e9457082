//! Policy unit tests: permissions kept under test without any account.

mod file;
mod junit;

use std::process::ExitCode;

use policy::cases::Outcome;
use serde_json::json;

use crate::cli::{Test, TestFormat};
use crate::terminal::style;

/// Exit status: 0 all cases hold, 1 some differ, 2 a file cannot be read.
pub fn run(options: &Test) -> ExitCode {
    let mut outcomes = Vec::new();
    for file in &options.files {
        match file::read(file) {
            // A list that lost its cases would hold for ever.
            Ok(cases) if cases.is_empty() => eprintln!("crossgate: {}: no cases", file.display()),
            Ok(cases) => {
                for case in &cases {
                    for warning in &case.warnings {
                        eprintln!("crossgate: {}: {}: {warning}", file.display(), case.name);
                    }
                    outcomes.push((file.display().to_string(), case.run()));
                }
            }
            Err(message) => {
                eprintln!("crossgate: {}{message}", file.display());
                return ExitCode::from(2);
            }
        }
    }
    match options.format {
        TestFormat::Text => print!("{}", text(&outcomes, options)),
        TestFormat::Json => println!("{}", as_json(&outcomes)),
        TestFormat::Junit => print!("{}", junit::report(&outcomes)),
    }
    if outcomes.iter().all(|(_, outcome)| outcome.holds) { ExitCode::SUCCESS } else { ExitCode::FAILURE }
}

/// A line for each failing case, its explanation below it, and how many hold.
fn text(outcomes: &[(String, Outcome)], options: &Test) -> String {
    let style = style(options.color);
    let mut out = String::new();
    for (file, outcome) in outcomes.iter().filter(|(_, outcome)| !outcome.holds) {
        out += &format!("{file}: {}\n{}\n", outcome.line, doctor::draw(&outcome.explanation, style, "    "));
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
