//! Strings of policies: wildcards, variables and escapes, compiled.

use crate::Context;

/// A pattern's unit: a byte, or one of the two below. Sixteen bits, so that a `*` that stands for itself
/// (out of a variable or an escape) differs from one that stands for anything.
pub(crate) type Unit = u16;
/// Any run of characters.
pub(crate) const ANY: Unit = 256;
/// Exactly one character.
pub(crate) const ONE: Unit = 257;

/// A string of a policy, ready to be compared.
#[derive(Clone, Debug)]
pub(crate) struct Pattern {
    /// As written.
    pub(crate) text: Box<str>,
    form: Form,
}

#[derive(Clone, Debug)]
enum Form {
    /// Neither wildcard, nor variable, nor escape.
    Literal,
    Glob(Box<[Unit]>),
    Template(Box<[Piece]>),
}

#[derive(Clone, Debug)]
enum Piece {
    Units(Box<[Unit]>),
    Variable { key: Box<str>, default: Option<Box<str>> },
}

/// A variable without a value or default.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Unresolved<'p>(pub(crate) &'p str);

/// What in a text has a meaning of its own.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Dialect {
    /// `${…}`: documents of Version 2012-10-17.
    pub(crate) variables: bool,
    /// `*` and `?`.
    pub(crate) wildcards: bool,
}

impl Pattern {
    pub(crate) fn compile(text: &str, dialect: Dialect) -> Self {
        let mut pieces = Vec::new();
        let mut units: Vec<Unit> = Vec::with_capacity(text.len());
        let mut special = false;
        let mut rest = text;
        while let Some(byte) = rest.bytes().next() {
            if dialect.variables
                && rest.starts_with("${")
                && let Some((inside, after)) = split_variable(rest)
            {
                special = true;
                match inside {
                    "*" | "?" | "$" => units.extend(inside.bytes().map(Unit::from)),
                    _ => {
                        if !units.is_empty() {
                            pieces.push(Piece::Units(std::mem::take(&mut units).into()));
                        }
                        pieces.push(variable(inside));
                    }
                }
                rest = after;
                continue;
            }
            match byte {
                b'*' if dialect.wildcards => {
                    special = true;
                    // Runs of stars mean the same as one; fewer make the matcher's worst case smaller.
                    if units.last() != Some(&ANY) {
                        units.push(ANY);
                    }
                }
                b'?' if dialect.wildcards => {
                    special = true;
                    units.push(ONE);
                }
                _ => units.push(Unit::from(byte)),
            }
            // Bytes of longer characters are pushed one by one; `rest` moves by whole characters.
            let width = rest.chars().next().map_or(1, char::len_utf8);
            units.extend(rest.bytes().take(width).skip(1).map(Unit::from));
            rest = rest.get(width..).unwrap_or("");
        }
        let form = if !pieces.is_empty() {
            if !units.is_empty() {
                pieces.push(Piece::Units(units.into()));
            }
            Form::Template(pieces.into())
        } else if special {
            Form::Glob(units.into())
        } else {
            Form::Literal
        };
        Self { text: text.into(), form }
    }

    /// The text itself, when it has neither wildcard, nor variable, nor escape.
    pub(crate) fn literal(&self) -> Option<&str> {
        matches!(self.form, Form::Literal).then_some(&*self.text)
    }

    pub(crate) fn has_variables(&self) -> bool {
        matches!(self.form, Form::Template(_))
    }

    /// The units with every variable's value filled in; a variable's `*` stands for itself.
    pub(crate) fn expand(&self, context: &Context) -> Result<Vec<Unit>, Unresolved<'_>> {
        match &self.form {
            Form::Literal => Ok(self.text.bytes().map(Unit::from).collect()),
            Form::Glob(units) => Ok(units.to_vec()),
            Form::Template(pieces) => {
                let mut out = Vec::new();
                for piece in pieces {
                    match piece {
                        Piece::Units(units) => out.extend_from_slice(units),
                        Piece::Variable { key, default } => {
                            // Only single-valued keys can stand in for a variable.
                            let value = match context.get(key) {
                                Some([value]) => value.as_str(),
                                _ => default.as_deref().ok_or(Unresolved(key))?,
                            };
                            out.extend(value.bytes().map(Unit::from));
                        }
                    }
                }
                Ok(out)
            }
        }
    }

    pub(crate) fn matches(&self, value: &str, context: &Context) -> Result<bool, Unresolved<'_>> {
        match &self.form {
            Form::Literal => Ok(*self.text == *value),
            Form::Glob(units) => Ok(glob(units, value, false)),
            Form::Template(_) => Ok(glob(&self.expand(context)?, value, false)),
        }
    }

    /// The same without regard to case. For patterns without wildcards.
    pub(crate) fn equals_ignoring_case(
        &self,
        value: &str,
        context: &Context,
    ) -> Result<bool, Unresolved<'_>> {
        fn lower(s: &str) -> impl Iterator<Item = char> + '_ {
            s.chars().flat_map(char::to_lowercase)
        }
        if let Form::Literal = &self.form {
            if self.text.eq_ignore_ascii_case(value) {
                return Ok(true);
            }
            return Ok(lower(&self.text).eq(lower(value)));
        }
        let units = self.expand(context)?;
        let bytes: Vec<u8> = units.iter().filter_map(|u| u8::try_from(*u).ok()).collect();
        Ok(lower(&String::from_utf8_lossy(&bytes)).eq(lower(value)))
    }
}

