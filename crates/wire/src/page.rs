//! Pages of a list, for handlers.

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;

/// A token that [`paginate`] did not make. Every service words this its own way.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct InvalidToken;

impl std::fmt::Display for InvalidToken {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("the pagination token was not made by this service")
    }
}

impl std::error::Error for InvalidToken {}

/// Before the key in a token, so that arbitrary base64 is told from a token.
const MARK: &str = "after:";

/// Cuts one page out of a list.
///
/// `items` come in the order of `key`, whose values are distinct; `token` is the one a client sent, `limit` the most
/// items it wants (at least one is given). Back come the page and the token of the next one, `None` at the end. A token
/// names the last item given, so pages stay whole while other items come and go.
///
/// # Errors
/// [`InvalidToken`] for a token that was not made here.
pub fn paginate<T>(
    items: impl IntoIterator<Item = T>,
    key: impl Fn(&T) -> String,
    token: Option<&str>,
    limit: usize,
) -> Result<(Vec<T>, Option<String>), InvalidToken> {
    let after = token.filter(|t| !t.is_empty()).map(decode).transpose()?;
    let limit = limit.max(1);
    let mut rest = items.into_iter().filter(|item| after.as_ref().is_none_or(|a| key(item) > *a));
    let page: Vec<T> = rest.by_ref().take(limit).collect();
    let next = rest.next().and_then(|_| page.last()).map(|last| encode(&key(last)));
    Ok((page, next))
}

fn encode(key: &str) -> String {
    URL_SAFE_NO_PAD.encode(format!("{MARK}{key}"))
}

fn decode(token: &str) -> Result<String, InvalidToken> {
    let bytes = URL_SAFE_NO_PAD.decode(token).map_err(|_| InvalidToken)?;
    let text = String::from_utf8(bytes).map_err(|_| InvalidToken)?;
    text.strip_prefix(MARK).map(str::to_owned).ok_or(InvalidToken)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn page(
        items: &[&str],
        token: Option<&str>,
        limit: usize,
    ) -> Result<(Vec<String>, Option<String>), InvalidToken> {
        paginate(items.iter().map(|i| (*i).to_owned()), String::clone, token, limit)
    }

    #[test]
    fn pages_together_give_every_item_once() {
        let items = ["a", "b", "c", "d", "e"];
        let (mut seen, mut token) = (Vec::new(), None);
        loop {
            let (some, next) = page(&items, token.as_deref(), 2).expect("page");
            seen.extend(some);
            token = next;
            if token.is_none() {
                break;
            }
        }
        assert_eq!(seen, items);
    }

    #[test]
    fn a_full_last_page_has_no_token() {
        assert_eq!(page(&["a", "b"], None, 2), Ok((vec!["a".to_owned(), "b".to_owned()], None)));
    }

    #[test]
    fn an_item_deleted_between_pages_does_not_lose_others() {
        let (_, token) = page(&["a", "b", "c"], None, 2).expect("page");
        assert_eq!(page(&["a", "c"], token.as_deref(), 2).expect("page").0, ["c"]);
    }

    #[test]
    fn foreign_tokens_are_refused() {
        assert_eq!(page(&["a"], Some("nope!"), 1), Err(InvalidToken));
        assert_eq!(page(&["a"], Some("YWJj"), 1), Err(InvalidToken));
    }
}
