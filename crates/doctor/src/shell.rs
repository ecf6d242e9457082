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

#[cfg(test)]
mod tests {
    use super::quote;

    #[test]
    fn quotes_only_what_a_shell_would_change() {
        assert_eq!(quote("arn:aws:iam::222222222222:root"), "arn:aws:iam::222222222222:root");
        assert_eq!(quote("abc/*/GET/users"), "'abc/*/GET/users'");
        assert_eq!(quote("it's"), r"'it'\''s'");
        assert_eq!(quote(""), "''");
    }
}
