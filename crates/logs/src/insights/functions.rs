use std::net::IpAddr;

use super::value::Val;

/// A function with its name, as it is written, and how many arguments it takes.
#[derive(Clone, Copy, Debug)]
pub(super) struct Function {
    pub(super) name: &'static str,
    pub(super) least: usize,
    pub(super) most: usize,
}

const fn f(name: &'static str, least: usize, most: usize) -> Function {
    Function { name, least, most }
}

/// Arguments of functions that take any number.
const MANY: usize = 64;
/// Bytes of text that a function makes.
const MAX_TEXT: usize = 1 << 20;

/// CloudWatch Logs User Guide, "Boolean, comparison, numeric, datetime, and other functions".
const FUNCTIONS: [Function; 33] = [
    f("abs", 1, 1),
    f("ceil", 1, 1),
    f("floor", 1, 1),
    f("greatest", 1, MANY),
    f("least", 1, MANY),
    f("log", 1, 1),
    f("sqrt", 1, 1),
    f("bin", 1, 1),
    f("datefloor", 2, 2),
    f("dateceil", 2, 2),
    f("fromMillis", 1, 1),
    f("toMillis", 1, 1),
    f("now", 0, 0),
    f("ispresent", 1, 1),
    f("coalesce", 1, MANY),
    f("isValidIp", 1, 1),
    f("isValidIpv4", 1, 1),
    f("isValidIpv6", 1, 1),
    f("isIpInSubnet", 2, 2),
    f("isIpv4InSubnet", 2, 2),
    f("isIpv6InSubnet", 2, 2),
    f("isempty", 1, 1),
    f("isblank", 1, 1),
    f("concat", 1, MANY),
    f("ltrim", 1, 2),
    f("rtrim", 1, 2),
    f("trim", 1, 2),
    f("strlen", 1, 1),
    f("toupper", 1, 1),
    f("tolower", 1, 1),
    f("substr", 2, 3),
    f("replace", 3, 3),
    f("strcontains", 2, 2),
];

/// The function of this name; names are not case-sensitive here.
pub(super) fn find(name: &str) -> Option<Function> {
    FUNCTIONS.into_iter().find(|function| function.name.eq_ignore_ascii_case(name))
}

/// What a function gives. Arguments that are not of its kind give nothing.
pub(super) fn call(function: Function, arguments: &[Val], now_ms: i64) -> Val {
    let at = |n: usize| arguments.get(n).unwrap_or(&Val::Null);
    let text = |n: usize| at(n).text();
    let math =
        |with: fn(f64) -> f64| at(0).number().map(with).filter(|n| n.is_finite()).map_or(Val::Null, Val::Num);
    let numbers = || arguments.iter().filter_map(Val::number);
    let address = || text(0).parse::<IpAddr>().ok();
    match function.name {
        "abs" => math(f64::abs),
        "ceil" => math(f64::ceil),
        "floor" => math(f64::floor),
        "log" => math(f64::ln),
        "sqrt" => math(f64::sqrt),
        "greatest" => numbers().reduce(f64::max).map_or(Val::Null, Val::Num),
        "least" => numbers().reduce(f64::min).map_or(Val::Null, Val::Num),
        // The parser has put the event's time before bin's period.
        "bin" | "datefloor" => period(at(0), at(1), false),
        "dateceil" => period(at(0), at(1), true),
        "fromMillis" => at(0).number().map_or(Val::Null, |n| Val::Time(n as i64)),
        "toMillis" => at(0).number().map_or(Val::Null, Val::Num),
        "now" => Val::Num(now_ms.div_euclid(1000) as f64),
        "ispresent" => Val::Bool(*at(0) != Val::Null),
        "coalesce" => arguments.iter().find(|v| **v != Val::Null).cloned().unwrap_or(Val::Null),
        "isValidIp" => Val::Bool(address().is_some()),
        "isValidIpv4" => Val::Bool(address().is_some_and(|a| a.is_ipv4())),
        "isValidIpv6" => Val::Bool(address().is_some_and(|a| a.is_ipv6())),
        "isIpInSubnet" => Val::Bool(address().is_some_and(|a| in_subnet(a, &text(1)))),
        "isIpv4InSubnet" => Val::Bool(address().is_some_and(|a| a.is_ipv4() && in_subnet(a, &text(1)))),
        "isIpv6InSubnet" => Val::Bool(address().is_some_and(|a| a.is_ipv6() && in_subnet(a, &text(1)))),
        "isempty" => Val::Bool(text(0).is_empty()),
        "isblank" => Val::Bool(text(0).trim().is_empty()),
        "concat" => Val::Text(bounded(arguments.iter().map(Val::text).collect())),
        "ltrim" | "rtrim" | "trim" => {
            let (whole, set) = (text(0), (arguments.len() > 1).then(|| text(1)));
            let cut = |c: char| set.as_ref().map_or(c.is_whitespace(), |set| set.contains(c));
            let cut_text = match function.name {
                "ltrim" => whole.trim_start_matches(cut),
                "rtrim" => whole.trim_end_matches(cut),
                _ => whole.trim_matches(cut),
            };
            Val::Text(cut_text.to_owned())
        }
        "strlen" => match at(0) {
            Val::Null => Val::Null,
            value => Val::Num(value.text().chars().count() as f64),
        },
        "toupper" => Val::Text(bounded(text(0).to_uppercase())),
        "tolower" => Val::Text(bounded(text(0).to_lowercase())),
        "substr" => {
            let count = |n: usize| at(n).number().map(|n| n.max(0.0) as usize);
            let Some(start) = count(1) else { return Val::Null };
            Val::Text(text(0).chars().skip(start).take(count(2).unwrap_or(usize::MAX)).collect())
        }
        "replace" => {
            let (whole, from, to) = (text(0), text(1), text(2));
            let more = whole.matches(from.as_str()).count().saturating_mul(to.len());
            match from.is_empty() || whole.len().saturating_add(more) > MAX_TEXT {
                true => Val::Text(whole),
                false => Val::Text(whole.replace(&from, &to)),
            }
        }
        "strcontains" => Val::Bool(text(0).contains(&text(1))),
        _ => Val::Null,
    }
}

