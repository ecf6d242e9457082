//! What goes through a function URL: the request as an event of payload format 2.0, the function's answer as a response,
//! the beginning of a streamed one, and the CORS headers. Pure: who may call, and the call itself, are the server's.

mod answer;
mod cors;
mod event;
mod prelude;

pub use answer::{Response, response};
pub use cors::Cors;
pub use event::{IamCaller, Request, event};
pub use prelude::{PRELUDE_TYPE, Prelude, PreludeReader};
