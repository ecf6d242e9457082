//! Says why a call was refused or failed, and words the changes that mend it.
//!
//! A change is evaluated with the policies of the refused call before it is shown: [`grants`] returns what would have
//! allowed that very request, or words where nothing does.

#![forbid(unsafe_code)]

mod excerpt;
mod fix;
mod fixes;
mod paint;
mod report;
mod shell;
mod simulation;
mod tree;
pub mod yaml;

pub use fix::{ApiCall, Code, Fix, Refusal, Step, code, compact, grants, statements};
pub use fixes::fixes;
pub use paint::{Forms, Style};
pub use report::{Finding, Report, render};
pub use shell::quote;
pub use simulation::{Question, Simulation};
pub use tree::{draw, summary};