/// Splits `${inside}after`; `None` when the brace is never closed.
fn split_variable(text: &str) -> Option<(&str, &str)> {
    text.strip_prefix("${")?.split_once('}')
}

fn variable(inside: &str) -> Piece {
    // `key, 'default'`: a comma, a space and single quotes, as documented.
    if let Some((key, default)) = inside.split_once(',') {
        let default = default.trim();
        if let Some(default) = default.strip_prefix('\'').and_then(|d| d.strip_suffix('\'')) {
            return Piece::Variable { key: key.trim().into(), default: Some(default.into()) };
        }
    }
    Piece::Variable { key: inside.trim().into(), default: None }
}

/// Matches `value` against `pattern`. Iterative, at worst `pattern.len() * value.len()` steps.
pub(crate) fn glob(pattern: &[Unit], value: &str, ignore_case: bool) -> bool {
    let value = value.as_bytes();
    let same = |unit: Unit, byte: u8| {
        unit == Unit::from(byte)
            || ignore_case && u8::try_from(unit).is_ok_and(|unit| unit.eq_ignore_ascii_case(&byte))
    };
    let (mut p, mut v) = (0, 0);
    let mut retry: Option<(usize, usize)> = None;
    while let Some(&byte) = value.get(v) {
        match pattern.get(p) {
            Some(&ANY) => {
                p += 1;
                if p == pattern.len() {
                    return true;
                }
                retry = Some((p, v));
            }
            Some(&ONE) => {
                p += 1;
                v += char_len(byte);
            }
            Some(&unit) if same(unit, byte) => {
                p += 1;
                v += 1;
            }
            _ => match retry {
                Some((after_star, from)) => {
                    p = after_star;
                    // By whole characters: a `?` must not begin within one.
                    v = from + value.get(from).map_or(1, |first| char_len(*first));
                    retry = Some((after_star, v));
                }
                None => return false,
            },
        }
    }
    pattern.get(p..).unwrap_or(&[]).iter().all(|unit| *unit == ANY)
}

fn char_len(first: u8) -> usize {
    match first {
        0xF0.. => 4,
        0xE0.. => 3,
        0xC0.. => 2,
        _ => 1,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const ALL: Dialect = Dialect { variables: true, wildcards: true };

    #[track_caller]
    fn check(pattern: &str, value: &str, expected: Result<bool, &str>) {
        let mut context = Context::new();
        context.set("aws:username", "ann*");
        context.set_all("aws:TagKeys", vec!["a".into(), "b".into()]);
        let pattern = Pattern::compile(pattern, ALL);
        let got = pattern.matches(value, &context).map_err(|u| u.0.to_owned());
        assert_eq!(got, expected.map_err(str::to_owned), "{} against {value}", pattern.text);
    }

    #[test]
    fn wildcards() {
        check("*", "", Ok(true));
        check("a*c?", "abé:/cé", Ok(true));
        check("a*c?", "ac", Ok(false));
        // Each is one character, however many bytes it has.
        check("*??bx*", "€bxy", Ok(false));
        check("*??bx*", "€€bxy", Ok(true));
        check("exact", "exact", Ok(true));
        check("exact", "Exact", Ok(false));
        check(&("*a".repeat(300) + "b"), &"a".repeat(4000), Ok(false));
    }

    #[test]
    fn variables_defaults_and_escapes() {
        check("home/${aws:username}/*", "home/ann*/x", Ok(true));
        // A star out of a variable is a plain character.
        check("home/${aws:username}/*", "home/anna/x", Ok(false));
        check("${AWS:UserName}", "ann*", Ok(true));
        check("${aws:PrincipalTag/team, 'none'}-*", "none-x", Ok(true));
        check("${aws:PrincipalTag/team}-*", "x-x", Err("aws:PrincipalTag/team"));
        check("${aws:TagKeys}", "a", Err("aws:TagKeys"));
        check("${*}${?}${$}{x}", "*?${x}", Ok(true));
        check("${*}", "a", Ok(false));
        check("${unclosed", "${unclosed", Ok(true));
    }

    #[test]
    fn without_variables_the_text_is_literal() {
        let old = Pattern::compile("${aws:username}", Dialect { variables: false, wildcards: false });
        assert_eq!(old.matches("${aws:username}", &Context::new()), Ok(true));
    }

    #[test]
    fn case_can_be_ignored() {
        let p = Pattern::compile("StraßE", Dialect { variables: true, wildcards: false });
        assert_eq!(p.equals_ignoring_case("sTRAßE", &Context::new()), Ok(true));
        assert!(glob(&[b'G'.into(), ANY], "get", true));
    }
}
