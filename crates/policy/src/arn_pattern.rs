//! ARNs of policies, compared part by part.

use std::cell::OnceCell;

use crate::Context;
use crate::pattern::{ANY, Dialect, Pattern, Unit, Unresolved, glob};

/// The six parts of an ARN in a request; the sixth may hold colons.
#[derive(Clone, Copy, Debug)]
pub(crate) struct ArnParts<'a>(pub(crate) [&'a str; 6]);

/// A request's text where a policy has an ARN. It is cut into parts when first asked for them: most comparisons end
/// earlier.
#[derive(Clone, Debug)]
pub(crate) struct ArnValue<'a> {
    pub(crate) text: &'a str,
    parts: OnceCell<Option<ArnParts<'a>>>,
}

impl<'a> ArnValue<'a> {
    pub(crate) fn new(text: &'a str) -> Self {
        Self { text, parts: OnceCell::new() }
    }

    /// `None`: it is no ARN.
    pub(crate) fn parts(&self) -> Option<&ArnParts<'a>> {
        self.parts.get_or_init(|| ArnParts::split(self.text)).as_ref()
    }
}

/// The partition of an ARN.
pub(crate) fn partition(arn: &str) -> Option<&str> {
    let (_, rest) = split_at_colon(arn)?;
    split_at_colon(rest).map(|(partition, _)| partition)
}

/// What is before and after the first colon. On texts as short as the parts of an ARN it takes a quarter of the time of
/// `str::split_once`.
pub(crate) fn split_at_colon(text: &str) -> Option<(&str, &str)> {
    let end = text.bytes().position(|b| b == b':')?;
    Some((text.get(..end)?, text.get(end + 1..)?))
}

/// The parts' names, for explanations.
pub(crate) const PARTS: [&str; 6] = ["prefix", "partition", "service", "region", "account", "resource"];

impl<'a> ArnParts<'a> {
    pub(crate) fn split(text: &'a str) -> Option<Self> {
        let mut parts = [""; 6];
        let [head @ .., resource] = &mut parts;
        let mut rest = text;
        for part in head {
            (*part, rest) = split_at_colon(rest)?;
        }
        *resource = rest;
        Some(Self(parts))
    }
}

/// An ARN with wildcards and variables.
#[derive(Clone, Debug)]
pub(crate) struct ArnPattern {
    /// As written.
    pub(crate) text: Box<str>,
    form: Form,
}

#[derive(Clone, Debug)]
enum Form {
    /// `*` alone.
    Everything,
    /// Six parts without wildcards: equal texts are equal ARNs.
    Exact,
    /// Parts with wildcards. `head` is the text before the first of them: most values are ruled out by it alone.
    Parts { head: Box<str>, rest: Rest, parts: Box<Parts> },
    /// Has variables: split after they are filled in.
    Template(Pattern),
    /// Can match nothing, and why.
    Never(&'static str),
}

/// What follows the head of a pattern.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Rest {
    /// One `*` and nothing more, after the fifth colon: whatever begins with the head matches.
    Anything,
    Glob,
}

/// A pattern cut at its first five colons: `ends[i]` is where part `i` ends.
#[derive(Clone, Debug)]
struct Parts {
    units: Vec<Unit>,
    ends: [usize; 5],
}

impl Parts {
    fn cut(units: Vec<Unit>) -> Option<Self> {
        let mut ends = [0; 5];
        let mut colons = units.iter().enumerate().filter(|(_, u)| **u == Unit::from(b':')).map(|(i, _)| i);
        for end in &mut ends {
            *end = colons.next()?;
        }
        Some(Self { units, ends })
    }

    fn part(&self, index: usize) -> &[Unit] {
        let start = match index.checked_sub(1) {
            None => 0,
            Some(before) => self.ends.get(before).map_or(0, |e| e + 1),
        };
        let end = self.ends.get(index).copied().unwrap_or(self.units.len());
        self.units.get(start..end).unwrap_or(&[])
    }

    /// The first part that differs.
    fn difference(&self, value: &ArnParts<'_>) -> Option<usize> {
        value.0.iter().enumerate().find(|(i, text)| !glob(self.part(*i), text, false)).map(|(i, _)| i)
    }
}

