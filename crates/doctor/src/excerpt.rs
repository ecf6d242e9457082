//! A few lines of a policy with their numbers, and carets below the place that decided.

use policy::Span;

use crate::paint::{BLUE, RED_BOLD, Style, visible, width};

/// Lines shown before the place.
const BEFORE: usize = 2;
/// Without a width: the columns up to which the label stands beside the carets.
const BESIDE: usize = 100;
/// A line longer than this is laid out over several.
const LONG: usize = 88;

/// Draws the lines around `span`, each after `indent` (whose columns are `indented`), with `label` below the carets.
pub(crate) fn draw(out: &mut String, indent: &str, text: &str, span: Span, label: &str, style: Style) {
    let indented = width(indent);
    let longest = style.room(indented + 8).unwrap_or(LONG).min(LONG);
    let (text, span) = laid_out(text, span, longest);
    let at = span.position(&text);
    let lines: Vec<String> = text.lines().map(|line| visible(&line.replace('\t', "  "))).collect();
    let last = (at.line + 1).min(lines.len());
    let first = at.line.saturating_sub(BEFORE).max(1);
    let gutter = last.to_string().len();
    let mut row = |number: &str, content: &str| {
        out.push_str(indent);
        out.push_str(&style.paint(BLUE, &format!("{number:>gutter$} |")));
        out.push_str(content);
        out.push('\n');
    };
    for number in first..=last {
        let Some(line) = lines.get(number - 1) else { continue };
        let before = line.chars().take(at.column - 1).collect::<String>();
        // The window moves right when the place would lie outside of it.
        let from = match style.room(indented + gutter + 4) {
            Some(room) if number == at.line && width(&before) + 12 > room => {
                line.chars().count().min((width(&before) + 12).saturating_sub(room))
            }
            _ => 0,
        };
        let shown = clip(&line.chars().skip(from).collect::<String>(), style.room(indented + gutter + 4));
        row(&number.to_string(), &format!(" {shown}"));
        if number != at.line {
            continue;
        }
        let pad = " ".repeat(width(&before).saturating_sub(from));
        let length = span
            .of(&text)
            .lines()
            .next()
            .map_or(1, width)
            .clamp(1, width(&shown).saturating_sub(pad.len()).max(1));
        let carets = style.paint(RED_BOLD, &"^".repeat(length));
        let beside = width(label) + pad.len() + length + 1;
        if beside <= style.room(indented + gutter + 4).unwrap_or(BESIDE) {
            row("", &format!(" {pad}{carets} {}", style.paint(RED_BOLD, &visible(label))));
        } else {
            row("", &format!(" {pad}{carets}"));
            for piece in crate::paint::wrap(label, style.room(indented + gutter + 4)) {
                row("", &format!(" {}", style.paint(RED_BOLD, &piece)));
            }
        }
    }
}

fn clip(line: &str, room: Option<usize>) -> String {
    let Some(room) = room.filter(|room| width(line) > *room) else { return line.to_owned() };
    let mut kept = String::new();
    for c in line.chars() {
        if width(&kept) + width(c.encode_utf8(&mut [0; 4])) + 1 > room {
            break;
        }
        kept.push(c);
    }
    kept.push('…');
    kept
}

/// The text as it is where the span's line is short enough, else laid out anew over several lines, and where the span
/// is then. Policies are mostly stored on one line.
fn laid_out(text: &str, span: Span, longest: usize) -> (String, Span) {
    let line = span.position(text).line;
    if text.lines().nth(line - 1).is_none_or(|line| width(line) <= longest) {
        return (text.to_owned(), span);
    }
    let mut out =
        Layout { old: text.as_bytes(), new: String::new(), moved: vec![0; text.len() + 1], longest };
    out.run(text);
    let at = |old: usize| out.moved.get(old).copied().unwrap_or_default();
    let end = if span.end > span.start { at(span.end - 1) + 1 } else { at(span.start) };
    let span = Span::new(at(span.start), end);
    (out.new, span)
}

struct Layout<'t> {
    old: &'t [u8],
    new: String,
    /// Where each byte of the old text is in the new one.
    moved: Vec<usize>,
    longest: usize,
}

