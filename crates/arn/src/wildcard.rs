/// Matches `value` against `pattern`, in which `*` stands for any run of characters and `?` for exactly one.
///
/// Case-sensitive. Runs in time proportional to `pattern.len() * value.len()` at worst, without recursion,
/// so that a hostile pattern cannot take more than that.
#[must_use]
pub fn wildcard_match(pattern: &str, value: &str) -> bool {
    let (p, v) = (pattern.as_bytes(), value.as_bytes());
    let (mut pi, mut vi) = (0, 0);
    // Where to go on after the last `*` when a later character differs.
    let mut retry: Option<(usize, usize)> = None;
    while vi < v.len() {
        match p.get(pi) {
            Some(b'*') => {
                retry = Some((pi + 1, vi));
                pi += 1;
            }
            Some(b'?') => {
                pi += 1;
                vi += char_len(v[vi]);
            }
            Some(c) if *c == v[vi] => {
                pi += 1;
                vi += 1;
            }
            _ => match retry {
                Some((after_star, from)) => {
                    pi = after_star;
                    vi = from + 1;
                    retry = Some((after_star, vi));
                }
                None => return false,
            },
        }
    }
    p[pi..].iter().all(|c| *c == b'*')
}

/// The length of the UTF-8 character that starts with `first`.
fn char_len(first: u8) -> usize {
    match first {
        0xF0.. => 4,
        0xE0.. => 3,
        0xC0.. => 2,
        _ => 1,
    }
}

/// The candidate with the fewest edits to `wanted`, when that is at most a third of its length: "did you mean".
#[must_use]
pub fn nearest<'a>(wanted: &str, candidates: impl IntoIterator<Item = &'a str>) -> Option<&'a str> {
    let limit = wanted.chars().count().div_ceil(3);
    candidates
        .into_iter()
        .map(|c| (edit_distance(wanted, c), c))
        .filter(|(distance, _)| *distance <= limit)
        .min()
        .map(|(_, candidate)| candidate)
}

fn edit_distance(a: &str, b: &str) -> usize {
    let b: Vec<char> = b.chars().collect();
    let mut row: Vec<usize> = (0..=b.len()).collect();
    for (i, ca) in a.chars().enumerate() {
        let mut diagonal = row[0];
        row[0] = i + 1;
        for (j, cb) in b.iter().enumerate() {
            let substitution = diagonal + usize::from(ca != *cb);
            diagonal = row[j + 1];
            row[j + 1] = substitution.min(row[j] + 1).min(diagonal + 1);
        }
    }
    row[b.len()]
}

#[cfg(test)]
mod tests {
    use super::*;

    #[track_caller]
    fn check(pattern: &str, value: &str, expected: bool) {
        assert_eq!(wildcard_match(pattern, value), expected, "{pattern} against {value}");
    }

    #[test]
    fn stars_and_question_marks() {
        check("", "", true);
        check("*", "", true);
        check("*", "a/b:c", true);
        check("a*c", "abbbc", true);
        check("a*c", "abbb", false);
        check("a?c", "abc", true);
        check("a?c", "ac", false);
        check("a?c", "aéc", true);
        check("prod/*/*", "prod/GET/users", true);
        check("prod/*/*", "prod/GET", false);
        check("*ab*ab*", "xababx", true);
        check("Get*", "get", false);
    }

    #[test]
    fn hostile_pattern_ends() {
        let pattern = "*a".repeat(500) + "b";
        check(&pattern, &"a".repeat(5_000), false);
    }

    #[test]
    fn offers_the_nearest_name() {
        let names = ["account-b-lambda", "billing", "users"];
        assert_eq!(nearest("acount-b-lamda", names), Some("account-b-lambda"));
        assert_eq!(nearest("entirely-else", names), None);
    }
}
