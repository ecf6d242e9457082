use serde::{Deserialize, Serialize};

/// A run of bytes in a policy's text: `start` is the first byte, `end` the one after the last.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub struct Span {
    /// Offset of the first byte.
    pub start: usize,
    /// Offset after the last byte.
    pub end: usize,
}

impl Span {
    /// The run from `start` up to, not including, `end`.
    #[must_use]
    pub fn new(start: usize, end: usize) -> Self {
        Self { start, end }
    }

    /// The text that the span covers; empty when the span does not lie in `text`.
    #[must_use]
    pub fn of<'t>(&self, text: &'t str) -> &'t str {
        text.get(self.start..self.end).unwrap_or("")
    }

    /// Line and column (both from 1, columns in characters) at which the span begins in `text`.
    #[must_use]
    pub fn position(&self, text: &str) -> Position {
        let mut end = self.start.min(text.len());
        while !text.is_char_boundary(end) {
            end -= 1;
        }
        let before = text.get(..end).unwrap_or("");
        let line_start = before.rfind('\n').map_or(0, |i| i + 1);
        Position {
            line: before.matches('\n').count() + 1,
            column: before.get(line_start..).unwrap_or("").chars().count() + 1,
        }
    }
}

/// A place in a text, both counted from 1.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Position {
    /// The line.
    pub line: usize,
    /// The column, in characters.
    pub column: usize,
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn positions_count_lines_and_characters_from_one() {
        let text = "{\n  \"é\": 1\n}";
        let at = text.find('1').unwrap();
        assert_eq!(Span::new(at, at + 1).position(text), Position { line: 2, column: 8 });
        assert_eq!(Span::new(0, 1).position(text), Position { line: 1, column: 1 });
        assert_eq!(Span::new(at, at + 1).of(text), "1");
        assert_eq!(Span::new(5, 4000).of(text), "");
    }
}
