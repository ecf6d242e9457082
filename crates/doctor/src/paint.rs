//! Colour, width and wrapping.

use unicode_width::UnicodeWidthStr;

/// How things are drawn.
#[derive(Clone, Copy, Debug, Default)]
pub struct Style {
    /// With ANSI colours: for terminals.
    pub color: bool,
    /// With every decision, layer and statement, those that allow too.
    pub full: bool,
    /// Columns to wrap at; `None` wraps nothing, for pipes. Commands and code are never wrapped.
    pub width: Option<usize>,
    /// How fixes are written.
    pub form: Forms,
}

/// In which form fixes are shown.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Forms {
    /// As AWS CLI commands.
    #[default]
    Cli,
    /// As Terraform code.
    Terraform,
    /// As CloudFormation templates.
    CloudFormation,
    /// As all of them.
    All,
}

/// The narrowest that text is wrapped to: below, lines run over.
const NARROWEST: usize = 20;

pub(crate) const BOLD: &str = "1";
pub(crate) const RED: &str = "31";
pub(crate) const RED_BOLD: &str = "1;31";
pub(crate) const GREEN: &str = "32";
pub(crate) const GREEN_BOLD: &str = "1;32";
pub(crate) const BLUE: &str = "34";
pub(crate) const CYAN: &str = "36";
pub(crate) const DIM: &str = "2";

impl Style {
    pub(crate) fn paint(self, code: &str, text: &str) -> String {
        if self.color && !code.is_empty() && !text.is_empty() {
            format!("\x1b[{code}m{text}\x1b[0m")
        } else {
            text.to_owned()
        }
    }

    /// Columns left after an indent; `None` where nothing is wrapped.
    pub(crate) fn room(self, indent: usize) -> Option<usize> {
        self.width.map(|width| width.saturating_sub(indent).max(NARROWEST))
    }

    /// Appends `text`, wrapped: `first` stands before its first line and `rest`, as wide, before the others.
    pub(crate) fn paragraph(self, out: &mut String, first: &str, rest: &str, code: &str, text: &str) {
        let indent = width(rest);
        for (number, line) in text.lines().flat_map(|line| wrap(line, self.room(indent))).enumerate() {
            out.push_str(if number == 0 { first } else { rest });
            out.push_str(&self.paint(code, &line));
            out.push('\n');
        }
    }
}

/// Columns that `text` takes, which holds no escape codes.
pub(crate) fn width(text: &str) -> usize {
    UnicodeWidthStr::width(text)
}

/// What a terminal would act upon becomes visible instead: names and values come from requests.
pub(crate) fn visible(text: &str) -> String {
    text.chars().map(|c| if c.is_control() { '\u{fffd}' } else { c }).collect()
}

/// `text` in lines of at most `room` columns, broken at spaces; a longer word is cut after `/`, `:` or anywhere.
pub(crate) fn wrap(text: &str, room: Option<usize>) -> Vec<String> {
    let text = visible(text);
    let Some(room) = room.filter(|room| width(&text) > *room) else { return vec![text] };
    let lead: String = text.chars().take_while(|c| *c == ' ').collect();
    let mut lines = Vec::new();
    let mut line = lead.clone();
    let mut empty = true;
    for word in text.split(' ').filter(|word| !word.is_empty()) {
        let needed = width(word) + usize::from(!empty);
        if width(&line) + needed <= room {
            if !empty {
                line.push(' ');
            }
            line.push_str(word);
            empty = false;
            continue;
        }
        if !empty {
            lines.push(std::mem::replace(&mut line, lead.clone()));
        }
        let mut pieces = pieces(word, room.saturating_sub(width(&lead)).max(1));
        line.push_str(&pieces.pop().unwrap_or_default());
        lines.extend(pieces.into_iter().map(|piece| format!("{lead}{piece}")));
        empty = false;
    }
    lines.push(line);
    lines
}

fn pieces(word: &str, room: usize) -> Vec<String> {
    let mut pieces = Vec::new();
    let mut piece = String::new();
    for c in word.chars() {
        if width(&piece) + width(c.encode_utf8(&mut [0; 4])) > room {
            // ARNs and paths read better when they break where their parts do.
            let cut = piece.rfind(['/', ':']).map(|at| at + 1).filter(|at| *at * 2 > piece.len());
            let rest = piece.split_off(cut.unwrap_or(piece.len()));
            pieces.push(std::mem::replace(&mut piece, rest));
        }
        piece.push(c);
    }
    pieces.push(piece);
    pieces
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn wraps_at_spaces_and_cuts_what_is_longer() {
        assert_eq!(wrap("one two three", Some(8)), ["one two", "three"]);
        assert_eq!(wrap("one two three", None), ["one two three"]);
        assert_eq!(wrap("  a bb cc", Some(6)), ["  a bb", "  cc"]);
        assert_eq!(
            wrap("x arn:aws:iam::222222222222:role/r", Some(16)),
            ["x", "arn:aws:iam::", "222222222222:", "role/r"]
        );
        for line in wrap(&"日本語のタグ値 ".repeat(9), Some(15)) {
            assert!(width(&line) <= 15, "{line}");
        }
    }

    #[test]
    fn a_value_cannot_write_to_the_terminal() {
        assert_eq!(wrap("a\x1b[31mb", None), ["a\u{fffd}[31mb"]);
    }
}