impl Layout<'_> {
    fn run(&mut self, text: &str) {
        let (mut depth, mut in_string, mut escaped) = (0usize, false, false);
        // Up to this byte everything stays on one line.
        let mut inline_until = 0;
        for (at, c) in text.char_indices() {
            for byte in at..at + c.len_utf8() {
                if let Some(moved) = self.moved.get_mut(byte) {
                    *moved = self.new.len() + (byte - at);
                }
            }
            if in_string {
                self.new.push(c);
                in_string = escaped || c != '"';
                escaped = c == '\\' && !escaped;
                continue;
            }
            let inline = at < inline_until;
            match c {
                '{' | '[' => {
                    self.new.push(c);
                    depth += 1;
                    let (end, size) = self.extent(at);
                    if !inline && (size <= 2 || depth > 2 && self.column() + size <= self.longest) {
                        inline_until = end + 1;
                    } else if !inline {
                        self.line(depth);
                    }
                }
                '}' | ']' => {
                    depth = depth.saturating_sub(1);
                    if !inline {
                        self.line(depth);
                    }
                    if let Some(moved) = self.moved.get_mut(at) {
                        *moved = self.new.len();
                    }
                    self.new.push(c);
                }
                ',' if inline => self.new.push_str(", "),
                ',' => {
                    self.new.push(c);
                    self.line(depth);
                }
                ':' => self.new.push_str(": "),
                c if c.is_ascii_whitespace() => {}
                c => {
                    in_string = c == '"';
                    self.new.push(c);
                }
            }
        }
    }

    fn line(&mut self, depth: usize) {
        self.new.push('\n');
        self.new.push_str(&"  ".repeat(depth));
    }

    fn column(&self) -> usize {
        width(self.new.rsplit('\n').next().unwrap_or_default())
    }

    /// Where the bracket at `start` closes, and the columns from it to there on one line, about.
    fn extent(&self, start: usize) -> (usize, usize) {
        let (mut depth, mut in_string, mut escaped, mut size) = (0usize, false, false, 0);
        for (offset, byte) in self.old.get(start..).unwrap_or_default().iter().enumerate() {
            if size > self.longest {
                break;
            }
            if in_string {
                in_string = escaped || *byte != b'"';
                escaped = *byte == b'\\' && !escaped;
                size += 1;
                continue;
            }
            match byte {
                b'"' => in_string = true,
                b'{' | b'[' => depth += 1,
                b'}' | b']' => depth = depth.saturating_sub(1),
                b',' | b':' => size += 1,
                b if b.is_ascii_whitespace() => continue,
                _ => {}
            }
            size += 1;
            if depth == 0 {
                return (start + offset, size);
            }
        }
        (start, usize::MAX / 2)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const POLICY: &str = r#"{"Version":"2012-10-17","Statement":[{"Sid":"von Jürgen","Effect":"Allow","Principal":{"AWS":"arn:aws:iam::222222222222:root"},"Action":"lambda:InvokeFunction","Resource":"*"}]}"#;

    #[track_caller]
    fn check(text: &str, place: &str, width: Option<usize>, expected: &str) {
        let start = text.find(place).unwrap();
        let mut out = String::new();
        let style = Style { width, ..Style::default() };
        draw(&mut out, "  ", text, Span::new(start, start + place.len()), "not this", style);
        assert_eq!(out, expected);
    }

    #[test]
    fn one_long_line_is_laid_out() {
        check(
            POLICY,
            "\"arn:aws:iam::222222222222:root\"",
            None,
            r#"  5 |       "Sid": "von Jürgen",
  6 |       "Effect": "Allow",
  7 |       "Principal": {"AWS": "arn:aws:iam::222222222222:root"},
    |                            ^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^ not this
  8 |       "Action": "lambda:InvokeFunction",
"#,
        );
    }

    #[test]
    fn short_lines_stay_and_narrow_terminals_get_all_of_it() {
        let text = serde_json::to_string_pretty(&serde_json::from_str::<serde_json::Value>(POLICY).unwrap())
            .unwrap();
        check(
            &text,
            "\"Allow\"",
            None,
            "  3 |     {\n  4 |       \"Action\": \"lambda:InvokeFunction\",\n  5 |       \"Effect\": \"Allow\",\n    |                 ^^^^^^^ not this\n  6 |       \"Principal\": {\n",
        );
        for width in [30, 60, 80, 140] {
            let start = POLICY.find("\"arn").unwrap();
            let mut out = String::new();
            let style = Style { width: Some(width), ..Style::default() };
            draw(&mut out, "  ", POLICY, Span::new(start, start + 32), "not this caller but another", style);
            assert!(out.lines().all(|line| crate::paint::width(line) <= width), "{width}\n{out}");
            assert!(out.contains("^^"), "{out}");
        }
    }
}
