//! One entry of a Condition block: an operator, a key, its values.

use ipnet::IpNet;
use jiff::Timestamp;

use crate::arn_pattern::{ArnPattern, ArnValue};
use crate::decimal::Decimal;
use crate::operator::{Operator, SetPrefix, Test};
use crate::pattern::{Dialect, Pattern};
use crate::{Context, Span, value};

#[derive(Clone, Debug)]
pub(crate) struct Condition {
    /// The operator as written.
    pub(crate) operator_name: Box<str>,
    /// `None`: there is no such operator, so the condition never holds.
    pub(crate) operator: Option<Operator>,
    /// The key as written.
    pub(crate) key: Box<str>,
    /// Key and values.
    pub(crate) span: Span,
    /// The values as written.
    pub(crate) texts: Vec<Box<str>>,
    values: Values,
}

#[derive(Clone, Debug)]
enum Values {
    Patterns(Vec<Pattern>),
    Arns(Vec<ArnPattern>),
    Numbers(Vec<Option<Decimal>>),
    Dates(Vec<Option<Timestamp>>),
    Networks(Vec<Option<IpNet>>),
    Bytes(Vec<Option<Vec<u8>>>),
    /// For `Null`: whether `true` and whether `false` is listed.
    Presence {
        absent: bool,
        present: bool,
    },
    None,
}

impl Condition {
    pub(crate) fn compile(name: &str, key: &str, texts: Vec<Box<str>>, variables: bool, span: Span) -> Self {
        let operator = Operator::parse(name);
        let patterns = |variables, wildcards| {
            let dialect = Dialect { variables, wildcards };
            Values::Patterns(texts.iter().map(|t| Pattern::compile(t, dialect)).collect())
        };
        let values = match operator.map(|o| o.test) {
            Some(Test::String | Test::StringIgnoreCase | Test::Bool) => patterns(variables, false),
            Some(Test::StringLike) => patterns(variables, true),
            Some(Test::Arn) => {
                Values::Arns(texts.iter().map(|t| ArnPattern::condition(t, variables)).collect())
            }
            Some(Test::Numeric(_)) => Values::Numbers(texts.iter().map(|t| Decimal::parse(t)).collect()),
            Some(Test::Date(_)) => Values::Dates(texts.iter().map(|t| value::date(t)).collect()),
            Some(Test::Ip) => Values::Networks(texts.iter().map(|t| value::network(t)).collect()),
            Some(Test::Binary) => Values::Bytes(texts.iter().map(|t| value::bytes(t)).collect()),
            Some(Test::Null) => Values::Presence {
                absent: texts.iter().any(|t| t.eq_ignore_ascii_case("true")),
                present: texts.iter().any(|t| t.eq_ignore_ascii_case("false")),
            },
            None => Values::None,
        };
        Self { operator_name: name.into(), operator, key: key.into(), span, texts, values }
    }

    /// The ARNs to compare with, for explanations.
    pub(crate) fn arns(&self) -> &[ArnPattern] {
        match &self.values {
            Values::Arns(arns) => arns,
            _ => &[],
        }
    }

    /// The strings to compare with, for explanations.
    pub(crate) fn patterns(&self) -> &[Pattern] {
        match &self.values {
            Values::Patterns(patterns) => patterns,
            _ => &[],
        }
    }

    /// Whether the condition holds for a request with this context.
    pub(crate) fn holds(&self, context: &Context) -> bool {
        let Some(operator) = self.operator else { return false };
        // A key without values counts as missing.
        let actual = context.get(&self.key).filter(|values| !values.is_empty());
        if let Values::Presence { absent, present } = self.values {
            return if actual.is_some() { present } else { absent };
        }
        let Some(actual) = actual else {
            return match operator.set {
                Some(SetPrefix::All) => true,
                Some(SetPrefix::Any) => operator.if_exists,
                None => operator.negated || operator.if_exists,
            };
        };
        let one = |value: &String| operator.negated != self.any_matches(operator.test, value, context);
        // What resolves to an empty string counts as an empty set (UG condition-single-vs-multi-valued-keys): with
        // ForAllValues the condition holds, with ForAnyValue it does not.
        let nothing = || actual.iter().all(String::is_empty);
        match (operator.set, actual) {
            (Some(SetPrefix::All), values) => nothing() || values.iter().all(one),
            (Some(SetPrefix::Any), values) => !nothing() && values.iter().any(one),
            (None, [value]) => one(value),
            // Many values without a set prefix: AWS documents no result. No match, which grants nothing.
            (None, _) => false,
        }
    }

