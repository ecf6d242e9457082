//! The case files of `tests/cases`: each case is one idea with its source.

use std::fs;
use std::path::Path;

use serde::Deserialize;
use serde_json::{Map, Value};
use vtl::{Data, Limits, Template};

#[derive(Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
struct File {
    /// Where the behaviour is written down or recorded.
    source: String,
    cases: Vec<Case>,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
struct Case {
    name: String,
    template: String,
    /// JSON, or a text that is the body as it stands.
    #[serde(default)]
    body: Value,
    #[serde(default)]
    path: Map<String, Value>,
    #[serde(default)]
    querystring: Map<String, Value>,
    #[serde(default)]
    header: Map<String, Value>,
    #[serde(default)]
    context: Map<String, Value>,
    #[serde(default)]
    stage_variables: Map<String, Value>,
    /// The output; or a part of the error's text.
    expected: Option<String>,
    error: Option<String>,
    /// `responseOverride.status`, where it is assigned.
    status: Option<Value>,
    /// `responseOverride.header`.
    #[serde(default)]
    response_header: Map<String, Value>,
    /// `requestOverride.header`.
    #[serde(default)]
    request_header: Map<String, Value>,
}

fn pairs(map: &Map<String, Value>) -> Vec<(String, String)> {
    map.iter().map(|(k, v)| (k.clone(), v.as_str().unwrap().to_owned())).collect()
}

fn outcome(case: &Case) -> Result<vtl::Rendered, String> {
    let template = Template::parse(&case.template).map_err(|e| e.to_string())?;
    let body = match &case.body {
        Value::Null => String::new(),
        Value::String(text) => text.clone(),
        json => json.to_string(),
    };
    let data = Data {
        body,
        path: pairs(&case.path),
        querystring: pairs(&case.querystring),
        header: pairs(&case.header),
        context: case.context.clone(),
        stage_variables: pairs(&case.stage_variables),
    };
    template.render(&data, &Limits::default()).map_err(|e| e.to_string())
}

fn check(case: &Case) -> Result<(), String> {
    match (outcome(case), &case.expected, &case.error) {
        (Ok(made), Some(expected), None) => {
            if made.text != *expected {
                return Err(format!("expected {expected:?}, made {:?}", made.text));
            }
            let assigned: Map<String, Value> = made.overrides.response_header.into_iter().collect();
            let asked: Map<String, Value> = made.overrides.request_header.into_iter().collect();
            if made.overrides.response_status != case.status
                || assigned != case.response_header
                || asked != case.request_header
            {
                let status = made.overrides.response_status;
                return Err(format!("overrides: {status:?} {assigned:?} {asked:?}"));
            }
            Ok(())
        }
        (Err(error), None, Some(part)) if error.contains(part) => Ok(()),
        (outcome, ..) => Err(format!("{outcome:?}, expected {:?} or error {:?}", case.expected, case.error)),
    }
}

#[test]
fn every_case_renders_as_its_source_says() {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/cases");
    let (mut count, mut wrong) = (0, Vec::new());
    for entry in fs::read_dir(folder).unwrap() {
        let path = entry.unwrap().path();
        let file: File = serde_json::from_str(&fs::read_to_string(&path).unwrap())
            .unwrap_or_else(|e| panic!("{}: {e}", path.display()));
        assert!(!file.source.is_empty());
        for case in &file.cases {
            count += 1;
            if let Err(what) = check(case) {
                wrong.push(format!("{} `{}`: {what}", path.file_stem().unwrap().display(), case.name));
            }
        }
    }
    assert!(wrong.is_empty(), "{} of {count} cases:\n{}", wrong.len(), wrong.join("\n"));
    assert!(count >= 200, "{count} cases");
}
