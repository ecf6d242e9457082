//! Dates in conditions, as AWS checks them when a policy comes in.

/// AWS checks dates of conditions part by part and takes more than ISO 8601 (`01T`, `-292275054`,
/// `2016-12-13t2:00:00.5+23` are recorded as valid).
pub(super) fn is_recorded_as_valid(text: &str) -> bool {
    let within =
        |text: &str, low: i64, high: i64| text.parse::<i64>().is_ok_and(|n| (low..=high).contains(&n));
    let text = text.to_ascii_lowercase();
    if !text.contains(['t', '-']) {
        return within(&text, 0, i64::MAX);
    }
    let (date, time) = text.split_once('t').unwrap_or((&text, ""));
    let (sign, date) = date.strip_prefix('-').map_or(("", date), |date| ("-", date));
    let mut date = date.split('-');
    let year = format!("{sign}{}", date.next().unwrap_or(""));
    let date_fits = within(&year, -292_275_054, 292_278_993)
        && date.next().is_none_or(|month| within(month, 1, 12))
        && date.next().is_none_or(|day| within(day, 1, 31))
        && date.next().is_none();
    let mut time = time.splitn(3, ':');
    let hours = time.next().unwrap_or("");
    let time_fits = (hours.is_empty() || within(hours, 0, 23))
        && time.next().is_none_or(|minutes| within(minutes, 0, 59));
    let Some(rest) = time.next() else { return date_fits && time_fits };
    let two = |text: &str, high| text.len() == 2 && within(text, 0, high);
    let seconds = match rest.split_once(['z', '+', '-']) {
        Some((seconds, "")) if rest.ends_with('z') => seconds,
        Some((seconds, zone)) => {
            let (hours, minutes) = zone.split_once(':').unwrap_or((zone, "00"));
            if !two(hours, 23) || !two(minutes, 59) {
                return false;
            }
            seconds
        }
        None => rest,
    };
    let (whole, fraction) = seconds.split_once('.').unwrap_or((seconds, "0"));
    date_fits && time_fits && within(whole, 0, 59) && within(fraction, 0, 999_999_999)
}