fn bounded(mut text: String) -> String {
    if text.len() > MAX_TEXT {
        let end = (0..=MAX_TEXT).rev().find(|at| text.is_char_boundary(*at)).unwrap_or_default();
        text.truncate(end);
    }
    text
}

/// A time rounded to a period that is given in milliseconds.
fn period(time: &Val, period: &Val, up: bool) -> Val {
    let (Some(time), Some(period)) = (time.number(), period.number()) else { return Val::Null };
    let (time, period) = (time as i64, (period as i64).max(1));
    let down = time - time.rem_euclid(period);
    Val::Time(if up && down < time { down.saturating_add(period) } else { down })
}

/// Milliseconds of `5m`, `1 hour`, `30 seconds` (same page: ms, s, m, h, d, w, mo, q, y, and longer words).
pub(super) fn milliseconds(count: f64, unit: &str) -> Option<f64> {
    let day = 86_400_000.0;
    let of_unit = match unit.to_ascii_lowercase().as_str() {
        "ms" | "msec" | "millisecond" | "milliseconds" => 1.0,
        "s" | "sec" | "secs" | "second" | "seconds" => 1000.0,
        "m" | "min" | "mins" | "minute" | "minutes" => 60_000.0,
        "h" | "hr" | "hrs" | "hour" | "hours" => 3_600_000.0,
        "d" | "day" | "days" => day,
        "w" | "week" | "weeks" => 7.0 * day,
        _ => return None,
    };
    Some(count * of_unit).filter(|ms| *ms >= 1.0)
}

fn in_subnet(address: IpAddr, subnet: &str) -> bool {
    let Some((network, length)) = subnet.split_once('/') else { return false };
    let Ok(length) = length.parse::<u32>() else { return false };
    match (address, network.parse::<IpAddr>()) {
        (IpAddr::V4(address), Ok(IpAddr::V4(network))) if length <= 32 => {
            let shift = 32 - length;
            (u64::from(u32::from(address)) >> shift) == (u64::from(u32::from(network)) >> shift)
        }
        (IpAddr::V6(address), Ok(IpAddr::V6(network))) if length <= 128 => {
            let mask = u128::MAX.checked_shl(128 - length).unwrap_or_default();
            (u128::from(address) & mask) == (u128::from(network) & mask)
        }
        _ => false,
    }
}
