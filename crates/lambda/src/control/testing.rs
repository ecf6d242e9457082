//! Helpers of this folder's tests.
