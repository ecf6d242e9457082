//! Java's regular expressions, as far as the `regex` crate has them: everything but look-around, back-references and
//! possessive quantifiers. Matching takes time linear in the text, whatever the expression.

use regex::{Regex, RegexBuilder};

/// Bytes of one compiled expression.
const SIZE: usize = 1 << 20;
/// Characters of an expression.
const MAX_PATTERN: usize = 4096;

/// Compiles an expression of Java's; `whole` for one that must match the whole text, as Java's `matches` does.
///
/// # Errors
/// Why it cannot be compiled: it is no expression, uses what is named above, or is too large.
pub fn compile(pattern: &str, whole: bool) -> Result<Regex, String> {
    if pattern.len() > MAX_PATTERN {
        return Err(format!(
            "the regular expression has {} characters, at most {MAX_PATTERN} are allowed",
            pattern.len()
        ));
    }
    let translated = translate(pattern);
    let translated = if whole { format!("^(?:{translated})$") } else { translated };
    let built = RegexBuilder::new(&translated).size_limit(SIZE).dfa_size_limit(SIZE).nest_limit(64).build();
    built.map_err(|e| {
        let reason = e.to_string();
        let reason = reason.lines().last().unwrap_or("").trim().trim_start_matches("error: ");
        format!("the regular expression `{pattern}` cannot be used: {reason}")
    })
}

/// Java's `\d`, `\w`, `\s` know ASCII only, `\Q…\E` quotes, and `\h` is a blank.
fn translate(pattern: &str) -> String {
    let mut out = String::with_capacity(pattern.len() + 16);
    let mut chars = pattern.chars();
    let mut class = 0_usize;
    while let Some(c) = chars.next() {
        match c {
            '[' => class += 1,
            ']' => class = class.saturating_sub(1),
            _ => {}
        }
        if c != '\\' {
            out.push(c);
            continue;
        }
        let Some(escaped) = chars.next() else {
            out.push('\\');
            break;
        };
        let inside = match escaped {
            'd' => "0-9",
            'w' => "a-zA-Z0-9_",
            's' => " \\t\\n\\x0B\\f\\r",
            'h' => " \\t",
            'D' | 'W' | 'S' => {
                let not = match escaped {
                    'D' => "[^0-9]",
                    'W' => "[^a-zA-Z0-9_]",
                    _ => "[^ \\t\\n\\x0B\\f\\r]",
                };
                out.push_str(not);
                continue;
            }
            'Q' => {
                let rest = chars.as_str();
                let (quoted, after) = rest.split_once("\\E").unwrap_or((rest, ""));
                out.push_str(&regex::escape(quoted));
                chars = after.chars();
                continue;
            }
            'Z' => {
                out.push_str("\\n?\\z");
                continue;
            }
            // Needless escapes that the crate refuses.
            '<' | '>' => {
                out.push(escaped);
                continue;
            }
            other => {
                out.push('\\');
                out.push(other);
                continue;
            }
        };
        if class > 0 {
            out.push_str(inside);
        } else {
            out.push('[');
            out.push_str(inside);
            out.push(']');
        }
    }
    out
}

/// A replacement of Java's: `$1`, `${name}` and `\` before a character that stands for itself.
///
/// # Errors
/// Java's own words for a group that does not exist.
pub(crate) fn expand(
    replacement: &str,
    captures: &regex::Captures<'_>,
    out: &mut String,
) -> Result<(), String> {
    let mut chars = replacement.chars().peekable();
    while let Some(c) = chars.next() {
        match c {
            '\\' => match chars.next() {
                Some(c) => out.push(c),
                None => return Err("character to be escaped is missing".to_owned()),
            },
            '$' if chars.peek() == Some(&'{') => {
                chars.next();
                let name: String = chars.by_ref().take_while(|c| *c != '}').collect();
                out.push_str(captures.name(&name).map_or("", |m| m.as_str()));
            }
            '$' => {
                let digit = chars.next().and_then(|c| c.to_digit(10));
                let Some(mut group) = digit.map(|d| d as usize) else {
                    return Err("Illegal group reference".to_owned());
                };
                if group >= captures.len() {
                    return Err(format!("No group {group}"));
                }
                // More digits belong to it as long as there is such a group.
                while let Some(next) = chars.peek().and_then(|c| c.to_digit(10)) {
                    let longer = group * 10 + next as usize;
                    if longer >= captures.len() {
                        break;
                    }
                    group = longer;
                    chars.next();
                }
                out.push_str(captures.get(group).map_or("", |m| m.as_str()));
            }
            c => out.push(c),
        }
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[track_caller]
    fn matches(pattern: &str, text: &str, expected: bool) {
        assert_eq!(compile(pattern, true).unwrap().is_match(text), expected, "{pattern} {text}");
    }

    #[test]
    fn expressions_of_java() {
        matches(".*four hundred.*", "this is four hundred", true);
        matches("4\\d{2}", "404", true);
        matches("4\\d{2}", "4٠٤", false);
        matches("[\\w.]+", "a.b_1", true);
        matches("\\Qa.b\\E", "axb", false);
        matches("(?i)error", "ERROR", true);
        matches("\\<a\\>", "<a>", true);
        matches("a|b", "ab", false);
        matches(".+", "two\nlines", false);
    }

    #[test]
    fn what_the_crate_has_not_is_named() {
        assert!(compile("(?=a)b", false).unwrap_err().contains("look-around"));
        assert!(compile("(a)\\1", false).unwrap_err().contains("backreferences"));
        assert!(compile("(a{1000}){1000}", false).is_err());
        assert!(compile(&"a".repeat(5000), false).unwrap_err().contains("4096"));
    }
}
