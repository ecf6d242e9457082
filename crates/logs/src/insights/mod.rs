//! Logs Insights: StartQuery and what belongs to it. A query runs in a thread of its own, with bounds on time, rows and
//! bytes; its result is kept for a while.

mod expr;
mod functions;
mod operators;
mod parse;
mod query;
mod record;
mod row;
mod run;
mod stats;
mod value;
mod words;

pub(crate) use query::Queries;
pub(crate) use record::{fields, record};

#[cfg(test)]
mod tests;
