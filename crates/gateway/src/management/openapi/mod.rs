//! OpenAPI in and out: ImportRestApi, PutRestApi, ImportDocumentationParts and GetExport, for Swagger 2.0 and
//! OpenAPI 3.0 in JSON and YAML, with API Gateway's extensions.
//!
//! A document is turned into the calls that somebody would make by hand (CreateResource, PutMethod, …), which run in one
//! transaction: so an imported API obeys the same rules, and is refused in the same words.
//!
//! Source: developer guide, "Use OpenAPI specifications" and "OpenAPI extensions for API Gateway".

mod authorizers;
mod document;
mod export;
mod handed_over;
mod import;
mod models;
mod operations;
mod paths;
mod whole;

pub(super) use export::export;
pub(super) use handed_over::{HandedOver, handed_over};
pub(super) use import::{documentation_parts, import, put};
