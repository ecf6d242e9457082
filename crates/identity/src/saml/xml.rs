//! Reading XML within bounds.

use roxmltree::{Document, Node, ParsingOptions};

pub(super) const ASSERTION: &str = "urn:oasis:names:tc:SAML:2.0:assertion";
pub(super) const PROTOCOL: &str = "urn:oasis:names:tc:SAML:2.0:protocol";
pub(super) const METADATA: &str = "urn:oasis:names:tc:SAML:2.0:metadata";
pub(super) const DSIG: &str = "http://www.w3.org/2000/09/xmldsig#";

/// Nodes of a document: a 10 MB federation's metadata has about this many.
const NODES: u32 = 500_000;
/// Elements inside of each other; SAML needs about ten. What walks the tree calls itself for each.
const DEPTH: usize = 64;

/// Reads a document: no DTD, bounded in nodes and depth. Says why not in words.
pub(super) fn parse(text: &str) -> Result<Document<'_>, String> {
    // Before the parser, which calls itself for nested elements, is given the text.
    deep(text)?;
    let options = ParsingOptions { allow_dtd: false, nodes_limit: NODES, ..ParsingOptions::default() };
    Document::parse_with_options(text, options).map_err(|e| e.to_string())
}

/// Refuses elements nested too deep, by the text alone.
fn deep(text: &str) -> Result<(), String> {
    let mut depth = 0_usize;
    let mut rest = text;
    while let Some(at) = rest.find('<') {
        rest = rest.get(at + 1..).unwrap_or_default();
        // What may hold `<` without meaning it.
        let opaque = [("!--", "-->"), ("![CDATA[", "]]>"), ("?", "?>")];
        if let Some((_, end)) = opaque.iter().find(|(begin, _)| rest.starts_with(begin)) {
            rest = rest.split_once(end).map_or("", |(_, after)| after);
            continue;
        }
        let inside = rest.get(..tag_end(rest)).unwrap_or_default();
        rest = rest.get(inside.len()..).unwrap_or_default();
        if inside.starts_with('/') {
            depth = depth.saturating_sub(1);
        } else if !inside.ends_with('/') {
            depth += 1;
        }
        if depth > DEPTH {
            return Err(format!("elements are nested more than {DEPTH} deep"));
        }
    }
    Ok(())
}

/// Where the `>` is that ends a tag: not one in an attribute's value.
fn tag_end(tag: &str) -> usize {
    let mut quote = None;
    for (at, byte) in tag.bytes().enumerate() {
        match (quote, byte) {
            (None, b'>') => return at,
            (None, b'"' | b'\'') => quote = Some(byte),
            (Some(open), _) if open == byte => quote = None,
            _ => {}
        }
    }
    tag.len()
}

/// Child elements of that name.
pub(super) fn children<'a, 'i: 'a>(
    node: Node<'a, 'i>,
    namespace: &'static str,
    name: &'static str,
) -> impl Iterator<Item = Node<'a, 'i>> {
    node.children().filter(move |child| child.has_tag_name((namespace, name)))
}

/// The only child of that name; `None` when there is none or several.
pub(super) fn only<'a, 'i: 'a>(
    node: Node<'a, 'i>,
    namespace: &'static str,
    name: &'static str,
) -> Option<Node<'a, 'i>> {
    let mut found = children(node, namespace, name);
    let first = found.next()?;
    found.next().is_none().then_some(first)
}

/// All text directly inside an element, as canonicalization without comments joins it: `a<!-- -->b` reads `ab`, never
/// `a`.
pub(super) fn text(node: Node<'_, '_>) -> String {
    node.children().filter(Node::is_text).filter_map(|n| n.text()).collect::<String>().trim().to_owned()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn documents_with_a_dtd_or_nested_too_deep_are_refused() {
        assert!(parse("<a/>").is_ok());
        assert!(parse(r#"<!DOCTYPE a [<!ENTITY e "x">]><a>&e;</a>"#).is_err());
        let wide = format!("<a>{}</a>", r#"<b x=">"/><!-- </b><b> --><![CDATA[<b>]]>"#.repeat(500));
        assert!(parse(&wide).is_ok());
        for open in ["<a>", r#"<a x='"' y="/>">"#, "<!-- </a></a> --><a>"] {
            let deep = format!("{}{}", open.repeat(100_000), "</a>".repeat(100_000));
            assert!(parse(&deep).unwrap_err().contains("nested more than 64 deep"), "{open}");
        }
    }
}
