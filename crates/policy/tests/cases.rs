//! Runs every case of `tests/cases/*.json`.

use std::collections::HashSet;
use std::fs;
use std::path::Path;

use policy::{LayerVerdict, cases};

#[test]
fn every_case_holds() {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/cases");
    let files = fs::read_dir(&folder).unwrap().map(|entry| entry.unwrap().path());
    let mut files: Vec<_> = files.filter(|path| path.extension().is_some_and(|e| e == "json")).collect();
    files.sort();
    let (mut count, mut failures, mut names) = (0, Vec::new(), HashSet::new());
    for file in files {
        let text = fs::read_to_string(&file).unwrap();
        let mut load = |path: &str| fs::read_to_string(folder.join(path)).map_err(|e| e.to_string());
        let list = cases::parse(&text, &mut load).unwrap_or_else(|e| panic!("{}: {e}", file.display()));
        for case in list {
            let outcome = case.run();
            count += 1;
            assert!(names.insert((file.clone(), case.name.clone())), "`{}` stands twice", case.name);
            if !outcome.holds {
                failures.push(format!("{}\n{}", outcome.line, outcome.explanation.to_text()));
            }
            // The decision and its explanation are one story.
            assert_eq!(outcome.explanation.effect, outcome.effect, "{}", case.name);
            assert_eq!(outcome.explanation.denied_by, outcome.denied_by, "{}", case.name);
            let denies = outcome.explanation.layers.iter().any(|l| l.verdict == LayerVerdict::Denies);
            assert_eq!(denies, outcome.effect == policy::Effect::ExplicitlyDenied, "{}", case.name);
            serde_json::to_string(&outcome.explanation).unwrap();
        }
    }
    assert!(failures.is_empty(), "{} of {count} cases differ:\n\n{}", failures.len(), failures.join("\n"));
    assert!(count >= 150, "the corpus has shrunk to {count}");
}
