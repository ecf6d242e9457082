/// A moment to the second, as Signature Version 4 writes it: `20150830T123600Z`.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Timestamp(i64);

const MONTHS: [&str; 12] =
    ["Jan", "Feb", "Mar", "Apr", "May", "Jun", "Jul", "Aug", "Sep", "Oct", "Nov", "Dec"];

impl Timestamp {
    /// From seconds since 1970. Years outside 0 to 9999 are brought to the nearest one inside.
    #[must_use]
    pub fn from_seconds(seconds: i64) -> Self {
        Self(seconds.clamp(-62_167_219_200, 253_402_300_799))
    }

    /// Seconds since 1970.
    #[must_use]
    pub fn seconds(self) -> i64 {
        self.0
    }

    /// Reads ISO 8601 basic format, or the date of HTTP (`Sun, 06 Nov 1994 08:49:37 GMT`), which a `Date` header holds.
    #[must_use]
    pub fn parse(text: &str) -> Option<Self> {
        Self::parse_basic(text).or_else(|| Self::parse_http(text))
    }

    fn parse_basic(text: &str) -> Option<Self> {
        let b = text.as_bytes();
        if b.len() != 16 || b.get(8) != Some(&b'T') || b.get(15) != Some(&b'Z') {
            return None;
        }
        let part = |from: usize, to: usize| number(text.get(from..to)?);
        Self::from_civil(part(0, 4)?, part(4, 6)?, part(6, 8)?, part(9, 11)?, part(11, 13)?, part(13, 15)?)
    }

    fn parse_http(text: &str) -> Option<Self> {
        let rest = text.split_once(", ")?.1;
        let mut parts = rest.split(' ');
        let day = number(parts.next()?)?;
        let name = parts.next()?;
        let month = MONTHS.iter().position(|m| *m == name)? as i64 + 1;
        let year = number(parts.next()?)?;
        let mut clock = parts.next()?.split(':');
        let (hour, minute, second) = (number(clock.next()?)?, number(clock.next()?)?, number(clock.next()?)?);
        if parts.next() != Some("GMT") || parts.next().is_some() || clock.next().is_some() {
            return None;
        }
        Self::from_civil(year, month, day, hour, minute, second)
    }

    fn from_civil(year: i64, month: i64, day: i64, hour: i64, minute: i64, second: i64) -> Option<Self> {
        if !(0..=9999).contains(&year)
            || !(1..=12).contains(&month)
            || !(1..=days_in(year, month)).contains(&day)
            || hour > 23
            || minute > 59
            || second > 60
        {
            return None;
        }
        Some(Self(days_from_civil(year, month, day) * 86_400 + hour * 3600 + minute * 60 + second))
    }

    /// `20150830`, the date of a credential scope.
    #[must_use]
    pub fn date(self) -> String {
        let mut text = String::with_capacity(16);
        self.write_date(&mut text);
        text
    }

    /// `20150830T123600Z`.
    pub(crate) fn basic(self) -> String {
        let mut text = String::with_capacity(16);
        self.write_date(&mut text);
        text.push('T');
        let rest = self.0.rem_euclid(86_400);
        for part in [rest / 3600, rest / 60 % 60, rest % 60] {
            two_digits(&mut text, part);
        }
        text.push('Z');
        text
    }

    fn write_date(self, to: &mut String) {
        let (year, month, day) = self.civil();
        for part in [year / 100, year % 100, month, day] {
            two_digits(to, part);
        }
    }

    fn civil(self) -> (i64, i64, i64) {
        // Gregorian calendar in cycles of 400 years that begin on 1 March, so that a leap day is a cycle's last.
        let z = self.0.div_euclid(86_400) + 719_468;
        let era = z.div_euclid(146_097);
        let day_of_era = z.rem_euclid(146_097);
        let year_of_era = (day_of_era - day_of_era / 1460 + day_of_era / 36_524 - day_of_era / 146_096) / 365;
        let day_of_year = day_of_era - (365 * year_of_era + year_of_era / 4 - year_of_era / 100);
        let from_march = (5 * day_of_year + 2) / 153;
        let day = day_of_year - (153 * from_march + 2) / 5 + 1;
        let month = if from_march < 10 { from_march + 3 } else { from_march - 9 };
        (year_of_era + era * 400 + i64::from(month <= 2), month, day)
    }
}

impl std::fmt::Display for Timestamp {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(&self.basic())
    }
}

/// Every signed request is given its time as text, twice: by digits, in a fifth of the instructions of `format!`.
fn two_digits(to: &mut String, number: i64) {
    let digit = |digit: i64| char::from(b'0' + u8::try_from(digit.rem_euclid(10)).unwrap_or(0));
    to.push(digit(number / 10));
    to.push(digit(number));
}

fn number(text: &str) -> Option<i64> {
    if text.is_empty() || text.len() > 4 || !text.bytes().all(|b| b.is_ascii_digit()) {
        return None;
    }
    text.parse().ok()
}

fn days_in(year: i64, month: i64) -> i64 {
    match month {
        2 if year % 4 == 0 && (year % 100 != 0 || year % 400 == 0) => 29,
        2 => 28,
        4 | 6 | 9 | 11 => 30,
        _ => 31,
    }
}

fn days_from_civil(year: i64, month: i64, day: i64) -> i64 {
    let year = if month <= 2 { year - 1 } else { year };
    let era = year.div_euclid(400);
    let year_of_era = year.rem_euclid(400);
    let from_march = if month > 2 { month - 3 } else { month + 9 };
    let day_of_year = (153 * from_march + 2) / 5 + day - 1;
    era * 146_097 + year_of_era * 365 + year_of_era / 4 - year_of_era / 100 + day_of_year - 719_468
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn reads_and_writes_the_basic_format() {
        for (text, seconds) in [
            ("19700101T000000Z", 0),
            ("20150830T123600Z", 1_440_938_160),
            ("20000229T235959Z", 951_868_799),
            ("20261231T000000Z", 1_798_675_200),
        ] {
            assert_eq!(Timestamp::parse(text).unwrap().seconds(), seconds, "{text}");
            assert_eq!(Timestamp::from_seconds(seconds).to_string(), text);
        }
    }

    #[test]
    fn reads_the_date_of_http() {
        assert_eq!(
            Timestamp::parse("Mon, 09 Sep 2011 23:36:00 GMT").unwrap().to_string(),
            "20110909T233600Z"
        );
    }

    #[test]
    fn refuses_what_is_no_moment() {
        for text in [
            "",
            "2015-08-30T12:36:00Z",
            "20150230T000000Z",
            "20151301T000000Z",
            "20150830T240000Z",
            "20150830T123600",
            "+0150830T123600Z",
            "Mon, 09 Sep 2011 23:36:00 CET",
            "é0150830T12360Z",
        ] {
            assert_eq!(Timestamp::parse(text), None, "{text}");
        }
    }
}
