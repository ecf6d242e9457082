use std::fmt;

/// Why a template is none.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ParseError {
    /// From 1.
    pub line: u32,
    /// From 1, in bytes.
    pub column: u32,
    /// What is wrong, and what stands there.
    pub message: String,
}

/// Why a template could not be rendered.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct RenderError {
    /// From 1.
    pub line: u32,
    /// From 1, in bytes.
    pub column: u32,
    /// The bound that was met, or what a method could not do.
    pub message: String,
}

impl fmt::Display for ParseError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} at line {}, column {}", self.message, self.line, self.column)
    }
}

impl fmt::Display for RenderError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} at line {}, column {}", self.message, self.line, self.column)
    }
}

impl std::error::Error for ParseError {}
impl std::error::Error for RenderError {}

/// What one rendering may use.
#[derive(Clone, Copy, Debug)]
pub struct Limits {
    /// Nodes, values and elements looked at or made.
    pub steps: usize,
    /// Bytes of output. 10 MB is API Gateway's bound for payloads.
    pub output: usize,
    /// Bytes of all texts made on the way.
    pub texts: usize,
    /// Iterations of one `#foreach` (API Gateway quotas: 1,000).
    pub iterations: usize,
    /// Macros, definitions and `#evaluate` inside each other (Velocity's default for macros: 20).
    pub calls: usize,
}

impl Default for Limits {
    fn default() -> Self {
        Self { steps: 500_000, output: 10 << 20, texts: 32 << 20, iterations: 1000, calls: 20 }
    }
}

/// Levels of nesting that the parser takes: blocks, texts in texts, parentheses.
pub(crate) const MAX_NESTING: usize = 48;
/// Levels of blocks and expressions under way at once while rendering.
pub(crate) const MAX_ACTIVE: usize = 160;
/// Levels of a value that is written, compared or searched.
pub(crate) const MAX_DEPTH: usize = 128;
