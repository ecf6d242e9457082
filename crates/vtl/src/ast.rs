//! A template as it is worked on.

use std::collections::BTreeMap;
use std::sync::Arc;

pub(crate) type Block = Arc<[Node]>;

/// A whole template: its text and the macros that it defines, which may be called before they are defined.
#[derive(Clone, Debug, Default)]
pub(crate) struct Program {
    pub(crate) nodes: Block,
    pub(crate) macros: BTreeMap<Box<str>, Macro>,
}

#[derive(Clone, Debug)]
pub(crate) struct Macro {
    pub(crate) parameters: Vec<Box<str>>,
    pub(crate) body: Block,
}

#[derive(Clone, Debug)]
pub(crate) enum Node {
    Text(Box<str>),
    Reference(Reference),
    /// Backslashes in front of a reference: what they mean depends on whether it has a value.
    Escaped(usize, Reference),
    Set(Reference, Expression),
    /// Conditions with their blocks; the last may be the constant `true`.
    If(Vec<(Expression, Block)>),
    Foreach {
        variable: Box<str>,
        over: Expression,
        body: Block,
    },
    Define(Box<str>, Block),
    /// `#name(…)`, or `#@name(…) … #end`. Printed as it is when there is no such macro.
    Call {
        name: Box<str>,
        arguments: Vec<Expression>,
        body: Option<Block>,
        source: Box<str>,
    },
    Evaluate(Expression),
    Break,
    Stop,
}

/// `$name.property.method(…)[…]`.
#[derive(Clone, Debug)]
pub(crate) struct Reference {
    pub(crate) name: Box<str>,
    /// `$!name`: nothing is printed where there is no value.
    pub(crate) quiet: bool,
    pub(crate) parts: Vec<Part>,
    /// As written: printed where there is no value.
    pub(crate) source: Box<str>,
}

#[derive(Clone, Debug)]
pub(crate) enum Part {
    Property(Box<str>),
    Method(Box<str>, Vec<Expression>),
    Index(Expression),
}

#[derive(Clone, Debug)]
pub(crate) enum Expression {
    Null,
    Bool(bool),
    Int(i64),
    Float(f64),
    Text(Box<str>),
    /// A text in double quotes with something to render in it.
    Interpolated(Block),
    List(Vec<Expression>),
    Map(Vec<(Expression, Expression)>),
    Range(Box<Expression>, Box<Expression>),
    Reference(Reference),
    Not(Box<Expression>),
    Binary(Operator, Box<Expression>, Box<Expression>),
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
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
