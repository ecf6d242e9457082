//! The models' regular expressions, written for Java, compiled for the `regex` crate.

use regex::{Regex, RegexBuilder};

/// A compiled pattern larger than this is not used. `[a-z]{1,10000}` costs memory per repetition.
const SIZE_LIMIT: usize = 16 << 20;

/// Patterns of the models with look-around, and the same languages without it. Lengths are checked on their own.
const EQUIVALENTS: [(&str, &str); 4] = [
    // Lambda: Alias and FunctionUrlQualifier, not digits alone.
    ("(?!^[0-9]+$)([a-zA-Z0-9-_]+)", "[0-9]*[a-zA-Z_-][0-9a-zA-Z_-]*"),
    (r"((?!^\d+$)^[0-9a-zA-Z-_]+$)", "[0-9]*[a-zA-Z_-][0-9a-zA-Z_-]*"),
    // Lambda: S3Bucket, not ending in a dot.
    (r"[0-9A-Za-z\.\-_]*(?<!\.)", "([0-9A-Za-z._-]*[0-9A-Za-z_-])?"),
    // IAM: accountAliasType, no two hyphens in a row.
    ("^[a-z0-9]([a-z0-9]|-(?!-)){1,61}[a-z0-9]$", "[a-z0-9]+(-[a-z0-9]+)*"),
];

/// Compiles a pattern so that it must match the whole text. `None` where Java's dialect has something that `regex`
/// lacks (look-around); such a constraint is not checked, and `tests` lists every one.
pub(crate) fn compile(pattern: &str) -> Option<Regex> {
    let equivalent = EQUIVALENTS.iter().find(|(java, _)| *java == pattern).map(|(_, ours)| *ours);
    let whole = format!("^(?:{})$", translate(equivalent.unwrap_or(pattern)));
    RegexBuilder::new(&whole).size_limit(SIZE_LIMIT).dfa_size_limit(1 << 20).build().ok()
}

/// Java's `\w`, `\d` and `\s` know ASCII only, `\uXXXX` is a character by its number, and an opening bracket may stand
/// for itself at places where `regex` reads a class within a class.
fn translate(pattern: &str) -> String {
    let mut out = String::with_capacity(pattern.len() + 16);
    let mut chars = pattern.chars().peekable();
    while let Some(c) = chars.next() {
        if c != '\\' {
            out.push(c);
            continue;
        }
        match chars.next() {
            Some('w') => out.push_str("[0-9A-Za-z_]"),
            Some('W') => out.push_str("[^0-9A-Za-z_]"),
            Some('d') => out.push_str("[0-9]"),
            Some('D') => out.push_str("[^0-9]"),
            Some('s') => out.push_str(r"[\t\n\x0B\f\r ]"),
            Some('S') => out.push_str(r"[^\t\n\x0B\f\r ]"),
            Some('u') => {
                let digits: String =
                    std::iter::from_fn(|| chars.next_if(char::is_ascii_hexdigit)).take(4).collect();
                match u32::from_str_radix(&digits, 16) {
                    // Java counts UTF-16 units; a range that ends at a surrogate ends below or above them here.
                    Ok(0xd800..=0xdbff) => out.push_str(r"\x{D7FF}"),
                    Ok(0xdc00..=0xdfff) => out.push_str(r"\x{10FFFF}"),
                    _ => out.push_str(&format!(r"\x{{{digits}}}")),
                }
            }
            Some('Z') => out.push_str(r"\z"),
            Some(other) => {
                out.push('\\');
                out.push(other);
            }
            None => out.push('\\'),
        }
    }
    out
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::Service;

    /// Patterns that `regex` cannot express; these constraints are not checked.
    const NOT_CHECKED: &[(&str, &str)] = &[("lambda", "CollectionName")];

    #[test]
    fn every_pattern_of_the_models_compiles_except_those_listed() {
        let mut failed = Vec::new();
        for &service in Service::all() {
            for shape in service.model().shapes() {
                if shape.pattern.is_some_and(|p| compile(p).is_none()) {
                    failed.push((service.name(), shape.name));
                    println!("{service} {} {:?}", shape.name, shape.pattern);
                }
            }
        }
        assert_eq!(failed, NOT_CHECKED);
    }

    #[test]
    fn patterns_match_the_whole_text_and_ascii_words() {
        let name = compile(r"[\w+=,.@-]*").expect("pattern");
        assert!(name.is_match("Session1.2@x") && !name.is_match("Session1:2") && !name.is_match("ü"));
        let status = compile(r"[1-5]\d\d").expect("pattern");
        assert!(status.is_match("404") && !status.is_match("4040") && !status.is_match("wrong"));
        assert!(compile("a|bc").expect("pattern").is_match("bc"));
    }

    #[test]
    fn patterns_with_look_around_are_rewritten() {
        let matches = |service: Service, shape: &str, text: &str| {
            let shape = service.model().shapes().find(|s| s.name == shape).expect("shape");
            compile(shape.pattern.expect("pattern")).expect("compiled").is_match(text)
        };
        let lambda = |shape, text| matches(Service::Lambda, shape, text);
        assert!(
            lambda("Alias", "1a")
                && lambda("Alias", "a-1")
                && !lambda("Alias", "12")
                && !lambda("Alias", "a.b")
        );
        assert!(lambda("FunctionUrlQualifier", "live") && !lambda("FunctionUrlQualifier", "1"));
        assert!(lambda("S3Bucket", "a.b") && !lambda("S3Bucket", "a."));
        let alias = |text| matches(Service::Iam, "accountAliasType", text);
        assert!(alias("my-company") && !alias("my--company") && !alias("-my") && !alias("my-"));
    }

    #[test]
    fn characters_by_number_are_understood() {
        let document = compile(r"[\u0009\u000A\u000D\u0020-\u00FF]+").expect("pattern");
        assert!(document.is_match("{\"ü\": 1}\n") && !document.is_match("\u{100}"));
    }
}