    /// Whether `actual` matches any value of the policy; negation is not applied.
    pub(crate) fn any_matches(&self, test: Test, actual: &str, context: &Context) -> bool {
        match &self.values {
            // A variable without value makes its text match nothing, so a negated operator holds
            // (UG reference_policies_variables, "policy variables with no value").
            Values::Patterns(patterns) => patterns.iter().any(|p| match test {
                Test::StringIgnoreCase => p.equals_ignoring_case(actual, context).unwrap_or(false),
                Test::Bool => {
                    let is_bool = actual.eq_ignore_ascii_case("true") || actual.eq_ignore_ascii_case("false");
                    is_bool && p.equals_ignoring_case(actual, context).unwrap_or(false)
                }
                _ => p.matches(actual, context).unwrap_or(false),
            }),
            Values::Arns(arns) => {
                let actual = ArnValue::new(actual);
                arns.iter().any(|arn| arn.matches(&actual, context))
            }
            Values::Numbers(numbers) => match (test, Decimal::parse(actual)) {
                (Test::Numeric(order), Some(actual)) => {
                    numbers.iter().flatten().any(|n| order.holds(actual.cmp(n)))
                }
                _ => false,
            },
            Values::Dates(dates) => match (test, value::date(actual)) {
                (Test::Date(order), Some(actual)) => {
                    dates.iter().flatten().any(|date| order.holds(actual.cmp(date)))
                }
                _ => false,
            },
            Values::Networks(networks) => match value::network(actual) {
                // `contains` is false between IPv4 and IPv6.
                Some(actual) => networks.iter().flatten().any(|network| network.contains(&actual)),
                None => false,
            },
            Values::Bytes(bytes) => match value::bytes(actual) {
                Some(actual) => bytes.iter().flatten().any(|b| *b == actual),
                None => false,
            },
            Values::Presence { .. } | Values::None => false,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn condition(name: &str, values: &[&str]) -> Condition {
        let texts = values.iter().map(|v| (*v).into()).collect();
        Condition::compile(name, "s3:Key", texts, true, Span::default())
    }

    #[track_caller]
    fn check(name: &str, expected: &[&str], actual: Option<&[&str]>, holds: bool) {
        let mut context = Context::new();
        if let Some(actual) = actual {
            context.set_all("S3:KEY", actual.iter().map(|v| (*v).to_owned()).collect());
        }
        assert_eq!(condition(name, expected).holds(&context), holds, "{name} {expected:?} with {actual:?}");
    }

    #[test]
    fn a_missing_key() {
        for (positive, value) in [
            ("StringEquals", "a"),
            ("StringEqualsIgnoreCase", "a"),
            ("StringLike", "*"),
            ("ArnEquals", "arn:aws:s3:::*"),
            ("ArnLike", "arn:aws:s3:::*"),
            ("NumericEquals", "1"),
            ("NumericLessThan", "1"),
            ("NumericLessThanEquals", "1"),
            ("NumericGreaterThan", "1"),
            ("NumericGreaterThanEquals", "1"),
            ("DateEquals", "2020-01-01"),
            ("DateLessThan", "2020-01-01"),
            ("DateLessThanEquals", "2020-01-01"),
            ("DateGreaterThan", "2020-01-01"),
            ("DateGreaterThanEquals", "2020-01-01"),
            ("Bool", "true"),
            ("BinaryEquals", "QQ=="),
            ("IpAddress", "0.0.0.0/0"),
        ] {
            check(positive, &[value], None, false);
            check(&format!("{positive}IfExists"), &[value], None, true);
            check(&format!("ForAllValues:{positive}"), &[value], None, true);
            check(&format!("ForAnyValue:{positive}"), &[value], None, false);
        }
        for (negated, value) in [
            ("StringNotEquals", "a"),
            ("StringNotEqualsIgnoreCase", "a"),
            ("StringNotLike", "a"),
            ("ArnNotEquals", "arn:aws:s3:::*"),
            ("ArnNotLike", "arn:aws:s3:::*"),
            ("NumericNotEquals", "1"),
            ("DateNotEquals", "2020-01-01"),
            ("NotIpAddress", "0.0.0.0/0"),
        ] {
            check(negated, &[value], None, true);
            check(&format!("{negated}IfExists"), &[value], None, true);
        }
        check("Null", &["true"], None, true);
        check("Null", &["false"], None, false);
        check("Null", &["false"], Some(&["x"]), true);
        check("Null", &["true"], Some(&["x"]), false);
        check("StringFoo", &["a"], Some(&["a"]), false);
    }

    #[test]
    fn strings() {
        check("StringEquals", &["a*"], Some(&["a*"]), true);
        check("StringEquals", &["a*"], Some(&["ab"]), false);
        check("StringEquals", &["x", "a"], Some(&["a"]), true);
        check("StringEquals", &["A"], Some(&["a"]), false);
        check("StringEqualsIgnoreCase", &["A"], Some(&["a"]), true);
        check("StringNotEquals", &["a", "b"], Some(&["b"]), false);
        check("StringNotEquals", &["a", "b"], Some(&["c"]), true);
        check("StringLike", &["a*z"], Some(&["a:/z"]), true);
        check("StringNotLike", &["a*"], Some(&["b"]), true);
    }

    #[test]
    fn arns_are_compared_by_parts_and_never_with_what_is_no_arn() {
        let source = "arn:aws:execute-api:us-east-1:222222222222:abc/prod/GET/users";
        check("ArnLike", &["arn:aws:execute-api:us-east-1:222222222222:abc/*/GET/*"], Some(&[source]), true);
        check("ArnEquals", &["arn:aws:execute-api:*:222222222222:abc/*"], Some(&[source]), true);
        check("ArnLike", &["arn:aws:execute-api:*:abc/*"], Some(&[source]), false);
        check("ArnLike", &["*"], Some(&[source]), false);
        check("ArnNotLike", &["arn:aws:s3:::*"], Some(&[source]), true);
        check("ArnLike", &["arn:aws:s3:::*"], Some(&["no-arn"]), false);
    }

    #[test]
    fn numbers_dates_bools_bytes_and_addresses() {
        check("NumericLessThanEquals", &["10"], Some(&["10.0"]), true);
        check("NumericGreaterThan", &["9"], Some(&["10"]), true);
        check("NumericEquals", &["ten"], Some(&["10"]), false);
        check("DateLessThan", &["2020-04-01T00:00:00Z"], Some(&["1585699199"]), true);
        check("DateGreaterThan", &["1585699200"], Some(&["2020-04-01T00:00:01Z"]), true);
        check("Bool", &["TRUE"], Some(&["true"]), true);
        check("Bool", &["yes"], Some(&["yes"]), false);
        check("BinaryEquals", &["QQ=="], Some(&["QQ"]), true);
        check("IpAddress", &["203.0.113.0/24"], Some(&["203.0.113.9"]), true);
        check("IpAddress", &["203.0.113.9"], Some(&["203.0.113.9"]), true);
        check("IpAddress", &["0.0.0.0/0"], Some(&["2001:db8::1"]), false);
        check("NotIpAddress", &["0.0.0.0/0"], Some(&["2001:db8::1"]), true);
    }

    #[test]
    fn sets_of_values() {
        check("ForAllValues:StringEquals", &["a", "b"], Some(&["a", "b"]), true);
        check("ForAllValues:StringEquals", &["a"], Some(&["a", "b"]), false);
        check("ForAllValues:StringEquals", &["a"], Some(&[""]), true);
        check("ForAllValues:StringEquals", &["a"], Some(&[]), true);
        check("ForAnyValue:StringEquals", &["a"], Some(&["a", "b"]), true);
        check("ForAnyValue:StringEquals", &["c"], Some(&["a", "b"]), false);
        check("ForAnyValue:StringLike", &["*"], Some(&[""]), false);
        check("ForAnyValue:StringNotEquals", &["a"], Some(&[""]), false);
        check("ForAnyValue:StringEqualsIfExists", &["c"], None, true);
        check("ForAllValues:StringNotEquals", &["c"], Some(&["a", "b"]), true);
        check("ForAnyValue:StringNotEquals", &["a", "b"], Some(&["a", "b"]), false);
        check("StringEquals", &["a"], Some(&["a", "a"]), false);
    }
}
