//! The service models as tables; parse, validate and render rest-json, query and json, for server and client.
//!
//! Only this crate knows how a shape looks on the wire. A request goes through [`find_service`] or
//! [`Service::by_signing_name`], [`route`], [`parse`] and [`validate`]; the answer through [`render`] or
//! [`render_error`]. A client uses [`build`] and [`parse_response`] with the same tables. [`Prelude`] is what a function
//! that streams its answer writes before the body.

#![forbid(unsafe_code)]

mod call;
mod client;
mod constraint;
mod error;
mod event_stream;
mod form;
mod java;
mod json;
mod model;
mod page;
mod parse;
mod pattern;
mod prelude;
mod render;
mod route;
mod scalar;
mod service;
mod table;
mod uri;
mod validate;
mod xml;
mod xml_read;

pub use call::{Call, Reply};
pub use client::{build, parse_response};
pub use error::ApiError;
pub use event_stream::{EVENT_STREAM, event, exception};
pub use model::{ErrorTrait, Kind, Location, Member, Model, Operation, Pagination, Protocol, Shape, ShapeId};
pub use page::{InvalidToken, paginate};
pub use parse::parse;
pub use prelude::{Begun, NoMetadata, Prelude};
pub use render::{render, render_error};
pub use route::{find_service, route};
pub use service::Service;
pub use validate::validate;
