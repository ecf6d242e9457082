//! URI templates, query strings and form bodies.

use std::borrow::Cow;

use percent_encoding::{AsciiSet, NON_ALPHANUMERIC, percent_decode_str, utf8_percent_encode};

/// A query string or form with more fields than this is refused.
pub(crate) const MAX_PAIRS: usize = 10_000;

const UNRESERVED: &AsciiSet = &NON_ALPHANUMERIC.remove(b'-').remove(b'.').remove(b'_').remove(b'~');
const UNRESERVED_AND_SLASH: &AsciiSet = &UNRESERVED.remove(b'/');

/// Percent-encodes everything but letters, digits and `-._~`.
pub(crate) fn encode(text: &str) -> impl std::fmt::Display + '_ {
    utf8_percent_encode(text, UNRESERVED)
}

/// Decodes a percent-encoded path segment; `+` stays.
pub(crate) fn decode(text: &str) -> Option<Cow<'_, str>> {
    percent_decode_str(text).decode_utf8().ok()
}

/// Decodes one side of a form field, where `+` is a blank.
fn decode_form(text: &str) -> Option<Cow<'_, str>> {
    if !text.contains('+') {
        return decode(text);
    }
    let spaced = text.replace('+', " ");
    let decoded = percent_decode_str(&spaced).decode_utf8().ok()?.into_owned();
    Some(Cow::Owned(decoded))
}

/// The fields of a query string or form, undecoded.
pub(crate) fn raw_pairs(text: &str) -> impl Iterator<Item = (&str, &str)> {
    text.split('&').filter(|p| !p.is_empty()).map(|pair| pair.split_once('=').unwrap_or((pair, "")))
}

/// The fields of a query string or form. `None` when a field is not UTF-8 or there are more than [`MAX_PAIRS`].
pub(crate) fn pairs(text: &str) -> Option<Vec<(Cow<'_, str>, Cow<'_, str>)>> {
    let decoded: Option<Vec<_>> = raw_pairs(text)
        .take(MAX_PAIRS + 1)
        .map(|(name, value)| Some((decode_form(name)?, decode_form(value)?)))
        .collect();
    decoded.filter(|found| found.len() <= MAX_PAIRS)
}

/// The first field of that (plain ASCII) name.
pub(crate) fn first<'a>(text: &'a str, name: &str) -> Option<Cow<'a, str>> {
    raw_pairs(text).find(|(n, _)| *n == name).and_then(|(_, value)| decode_form(value))
}

