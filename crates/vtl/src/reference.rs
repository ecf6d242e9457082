//! References: `$name`, `$!name`, `${name}`, with properties, methods and indexes.

use crate::ParseError;
use crate::ast::{Part, Reference};
use crate::parse::Reader;

impl Reader<'_> {
    /// The reference that begins here; `None`, and nothing read, when the `$` is just a `$`.
    pub(crate) fn reference(&mut self) -> Result<Option<Reference>, ParseError> {
        let before = self.at;
        if !self.take("$") {
            return Ok(None);
        }
        let quiet = self.take("!");
        let braced = self.take("{");
        let Some(name) = self.identifier() else {
            self.at = before;
            return Ok(None);
        };
        let mut parts = Vec::new();
        loop {
            let part = self.at;
            if self.take("[") {
                parts.push(Part::Index(self.deeper(|reader| reader.expression())?));
                self.expect("]")?;
            } else if self.take(".") {
                // A full stop at the end of a sentence is none of the reference's.
                let Some(name) = self.identifier() else {
                    self.at = part;
                    break;
                };
                if self.take("(") {
                    parts.push(Part::Method(name.into(), self.arguments()?));
                } else {
                    parts.push(Part::Property(name.into()));
                }
            } else {
                break;
            }
        }
        if braced && !self.take("}") {
            self.at = before;
            return Ok(None);
        }
        let source = self.text.get(before..self.at).unwrap_or_default().into();
        Ok(Some(Reference { name: name.into(), quiet, parts, source }))
    }

    fn arguments(&mut self) -> Result<Vec<crate::ast::Expression>, ParseError> {
        let mut arguments = Vec::new();
        self.skip_blanks();
        if self.take(")") {
            return Ok(arguments);
        }
        loop {
            arguments.push(self.deeper(|reader| reader.expression())?);
            self.skip_blanks();
            if self.take(")") {
                return Ok(arguments);
            }
            self.expect(",")?;
        }
    }
}
