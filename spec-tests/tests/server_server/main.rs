//! The server-server API, one module for each section of the specification.

mod asking;
mod devices;
mod files;
mod keys;
mod queries;
mod request_authentication;
mod rooms;
mod two_servers;
mod unsupported;
mod user_keys;
