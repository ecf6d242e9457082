use std::borrow::Cow;

use percent_encoding::{AsciiSet, NON_ALPHANUMERIC, percent_decode, percent_encode};

const UNRESERVED: &AsciiSet = &NON_ALPHANUMERIC.remove(b'-').remove(b'_').remove(b'.').remove(b'~');
const PATH: &AsciiSet = &UNRESERVED.remove(b'/');

/// Encodes everything but letters, digits and `-_.~`.
pub(crate) fn encode(bytes: &[u8]) -> String {
    percent_encode(bytes, UNRESERVED).to_string()
}

/// The canonical path of every service but S3: dots and doubled slashes removed, then encoded once more than it
/// was sent.
pub(crate) fn path(raw: &str) -> String {
    let plain = |b: u8| b.is_ascii_alphanumeric() || b"-_~".contains(&b);
    let goes_on = |two: &[u8]| matches!(*two, [before, b] if plain(b) || (b == b'/' && before != b'/'));
    // Most are as they should be already; what has a dot may be more than that.
    if raw.starts_with('/') && !raw.ends_with('/') && raw.as_bytes().windows(2).all(goes_on) {
        return raw.to_owned();
    }
    percent_encode(normalize(raw).as_bytes(), PATH).to_string()
}

/// The other forms that clients sign: as sent (S3, and clients that encode once), decoded and encoded once,
/// and encoded twice without normalisation.
pub(crate) fn other_paths(raw: &str) -> Vec<String> {
    let raw = if raw.is_empty() { "/" } else { raw };
    let once = percent_encode(&percent_decode(raw.as_bytes()).collect::<Vec<u8>>(), PATH).to_string();
    vec![raw.to_owned(), once, percent_encode(raw.as_bytes(), PATH).to_string()]
}

fn normalize(raw: &str) -> String {
    let mut kept: Vec<&str> = Vec::new();
    for segment in raw.split('/') {
        match segment {
            "" | "." => {}
            ".." => {
                kept.pop();
            }
            other => kept.push(other),
        }
    }
    let mut path = String::with_capacity(raw.len() + 1);
    for segment in &kept {
        path.push('/');
        path.push_str(segment);
    }
    if kept.is_empty() || raw.ends_with('/') {
        path.push('/');
    }
    path
}

/// The canonical query: every name and value encoded strictly, sorted, without `X-Amz-Signature`. `plus` is what
/// a `+` stands for: form encoders mean a space, others mean a plus.
pub(crate) fn query(raw: &str, plus: u8) -> String {
    let recode = |text: &str| {
        if text.bytes().all(|b| b.is_ascii_alphanumeric() || b"-_.~".contains(&b)) {
            return text.to_owned();
        }
        let bytes: Vec<u8> = text.bytes().map(|b| if b == b'+' { plus } else { b }).collect();
        encode(&percent_decode(&bytes).collect::<Vec<u8>>())
    };
    join(pairs(raw).map(|(name, value)| (recode(name), recode(value))).collect())
}

/// The query's parts sorted as they were sent, which is what botocore signs.
pub(crate) fn query_as_sent(raw: &str) -> String {
    join(pairs(raw).map(|(name, value)| (name.to_owned(), value.to_owned())).collect())
}

fn pairs(raw: &str) -> impl Iterator<Item = (&str, &str)> {
    raw.split('&')
        .filter(|pair| !pair.is_empty())
        .map(|pair| pair.split_once('=').unwrap_or((pair, "")))
        .filter(|(name, _)| *name != "X-Amz-Signature")
}

fn join(mut pairs: Vec<(String, String)>) -> String {
    pairs.sort();
    let mut text = String::new();
    for (name, value) in &pairs {
        if !text.is_empty() {
            text.push('&');
        }
        text.push_str(name);
        text.push('=');
        text.push_str(value);
    }
    text
}

/// A query parameter's value, decoded; the first of several.
pub(crate) fn parameter(raw: &str, name: &str) -> Option<String> {
    raw.split('&').find_map(|pair| {
        let (found, value) = pair.split_once('=').unwrap_or((pair, ""));
        (found == name).then(|| {
            String::from_utf8_lossy(&percent_decode(value.as_bytes()).collect::<Vec<u8>>()).into_owned()
        })
    })
}

/// A header's value as text; what is text, and that is nearly all, is not gone through piece by piece.
pub(crate) fn text(value: &[u8]) -> Cow<'_, str> {
    std::str::from_utf8(value).map_or_else(|_| String::from_utf8_lossy(value), Cow::Borrowed)
}

/// `name:value\n` for one header: surrounding blanks dropped, runs of blanks made one, duplicates joined by commas.
pub(crate) fn header_line(to: &mut String, name: &str, headers: &[(&str, &[u8])]) {
    to.push_str(name);
    to.push(':');
    let mut first = true;
    for (found, value) in headers {
        if !found.eq_ignore_ascii_case(name) {
            continue;
        }
        if !first {
            to.push(',');
        }
        first = false;
        let text = text(value);
        if !text.bytes().any(|b| matches!(b, b' ' | b'\t' | b'\r' | b'\n')) {
            to.push_str(&text);
            continue;
        }
        for (i, word) in text.split([' ', '\t', '\r', '\n']).filter(|w| !w.is_empty()).enumerate() {
            if i > 0 {
                to.push(' ');
            }
            to.push_str(word);
        }
    }
    to.push('\n');
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_path_is_normalised_and_encoded_once_more() {
        for (raw, want) in [
            ("", "/"),
            ("/", "/"),
            ("//example//", "/example/"),
            ("/./", "/"),
            ("/example1/example2/../..", "/"),
            ("/functions/arn%3Aaws", "/functions/arn%253Aaws"),
            ("/functions/a:b", "/functions/a%3Ab"),
            ("/a/b/", "/a/b/"),
            ("a/b", "/a/b"),
            ("/a//b", "/a/b"),
            ("/a-1/b_2/~c", "/a-1/b_2/~c"),
        ] {
            assert_eq!(path(raw), want, "{raw}");
        }
    }

    #[test]
    fn a_query_is_sorted_and_encoded_strictly() {
        assert_eq!(query("b=2&a=1&a=0&c", b' '), "a=0&a=1&b=2&c=");
        assert_eq!(query("a=x%20y+z&a%2Db=*", b' '), "a=x%20y%20z&a-b=%2A");
        assert_eq!(query("a=x+y", b'+'), "a=x%2By");
        assert_eq!(query("a=1&X-Amz-Signature=abc", b' '), "a=1");
    }

    #[test]
    fn duplicate_headers_are_joined_and_blanks_folded() {
        let mut line = String::new();
        header_line(
            &mut line,
            "my-header1",
            &[("My-Header1", b" a   b  "), ("x", b"y"), ("my-header1", b"\"c  d\"")],
        );
        assert_eq!(line, "my-header1:a b,\"c d\"\n");
    }
}