/// One part of a path between slashes. The order of the variants is the order of precedence.
#[derive(Debug, PartialEq, Eq, PartialOrd, Ord)]
enum Segment {
    Literal(&'static str),
    Label(&'static str),
    Greedy(&'static str),
}

/// A request URI of the model.
#[derive(Debug)]
pub(crate) struct Template {
    segments: Vec<Segment>,
    /// Fields that the query string must hold, for example `mode=import`.
    constants: Vec<(&'static str, &'static str)>,
}

impl Template {
    pub(crate) fn new(uri: &'static str) -> Self {
        let (path, query) = uri.split_once('?').unwrap_or((uri, ""));
        let segments = path.split('/').filter(|s| !s.is_empty()).map(|segment| {
            match segment.strip_prefix('{').and_then(|s| s.strip_suffix('}')) {
                None => Segment::Literal(segment),
                Some(label) => match label.strip_suffix('+') {
                    None => Segment::Label(label),
                    Some(label) => Segment::Greedy(label),
                },
            }
        });
        Self { segments: segments.collect(), constants: raw_pairs(query).collect() }
    }

    /// Sorts templates so that the first match is the right one: a literal before a label before a greedy label at the
    /// first difference, then the one with more constants.
    pub(crate) fn specificity(&self) -> (Vec<u8>, std::cmp::Reverse<usize>) {
        let ranks = self.segments.iter().map(|s| match s {
            Segment::Literal(_) => 0,
            Segment::Label(_) => 1,
            Segment::Greedy(_) => 2,
        });
        (ranks.collect(), std::cmp::Reverse(self.constants.len()))
    }

    /// The names of the query fields that are part of the address.
    pub(crate) fn constants(&self) -> &[(&'static str, &'static str)] {
        &self.constants
    }

    /// Whether a raw path and query string belong to this template.
    pub(crate) fn matches(&self, path: &str, query: &str) -> bool {
        self.walk(path, |_, _| {}) && self.constants.iter().all(|c| raw_pairs(query).any(|p| p == *c))
    }

    /// The labels and their values, still percent-encoded.
    pub(crate) fn labels<'a>(&self, path: &'a str) -> Vec<(&'static str, &'a str)> {
        let mut found = Vec::new();
        self.walk(path, |label, value| found.push((label, value)));
        found
    }

    /// Goes along the path; a slash at its end does not count. A label takes exactly one segment that is not empty.
    fn walk<'a>(&self, path: &'a str, mut label: impl FnMut(&'static str, &'a str)) -> bool {
        let mut rest = Some(path.strip_prefix('/').unwrap_or(path)).filter(|p| !p.is_empty());
        for segment in &self.segments {
            let Some(left) = rest else { return false };
            let after = match segment {
                // Most templates are not the one, and most of these end here.
                Segment::Literal(text) => match left.strip_prefix(text) {
                    Some(after) => after,
                    None => return false,
                },
                Segment::Label(name) => {
                    let (here, after) = left.split_at(left.find('/').unwrap_or(left.len()));
                    if here.is_empty() {
                        return false;
                    }
                    label(name, here);
                    after
                }
                Segment::Greedy(name) => {
                    label(name, left);
                    ""
                }
            };
            rest = match after.strip_prefix('/') {
                Some(after) => Some(after).filter(|a| !a.is_empty()),
                None if after.is_empty() => None,
                None => return false,
            };
        }
        rest.is_none()
    }

    /// Fills the labels in. `None` when a label has no value or an empty one.
    pub(crate) fn fill(&self, value: impl Fn(&str) -> Option<String>) -> Option<String> {
        let mut path = String::new();
        for segment in &self.segments {
            path.push('/');
            match segment {
                Segment::Literal(text) => path.push_str(text),
                Segment::Label(name) => {
                    let text = value(name).filter(|v| !v.is_empty())?;
                    path.extend(utf8_percent_encode(&text, UNRESERVED));
                }
                Segment::Greedy(name) => {
                    let text = value(name).filter(|v| !v.is_empty())?;
                    path.extend(utf8_percent_encode(&text, UNRESERVED_AND_SLASH));
                }
            }
        }
        if path.is_empty() {
            path.push('/');
        }
        Some(path)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_label_takes_one_segment_and_a_greedy_label_the_rest() {
        let template = Template::new("/a/{x}/b/{y+}");
        assert_eq!(template.labels("/a/1/b/2/3"), [("x", "1"), ("y", "2/3")]);
        assert!(!template.matches("/a/1/2/b/3", ""));
        assert!(!template.matches("/a//b/3", ""));
        assert!(!template.matches("/a/1/b", ""));
    }

    #[test]
    fn a_slash_at_the_end_does_not_count() {
        let template = Template::new("/2015-03-31/functions/");
        assert!(template.matches("/2015-03-31/functions", ""));
        assert!(template.matches("/2015-03-31/functions/", ""));
        assert!(!template.matches("/2015-03-31/functions/x", ""));
    }

    #[test]
    fn constants_must_stand_in_the_query_string() {
        let template = Template::new("/restapis?mode=import");
        assert!(template.matches("/restapis", "failonwarnings=true&mode=import"));
        assert!(!template.matches("/restapis", "mode=export"));
    }

    #[test]
    fn values_are_encoded_into_the_path() {
        let template = Template::new("/tags/{arn}");
        assert_eq!(template.fill(|_| Some("a/b c".to_owned())).as_deref(), Some("/tags/a%2Fb%20c"));
        assert_eq!(template.fill(|_| None), None);
    }

    #[test]
    fn plus_is_a_blank_in_forms_and_bad_utf8_is_refused() {
        assert_eq!(
            pairs("a=b+c%2B&d").expect("form"),
            [("a".into(), "b c+".into()), ("d".into(), "".into())]
        );
        assert_eq!(pairs("a=%ff"), None);
    }

    #[test]
    fn too_many_fields_are_refused() {
        assert!(pairs(&"a=b&".repeat(MAX_PAIRS)).is_some());
        assert_eq!(pairs(&"a=b&".repeat(MAX_PAIRS + 1)), None);
    }
}
