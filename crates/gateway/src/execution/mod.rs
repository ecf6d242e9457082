//! Calls to deployed APIs.
