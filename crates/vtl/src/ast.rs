//! What a template is parsed to.

use std::collections::HashMap;
use std::sync::Arc;

/// A name, by its number in [`Names`].
pub(crate) type Symbol = u32;
pub(crate) type Block = Vec<Node>;

#[derive(Debug)]
pub(crate) enum Node {
    Text(Box<str>),
    Reference(Reference),
    /// A reference behind backslashes.
    Escaped(usize, Reference),
    Set(Reference, Expression, u32),
    /// The branches in order; `#else` has the condition `None`.
    If(Vec<(Option<Expression>, Block)>, u32),
    Foreach(Symbol, Expression, Block, u32),
    Break,
    Stop,
    Macro(Box<str>, Arc<Macro>),
    Call {
        name: Box<str>,
        arguments: Vec<Expression>,
        body: Option<Arc<Block>>,
        source: Box<str>,
        at: u32,
    },
    Define(Symbol, Arc<Block>),
    Evaluate(Expression, u32),
}

#[derive(Debug)]
pub(crate) struct Macro {
    pub parameters: Vec<Symbol>,
    pub body: Block,
}

#[derive(Debug)]
pub(crate) struct Reference {
    pub name: Symbol,
    pub steps: Vec<Step>,
    /// `$!`: nothing instead of the reference's own text.
    pub quiet: bool,
    /// As written.
    pub source: Box<str>,
    pub at: u32,
}

#[derive(Debug)]
pub(crate) enum Step {
    Property(Box<str>),
    Method(Box<str>, Vec<Expression>),
    Index(Expression),
}

#[derive(Debug)]
pub(crate) enum Expression {
    Null,
    Bool(bool),
    Int(i64),
    Double(f64),
    Text(Box<str>),
    /// A text in double quotes with Velocity in it.
    Interpolated(Block),
    Reference(Reference),
    List(Vec<Expression>),
    Range(Box<(Expression, Expression)>),
    Map(Vec<(Expression, Expression)>),
    Not(Box<Expression>),
    Minus(Box<Expression>),
    Binary(Operator, Box<(Expression, Expression)>),
}

#[derive(Clone, Copy, Debug, PartialEq)]
pub(crate) enum Operator {
    Or,
    And,
    Equal,
    NotEqual,
    Less,
    LessOrEqual,
    Greater,
    GreaterOrEqual,
    Add,
    Subtract,
    Multiply,
    Divide,
    Remainder,
}

/// The names of a template's variables, each with a number.
#[derive(Clone, Debug)]
pub(crate) struct Names {
    numbers: HashMap<Box<str>, Symbol>,
}

pub(crate) const INPUT: Symbol = 0;
pub(crate) const UTIL: Symbol = 1;
pub(crate) const CONTEXT: Symbol = 2;
pub(crate) const STAGE_VARIABLES: Symbol = 3;
pub(crate) const FOREACH: Symbol = 4;
pub(crate) const VELOCITY_COUNT: Symbol = 5;
pub(crate) const VELOCITY_HAS_NEXT: Symbol = 6;
pub(crate) const BODY_CONTENT: Symbol = 7;

const FIXED: [&str; 8] = [
    "input",
    "util",
    "context",
    "stageVariables",
    "foreach",
    "velocityCount",
    "velocityHasNext",
    "bodyContent",
];

impl Names {
    pub fn new() -> Self {
        Self { numbers: FIXED.iter().zip(0..).map(|(name, n)| ((*name).into(), n)).collect() }
    }

    pub fn number(&mut self, name: &str) -> Symbol {
        if let Some(number) = self.numbers.get(name) {
            return *number;
        }
        // A template has at most 300 KB, hence fewer names than numbers.
        let number = Symbol::try_from(self.numbers.len()).unwrap_or(Symbol::MAX);
        self.numbers.insert(name.into(), number);
        number
    }

    pub fn len(&self) -> usize {
        self.numbers.len()
    }
}
