//! REST APIs: management, deployments compiled for execution, execution.

#![forbid(unsafe_code)]

pub mod execution;
pub mod management;
pub mod model;
