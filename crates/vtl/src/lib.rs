//! Velocity templates as API Gateway runs them, and the JSONPath dialect of `$input`. Pure: the clock and everything
//! about the request come in as values.
//!
//! A template is parsed once and rendered for each call, inside [`Limits`]: whatever a template or a body holds, time
//! and memory are bounded, and the error says which bound was met and where.
//!
//! Sources: the Velocity 1.7 user guide; API Gateway guide, "Mapping template and access logging variable reference";
//! published recordings of AWS. What rests on none of them is marked as reasoning beside the code.
//!
//! ```
//! use vtl::{Data, Limits, Template};
//!
//! let template = Template::parse(r#"{"name": "$input.path('$.who')", "all": $input.json('$')}"#)?;
//! let data = Data { body: r#"{"who":"ann"}"#.to_owned(), ..Data::default() };
//! let made = template.render(&data, &Limits::default())?;
//! assert_eq!(made.text, r#"{"name": "ann", "all": {"who":"ann"}}"#);
//! # Ok::<(), Box<dyn std::error::Error>>(())
//! ```
#![forbid(unsafe_code)]

mod ast;
mod collections;
mod error;
mod expression;
mod filter;
mod input;
mod java_regex;
mod jsonpath;
mod methods;
mod operators;
mod parse;
mod render;
mod scope;
mod strings;
mod text;
mod util;
mod value;

pub use error::{Limits, ParseError, RenderError};
pub use java_regex::compile as compile_java_regex;
pub use jsonpath::Path;
pub use render::{Overrides, Rendered};
pub use scope::{Data, Place, Scope};

use ast::Block;

/// A parsed template. Immutable, shared between threads.
#[derive(Debug)]
pub struct Template {
    pub(crate) root: Block,
    pub(crate) names: ast::Names,
    pub(crate) lines: Vec<u32>,
}

/// The longest template that is parsed: 300 KB, AWS's bound for mapping templates (API Gateway quotas).
pub const MAX_TEMPLATE: usize = 300 * 1024;

impl Template {
    /// Parses a template.
    ///
    /// # Errors
    /// What is wrong, with its line and column: an unclosed directive, a broken expression, `#include` and `#parse`
    /// (there is nothing they could read), nesting deeper than [`Limits`] of the parser, more than [`MAX_TEMPLATE`] bytes.
    pub fn parse(text: &str) -> Result<Self, ParseError> {
        let lines = parse::line_starts(text);
        if text.len() > MAX_TEMPLATE {
            let message =
                format!("the template has {} bytes, at most {MAX_TEMPLATE} are allowed", text.len());
            return Err(ParseError { line: 1, column: 1, message });
        }
        let mut names = ast::Names::new();
        let root = parse::template(text, &mut names).map_err(|bad| {
            let (line, column) = parse::position(&lines, bad.at);
            ParseError { line, column, message: bad.message }
        })?;
        Ok(Self { root, names, lines })
    }

    /// The text itself, if there is nothing in the template to be worked out.
    #[must_use]
    pub fn literal(&self) -> Option<&str> {
        match self.root.as_slice() {
            [] => Some(""),
            [ast::Node::Text(text)] => Some(text),
            _ => None,
        }
    }

    /// Renders the template.
    ///
    /// # Errors
    /// The bound that was met, or the method that failed, with its line and column.
    pub fn render(&self, scope: &dyn Scope, limits: &Limits) -> Result<Rendered, RenderError> {
        render::render(self, scope, limits)
    }
}
