//! `ImportApiKeys`: API keys from a CSV file (developer guide, "API Gateway API key file format").

use serde_json::{Map, Value, json};
use store::Store;
use wire::{Call, Reply};

use super::failure::{Failure, bad_request};
use super::key;
use super::quota::{self, Quota};
use super::usage_plan;

/// Rows of a file. Reasoning: AWS's own bound is the quota of 10,000 keys.
const MAX_ROWS: usize = 10_000;

/// One row of a file.
struct Row {
    name: Option<String>,
    value: Option<String>,
    description: Option<String>,
    enabled: bool,
    plans: Vec<String>,
}

/// Imports what can be imported. A row that cannot is a warning; with `failOnWarnings` nothing is imported then.
pub(super) fn run(store: &Store, call: &Call) -> Result<Reply, Failure> {
    let text = std::str::from_utf8(&call.payload).map_err(|_| bad_request("The file is not UTF-8 text"))?;
    let rows = rows(text)?;
    let fail = call.input.get("failOnWarnings").and_then(Value::as_bool).unwrap_or(false);
    store.write(|writer| {
        quota::room(writer, Quota::ApiKeys, &key::own(call), rows.len())?;
        let (mut ids, mut warnings) = (Vec::new(), Vec::new());
        for (number, row) in rows.iter().enumerate() {
            let mut input = Map::new();
            input.insert("name".into(), json!(row.name));
            input.insert("value".into(), json!(row.value));
            input.insert("description".into(), json!(row.description));
            input.insert("enabled".into(), row.enabled.into());
            input.retain(|_, value| !value.is_null());
            let one = Call { operation: "CreateApiKey", input, ..call.clone() };
            let made = key::make(&one).and_then(|made| key::insert(writer, &one, &made).map(|()| made));
            match made {
                Ok(made) => {
                    for plan in &row.plans {
                        if let Err(failure) = usage_plan::add_key(writer, call, plan, &made) {
                            warnings.push(format!(
                                "row {}: usage plan {plan}: {}",
                                number + 1,
                                said(failure)?
                            ));
                        }
                    }
                    ids.push(made.id);
                }
                Err(failure) => warnings.push(format!("row {}: {}", number + 1, said(failure)?)),
            }
        }
        match warnings.first() {
            Some(first) if fail => Err(bad_request(format!("Warnings found during import: {first}"))),
            _ => Ok(json!({ "ids": ids, "warnings": warnings }).into()),
        }
    })
}

/// What a failure says; a store that does not work is passed on.
fn said(failure: Failure) -> Result<String, Failure> {
    match failure {
        Failure::Api(error) => Ok(error.message.unwrap_or(error.code)),
        store @ Failure::Store(_) => Err(store),
    }
}

/// The first line names the columns: `name` and `key` at least, `description`, `enabled` and `usageplanIds`.
fn rows(text: &str) -> Result<Vec<Row>, Failure> {
    let mut lines = records(text)?.into_iter();
    let header = lines.next().unwrap_or_default();
    let column = |name: &str| header.iter().position(|h| h.trim().eq_ignore_ascii_case(name));
    let (Some(value), Some(name)) = (column("key"), column("name")) else {
        return Err(bad_request("The first row must name the columns, among them name and key"));
    };
    let (description, enabled, plans) = (column("description"), column("enabled"), column("usageplanids"));
    let rows = lines.map(|line| {
        let at = |index: Option<usize>| {
            let text = index.and_then(|i| line.get(i)).map(|t| t.trim()).unwrap_or_default();
            (!text.is_empty()).then(|| text.to_owned())
        };
        Row {
            name: at(Some(name)),
            value: at(Some(value)),
            description: at(description),
            enabled: at(enabled).is_none_or(|text| text.eq_ignore_ascii_case("true")),
            plans: at(plans)
                .into_iter()
                .flat_map(|p| p.split(',').map(|p| p.trim().to_owned()).collect::<Vec<_>>())
                .collect(),
        }
    });
    Ok(rows.collect())
}

/// The file's records.
fn records(text: &str) -> Result<Vec<Vec<String>>, Failure> {
    let mut reader = csv::ReaderBuilder::new().has_headers(false).flexible(true).from_reader(text.as_bytes());
    let mut records: Vec<Vec<String>> = Vec::new();
    for record in reader.records() {
        let record = record.map_err(|e| bad_request(format!("The file cannot be read as CSV: {e}")))?;
        if records.len() > MAX_ROWS {
            return Err(bad_request(format!("The file has more than {MAX_ROWS} rows")));
        }
        records.push(record.iter().map(str::to_owned).collect());
    }
    Ok(records)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn quotes_hold_commas_quotes_and_line_ends() {
        let read = records("a,\"b,\"\"c\"\"\nd\",e\r\n\nf,,\n").unwrap_or_default();
        assert_eq!(read, [vec!["a", "b,\"c\"\nd", "e"], vec!["f", "", ""]]);
    }
}
