//! Pages of lists: `MaxItems`, `Marker`, `IsTruncated`.

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use serde_json::{Map, Value, json};
use wire::Call;

use crate::error::{Fail, validation};

/// Items of a page unless the call says otherwise (API Reference, "MaxItems").
const DEFAULT: usize = 100;

/// One page of `items`, which are in order of their keys, under `member`.
///
/// The marker is the key of the last item answered, so that items made or deleted in between neither repeat nor hide
/// others.
pub(crate) fn page(
    call: &Call,
    member: &str,
    items: impl IntoIterator<Item = (String, Value)>,
) -> Result<Map<String, Value>, Fail> {
    let limit = call
        .input
        .get("MaxItems")
        .and_then(Value::as_u64)
        .and_then(|n| usize::try_from(n).ok())
        .unwrap_or(DEFAULT)
        .clamp(1, 1_000);
    let after = call.text("Marker").map(decode).transpose()?;
    let mut rest =
        items.into_iter().filter(|(key, _)| after.as_deref().is_none_or(|a| key.as_str() > a)).peekable();
    let mut last = String::new();
    let mut found = Vec::new();
    while found.len() < limit {
        let Some((key, value)) = rest.next() else { break };
        last = key;
        found.push(value);
    }
    let more = rest.peek().is_some();
    let mut output = Map::new();
    output.insert(member.to_owned(), Value::Array(found));
    output.insert("IsTruncated".to_owned(), json!(more));
    if more {
        output.insert("Marker".to_owned(), json!(STANDARD.encode(last)));
    }
    Ok(output)
}

fn decode(marker: &str) -> Result<String, Fail> {
    STANDARD
        .decode(marker)
        .ok()
        .and_then(|bytes| String::from_utf8(bytes).ok())
        // The text is ours: no recording of a bad marker was found.
        .ok_or_else(|| validation(format!("Invalid Marker: {marker}")))
}
