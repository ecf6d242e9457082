//! Stored things as the API answers them.
