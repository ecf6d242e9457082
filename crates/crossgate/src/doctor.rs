use std::process::ExitCode;

use crate::cli::{Doctor, Format};

/// Probes this machine and says what is missing.
pub fn run(options: &Doctor) -> ExitCode {
    let layers = server::sandbox_report();
    match options.format {
        Format::Json => {
            let all: Vec<_> = layers
                .iter()
                .map(|layer| {
                    serde_json::json!({
                        "layer": layer.name, "purpose": layer.purpose, "works": layer.missing.is_none(),
                        "missing": layer.missing, "required": layer.required, "remedy": layer.remedy,
                    })
                })
                .collect();
            println!("{:#}", serde_json::Value::from(all));
        }
        Format::Text => {
            for layer in &layers {
                let state = match (&layer.missing, layer.required) {
                    (None, _) => "works",
                    (Some(_), true) => "MISSING",
                    (Some(_), false) => "not used",
                };
                println!("{state:<9} {:<20} {}", layer.name, layer.purpose);
                if let (Some(reason), true) = (&layer.missing, layer.required) {
                    println!("          {reason}\n          to get it: {}", layer.remedy);
                } else if let Some(reason) = &layer.missing {
                    println!("          {reason}");
                }
            }
        }
    }
    let missing = layers.iter().filter(|l| l.required && l.missing.is_some()).count();
    if matches!(options.format, Format::Text) {
        match missing {
            0 => println!("\nFunctions are isolated fully here: `crossgate serve --sandbox require` starts."),
            _ if !server::JAILS => println!(
                "\nThere is no jail here: `crossgate serve --sandbox prefer` says so and runs functions as any program of yours."
            ),
            n => println!("\n{n} missing: `crossgate serve --sandbox prefer` warns and uses the rest."),
        }
    }
    if missing == 0 { ExitCode::SUCCESS } else { ExitCode::FAILURE }
}
