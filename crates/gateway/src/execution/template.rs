//! Body templates. One without Velocity in it is its own result; the others wait for the Velocity engine.

use bytes::Bytes;

use crate::model::Texts;

/// A template, looked at once.
#[derive(Clone, Debug, PartialEq)]
pub(super) enum Template {
    /// No directive and no reference: rendered, it is itself.
    Literal(Bytes),
    /// The first piece of Velocity found in it.
    Velocity(String),
}

const DIRECTIVES: [&str; 12] = [
    "set", "if", "elseif", "else", "end", "foreach", "break", "stop", "macro", "include", "parse", "evaluate",
];

impl Template {
    pub fn compile(text: &str) -> Self {
        match velocity_in(text) {
            None => Self::Literal(Bytes::copy_from_slice(text.as_bytes())),
            Some(found) => Self::Velocity(found.chars().take(40).collect()),
        }
    }
}

fn velocity_in(text: &str) -> Option<&str> {
    for (at, c) in text.char_indices() {
        let after = &text[at + c.len_utf8()..];
        let found = match c {
            '$' => {
                let name = after.trim_start_matches('!').trim_start_matches('{');
                name.starts_with(|c: char| c.is_ascii_alphabetic() || c == '_')
            }
            '#' => {
                let name = after.trim_start_matches('{');
                after.starts_with(['#', '*', '[', '@'])
                    || DIRECTIVES.iter().any(|d| {
                        name.strip_prefix(d)
                            .is_some_and(|rest| !rest.starts_with(|c: char| c.is_ascii_alphanumeric()))
                    })
            }
            _ => false,
        };
        if found {
            return Some(text[at..].lines().next().unwrap_or_default());
        }
    }
    None
}

/// Templates by media type, keys in the order of the document.
#[derive(Debug, Default)]
pub(super) struct Templates(Vec<(Box<str>, Template)>);

impl Templates {
    pub fn compile(texts: &Texts) -> Self {
        Self(texts.iter().map(|(k, v)| (k.as_str().into(), Template::compile(v))).collect())
    }

    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    pub fn names(&self) -> Vec<String> {
        self.0.iter().map(|(k, _)| k.to_string()).collect()
    }

    pub fn iter(&self) -> impl Iterator<Item = (&str, &Template)> {
        self.0.iter().map(|(k, t)| (&**k, t))
    }

    /// The template for a media type; parameters such as `charset` do not count.
    pub fn for_type(&self, media_type: &str) -> Option<(&str, &Template)> {
        let wanted = essence(media_type);
        self.iter()
            .find(|(k, _)| k.eq_ignore_ascii_case(media_type) || essence(k).eq_ignore_ascii_case(wanted))
    }

    /// The index of the template that renders an answer: the one that the client's first choice names, else
    /// `application/json`, else the first. (The guide says no more than that the template is chosen by the media type;
    /// reasoning.)
    pub fn for_accept(&self, accept: Option<&str>) -> Option<usize> {
        let first = accept.and_then(|a| a.split(',').next()).map_or("", essence);
        let position = |name: &str| self.0.iter().position(|(k, _)| essence(k).eq_ignore_ascii_case(name));
        position(first).or_else(|| position("application/json")).or(if self.0.is_empty() {
            None
        } else {
            Some(0)
        })
    }

    pub fn get(&self, index: usize) -> Option<(&str, &Template)> {
        self.0.get(index).map(|(k, t)| (&**k, t))
    }
}

/// A media type without its parameters.
pub(super) fn essence(media_type: &str) -> &str {
    media_type.split(';').next().unwrap_or_default().trim()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn text_without_velocity_is_literal() {
        for text in ["{\"statusCode\": 200}", "", "costs $5 and #1", "color: #fff; #endless"] {
            assert!(matches!(Template::compile(text), Template::Literal(_)), "{text}");
        }
    }

    #[test]
    fn velocity_is_found_and_named() {
        for (text, found) in [
            ("{\"a\": $input.json('$')}", "$input.json('$')}"),
            ("$!{x}", "$!{x}"),
            ("#set($a = 1)\nrest", "#set($a = 1)"),
            ("#{else}", "#{else}"),
            ("## remark", "## remark"),
        ] {
            assert_eq!(Template::compile(text), Template::Velocity(found.to_owned()), "{text}");
        }
    }

    #[test]
    fn the_template_follows_the_media_type_without_parameters() {
        let texts = Texts::from([
            ("application/json".to_owned(), "{}".to_owned()),
            ("text/plain".to_owned(), "x".to_owned()),
        ]);
        let templates = Templates::compile(&texts);
        assert_eq!(templates.for_type("Text/Plain; charset=utf-8").map(|(k, _)| k), Some("text/plain"));
        assert!(templates.for_type("text/html").is_none());
        assert_eq!(templates.for_accept(Some("text/plain, */*")), Some(1));
        assert_eq!(templates.for_accept(Some("image/png")), Some(0));
    }
}
