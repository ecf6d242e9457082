//! AWS Lambda: functions and their execution.
#![forbid(unsafe_code)]

pub mod execution;
