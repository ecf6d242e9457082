//! The operations of the API Gateway control plane.
