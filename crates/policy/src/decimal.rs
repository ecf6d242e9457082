//! Decimal numbers, compared exactly: binary floating point takes neighbouring integers of 16 and more digits for equal.

use std::cmp::Ordering;

/// `mantissa * 10^exponent`, without trailing zeros in the mantissa.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Decimal {
    mantissa: i128,
    exponent: i32,
}

/// The most significant digits: what an `i128` surely holds.
const MAX_DIGITS: u32 = 38;
/// The largest written exponent, either way.
const MAX_EXPONENT: i32 = 400;

impl Decimal {
    /// Reads an integer or decimal, with a sign and an exponent if wanted.
    pub(crate) fn parse(text: &str) -> Option<Self> {
        let text = text.trim();
        let (digits, power) = match text.split_once(['e', 'E']) {
            Some((digits, power)) => (digits, power.parse::<i32>().ok()?),
            None => (text, 0),
        };
        let unsigned = digits.strip_prefix(['+', '-']).unwrap_or(digits);
        if power.abs() > MAX_EXPONENT || !unsigned.bytes().any(|b| b.is_ascii_digit()) {
            return None;
        }
        let (whole, fraction) = unsigned.split_once('.').unwrap_or((unsigned, ""));
        let (mut mantissa, mut exponent) = (0_i128, power);
        // Zeros count only once a digit follows, so that `1.000…` of any length is read.
        let mut zeros = 0_u32;
        for (byte, of_fraction) in
            whole.bytes().map(|b| (b, false)).chain(fraction.bytes().map(|b| (b, true)))
        {
            if !byte.is_ascii_digit() {
                return None;
            }
            exponent = exponent.checked_sub(i32::from(of_fraction))?;
            zeros += 1;
            if byte != b'0' {
                mantissa = match mantissa {
                    0 => 0,
                    some => some.checked_mul(10_i128.checked_pow(zeros)?)?,
                } + i128::from(byte - b'0');
                zeros = 0;
            }
        }
        if mantissa == 0 {
            return Some(Self { mantissa: 0, exponent: 0 });
        }
        let exponent = exponent.checked_add(i32::try_from(zeros).ok()?)?;
        let mantissa = if digits.starts_with('-') { -mantissa } else { mantissa };
        (count(mantissa) <= MAX_DIGITS).then_some(Self { mantissa, exponent })
    }

    /// The place of the first digit: 3 for 100.
    fn magnitude(self) -> i64 {
        i64::from(self.exponent) + i64::from(count(self.mantissa))
    }
}

fn count(mantissa: i128) -> u32 {
    mantissa.unsigned_abs().checked_ilog10().map_or(0, |log| log + 1)
}

impl Ord for Decimal {
    fn cmp(&self, other: &Self) -> Ordering {
        let sign = self.mantissa.signum();
        let by_sign = sign.cmp(&other.mantissa.signum());
        if by_sign.is_ne() || sign == 0 {
            return by_sign;
        }
        let by_magnitude = match sign {
            1 => self.magnitude().cmp(&other.magnitude()),
            _ => other.magnitude().cmp(&self.magnitude()),
        };
        // Equally large: as many digits on both sides are within 38.
        by_magnitude.then_with(|| {
            let fill =
                |one: &Self, to: u32| one.mantissa.saturating_mul(10_i128.pow(to - count(one.mantissa)));
            let to = count(self.mantissa).max(count(other.mantissa));
            fill(self, to).cmp(&fill(other, to))
        })
    }
}

impl PartialOrd for Decimal {
    fn partial_cmp(&self, other: &Self) -> Option<Ordering> {
        Some(self.cmp(other))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[track_caller]
    fn check(one: &str, other: &str, expected: Ordering) {
        let (one, other) = (Decimal::parse(one).unwrap(), Decimal::parse(other).unwrap());
        assert_eq!(one.cmp(&other), expected);
        assert_eq!(other.cmp(&one), expected.reverse());
        assert_eq!(one == other, expected.is_eq());
    }

    #[test]
    fn forms_of_one_number() {
        for same in
            ["10", "10.0", "+10", " 10 ", "1e1", "1.E1", "100e-1", "0010", "10.000000000000000000000000000"]
        {
            check("10", same, Ordering::Equal);
        }
        check("0", "-0.000", Ordering::Equal);
        check(".5", "0.50", Ordering::Equal);
        check(&format!("1{}", "0".repeat(300)), "1e300", Ordering::Equal);
    }

    #[test]
    fn order() {
        check("9", "10", Ordering::Less);
        check("-10", "-9", Ordering::Less);
        check("-1", "0", Ordering::Less);
        check("-1", "0.1", Ordering::Less);
        check("9.99", "10", Ordering::Less);
        check("1.25", "1.3", Ordering::Less);
        check("-1.25", "-1.3", Ordering::Greater);
        check("9007199254740992", "9007199254740993", Ordering::Less);
        check("0.1", "0.10000000000000000001", Ordering::Less);
        check(&"9".repeat(38), "1e38", Ordering::Less);
    }

    #[test]
    fn no_numbers() {
        let long = "123456789".repeat(5);
        for none in [
            "", ".", "-", "e5", "1e", "inf", "nan", "ten", "1_000", "0x10", "1e999", "1.2.3", "--1", "1-",
            &long,
        ] {
            assert_eq!(Decimal::parse(none), None, "{none}");
        }
    }
}
