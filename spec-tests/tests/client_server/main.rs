//! The client-server API, one module for each section of the specification.
//!
//! One binary: linking is paid once, and all modules share one server.

mod versions;
