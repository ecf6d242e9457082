use store::StoreError;
use wire::ApiError;

/// An error on its way out of a transaction.
#[derive(Debug)]
pub(crate) struct Fail(ApiError);

pub(crate) type Result<T> = std::result::Result<T, Fail>;

impl From<StoreError> for Fail {
    fn from(error: StoreError) -> Self {
        Self(ApiError::internal(error.to_string()))
    }
}

impl From<ApiError> for Fail {
    fn from(error: ApiError) -> Self {
        Self(error)
    }
}

impl From<Fail> for ApiError {
    fn from(fail: Fail) -> Self {
        fail.0
    }
}

// The texts are those of the recordings in tests/aws/services/logs unless a comment says otherwise.

pub(crate) fn invalid(text: impl Into<String>) -> Fail {
    Fail(ApiError::new("InvalidParameterException", 400, text))
}

pub(crate) fn limit_exceeded() -> Fail {
    Fail(ApiError::new("LimitExceededException", 400, "Resource limit exceeded."))
}

pub(crate) fn no_group() -> Fail {
    Fail(ApiError::new("ResourceNotFoundException", 400, "The specified log group does not exist."))
}

pub(crate) fn no_stream() -> Fail {
    Fail(ApiError::new("ResourceNotFoundException", 400, "The specified log stream does not exist."))
}

pub(crate) fn group_exists() -> Fail {
    Fail(ApiError::new("ResourceAlreadyExistsException", 400, "The specified log group already exists"))
}

pub(crate) fn stream_exists() -> Fail {
    Fail(ApiError::new("ResourceAlreadyExistsException", 400, "The specified log stream already exists"))
}

pub(crate) fn invalid_token() -> Fail {
    invalid("The specified nextToken is invalid.")
}
