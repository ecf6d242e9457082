use arn::AccountId;
use bytes::Bytes;
use serde::de::DeserializeOwned;
use serde_json::{Map, Value};

use crate::ApiError;

/// An operation of a service, called: parsed, validated against the model, authenticated and allowed.
#[derive(Clone, Debug)]
pub struct Call {
    /// The operation's name in the model, for example `CreateFunction`.
    pub operation: &'static str,
    /// The input by the model's member names. Blobs are base64 text, timestamps are seconds since 1970 as a number,
    /// enums and everything else as in the model. Members that were not sent are absent.
    pub input: Map<String, Value>,
    /// The body, where the model says that one blob member is the whole body (Lambda's Invoke). That member is not
    /// in `input`.
    pub payload: Bytes,
    /// The caller's account.
    pub account: AccountId,
    /// The region that the request was signed for or sent to, for example `us-east-1`.
    pub region: String,
    /// Answered in `x-amzn-RequestId`.
    pub request_id: String,
    /// Milliseconds since 1970.
    pub now_ms: i64,
    /// The trace that the call is a part of, complete, where the service passes it on (Lambda's Invoke).
    pub trace: Option<String>,
}

impl Call {
    /// The input as a type of the handler's own.
    ///
    /// # Errors
    /// [`ApiError::internal`] when the type does not fit the model: a defect of this program, not of the request.
    pub fn input_as<T: DeserializeOwned>(&self) -> Result<T, ApiError> {
        serde_json::from_value(Value::Object(self.input.clone()))
            .map_err(|e| ApiError::internal(format!("{}: {e}", self.operation)))
    }

    /// A string member, if it was sent.
    #[must_use]
    pub fn text(&self, member: &str) -> Option<&str> {
        self.input.get(member).and_then(Value::as_str)
    }

    /// A string member that the model requires; empty when absent, which validation has ruled out.
    #[must_use]
    pub fn required(&self, member: &str) -> &str {
        self.text(member).unwrap_or_default()
    }
}

/// What a handler answers, by the model's member names, in the forms described at [`Call::input`].
#[derive(Clone, Debug, Default)]
pub struct Reply {
    /// The output's members. Members that are not in the model are not sent.
    pub output: Map<String, Value>,
    /// The body, where the model says that one blob member is the whole body.
    pub payload: Option<Bytes>,
    /// Another status than the model's, for example 202 for an asynchronous Invoke (its `StatusCode` member).
    pub status: Option<u16>,
}

impl Reply {
    /// An answer without members.
    #[must_use]
    pub fn empty() -> Self {
        Self::default()
    }
}

impl From<Value> for Reply {
    /// Takes an object's members; anything else is an empty answer.
    fn from(value: Value) -> Self {
        let output = match value {
            Value::Object(members) => members,
            _ => Map::new(),
        };
        Self { output, ..Self::default() }
    }
}
