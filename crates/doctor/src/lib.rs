//! Says why a call was refused or failed, and words the commands that mend it.
//!
//! A grant is evaluated with the policies of the refused call before it is shown: [`grants`] returns only what would
//! have allowed that very request.

#![forbid(unsafe_code)]

mod grant;
mod report;
mod shell;

pub use grant::{ApiCall, Fix, Refusal, grants};
pub use report::{Finding, Report, Style, render};
pub use shell::quote;
