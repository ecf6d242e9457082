//! The forms in which a function is named.

use arn::{AccountId, Arn};
use wire::ApiError;

use super::errors::{invalid, not_found};

/// A function, as a caller named it: `name`, `name:qualifier`, `111111111111:function:name`, or an ARN, each with an
/// optional qualifier; what is left out comes from the call.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct FunctionName {
    /// The owner.
    pub account: AccountId,
    /// The region.
    pub region: String,
    /// The function's name.
    pub name: String,
    /// A version, an alias or `$LATEST`, when one was named.
    pub qualifier: Option<String>,
}

impl FunctionName {
    /// Reads `text`. `None` when it is none of the forms.
    #[must_use]
    pub fn parse(text: &str, account: AccountId, region: &str) -> Option<Self> {
        let mut parts: Vec<&str> = text.split(':').collect();
        if parts.first() == Some(&"arn") {
            // An ARN names region and account.
            if parts.len() < 7 || parts.get(2) != Some(&"lambda") || parts.get(5) != Some(&"function") {
                return None;
            }
            parts.drain(..3);
        }
        let mut parts = parts.as_slice();
        let mut found = Self { account, region: region.to_owned(), name: String::new(), qualifier: None };
        if let [first, rest @ ..] = parts
            && !rest.is_empty()
            && is_region(first)
        {
            found.region = (*first).to_owned();
            parts = rest;
        }
        if let [first, rest @ ..] = parts
            && !rest.is_empty()
            && let Ok(account) = AccountId::new(first)
        {
            found.account = account;
            parts = rest;
        }
        if let ["function", rest @ ..] = parts
            && !rest.is_empty()
        {
            parts = rest;
        }
        let (name, qualifier) = match parts {
            [name] => (*name, None),
            [name, qualifier] => (*name, Some(*qualifier)),
            _ => return None,
        };
        let allowed = |b: u8| b.is_ascii_alphanumeric() || matches!(b, b'-' | b'_' | b'.');
        if name.is_empty() || !name.bytes().all(allowed) || qualifier.is_some_and(str::is_empty) {
            return None;
        }
        found.name = name.to_owned();
        found.qualifier = qualifier.map(str::to_owned);
        Some(found)
    }

    /// Reads the members `FunctionName` and `Qualifier` of a call, which may both name the qualifier.
    ///
    /// # Errors
    /// AWS's texts for names that are too long, of another region, or whose qualifiers differ (recorded:
    /// `test_function_arns`, `test_ops_with_arn_qualifier_mismatch`, `test_get_function_wrong_region`).
    pub fn of(
        text: &str,
        qualifier: Option<&str>,
        account: AccountId,
        region: &str,
    ) -> Result<Self, ApiError> {
        let mut name = Self::parse(text, account, region).ok_or_else(|| {
            // The model's pattern refuses these before they come here; this is for other ways in.
            invalid(format!(
                "1 validation error detected: Value '{text}' at 'functionName' failed to satisfy constraint: Member \
                 must be a function name, a partial ARN or an ARN"
            ))
        })?;
        if name.name.len() > 64 {
            return Err(invalid(format!(
                "1 validation error detected: Value '{}' at 'functionName' failed to satisfy constraint: Member must \
                 have length less than or equal to 64",
                name.name
            )));
        }
        if name.region != region {
            return Err(not_found(format!(
                "Functions from '{}' are not reachable in this region ('{region}')",
                name.region
            )));
        }
        match (&name.qualifier, qualifier) {
            (Some(a), Some(b)) if a != b => Err(invalid(
                "The derived qualifier from the function name does not match the specified qualifier.",
            )),
            (None, Some(b)) => {
                name.qualifier = Some(b.to_owned());
                Ok(name)
            }
            _ => Ok(name),
        }
    }

    /// The ARN without a qualifier.
    #[must_use]
    pub fn arn(&self) -> String {
        // Without a formatter: every invocation says it twice.
        let (partition, account) = (Arn::partition_of(&self.region), self.account.as_str());
        ["arn:", partition, ":lambda:", &self.region, ":", account, ":function:", &self.name].concat()
    }

    /// The ARN as named, with the qualifier if there is one.
    #[must_use]
    pub fn qualified_arn(&self) -> String {
        match &self.qualifier {
            Some(qualifier) => self.arn_with(qualifier),
            None => self.arn(),
        }
    }

    /// The ARN with another qualifier.
    #[must_use]
    pub fn arn_with(&self, qualifier: &str) -> String {
        format!("{}:{qualifier}", self.arn())
    }

    /// `ACCOUNT/REGION/NAME`: the key of the function's documents.
    pub(crate) fn key(&self) -> String {
        [self.account.as_str(), "/", &self.region, "/", &self.name].concat()
    }
}

/// `us-east-1`, `us-gov-west-1`, `us-isob-east-1`: lower-case words and a digit at the end.
fn is_region(text: &str) -> bool {
    let mut words = text.split('-');
    let last = words.next_back().unwrap_or_default();
    let words: Vec<&str> = words.collect();
    words.len() >= 2
        && last.len() == 1
        && last.bytes().all(|b| b.is_ascii_digit())
        && words.iter().all(|w| !w.is_empty() && w.bytes().all(|b| b.is_ascii_lowercase()))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn account() -> AccountId {
        AccountId::new("111111111111").unwrap()
    }

    #[track_caller]
    fn check(text: &str, expected: Option<(&str, &str, &str, Option<&str>)>) {
        let found = FunctionName::parse(text, account(), "us-east-1");
        let found = found
            .as_ref()
            .map(|f| (f.account.as_str(), f.region.as_str(), f.name.as_str(), f.qualifier.as_deref()));
        assert_eq!(found, expected, "{text}");
    }

    #[test]
    fn every_form_of_a_name() {
        check("users", Some(("111111111111", "us-east-1", "users", None)));
        check("users:live", Some(("111111111111", "us-east-1", "users", Some("live"))));
        check("function:users", Some(("111111111111", "us-east-1", "users", None)));
        check("function", Some(("111111111111", "us-east-1", "function", None)));
        check("222222222222:function:users", Some(("222222222222", "us-east-1", "users", None)));
        check("222222222222:users:3", Some(("222222222222", "us-east-1", "users", Some("3"))));
        check("222222222222", Some(("111111111111", "us-east-1", "222222222222", None)));
        check(
            "arn:aws:lambda:eu-west-1:222222222222:function:users:$LATEST",
            Some(("222222222222", "eu-west-1", "users", Some("$LATEST"))),
        );
        check("eu-west-1:222222222222:function:users", Some(("222222222222", "eu-west-1", "users", None)));
    }

    #[test]
    fn what_is_no_name() {
        for text in [
            "",
            ":",
            "a:b:c:d",
            "arn:aws:lambda:us-east-1:1",
            "arn:aws:sqs:us-east-1:222222222222:function:x",
        ] {
            check(text, None);
        }
    }

    #[test]
    fn a_qualifier_may_be_named_twice_but_not_differently() {
        let of = |text, q| FunctionName::of(text, q, account(), "us-east-1");
        assert_eq!(
            of("users:live", Some("live")).unwrap().qualified_arn(),
            of("users", Some("live")).unwrap().qualified_arn()
        );
        assert_eq!(
            of("users:live", Some("1")).unwrap_err().message.unwrap(),
            "The derived qualifier from the function name does not match the specified qualifier."
        );
        assert_eq!(
            of("arn:aws:lambda:eu-west-1:111111111111:function:users", None).unwrap_err().message.unwrap(),
            "Functions from 'eu-west-1' are not reachable in this region ('us-east-1')"
        );
    }
}
