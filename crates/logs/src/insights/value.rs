use std::cmp::Ordering;

/// What an expression of a query yields. A field that an event does not have is `Null`.
#[derive(Clone, Debug, PartialEq)]
pub(super) enum Val {
    Null,
    Bool(bool),
    Num(f64),
    Text(String),
    /// Milliseconds since 1970, shown as a date.
    Time(i64),
}

impl Val {
    pub(super) fn number(&self) -> Option<f64> {
        match self {
            Self::Null => None,
            Self::Bool(b) => Some(f64::from(u8::from(*b))),
            Self::Num(n) => Some(*n),
            Self::Text(text) => text.trim().parse().ok().filter(|n: &f64| n.is_finite()),
            Self::Time(ms) => Some(*ms as f64),
        }
    }

    pub(super) fn is_true(&self) -> bool {
        match self {
            Self::Bool(b) => *b,
            Self::Num(n) => *n != 0.0,
            Self::Text(text) => text.eq_ignore_ascii_case("true"),
            Self::Null | Self::Time(_) => false,
        }
    }

    /// As results show it; `None` for what is not there. Truth is 1 or 0 (as the guide says of strcontains), numbers have
    /// at most four decimals (public samples of answers; reasoned).
    pub(super) fn shown(&self) -> Option<String> {
        match self {
            Self::Null => None,
            Self::Bool(b) => Some(u8::from(*b).to_string()),
            Self::Num(n) if n.is_finite() => Some(number_text(*n)),
            Self::Num(_) => None,
            Self::Text(text) => Some(text.clone()),
            Self::Time(ms) => Some(time_text(*ms)),
        }
    }

    pub(super) fn text(&self) -> String {
        self.shown().unwrap_or_default()
    }

    /// Numbers by value, everything else as text.
    pub(super) fn compare(&self, other: &Self) -> Option<Ordering> {
        match (self, other) {
            (Self::Null, _) | (_, Self::Null) => None,
            _ => match (self.number(), other.number()) {
                (Some(a), Some(b)) => a.partial_cmp(&b),
                _ => Some(self.text().cmp(&other.text())),
            },
        }
    }

    /// A total order for `sort`: what is not there comes first, numbers before text.
    pub(super) fn order(&self, other: &Self) -> Ordering {
        let rank = |v: &Self| match v {
            Self::Null => 0,
            v if v.number().is_some() => 1,
            _ => 2,
        };
        rank(self).cmp(&rank(other)).then_with(|| self.compare(other).unwrap_or(Ordering::Equal))
    }
}

impl From<&serde_json::Value> for Val {
    fn from(value: &serde_json::Value) -> Self {
        match value {
            serde_json::Value::Null => Self::Null,
            // Discovered booleans read `true` and `false`.
            serde_json::Value::Bool(b) => Self::Text(b.to_string()),
            serde_json::Value::Number(n) => n.as_f64().map_or(Self::Null, Self::Num),
            serde_json::Value::String(text) => Self::Text(text.clone()),
            other => Self::Text(other.to_string()),
        }
    }
}

fn number_text(n: f64) -> String {
    if n == n.trunc() && n.abs() < 1e15 {
        return format!("{n:.0}");
    }
    let text = format!("{n:.4}");
    text.trim_end_matches('0').trim_end_matches('.').to_owned()
}

/// `2026-11-25 10:43:29.000`.
pub(super) fn time_text(ms: i64) -> String {
    let time = jiff::Timestamp::from_millisecond(ms).unwrap_or_default();
    time.strftime("%Y-%m-%d %H:%M:%S.%3f").to_string()
}
