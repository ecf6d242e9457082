//! Text, references and directives. Expressions are in [`crate::expression`].

use std::collections::HashSet;
use std::sync::Arc;

use crate::ast::{Block, Expression, Macro, Names, Node, Reference, Step};
use crate::error::MAX_NESTING;

pub(crate) struct Bad {
    pub at: usize,
    pub message: String,
}

pub(crate) type Parsed<T> = Result<T, Bad>;

pub(crate) struct Parser<'s, 'n> {
    pub src: &'s str,
    pub at: usize,
    /// Where `src` stands in the template.
    pub base: usize,
    pub names: &'n mut Names,
    macros: &'n HashSet<String>,
    pub depth: usize,
}

/// What ended a block.
#[derive(PartialEq)]
enum Closed {
    End,
    Else,
    ElseIf,
    Text,
}

const KNOWN: [&str; 13] = [
    "set", "if", "elseif", "else", "end", "foreach", "break", "stop", "macro", "define", "evaluate",
    "include", "parse",
];

/// Parses a whole template.
pub(crate) fn template(text: &str, names: &mut Names) -> Parsed<Block> {
    let macros = macro_names(text);
    let mut parser = Parser { src: text, at: 0, base: 0, names, macros: &macros, depth: 0 };
    parser.whole()
}

/// The names of all macros that the text defines, wherever: a call may stand before its macro.
fn macro_names(text: &str) -> HashSet<String> {
    let mut found = HashSet::new();
    for open in ["#macro", "#{macro}"] {
        for (at, _) in text.match_indices(open) {
            let rest = text[at + open.len()..].trim_start().strip_prefix('(').unwrap_or("").trim_start();
            let name = &rest[..identifier(rest)];
            if !name.is_empty() {
                found.insert(name.to_owned());
            }
        }
    }
    found
}

pub(crate) fn line_starts(text: &str) -> Vec<u32> {
    let ends = text.match_indices('\n').map(|(at, _)| u32::try_from(at + 1).unwrap_or(u32::MAX));
    std::iter::once(0).chain(ends).collect()
}

/// Line and column of an offset, from 1.
pub(crate) fn position(lines: &[u32], at: usize) -> (u32, u32) {
    let at = u32::try_from(at).unwrap_or(u32::MAX);
    let line = lines.partition_point(|start| *start <= at);
    let start = line.checked_sub(1).and_then(|n| lines.get(n)).copied().unwrap_or(0);
    (u32::try_from(line).unwrap_or(u32::MAX).max(1), at.saturating_sub(start).saturating_add(1))
}

/// The length of the identifier at the front: a letter or `_`, then letters, digits, `_` and `-`.
pub(crate) fn identifier(text: &str) -> usize {
    if !text.starts_with(|c: char| c.is_ascii_alphabetic() || c == '_') {
        return 0;
    }
    text.find(|c: char| !(c.is_ascii_alphanumeric() || c == '_' || c == '-')).unwrap_or(text.len())
}

