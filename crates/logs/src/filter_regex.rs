use regex::{Regex, RegexBuilder};

use crate::fail::{Result, invalid};

/// Bytes that a compiled expression may take.
const REGEX_BYTES: usize = 1 << 18;
/// Symbols that stand for themselves (CloudWatch Logs User Guide, "Supported regular expressions (regex) syntax").
const SYMBOLS: &str = ":_#=@/;,-";
/// The operators of that page. Parentheses are not among them.
const OPERATORS: &str = "^$?[]{}|\\*+.";

/// Compiles what stands between the percent signs of a filter pattern. `!`, parentheses and characters beyond ASCII
/// are refused, as the guide says; `\` before a symbol makes it literal.
pub(crate) fn compile(expression: &str) -> Result<Regex> {
    let mut escaped = false;
    for c in expression.chars() {
        let taken = match c {
            _ if !c.is_ascii() || c.is_ascii_control() => false,
            _ if escaped => true,
            ' ' => true,
            _ => c.is_ascii_alphanumeric() || SYMBOLS.contains(c) || OPERATORS.contains(c),
        };
        if !taken {
            return Err(unsupported(c));
        }
        escaped = c == '\\' && !escaped;
    }
    RegexBuilder::new(expression).size_limit(REGEX_BYTES).build().map_err(|_| crate::filter::malformed())
}

/// The rule is in the guide, the text is this project's.
fn unsupported(c: char) -> crate::fail::Fail {
    invalid(format!(
        "Invalid filter pattern: '{c}' cannot be used in a regular expression; letters, digits, {SYMBOLS} and the \
         operators {OPERATORS} can, anything else of ASCII after a backslash"
    ))
}
