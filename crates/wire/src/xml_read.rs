//! The query protocol's XML, read by clients.

use quick_xml::XmlVersion;
use quick_xml::events::Event;
use quick_xml::reader::Reader;
use serde_json::{Map, Value};

use crate::model::{Kind, Member, Model, ShapeId};
use crate::{scalar, uri, xml};

/// An answer nested deeper than this is refused.
const MAX_DEPTH: usize = 64;

/// An element without its attributes, which these services do not use but for the namespace.
#[derive(Debug, Default)]
pub(crate) struct Element {
    name: String,
    text: String,
    children: Vec<Element>,
}

impl Element {
    /// The first child of that name.
    pub(crate) fn child(&self, name: &str) -> Option<&Element> {
        self.children.iter().find(|c| c.name == name)
    }

    /// The children.
    pub(crate) fn children(&self) -> &[Element] {
        &self.children
    }

    /// The local name.
    pub(crate) fn name(&self) -> &str {
        &self.name
    }

    /// The text between the tags; of elements with children it is layout.
    pub(crate) fn text(&self) -> &str {
        &self.text
    }
}

/// Reads a document's root element.
///
/// # Errors
/// A text that says what is wrong with the document.
pub(crate) fn parse(body: &[u8]) -> Result<Element, String> {
    let text = std::str::from_utf8(body).map_err(|_| "the answer is not UTF-8".to_owned())?;
    let mut reader = Reader::from_str(text);
    let mut open: Vec<Element> = vec![Element::default()];
    loop {
        match reader.read_event().map_err(|e| format!("the answer is no XML: {e}"))? {
            Event::Start(start) => {
                if open.len() > MAX_DEPTH {
                    return Err(format!("the answer is nested deeper than {MAX_DEPTH} levels"));
                }
                let name = start.local_name().into_inner().to_owned();
                open.push(Element { name, ..Element::default() });
            }
            Event::Empty(start) => {
                let name = start.local_name().into_inner().to_owned();
                if let Some(parent) = open.last_mut() {
                    parent.children.push(Element { name, ..Element::default() });
                }
            }
            Event::End(_) => {
                let (Some(done), Some(parent)) = (open.pop(), open.last_mut()) else {
                    return Err("the answer closes an element it did not open".to_owned());
                };
                parent.children.push(done);
            }
            Event::Text(text) => push(&mut open, &text.xml_content(XmlVersion::Implicit1_0)),
            Event::CData(text) => push(&mut open, &text.xml_content(XmlVersion::Implicit1_0)),
            Event::GeneralRef(reference) => {
                let by_number =
                    reference.resolve_char_ref().map_err(|e| format!("the answer is no XML: {e}"))?;
                let by_name = match &*reference.xml_content(XmlVersion::Implicit1_0) {
                    "lt" => Some('<'),
                    "gt" => Some('>'),
                    "amp" => Some('&'),
                    "quot" => Some('"'),
                    "apos" => Some('\''),
                    _ => None,
                };
                let c = by_number.or(by_name).ok_or("the answer uses an entity that XML does not define")?;
                push(&mut open, c.encode_utf8(&mut [0; 4]));
            }
            Event::Eof => break,
            Event::Comment(_) | Event::Decl(_) | Event::PI(_) | Event::DocType(_) => {}
        }
    }
    let outside = open.pop().filter(|_| open.is_empty()).ok_or("the answer ends within an element")?;
    outside.children.into_iter().next().ok_or_else(|| "the answer is empty".to_owned())
}

fn push(open: &mut [Element], text: &str) {
    if let Some(element) = open.last_mut() {
        element.text.push_str(text);
    }
}

/// Reads the members of a structure; unknown elements are left out.
pub(crate) fn read_members(
    model: &Model,
    members: &[Member],
    element: &Element,
) -> Result<Map<String, Value>, String> {
    let mut object = Map::new();
    for member in members {
        if let Some(child) = element.child(member.wire_name) {
            object.insert(member.name.to_owned(), read(model, member.shape, child)?);
        }
    }
    Ok(object)
}

fn read(model: &Model, id: ShapeId, element: &Element) -> Result<Value, String> {
    let shape = model.shape(id);
    match &shape.kind {
        Kind::Structure { members, .. } => Ok(Value::Object(read_members(model, members, element)?)),
        Kind::List(item) => {
            let items: Result<Vec<Value>, String> =
                element.children().iter().map(|c| read(model, *item, c)).collect();
            Ok(Value::Array(items?))
        }
        Kind::Map { value, .. } => {
            let mut entries = Map::new();
            for entry in element.children() {
                if let (Some(key), Some(child)) = (entry.child("key"), entry.child("value")) {
                    entries.insert(key.text().to_owned(), read(model, *value, child)?);
                }
            }
            Ok(Value::Object(entries))
        }
        Kind::String if shape.name == xml::ENCODED_DOCUMENT => {
            let plain = uri::decode(element.text()).ok_or("a policy document is not UTF-8")?;
            Ok(Value::from(plain.into_owned()))
        }
        Kind::String => Ok(Value::from(element.text())),
        kind => scalar::from_text(kind, element.text().trim()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn text_references_and_cdata_are_put_together() {
        let root =
            parse(b"<?xml version=\"1.0\"?>\n<a xmlns=\"x\"><b>1 &lt; 2&#13;<![CDATA[&]]></b><c/></a>")
                .expect("xml");
        assert_eq!(root.name(), "a");
        assert_eq!(root.child("b").map(Element::text), Some("1 < 2\r&"));
        assert!(root.child("c").is_some());
    }

    #[test]
    fn broken_deep_and_empty_documents_are_refused() {
        assert!(parse(b"").is_err());
        assert!(parse(b"<a><b></a>").is_err());
        assert!(parse(b"<a>").is_err());
        assert!(parse(b"<a>&bomb;</a>").is_err());
        assert!(parse("<a>".repeat(5000).as_bytes()).is_err());
        assert!(parse(b"<html>\xff</html>").is_err());
    }
}
