//! The server-server API, one module for each section of the specification.

mod keys;
mod request_authentication;
mod unsupported;
