/// `text` as one word of a POSIX shell: as it is where that is safe, else in single quotes.
#[must_use]
pub fn quote(text: &str) -> String {
    let safe = |c: char| c.is_ascii_alphanumeric() || "-_./:=@+,%".contains(c);
    if !text.is_empty() && text.chars().all(safe) {
        text.to_owned()
    } else {
        format!("'{}'", text.replace('\'', r"'\''"))
    }
}

/// The words of a command that [`quote`] made, as a POSIX shell splits them; `None` when a quote is left open.
pub(crate) fn split(command: &str) -> Option<Vec<String>> {
    let mut words = Vec::new();
    let mut word: Option<String> = None;
    let mut chars = command.chars();
    while let Some(c) = chars.next() {
        match c {
            ' ' => words.extend(word.take()),
            '\'' => {
                let word = word.get_or_insert_default();
                loop {
                    match chars.next()? {
                        '\'' => break,
                        c => word.push(c),
                    }
                }
            }
            '\\' => word.get_or_insert_default().push(chars.next()?),
            c => word.get_or_insert_default().push(c),
        }
    }
    words.extend(word);
    Some(words)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn quotes_only_what_a_shell_would_change() {
        assert_eq!(quote("arn:aws:iam::222222222222:root"), "arn:aws:iam::222222222222:root");
        assert_eq!(quote("abc/*/GET/users"), "'abc/*/GET/users'");
        assert_eq!(quote("it's"), r"'it'\''s'");
        assert_eq!(quote(""), "''");
    }

    #[test]
    fn what_was_quoted_is_split_again() {
        let words = ["aws", "it's", "", "a b", "{\"a\":\"\\\\\"}", "$HOME"];
        let command = words.map(quote).join(" ");
        assert_eq!(split(&command).unwrap(), words);
        assert_eq!(split("a 'b"), None);
    }
}