/// How a request's ARN compares with a pattern.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Comparison<'p> {
    Same,
    /// The first part that differs: an index into [`PARTS`].
    Differs(usize),
    /// One side is not an ARN.
    NoArn,
    Unresolved(&'p str),
    Never(&'static str),
}

impl ArnPattern {
    /// A `Resource` of a statement. With `pad`, what has fewer than six parts is filled up with `*`.
    pub(crate) fn resource(text: &str, variables: bool, pad: bool) -> Self {
        if !text.is_empty() && text.bytes().all(|b| b == b'*') {
            return Self { text: text.into(), form: Form::Everything };
        }
        let mut full = text.to_owned();
        let colons = ArnPattern::colons_outside_variables(text, variables);
        // Not established by documentation: SIM pads in identity policies, and in resource policies only what
        // ends in a wildcard. Such texts are refused by IAM when written.
        if colons < 5 && text.starts_with("arn:") && (pad || text.ends_with('*')) {
            full.push_str(&":*".repeat(5 - colons));
        }
        let pattern = Pattern::compile(&full, Dialect { variables, wildcards: true });
        let mut head = full.splitn(6, ':');
        let mut compiled = Self::from_pattern(text, pattern);
        let (mut short, mut variable) = (false, false);
        for i in 0..5 {
            match head.next() {
                Some(part) if variables && part.contains("${") => variable = true,
                Some(part) if i == 2 && part.contains(['*', '?']) => {
                    // UG elements_resource: no wildcard in the segment that names the service.
                    compiled.form = Form::Never("the service of an ARN takes no wildcard");
                }
                Some(_) => {}
                None => short = true,
            }
        }
        if variable {
            compiled.form = Form::Never("policy variables count only after the fifth colon of an ARN");
        } else if short || head.next().is_none() {
            compiled.form = Form::Never("this is neither an ARN nor `*`");
        }
        compiled
    }

    /// A value of an ARN condition: variables may stand anywhere.
    pub(crate) fn condition(text: &str, variables: bool) -> Self {
        Self::from_pattern(text, Pattern::compile(text, Dialect { variables, wildcards: true }))
    }

    fn from_pattern(text: &str, pattern: Pattern) -> Self {
        let form = if pattern.has_variables() {
            Form::Template(pattern)
        } else if let Some(literal) = pattern.literal() {
            match ArnParts::split(literal) {
                Some(_) => Form::Exact,
                None => Form::Never("this is no ARN"),
            }
        } else {
            match pattern.expand(&Context::new()).ok().and_then(Parts::cut) {
                Some(parts) => {
                    let literal = |u: &&Unit| u8::try_from(**u).is_ok();
                    let bytes = parts.units.iter().take_while(literal).filter_map(|u| u8::try_from(*u).ok());
                    // Wildcards are ASCII, so the head ends between characters.
                    let head = String::from_utf8(bytes.collect()).unwrap_or_default();
                    let behind_colons = parts.ends.last().is_some_and(|end| head.len() > *end);
                    let rest = match parts.units.get(head.len()..) {
                        Some([ANY]) if behind_colons => Rest::Anything,
                        _ => Rest::Glob,
                    };
                    Form::Parts { head: head.into(), rest, parts: Box::new(parts) }
                }
                None => Form::Never("this is no ARN: it has fewer than six parts"),
            }
        };
        Self { text: text.into(), form }
    }

    fn colons_outside_variables(text: &str, variables: bool) -> usize {
        let head = if variables { text.split("${").next().unwrap_or("") } else { text };
        head.matches(':').count()
    }

    /// Whether `value` matches.
    pub(crate) fn matches(&self, value: &ArnValue<'_>, context: &Context) -> bool {
        match &self.form {
            Form::Everything => true,
            Form::Exact => *self.text == *value.text,
            Form::Parts { head, rest, parts: pattern } => {
                value.text.as_bytes().starts_with(head.as_bytes())
                    && (*rest == Rest::Anything
                        || value.parts().is_some_and(|parts| pattern.difference(parts).is_none()))
            }
            Form::Template(_) => self.compare(value, context) == Comparison::Same,
            Form::Never(_) => false,
        }
    }

    /// The same with the reason.
    pub(crate) fn compare<'p>(&'p self, value: &ArnValue<'_>, context: &Context) -> Comparison<'p> {
        let against = |pattern: Option<&Parts>| match (pattern, value.parts()) {
            (Some(pattern), Some(parts)) => {
                pattern.difference(parts).map_or(Comparison::Same, Comparison::Differs)
            }
            _ => Comparison::NoArn,
        };
        match &self.form {
            Form::Everything => Comparison::Same,
            Form::Exact if *self.text == *value.text => Comparison::Same,
            Form::Exact => against(Parts::cut(self.text.bytes().map(Unit::from).collect()).as_ref()),
            Form::Parts { parts: pattern, .. } => against(Some(pattern)),
            Form::Template(pattern) => match pattern.expand(context) {
                Ok(units) => against(Parts::cut(units).as_ref()),
                Err(Unresolved(variable)) => Comparison::Unresolved(variable),
            },
            Form::Never(because) => Comparison::Never(because),
        }
    }

    /// Part `index` as written (variables not filled in).
    pub(crate) fn part_text(&self, index: usize) -> &str {
        self.text.splitn(6, ':').nth(index).unwrap_or("*")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[track_caller]
    fn resource(pattern: &str, value: &str, expected: Comparison<'_>) {
        let mut context = Context::new();
        context.set("aws:username", "ann");
        let pattern = ArnPattern::resource(pattern, true, false);
        let got = pattern.compare(&ArnValue::new(value), &context);
        assert_eq!(got, expected, "{} against {value}", pattern.text);
        let fast = pattern.matches(&ArnValue::new(value), &context);
        assert_eq!(fast, got == Comparison::Same, "the fast and the explaining comparison differ");
    }

    const FUNCTION: &str = "arn:aws:lambda:us-east-1:111111111111:function:users:live";

    #[test]
    fn parts_are_compared_one_by_one() {
        resource(FUNCTION, FUNCTION, Comparison::Same);
        resource("*", FUNCTION, Comparison::Same);
        resource("*", "*", Comparison::Same);
        resource("arn:aws:lambda:*:*:function:*", FUNCTION, Comparison::Same);
        resource("arn:aws:lambda:us-east-1:111111111111:*", FUNCTION, Comparison::Same);
        resource("arn:aws:lambda:eu-*:111111111111:function:users", FUNCTION, Comparison::Differs(3));
        resource("arn:aws:lambda:us-east-1:222222222222:function:users", FUNCTION, Comparison::Differs(4));
        resource("arn:aws:lambda:us-east-1:111111111111:function:users", FUNCTION, Comparison::Differs(5));
        // A star before the fifth colon does not cross it.
        resource("arn:aws:lambda:*:function:users:live", FUNCTION, Comparison::Differs(4));
        resource("arn:aws:lambda:us-east-1:111111111111:function:users", "*", Comparison::NoArn);
    }

    #[test]
    fn the_short_cut_for_a_last_star_agrees() {
        resource("arn:aws:lambda:us-east-1:111111111111:function:users*", FUNCTION, Comparison::Same);
        resource("arn:aws:lambda:us-east-1:111111111111:function:usérs*", FUNCTION, Comparison::Differs(5));
        resource("arn:aws:lambda:us-east-1:1*:function:users:live", FUNCTION, Comparison::Same);
        resource("arn:aws:lambda:us-east-1:111111111111:function:user?:live", FUNCTION, Comparison::Same);
    }

    #[test]
    fn what_can_never_match_says_why() {
        let never = |because| Comparison::Never(because);
        resource("arn:aws:*:::x", FUNCTION, never("the service of an ARN takes no wildcard"));
        resource("execute-api:/*", FUNCTION, never("this is neither an ARN nor `*`"));
        resource("arn:aws:lambda", FUNCTION, never("this is neither an ARN nor `*`"));
        resource("arn:aws:s3:::${aws:nope}", "arn:aws:s3:::x", Comparison::Unresolved("aws:nope"));
        resource(
            "arn:aws:lambda:${aws:username}:111111111111:function:x",
            FUNCTION,
            never("policy variables count only after the fifth colon of an ARN"),
        );
    }

    #[test]
    fn short_patterns_are_padded_where_asked() {
        let pattern = ArnPattern::resource("arn:aws:lambda", true, true);
        assert!(pattern.matches(&ArnValue::new(FUNCTION), &Context::new()));
        resource("arn:aws:lambda:*", FUNCTION, Comparison::Same);
    }

    #[test]
    fn variables_are_filled_in_before_the_cut() {
        let mut context = Context::new();
        context.set("aws:PrincipalArn", "arn:aws:iam::111111111111:user/ann");
        let pattern = ArnPattern::condition("${aws:PrincipalArn}", true);
        let value = "arn:aws:iam::111111111111:user/ann";
        assert!(pattern.matches(&ArnValue::new(value), &context));
        resource("arn:aws:s3:::home/${aws:username}/*", "arn:aws:s3:::home/ann/x", Comparison::Same);
    }
}
