//! From text to [`Program`]: text, comments, escapes and directives. References are read in `reference`, expressions in
//! `expression`.

use std::collections::BTreeMap;

use crate::ParseError;
use crate::ast::{Block, Expression, Macro, Node, Program};

/// Blocks and expressions within each other.
pub(crate) const DEPTH: usize = 64;

const DIRECTIVES: [&str; 14] = [
    "set", "if", "elseif", "else", "end", "foreach", "break", "stop", "macro", "define", "evaluate",
    "include", "parse", "literal",
];

pub(crate) fn program(text: &str) -> Result<Program, ParseError> {
    let mut reader = Reader { text, at: 0, depth: 0, macros: BTreeMap::new() };
    let (nodes, ended) = reader.block()?;
    if let Some(ended) = ended {
        return Err(reader.error(format!("#{ended} without the directive that it belongs to")));
    }
    Ok(Program { nodes, macros: reader.macros })
}

/// A place in a text.
pub(crate) struct Reader<'t> {
    pub(crate) text: &'t str,
    pub(crate) at: usize,
    depth: usize,
    macros: BTreeMap<Box<str>, Macro>,
}

impl<'t> Reader<'t> {
    pub(crate) fn rest(&self) -> &'t str {
        self.text.get(self.at..).unwrap_or_default()
    }

    pub(crate) fn peek(&self) -> Option<char> {
        self.rest().chars().next()
    }

    /// Goes past `what`, if that comes next.
    pub(crate) fn take(&mut self, what: &str) -> bool {
        let found = self.rest().starts_with(what);
        if found {
            self.at += what.len();
        }
        found
    }

    pub(crate) fn skip_blanks(&mut self) {
        let rest = self.rest();
        self.at += rest.len() - rest.trim_start().len();
    }

    /// A letter, then letters, digits, `_` and `-`.
    pub(crate) fn identifier(&mut self) -> Option<&'t str> {
        let rest = self.rest();
        if !rest.starts_with(|c: char| c.is_ascii_alphabetic() || c == '_') {
            return None;
        }
        let end =
            rest.find(|c: char| !(c.is_ascii_alphanumeric() || c == '_' || c == '-')).unwrap_or(rest.len());
        self.at += end;
        rest.get(..end)
    }

    pub(crate) fn error(&self, message: impl Into<String>) -> ParseError {
        let before = self.text.get(..self.at).unwrap_or(self.text);
        let line = before.matches('\n').count() + 1;
        let column = before.rsplit('\n').next().unwrap_or_default().chars().count() + 1;
        ParseError { message: message.into(), line, column }
    }

    pub(crate) fn expect(&mut self, what: &str) -> Result<(), ParseError> {
        self.skip_blanks();
        if self.take(what) { Ok(()) } else { Err(self.error(format!("`{what}` is missing"))) }
    }

    pub(crate) fn deeper<T>(
        &mut self,
        read: impl FnOnce(&mut Self) -> Result<T, ParseError>,
    ) -> Result<T, ParseError> {
        self.depth += 1;
        if self.depth > DEPTH {
            return Err(self.error(format!("the template is nested deeper than {DEPTH}")));
        }
        let read = read(self);
        self.depth -= 1;
        read
    }

    /// A template within a text in double quotes.
    pub(crate) fn inner(&mut self, text: &str) -> Result<Block, ParseError> {
        let mut reader = Reader { text, at: 0, depth: self.depth, macros: BTreeMap::new() };
        match reader.deeper(|reader| reader.block()) {
            Ok((nodes, None)) => Ok(nodes),
            Ok((_, Some(ended))) => Err(self.error(format!("#{ended} in a text without its directive"))),
            Err(inner) => Err(self.error(inner.message)),
        }
    }

    /// Nodes up to `#end`, `#else` or `#elseif`, which is gone past and named, or to the end of the text.
    fn block(&mut self) -> Result<(Block, Option<&'static str>), ParseError> {
        let mut nodes = Vec::new();
        let mut text = String::new();
        while let Some(c) = self.peek() {
            match c {
                '\\' => self.backslashes(&mut text, &mut nodes)?,
                '$' => match self.reference()? {
                    Some(reference) => {
                        flush(&mut text, &mut nodes);
                        nodes.push(Node::Reference(reference));
                    }
                    None => {
                        text.push('$');
                        self.at += 1;
                    }
                },
                '#' => {
                    if self.comment(&mut text)? {
                        continue;
                    }
                    match self.directive_name() {
                        Some(end @ ("end" | "else" | "elseif")) => {
                            flush(&mut text, &mut nodes);
                            if end != "elseif" {
                                self.line_end();
                            }
                            return Ok((nodes.into(), Some(end)));
                        }
                        Some(name) => {
                            flush(&mut text, &mut nodes);
                            let node = self.deeper(|reader| reader.directive(name))?;
                            nodes.extend(node);
                        }
                        None => match self.macro_call()? {
                            Some(node) => {
                                flush(&mut text, &mut nodes);
                                nodes.push(node);
                            }
                            None => {
                                text.push('#');
                                self.at += 1;
                            }
                        },
                    }
                }
                _ => {
                    let rest = self.rest();
                    let end = rest.find(['$', '#', '\\']).unwrap_or(rest.len());
                    text.push_str(rest.get(..end).unwrap_or_default());
                    self.at += end;
                }
            }
        }
        flush(&mut text, &mut nodes);
        Ok((nodes.into(), None))
    }

    /// `##`, `#* *#` and `#[[ ]]#`.
    fn comment(&mut self, text: &mut String) -> Result<bool, ParseError> {
        if self.take("##") {
            let rest = self.rest();
            self.at += rest.find('\n').map_or(rest.len(), |end| end + 1);
        } else if self.rest().starts_with("#*") {
            let end = self.rest().find("*#").ok_or_else(|| self.error("the comment #* has no end *#"))?;
            self.at += end + 2;
        } else if self.rest().starts_with("#[[") {
            let rest = self.rest();
            let end = rest.find("]]#").ok_or_else(|| self.error("the literal text #[[ has no end ]]#"))?;
            text.push_str(rest.get(3..end).unwrap_or_default());
            self.at += end + 3;
        } else {
            return Ok(false);
        }
        Ok(true)
    }

    /// Backslashes: before a reference or directive they take its meaning away, elsewhere they are themselves.
    fn backslashes(&mut self, text: &mut String, nodes: &mut Vec<Node>) -> Result<(), ParseError> {
        let rest = self.rest();
        let count = rest.len() - rest.trim_start_matches('\\').len();
        self.at += count;
        if self.peek() == Some('$')
            && let Some(reference) = self.reference()?
        {
            flush(text, nodes);
            nodes.push(Node::Escaped(count, reference));
            return Ok(());
        }
        let before = self.at;
        if self.peek() == Some('#') && self.directive_name().is_some() {
            text.extend(std::iter::repeat_n('\\', count / 2));
            if count % 2 == 1 {
                text.push_str(self.text.get(before..self.at).unwrap_or_default());
            } else {
                self.at = before;
            }
            return Ok(());
        }
        text.extend(std::iter::repeat_n('\\', count));
        Ok(())
    }

    /// Goes past `#name` or `#{name}` of a directive.
    fn directive_name(&mut self) -> Option<&'static str> {
        let before = self.at;
        self.at += 1;
        let braced = self.take("{");
        let name = self.identifier();
        // `#elsewhere` is no directive, `#endif` neither; `#end-x` is `#end` and a text.
        let found = name.and_then(|name| {
            let word = name.split('-').next().unwrap_or(name);
            let found = DIRECTIVES.iter().find(|known| **known == word).copied()?;
            self.at -= name.len() - word.len();
            Some(found)
        });
        if found.is_none() || braced && !self.take("}") {
            self.at = before;
            return None;
        }
        found
    }

    /// Blanks and the end of the line behind a directive belong to it (Velocity 1.7's grammar).
    fn line_end(&mut self) {
        let rest = self.rest();
        let after = rest.trim_start_matches([' ', '\t']);
        if let Some(next) = after.strip_prefix("\r\n").or_else(|| after.strip_prefix('\n')) {
            self.at += rest.len() - next.len();
        }
    }

    fn directive(&mut self, name: &'static str) -> Result<Option<Node>, ParseError> {
        match name {
            "set" => {
                self.expect("(")?;
                self.skip_blanks();
                let target = self.reference()?.ok_or_else(|| self.error("#set assigns to a $reference"))?;
                self.expect("=")?;
                let value = self.expression()?;
                self.expect(")")?;
                self.line_end();
                Ok(Some(Node::Set(target, value)))
            }
            "if" => self.conditions().map(Some),
            "foreach" => {
                self.expect("(")?;
                self.skip_blanks();
                let variable = self.variable()?;
                self.skip_blanks();
                if self.identifier() != Some("in") {
                    return Err(self.error("#foreach is written #foreach($x in $list)"));
                }
                let over = self.expression()?;
                self.expect(")")?;
                self.line_end();
                let body = self.until_end("foreach")?;
                Ok(Some(Node::Foreach { variable, over, body }))
            }
            "macro" => {
                self.expect("(")?;
                self.skip_blanks();
                let name = self.identifier().ok_or_else(|| self.error("#macro needs a name"))?;
                let mut parameters = Vec::new();
                loop {
                    self.skip_blanks();
                    self.take(",");
                    self.skip_blanks();
                    if self.take(")") {
                        break;
                    }
                    parameters.push(self.variable()?);
                }
                self.line_end();
                let body = self.until_end("macro")?;
                self.macros.insert(name.into(), Macro { parameters, body });
                Ok(None)
            }
            "define" => {
                self.expect("(")?;
                self.skip_blanks();
                let variable = self.variable()?;
                self.expect(")")?;
                self.line_end();
                Ok(Some(Node::Define(variable, self.until_end("define")?)))
            }
            "evaluate" => {
                self.expect("(")?;
                let text = self.expression()?;
                self.expect(")")?;
                self.line_end();
                Ok(Some(Node::Evaluate(text)))
            }
            "break" => Ok(Some(Node::Break)),
            "stop" => Ok(Some(Node::Stop)),
            other => Err(self.error(format!("#{other} is not available in API Gateway"))),
        }
    }

    fn variable(&mut self) -> Result<Box<str>, ParseError> {
        let variable = self.take("$").then(|| {
            self.take("!");
            let braced = self.take("{");
            let name = self.identifier();
            if braced && !self.take("}") { None } else { name }
        });
        variable.flatten().map(Into::into).ok_or_else(|| self.error("a $variable is missing"))
    }

    fn conditions(&mut self) -> Result<Node, ParseError> {
        let mut arms = Vec::new();
        let mut condition = self.condition()?;
        loop {
            let (block, ended) = self.block()?;
            arms.push((condition, block));
            condition = match ended {
                Some("elseif") => self.condition()?,
                Some("else") => Expression::Bool(true),
                Some(_) => return Ok(Node::If(arms)),
                None => return Err(self.error("#if has no #end")),
            };
        }
    }

    fn condition(&mut self) -> Result<Expression, ParseError> {
        self.expect("(")?;
        let condition = self.expression()?;
        self.expect(")")?;
        self.line_end();
        Ok(condition)
    }

    fn until_end(&mut self, of: &str) -> Result<Block, ParseError> {
        match self.block()? {
            (nodes, Some("end")) => Ok(nodes),
            (_, Some(other)) => Err(self.error(format!("#{other} within #{of}"))),
            (_, None) => Err(self.error(format!("#{of} has no #end"))),
        }
    }

    /// `#name(…)` and `#@name(…) … #end`; anything else behind a `#` is text.
    fn macro_call(&mut self) -> Result<Option<Node>, ParseError> {
        let before = self.at;
        self.at += 1;
        let with_body = self.take("@");
        let braced = self.take("{");
        let name = self.identifier();
        let closed = !braced || self.take("}");
        let (Some(name), true, true) = (name, closed, self.rest().starts_with('(')) else {
            self.at = before;
            return Ok(None);
        };
        self.at += 1;
        let mut arguments = Vec::new();
        loop {
            self.skip_blanks();
            self.take(",");
            self.skip_blanks();
            if self.take(")") {
                break;
            }
            match self.deeper(|reader| reader.expression()) {
                Ok(argument) => arguments.push(argument),
                // No call after all, such as `#1 (see below)` in a text.
                Err(_) if !with_body => {
                    self.at = before;
                    return Ok(None);
                }
                Err(error) => return Err(error),
            }
        }
        let source = self.text.get(before..self.at).unwrap_or_default().into();
        let body = if with_body {
            self.line_end();
            Some(self.deeper(|reader| reader.until_end(name))?)
        } else {
            None
        };
        Ok(Some(Node::Call { name: name.into(), arguments, body, source }))
    }
}

fn flush(text: &mut String, nodes: &mut Vec<Node>) {
    if !text.is_empty() {
        nodes.push(Node::Text(std::mem::take(text).into()));
    }
}