impl<'s> Parser<'s, '_> {
    pub fn rest(&self) -> &'s str {
        self.src.get(self.at..).unwrap_or("")
    }

    pub fn bad<T>(&self, message: impl Into<String>) -> Parsed<T> {
        Err(Bad { at: self.base + self.at, message: message.into() })
    }

    pub fn mark(&self) -> u32 {
        u32::try_from(self.base + self.at).unwrap_or(u32::MAX)
    }

    pub fn eat(&mut self, text: &str) -> bool {
        let there = self.rest().starts_with(text);
        if there {
            self.at += text.len();
        }
        there
    }

    pub fn blanks(&mut self) {
        let rest = self.rest();
        self.at += rest.len() - rest.trim_start_matches([' ', '\t', '\r', '\n']).len();
    }

    pub fn expect(&mut self, text: &str, place: &str) -> Parsed<()> {
        self.blanks();
        if self.eat(text) {
            return Ok(());
        }
        let found: String = self.rest().chars().take(20).collect();
        match found.as_str() {
            "" => self.bad(format!("`{text}` is missing {place}, the template ends")),
            _ => self.bad(format!("`{text}` is missing {place}, found `{found}`")),
        }
    }

    pub fn deeper<T>(&mut self, parse: impl FnOnce(&mut Self) -> Parsed<T>) -> Parsed<T> {
        if self.depth >= MAX_NESTING {
            return self.bad(format!("nested more than {MAX_NESTING} levels deep"));
        }
        self.depth += 1;
        let parsed = parse(self);
        self.depth -= 1;
        parsed
    }

    fn whole(&mut self) -> Parsed<Block> {
        let (block, closed) = self.block()?;
        match closed {
            Closed::Text => Ok(block),
            Closed::End => self.bad("`#end` without a directive that it would end"),
            _ => self.bad("`#else` or `#elseif` without `#if`"),
        }
    }

    /// The content of a text in double quotes.
    pub fn inner(&mut self, text: &str, base: usize) -> Parsed<Block> {
        let (depth, macros) = (self.depth, self.macros);
        let mut inner = Parser { src: text, at: 0, base, names: &mut *self.names, macros, depth };
        inner.deeper(|p| p.whole())
    }

    fn block(&mut self) -> Parsed<(Block, Closed)> {
        let mut block = Block::new();
        let mut text = String::new();
        loop {
            let rest = self.rest();
            let plain = rest.find(['$', '#', '\\']).unwrap_or(rest.len());
            text.push_str(&rest[..plain]);
            self.at += plain;
            let rest = &rest[plain..];
            let Some(first) = rest.chars().next() else {
                flush(&mut block, &mut text);
                return Ok((block, Closed::Text));
            };
            match first {
                '\\' => self.backslashes(&mut block, &mut text)?,
                '$' => match self.reference()? {
                    Some(reference) => {
                        flush(&mut block, &mut text);
                        block.push(Node::Reference(reference));
                    }
                    None => {
                        text.push('$');
                        self.at += 1;
                    }
                },
                _ => {
                    if let Some(closed) = self.hash(&mut block, &mut text)? {
                        flush(&mut block, &mut text);
                        return Ok((block, closed));
                    }
                }
            }
        }
    }

    fn backslashes(&mut self, block: &mut Block, text: &mut String) -> Parsed<()> {
        let rest = self.rest();
        let count = rest.len() - rest.trim_start_matches('\\').len();
        self.at += count;
        if self.rest().starts_with('$')
            && let Some(reference) = self.reference()?
        {
            flush(block, text);
            block.push(Node::Escaped(count, reference));
            return Ok(());
        }
        let directive = self.rest().strip_prefix('#').map(|r| r.trim_start_matches('{'));
        let known = directive.is_some_and(|r| KNOWN.contains(&word(r)));
        let kept = if known { count / 2 } else { count };
        text.extend(std::iter::repeat_n('\\', kept));
        if known && count % 2 == 1 {
            text.push('#');
            self.at += 1;
        }
        Ok(())
    }

    /// `$name`, `${name}`, `$!name`, with what follows. `None`: no reference.
    pub fn reference(&mut self) -> Parsed<Option<Reference>> {
        let (start, at) = (self.at, self.mark());
        self.at += 1;
        let quiet = self.eat("!");
        let formal = self.eat("{");
        let length = identifier(self.rest());
        if length == 0 {
            self.at = start;
            return Ok(None);
        }
        let name = self.names.number(&self.rest()[..length]);
        self.at += length;
        let steps = self.deeper(Self::steps)?;
        if formal && !self.eat("}") {
            let found: String = self.rest().chars().take(20).collect();
            return self
                .bad(format!("`}}` is missing after `{}`, found `{found}`", &self.src[start..self.at]));
        }
        Ok(Some(Reference { name, steps, quiet, source: self.src[start..self.at].into(), at }))
    }

    fn steps(&mut self) -> Parsed<Vec<Step>> {
        let mut steps = Vec::new();
        loop {
            let rest = self.rest();
            if let Some(after) = rest.strip_prefix('.') {
                let length = identifier(after);
                if length == 0 {
                    return Ok(steps);
                }
                let name = Box::from(&after[..length]);
                self.at += 1 + length;
                if self.eat("(") {
                    steps.push(Step::Method(name, self.list(")", "after a method's arguments")?));
                } else {
                    steps.push(Step::Property(name));
                }
            } else if rest.starts_with('[') {
                // A bracket that holds no index is text, as in `$a[]`.
                let start = self.at;
                self.at += 1;
                let index = self.deeper(Self::expression);
                match index {
                    Ok(index) => {
                        self.blanks();
                        if !self.eat("]") {
                            self.at = start;
                            return Ok(steps);
                        }
                        steps.push(Step::Index(index));
                    }
                    Err(_) => {
                        self.at = start;
                        return Ok(steps);
                    }
                }
            } else {
                return Ok(steps);
            }
        }
    }

    /// Comments, literal parts and directives. `Some`: what ends the block.
    fn hash(&mut self, block: &mut Block, text: &mut String) -> Parsed<Option<Closed>> {
        let rest = self.rest();
        if rest.starts_with("##") {
            self.at += rest.find('\n').map_or(rest.len(), |n| n + 1);
            return Ok(None);
        }
        for (open, close) in [("#*", "*#"), ("#[[", "]]#")] {
            if let Some(inside) = rest.strip_prefix(open) {
                let Some(end) = inside.find(close) else {
                    return self.bad(format!("`{open}` is not closed by `{close}`"));
                };
                if open == "#[[" {
                    text.push_str(&inside[..end]);
                }
                self.at += open.len() + end + close.len();
                return Ok(None);
            }
        }
        let start = self.at;
        let after = &rest[1..];
        let with_body = after.starts_with('@');
        let after = after.strip_prefix('@').unwrap_or(after);
        let (name, length) = match after.strip_prefix('{') {
            Some(formal) => match formal.find('}') {
                Some(end) if identifier(formal) == end => (&formal[..end], end + 2),
                _ => ("", 0),
            },
            None => {
                let name = &after[..identifier(after)];
                // `#elsebar` is `#else`, then `bar`; a longer name of a macro goes first.
                let own = self.macros.contains(name) || KNOWN.contains(&name);
                let name = if own { name } else { word(after) };
                (name, name.len())
            }
        };
        let macro_call = self.macros.contains(name);
        if !macro_call && (with_body || !KNOWN.contains(&name)) {
            text.push('#');
            self.at += 1;
            return Ok(None);
        }
        let at = self.mark();
        self.at += 1 + usize::from(with_body) + length;
        match name {
            "else" | "end" => {
                self.line_end();
                return Ok(Some(if name == "else" { Closed::Else } else { Closed::End }));
            }
            "elseif" => return Ok(Some(Closed::ElseIf)),
            "set" => text.truncate(text.trim_end_matches([' ', '\t']).len()),
            _ => {}
        }
        flush(block, text);
        let node = self.deeper(|p| p.directive(name, with_body, start, at))?;
        block.push(node);
        Ok(None)
    }

    fn directive(&mut self, name: &str, with_body: bool, start: usize, at: u32) -> Parsed<Node> {
        match name {
            "set" => {
                self.expect("(", "after #set")?;
                self.blanks();
                let target = if self.rest().starts_with('$') { self.reference()? } else { None };
                let Some(target) = target else {
                    return self.bad("#set assigns to a reference, such as `$name`");
                };
                self.expect("=", "in #set")?;
                let value = self.expression()?;
                self.expect(")", "at the end of #set")?;
                self.line_end();
                Ok(Node::Set(target, value, at))
            }
            "if" => self.condition(at),
            "foreach" => {
                self.expect("(", "after #foreach")?;
                self.blanks();
                let item = if self.rest().starts_with('$') { self.reference()? } else { None };
                let Some(item) = item.filter(|r| r.steps.is_empty()) else {
                    return self.bad("#foreach needs a variable, as in `#foreach($item in $list)`");
                };
                self.expect("in", "in #foreach")?;
                let list = self.expression()?;
                self.expect(")", "at the end of #foreach")?;
                self.line_end();
                Ok(Node::Foreach(item.name, list, self.body("#foreach")?, at))
            }
            "break" | "stop" => {
                if self.eat("(") {
                    self.list(")", "after a directive's arguments")?;
                }
                self.line_end();
                Ok(if name == "break" { Node::Break } else { Node::Stop })
            }
            "macro" => self.macro_definition(),
            "define" => {
                self.expect("(", "after #define")?;
                self.blanks();
                let target = if self.rest().starts_with('$') { self.reference()? } else { None };
                let Some(target) = target else {
                    return self.bad("#define needs a reference, such as `$name`");
                };
                self.expect(")", "at the end of #define")?;
                self.line_end();
                Ok(Node::Define(target.name, Arc::new(self.body("#define")?)))
            }
            "evaluate" => {
                self.expect("(", "after #evaluate")?;
                let text = self.expression()?;
                self.expect(")", "at the end of #evaluate")?;
                self.line_end();
                Ok(Node::Evaluate(text, at))
            }
            "include" | "parse" => {
                self.at = start;
                self.bad(format!("#{name} is not supported by API Gateway: there are no files to read"))
            }
            _ => self.call(name, with_body, start, at),
        }
    }

    fn condition(&mut self, at: u32) -> Parsed<Node> {
        let mut branches = Vec::new();
        let mut closed = Closed::ElseIf;
        while closed == Closed::ElseIf {
            self.expect("(", "after #if or #elseif")?;
            let condition = self.expression()?;
            self.expect(")", "after the condition")?;
            self.line_end();
            let (block, end) = self.block()?;
            branches.push((Some(condition), block));
            closed = end;
        }
        if closed == Closed::Else {
            let (block, end) = self.block()?;
            branches.push((None, block));
            closed = end;
        }
        match closed {
            Closed::End => Ok(Node::If(branches, at)),
            Closed::Text => self.bad("#if is not closed by #end"),
            _ => self.bad("#else is the last branch of #if, another one follows"),
        }
    }

    fn macro_definition(&mut self) -> Parsed<Node> {
        self.expect("(", "after #macro")?;
        self.blanks();
        let length = identifier(self.rest());
        if length == 0 {
            return self.bad("#macro needs a name");
        }
        let name = Box::from(&self.rest()[..length]);
        self.at += length;
        let mut parameters = Vec::new();
        loop {
            self.blanks();
            if self.eat(")") {
                break;
            }
            self.eat(",");
            self.blanks();
            let parameter = if self.rest().starts_with('$') { self.reference()? } else { None };
            match parameter {
                Some(parameter) => parameters.push(parameter.name),
                None => return self.bad("the parameters of #macro are references, such as `$name`"),
            }
        }
        self.line_end();
        let body = self.body("#macro")?;
        Ok(Node::Macro(name, Arc::new(Macro { parameters, body })))
    }

    fn call(&mut self, name: &str, with_body: bool, start: usize, at: u32) -> Parsed<Node> {
        let mut arguments = Vec::new();
        let before = self.at;
        let rest = self.rest();
        self.at += rest.len() - rest.trim_start_matches([' ', '\t']).len();
        if self.eat("(") {
            loop {
                self.blanks();
                if self.eat(")") {
                    break;
                }
                self.eat(",");
                arguments.push(self.expression()?);
            }
        } else {
            self.at = before;
        }
        let source = self.src[start..self.at].into();
        let body = if with_body { Some(Arc::new(self.body(name)?)) } else { None };
        if !with_body {
            self.line_end();
        }
        Ok(Node::Call { name: name.into(), arguments, body, source, at })
    }

    fn body(&mut self, of: &str) -> Parsed<Block> {
        let (block, closed) = self.block()?;
        match closed {
            Closed::End => Ok(block),
            Closed::Text => self.bad(format!("{of} is not closed by #end")),
            _ => self.bad("`#else` or `#elseif` without `#if`"),
        }
    }

    /// Expressions up to `close`, with commas between.
    pub fn list(&mut self, close: &str, place: &str) -> Parsed<Vec<Expression>> {
        let mut out = Vec::new();
        self.blanks();
        if self.eat(close) {
            return Ok(out);
        }
        loop {
            out.push(self.deeper(Self::expression)?);
            self.blanks();
            if self.eat(",") {
                continue;
            }
            self.expect(close, place)?;
            return Ok(out);
        }
    }

    /// Blanks and the line's end behind a directive belong to it (Velocity 1.7); blanks alone do not.
    fn line_end(&mut self) {
        let rest = self.rest();
        let after = rest.trim_start_matches([' ', '\t']);
        let ended = after.strip_prefix("\r\n").or_else(|| after.strip_prefix(['\n', '\r']));
        if let Some(ended) = ended {
            self.at += rest.len() - ended.len();
        }
    }
}

/// The directive that the text begins with, the longest one.
fn word(text: &str) -> &str {
    let fits = KNOWN.iter().filter(|known| {
        text.strip_prefix(**known).is_some_and(|after| {
            // `#end`, `#else`, `#break` and `#stop` may touch what follows; the others have a parenthesis.
            let alone = ["end", "else", "break", "stop"].contains(known);
            let touches = after.starts_with(|c: char| c.is_ascii_alphanumeric() || c == '_');
            !touches || (alone && !["break", "stop"].contains(known))
        })
    });
    fits.max_by_key(|known| known.len()).and_then(|known| text.get(..known.len())).unwrap_or("")
}

fn flush(block: &mut Block, text: &mut String) {
    if !text.is_empty() {
        block.push(Node::Text(std::mem::take(text).into_boxed_str()));
    }
}
