//! Typed values of conditions: dates, addresses, bytes. Each reader answers `None` for what it cannot read.

use std::net::IpAddr;

use ipnet::IpNet;
use jiff::civil::{Date, DateTime};
use jiff::tz::TimeZone;
use jiff::{SignedDuration, Timestamp};

/// An ISO 8601 / W3C date, or seconds since 1970.
pub(crate) fn date(text: &str) -> Option<Timestamp> {
    let text = text.trim();
    if !text.is_empty() && text.bytes().all(|b| b.is_ascii_digit() || b == b'.') {
        let duration = SignedDuration::try_from_secs_f64(text.parse().ok()?).ok()?;
        return Timestamp::from_duration(duration).ok();
    }
    if let Ok(timestamp) = text.parse::<Timestamp>() {
        return Some(timestamp);
    }
    // W3C allows the month alone and leaves the zone out; AWS reads such dates as UTC (reasoned, not recorded).
    let civil = match text.parse::<DateTime>() {
        Ok(civil) => civil,
        Err(_) => match text.len() {
            7 => format!("{text}-01").parse::<Date>().ok()?.to_datetime(jiff::civil::Time::midnight()),
            _ => text.parse::<Date>().ok()?.to_datetime(jiff::civil::Time::midnight()),
        },
    };
    civil.to_zoned(TimeZone::UTC).ok().map(|zoned| zoned.timestamp())
}

/// A CIDR block; an address alone is a block of one.
pub(crate) fn network(text: &str) -> Option<IpNet> {
    let text = text.trim();
    // Requests carry addresses, so these are tried first.
    text.parse::<IpAddr>().map(IpNet::from).or_else(|_| text.parse()).ok()
}

/// The bytes of a base64 text; padding may be left out.
pub(crate) fn bytes(text: &str) -> Option<Vec<u8>> {
    let text = text.trim().trim_end_matches('=');
    let mut out = Vec::with_capacity(text.len() / 4 * 3 + 2);
    let (mut bits, mut held) = (0u32, 0);
    for c in text.bytes() {
        let six = match c {
            b'A'..=b'Z' => c - b'A',
            b'a'..=b'z' => c - b'a' + 26,
            b'0'..=b'9' => c - b'0' + 52,
            b'+' => 62,
            b'/' => 63,
            _ => return None,
        };
        bits = bits << 6 | u32::from(six);
        held += 6;
        if held >= 8 {
            held -= 8;
            out.push((bits >> held & 0xff) as u8);
        }
    }
    // One character alone holds no byte.
    (text.len() % 4 != 1).then_some(out)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn dates_in_every_form_are_one_clock() {
        let same = date("2020-04-01T00:00:00Z").unwrap();
        for text in [
            "2020-04-01",
            "2020-04",
            "2020-04-01T00:00Z",
            "2020-04-01T00:00:00.000Z",
            "2020-04-01T02:00:00+02:00",
            "2020-04-01T00:00:00",
            "1585699200",
            "1585699200.0",
        ] {
            assert_eq!(date(text), Some(same), "{text}");
        }
        for none in ["", "soon", "2020-13-01", "99999999999999999999", "."] {
            assert_eq!(date(none), None, "{none}");
        }
    }

    #[test]
    fn networks() {
        assert!(network("203.0.113.7/24").unwrap().contains(&"203.0.113.200".parse::<IpAddr>().unwrap()));
        assert_eq!(network("::1").unwrap().prefix_len(), 128);
        assert_eq!(network("300.0.0.1"), None);
    }

    #[test]
    fn base64() {
        assert_eq!(bytes("QmluYXJ5VmFsdWU=").as_deref(), Some(&b"BinaryValue"[..]));
        assert_eq!(bytes("QmluYXJ5VmFsdWU").as_deref(), Some(&b"BinaryValue"[..]));
        assert_eq!(bytes("Q"), None);
        assert_eq!(bytes("Q*=="), None);
    }
}
