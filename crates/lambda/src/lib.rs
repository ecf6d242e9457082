//! AWS Lambda: functions and their execution.
//!
//! [`Lambda`] is the control plane and what runs an invocation of a function by name; [`execution`] runs a function
//! whose code and configuration are given to it.
#![forbid(unsafe_code)]

mod control;
pub mod execution;
pub mod url;

pub use control::{
    Background, Delivery, EventReport, EventWork, Execute, FunctionName, FunctionUrl, FunctionView,
    InvokeFailure, Lambda, Roles, Settings, payload, unassumable_role,
};
