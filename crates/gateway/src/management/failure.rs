//! Why an operation fails, and API Gateway's codes.

use store::StoreError;
use wire::ApiError;

/// An error for the client, or a store that does not work.
#[derive(Debug)]
pub(super) enum Failure {
    Api(ApiError),
    Store(StoreError),
}

impl From<ApiError> for Failure {
    fn from(error: ApiError) -> Self {
        Self::Api(error)
    }
}

impl From<StoreError> for Failure {
    fn from(error: StoreError) -> Self {
        Self::Store(error)
    }
}

impl From<Failure> for ApiError {
    fn from(failure: Failure) -> Self {
        match failure {
            Failure::Api(error) => error,
            Failure::Store(error) => Self::internal(error.to_string()),
        }
    }
}

pub(super) fn bad_request(text: impl Into<String>) -> Failure {
    ApiError::new("BadRequestException", 400, text).into()
}

pub(super) fn not_found(text: impl Into<String>) -> Failure {
    ApiError::new("NotFoundException", 404, text).into()
}

pub(super) fn conflict(text: impl Into<String>) -> Failure {
    ApiError::new("ConflictException", 409, text).into()
}

pub(super) fn limit_exceeded(text: impl Into<String>) -> Failure {
    ApiError::new("LimitExceededException", 429, text).into()
}
