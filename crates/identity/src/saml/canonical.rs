//! Exclusive XML canonicalization 1.0 without comments, of an element and what is below it
//! (<https://www.w3.org/TR/xml-exc-c14n/>).

use std::collections::BTreeSet;

use roxmltree::{Attribute, Node, NodeId};

/// A prefix (empty for the default namespace) and what it stands for, as already written on the way down.
type Written<'a> = Vec<(&'a str, &'a str)>;

/// Writes `node` in canonical form, leaving the subtree `without` out (the enveloped signature). Prefixes in
/// `inclusive` (`PrefixList`, with `#default` as the empty one) are written where they are in scope, used or not.
pub(super) fn canonical(node: Node<'_, '_>, without: Option<NodeId>, inclusive: &[String]) -> Vec<u8> {
    let mut out = String::new();
    element(node, without, inclusive, &Vec::new(), &mut out);
    out.into_bytes()
}

fn element<'a>(
    node: Node<'a, '_>,
    without: Option<NodeId>,
    inclusive: &[String],
    above: &Written<'a>,
    out: &mut String,
) {
    let name = element_name(node);
    let mut attributes: Vec<(Attribute<'a, '_>, &str)> =
        node.attributes().map(|attribute| (attribute, attribute_name(node, &attribute))).collect();
    // By namespace, those without one first, then by name (Canonical XML, 2.2).
    attributes.sort_by_key(|(attribute, _)| (attribute.namespace().unwrap_or_default(), attribute.name()));

    let mut used: BTreeSet<&str> = attributes.iter().filter_map(|(_, name)| prefix(name)).collect();
    used.insert(prefix(name).unwrap_or_default());
    used.extend(
        inclusive
            .iter()
            .map(String::as_str)
            .filter(|p| node.lookup_namespace_uri((!p.is_empty()).then_some(*p)).is_some()),
    );
    used.remove("xml");
    let mut written = above.clone();
    out.push('<');
    out.push_str(name);
    for prefix in used {
        let uri = node.lookup_namespace_uri((!prefix.is_empty()).then_some(prefix)).unwrap_or_default();
        let before = above.iter().rev().find(|(p, _)| *p == prefix).map(|(_, uri)| *uri);
        // `xmlns=""` only undoes what stands above.
        if before == Some(uri) || before.is_none() && prefix.is_empty() && uri.is_empty() {
            continue;
        }
        out.push_str(" xmlns");
        if !prefix.is_empty() {
            out.push(':');
            out.push_str(prefix);
        }
        out.push_str("=\"");
        escape_attribute(uri, out);
        out.push('"');
        written.push((prefix, uri));
    }
    for (attribute, name) in &attributes {
        out.push(' ');
        out.push_str(name);
        out.push_str("=\"");
        escape_attribute(attribute.value(), out);
        out.push('"');
    }
    out.push('>');
    for child in node.children().filter(|child| Some(child.id()) != without) {
        if child.is_element() {
            element(child, without, inclusive, &written, out);
        } else if let Some(pi) = child.pi() {
            out.push_str("<?");
            out.push_str(pi.target);
            if let Some(value) = pi.value {
                out.push(' ');
                out.push_str(value);
            }
            out.push_str("?>");
        } else if child.is_text() {
            escape_text(child.text().unwrap_or_default(), out);
        }
    }
    out.push_str("</");
    out.push_str(name);
    out.push('>');
}

/// The element's name with its prefix, as the document writes it.
fn element_name<'a>(node: Node<'a, '_>) -> &'a str {
    let text = node.document().input_text().get(node.range()).unwrap_or_default();
    let text = text.strip_prefix('<').unwrap_or(text);
    text.split(|c: char| c.is_whitespace() || c == '>' || c == '/').next().unwrap_or_default()
}

/// An attribute's name with its prefix, as the document writes it.
fn attribute_name<'a>(node: Node<'a, '_>, attribute: &Attribute<'a, '_>) -> &'a str {
    node.document().input_text().get(attribute.range_qname()).unwrap_or_default()
}

fn prefix(name: &str) -> Option<&str> {
    name.split_once(':').map(|(prefix, _)| prefix)
}

fn escape_text(text: &str, out: &mut String) {
    for c in text.chars() {
        match c {
            '&' => out.push_str("&amp;"),
            '<' => out.push_str("&lt;"),
            '>' => out.push_str("&gt;"),
            '\r' => out.push_str("&#xD;"),
            _ => out.push(c),
        }
    }
}

fn escape_attribute(text: &str, out: &mut String) {
    for c in text.chars() {
        match c {
            '&' => out.push_str("&amp;"),
            '<' => out.push_str("&lt;"),
            '"' => out.push_str("&quot;"),
            '\t' => out.push_str("&#x9;"),
            '\n' => out.push_str("&#xA;"),
            '\r' => out.push_str("&#xD;"),
            _ => out.push(c),
        }
    }
}

#[cfg(test)]
mod tests {
    use roxmltree::Document;

    use super::*;

    #[track_caller]
    fn check(document: &str, inclusive: &[&str], wanted: &str) {
        let tree = Document::parse(document).unwrap();
        let node = tree.descendants().find(|n| n.has_attribute("here")).unwrap_or(tree.root_element());
        let inclusive: Vec<String> = inclusive.iter().map(|p| (*p).to_owned()).collect();
        assert_eq!(String::from_utf8(canonical(node, None, &inclusive)).unwrap(), wanted);
    }

    /// The examples of the recommendation's section 2.2, and what it says of each construct.
    #[test]
    fn namespaces_are_written_where_they_are_used() {
        check(
            r#"<n0:local xmlns:n0="foo:bar" xmlns:n3="ftp://example.org"><n1:elem2 here="1" xmlns:n1="http://example.net" xml:lang="en"><n3:stuff xmlns:n3="ftp://example.org"/></n1:elem2></n0:local>"#,
            &[],
            r#"<n1:elem2 xmlns:n1="http://example.net" here="1" xml:lang="en"><n3:stuff xmlns:n3="ftp://example.org"></n3:stuff></n1:elem2>"#,
        );
        check(
            r#"<a xmlns="u:1" xmlns:x="u:x"><b here="1" xmlns=""><c x:q="1"/></b></a>"#,
            &["x"],
            r#"<b xmlns:x="u:x" here="1"><c x:q="1"></c></b>"#,
        );
        check(
            r#"<a here="1" xmlns="u:1"><b xmlns=""/></a>"#,
            &[],
            r#"<a xmlns="u:1" here="1"><b xmlns=""></b></a>"#,
        );
    }

    #[test]
    fn attributes_are_sorted_and_characters_escaped() {
        check(
            "<a z='1' b:y='2' a='&lt;&#9;\"&#10;' xmlns:b='u:b' here=''>x &amp; y &gt;<!-- gone --><![CDATA[<&]]>\n<?p  v?><?q?></a>",
            &[],
            "<a xmlns:b=\"u:b\" a=\"&lt;&#x9;&quot;&#xA;\" here=\"\" z=\"1\" b:y=\"2\">x &amp; y &gt;&lt;&amp;\n<?p v?><?q?></a>",
        );
    }
}
