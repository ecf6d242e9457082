//! What is kept as the client sent it and shown again: filters, policies, definitions, destinations.

use serde_json::{Map, Value};
use wire::{ApiError, Call, Reply, paginate};

use crate::fail::{Fail, Result, invalid_token};
use crate::groups;

/// These members of the input, as far as they were sent.
pub(crate) fn members(call: &Call, names: &[&str]) -> Map<String, Value> {
    let sent = names.iter().filter_map(|name| call.input.get_key_value(*name));
    sent.map(|(name, value)| (name.clone(), value.clone())).collect()
}

/// A text member, empty when there is none.
pub(crate) fn text<'d>(document: &'d Map<String, Value>, member: &str) -> &'d str {
    document.get(member).and_then(Value::as_str).unwrap_or_default()
}

/// One page of documents, in the order of their keys, as the member `list` of the answer.
pub(crate) fn page(
    call: &Call,
    list: &str,
    documents: impl IntoIterator<Item = (String, Map<String, Value>)>,
    most: usize,
) -> Result<Reply> {
    let (page, next) =
        paginate(documents, |(key, _)| key.clone(), call.text("nextToken"), groups::limit(call, most))
            .map_err(|_| invalid_token())?;
    let shown: Vec<Value> = page.into_iter().map(|(_, document)| document.into()).collect();
    let mut output = Map::new();
    output.insert(list.to_owned(), shown.into());
    if let Some(next) = next {
        output.insert("nextToken".to_owned(), next.into());
    }
    Ok(Value::Object(output).into())
}

pub(crate) fn missing(text: impl Into<String>) -> Fail {
    Fail::from(ApiError::new("ResourceNotFoundException", 400, text))
}
