use serde_json::{Map, Value};

/// An error as AWS's clients see it.
#[derive(Clone, Debug, PartialEq)]
pub struct ApiError {
    /// The code, for example `ResourceNotFoundException`.
    pub code: String,
    /// The text; `None` is sent as null, as Lambda does for functions of another account.
    pub message: Option<String>,
    /// The HTTP status; 0 stands for the one that the service's model gives the code (400 where it gives none).
    pub status: u16,
    /// Further members of the error's shape, for example `Type` or `Reason`.
    pub fields: Map<String, Value>,
}

impl ApiError {
    /// An error with a code, a status and a text.
    #[must_use]
    pub fn new(code: &str, status: u16, message: impl Into<String>) -> Self {
        Self { code: code.to_owned(), message: Some(message.into()), status, fields: Map::new() }
    }

    /// Adds a member to the error's shape.
    #[must_use]
    pub fn with(mut self, member: &str, value: impl Into<Value>) -> Self {
        self.fields.insert(member.to_owned(), value.into());
        self
    }

    /// Something broke on this side; the text goes to the client so that it can be reported.
    #[must_use]
    pub fn internal(message: impl Into<String>) -> Self {
        Self::new("InternalFailure", 500, message)
    }

    /// The operation exists at AWS and has no behaviour here.
    #[must_use]
    pub fn not_implemented(service: &str, operation: &str) -> Self {
        Self::new("NotImplemented", 501, format!("crossgate does not implement {service}:{operation} yet"))
    }
}

impl std::fmt::Display for ApiError {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "{}: {}", self.code, self.message.as_deref().unwrap_or("null"))
    }
}

impl std::error::Error for ApiError {}
