//! The program `fialka-server`.

use std::process::ExitCode;

/// Gives memory back to the system sooner than the system's own allocator, and scatters it less. Its settings are in
/// `.cargo/config.toml`.
#[global_allocator]
static ALLOCATOR: tikv_jemallocator::Jemalloc = tikv_jemallocator::Jemalloc;

fn main() -> ExitCode {
    homeserver::cli::run()
}
