//! Lists, a page at a time.

use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use serde_json::{Map, Value};
use wire::{Call, Reply};

use super::failure::{Failure, bad_request};

/// Items on a page when the client does not say (API reference: `limit`, "The default value is 25 and the maximum
/// value is 500").
const DEFAULT_LIMIT: usize = 25;
const MAX_LIMIT: usize = 500;

/// The page of `items`, which are in the order of their keys, that the call's `position` and `limit` ask for.
pub(super) fn page(call: &Call, items: Vec<(String, Value)>) -> Result<Reply, Failure> {
    let limit = match call.input.get("limit").and_then(Value::as_i64) {
        None => DEFAULT_LIMIT,
        // A limit out of bounds is brought into bounds; AWS's answer to one is not recorded.
        Some(n) => usize::try_from(n).unwrap_or(1).clamp(1, MAX_LIMIT),
    };
    let after = match call.text("position") {
        None | Some("") => None,
        Some(token) => Some(decode(token).ok_or_else(|| bad_request("Invalid position specified"))?),
    };
    let mut rest =
        items.into_iter().filter(|(key, _)| after.as_ref().is_none_or(|after| key > after)).peekable();
    let mut shown = Vec::new();
    let mut last = String::new();
    while shown.len() < limit
        && let Some((key, value)) = rest.next()
    {
        last = key;
        shown.push(value);
    }
    let mut output = Map::new();
    if rest.peek().is_some() {
        output.insert("position".into(), URL_SAFE_NO_PAD.encode(last).into());
    }
    output.insert("items".into(), Value::Array(shown));
    Ok(Reply { output, ..Reply::default() })
}

fn decode(token: &str) -> Option<String> {
    String::from_utf8(URL_SAFE_NO_PAD.decode(token).ok()?).ok()
}
