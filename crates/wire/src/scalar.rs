//! Numbers, truth values, points in time and blobs as text, and the texts of refused conversions.

use base64::Engine as _;
use base64::alphabet::STANDARD;
use base64::engine::{DecodePaddingMode, GeneralPurpose, GeneralPurposeConfig};
use jiff::Timestamp;
use serde_json::{Number, Value};

use crate::error::ApiError;
use crate::model::{Kind, Protocol};

/// Standard base64; padding may be missing, as Java's decoder allows.
pub(crate) const BASE64: GeneralPurpose = GeneralPurpose::new(
    &STANDARD,
    GeneralPurposeConfig::new().with_decode_padding_mode(DecodePaddingMode::Indifferent),
);

/// The error for a request that cannot be read at all.
///
/// `SerializationException` is recorded for API Gateway (`errors.tsv`). `MalformedInput`, 400, is what CloudWatch's query
/// interface answered (aws-beam/aws-elixir pull request 199); for IAM and STS it is taken over by reasoning.
pub(crate) fn malformed(protocol: Protocol, text: impl Into<String>) -> ApiError {
    match protocol {
        Protocol::RestJson | Protocol::Json => ApiError::new("SerializationException", 400, text),
        Protocol::Query => ApiError::new("MalformedInput", 400, text),
    }
}

/// The text AWS gives for a value of another type, recorded for API Gateway
/// (`class java.lang.Boolean can not be converted to an String`, article included).
pub(crate) fn conversion(from: &str, kind: &Kind) -> String {
    let to = match kind {
        Kind::String => "String",
        Kind::Integer => "Integer",
        Kind::Long => "Long",
        Kind::Double => "Double",
        Kind::Boolean => "Boolean",
        Kind::Blob => "Blob",
        Kind::Timestamp => "Timestamp",
        Kind::Structure { .. } => "Structure",
        Kind::List(_) => "List",
        Kind::Map { .. } => "Map",
    };
    format!("class {from} can not be converted to an {to}")
}

/// Reads a scalar that travels as text: in a path, query string, header or form.
pub(crate) fn from_text(kind: &Kind, text: &str) -> Result<Value, String> {
    let refused = || conversion("java.lang.String", kind);
    Ok(match kind {
        Kind::Integer => Value::from(text.trim().parse::<i32>().map_err(|_| refused())?),
        Kind::Long => Value::from(text.trim().parse::<i64>().map_err(|_| refused())?),
        Kind::Double => {
            let number = text.trim().parse::<f64>().ok().and_then(Number::from_f64);
            Value::Number(number.ok_or_else(refused)?)
        }
        Kind::Boolean => match text {
            "true" | "True" | "TRUE" => Value::Bool(true),
            "false" | "False" | "FALSE" => Value::Bool(false),
            _ => return Err(refused()),
        },
        Kind::Timestamp => timestamp_from_text(text).ok_or_else(refused)?,
        Kind::Blob => {
            BASE64.decode(text).map_err(|_| refused())?;
            Value::from(text)
        }
        Kind::String => Value::from(text),
        Kind::Structure { .. } | Kind::List(_) | Kind::Map { .. } => return Err(refused()),
    })
}

/// ISO 8601, or seconds since 1970.
pub(crate) fn timestamp_from_text(text: &str) -> Option<Value> {
    let text = text.trim();
    if let Ok(seconds) = text.parse::<f64>() {
        return seconds_value(seconds);
    }
    let at: Timestamp = text.parse().ok().or_else(|| format!("{text}Z").parse().ok())?;
    // Microseconds are more than any service keeps, and a double holds them exactly enough.
    let micros = at.as_microsecond();
    if micros % 1_000_000 == 0 {
        Some(Value::from(micros / 1_000_000))
    } else {
        Number::from_f64(micros as f64 / 1e6).map(Value::Number)
    }
}

/// A number of seconds, whole ones as an integer.
pub(crate) fn seconds_value(seconds: f64) -> Option<Value> {
    if seconds.fract() == 0.0 && seconds.abs() < 9e15 {
        Some(Value::from(seconds as i64))
    } else {
        Number::from_f64(seconds).map(Value::Number)
    }
}

/// ISO 8601 in UTC, for example `2026-11-23T09:00:00Z`; fractions only where there are some.
pub(crate) fn timestamp_to_iso(seconds: f64) -> Option<String> {
    let at = Timestamp::from_microsecond((seconds * 1e6).round() as i64).ok()?;
    Some(at.to_string())
}

/// Writes a scalar as text: in a path, query string, header, form or XML. `None` for what is not a scalar.
pub(crate) fn to_text(kind: &Kind, value: &Value) -> Option<String> {
    match (kind, value) {
        (Kind::Timestamp, Value::Number(n)) => n.as_f64().and_then(timestamp_to_iso),
        (_, Value::String(text)) => Some(text.clone()),
        (_, Value::Bool(truth)) => Some(truth.to_string()),
        (_, Value::Number(number)) => Some(number.to_string()),
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn points_in_time_are_read_from_iso_and_from_seconds() {
        let read = |text| timestamp_from_text(text);
        assert_eq!(read("2026-11-23T09:00:00Z"), Some(Value::from(1_795_424_400)));
        assert_eq!(read("2026-11-23T09:00:00"), Some(Value::from(1_795_424_400)));
        assert_eq!(read("2026-11-23T10:00:00.5+01:00"), Some(Value::from(1_795_424_400.5)));
        assert_eq!(read("1795424400"), Some(Value::from(1_795_424_400)));
        assert_eq!(read("tomorrow"), None);
    }

    #[test]
    fn points_in_time_are_written_without_empty_fractions() {
        assert_eq!(timestamp_to_iso(1_795_424_400.0).as_deref(), Some("2026-11-23T09:00:00Z"));
        assert_eq!(timestamp_to_iso(1_795_424_400.5).as_deref(), Some("2026-11-23T09:00:00.5Z"));
        assert_eq!(timestamp_to_iso(f64::MAX), None);
    }

    #[test]
    fn text_that_is_no_number_is_refused() {
        assert!(from_text(&Kind::Integer, "3000000000").is_err());
        assert_eq!(from_text(&Kind::Long, "3000000000"), Ok(Value::from(3_000_000_000_i64)));
        assert!(from_text(&Kind::Double, "NaN").is_err());
        assert!(from_text(&Kind::Boolean, "yes").is_err());
        assert!(from_text(&Kind::Blob, "%%").is_err());
    }
}
