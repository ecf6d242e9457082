//! Pages of lists: `MaxItems`, `Marker`, `IsTruncated`.

use serde_json::{Map, Value, json};
use wire::{Call, paginate};

use crate::error::{Fail, validation};

/// Items of a page unless the call says otherwise (API Reference, "MaxItems").
const DEFAULT: usize = 100;

/// One page of `items`, which are in order of their keys, under `member`.
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
    let marker = call.text("Marker");
    let (found, next) = paginate(items, |(key, _)| key.clone(), marker, limit)
        // test_list_virtual_mfa_devices `list-invalid-marker-error`.
        .map_err(|_| validation("Invalid Marker."))?;
    let mut output = Map::new();
    output.insert(member.to_owned(), found.into_iter().map(|(_, value)| value).collect());
    output.insert("IsTruncated".to_owned(), json!(next.is_some()));
    if let Some(next) = next {
        output.insert("Marker".to_owned(), next.into());
    }
    Ok(output)
}
