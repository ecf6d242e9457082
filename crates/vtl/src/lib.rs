//! Velocity templates as API Gateway runs them, and the JSONPath dialect of `$input`. Pure.
//!
//! [`Template::parse`] compiles a text once; [`Template::render`] renders it with what one request brings. Bounds on
//! steps, depth and output keep any template from running for ever ([`Limits`]).
//!
//! Source: Apache Velocity 1.7 User Guide and grammar; API Gateway Developer Guide, "API Gateway mapping template and
//! access logging variable reference". What neither says is marked as reasoning where it stands.
//!
//! ```
//! use vtl::{Limits, Scope, Template};
//!
//! let template = Template::parse(r#"{"hello": "$input.path('$.name')"#)?;
//! let scope = Scope { body: r#"{"name": "ann"}"#, ..Scope::default() };
//! assert_eq!(template.render(&scope, Limits::default())?.text, r#"{"hello": "ann"#);
//! # Ok::<(), Box<dyn std::error::Error>>(())
//! ```
#![forbid(unsafe_code)]

mod ast;
mod expression;
mod java;
mod json;
pub mod json_path;
mod methods;
mod objects;
mod parse;
mod reference;
mod render;
mod value;

use std::fmt;

pub use render::Rendered;
pub use value::Value;

/// A template, compiled.
#[derive(Clone, Debug)]
pub struct Template {
    program: ast::Program,
}

/// Why a text is no template.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ParseError {
    /// What is wrong.
    pub message: String,
    /// The line, from 1.
    pub line: usize,
    /// The column in characters, from 1.
    pub column: usize,
}

impl fmt::Display for ParseError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} at line {}, column {}", self.message, self.line, self.column)
    }
}

impl std::error::Error for ParseError {}

/// Why a template gave nothing: a bound was reached.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct RenderError {
    /// Which bound, in words.
    pub message: String,
}

impl fmt::Display for RenderError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.message)
    }
}

impl std::error::Error for RenderError {}

/// Bounds of one rendering.
#[derive(Clone, Copy, Debug)]
pub struct Limits {
    /// Nodes and elements worked on; texts count by 64 bytes.
    pub steps: usize,
    /// Bytes of output, and of any text on the way to it.
    pub bytes: usize,
    /// Macros, evaluations, definitions and expressions within each other.
    pub depth: usize,
    /// Rounds of one `#foreach`; further ones do not take place (API Gateway quota: 1,000).
    pub rounds: usize,
}

impl Default for Limits {
    fn default() -> Self {
        Self { steps: 500_000, bytes: 10 << 20, depth: 64, rounds: 1_000 }
    }
}

/// What one request brings to a template.
#[derive(Clone, Debug, Default)]
pub struct Scope<'a> {
    /// `$input.body`, and what `$input.path` and `$input.json` look into.
    pub body: &'a str,
    /// `$input.params().path`.
    pub path: &'a [(String, String)],
    /// `$input.params().querystring`.
    pub query: &'a [(String, String)],
    /// `$input.params().header`.
    pub header: &'a [(String, String)],
    /// `$stageVariables`.
    pub stage_variables: &'a [(String, String)],
    /// `$context`, a JSON object.
    pub context: &'a str,
}

impl Template {
    /// Compiles a text.
    ///
    /// # Errors
    /// Where and why it is no template: a directive without its end, an expression that cannot be read, nesting deeper
    /// than 64, `#include` and `#parse`, which API Gateway does not have.
    pub fn parse(text: &str) -> Result<Self, ParseError> {
        Ok(Self { program: parse::program(text)? })
    }

    /// Renders it.
    ///
    /// # Errors
    /// When a bound is reached.
    pub fn render(&self, scope: &Scope<'_>, limits: Limits) -> Result<Rendered, RenderError> {
        render::render(&self.program, scope, limits)
    }

    /// The text itself, when there is nothing to render in it.
    #[must_use]
    pub fn literal(&self) -> Option<&str> {
        match &*self.program.nodes {
            [] => Some(""),
            [ast::Node::Text(text)] => Some(text),
            _ => None,
        }
    }
}
