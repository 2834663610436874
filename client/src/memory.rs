//! Memory that was used once goes back to the system.
//!
//! The C library keeps what is freed for later, in a pool for each thread. Decoding pictures on several threads leaves
//! tens of megabytes in those pools that are never used again. It can be told otherwise by the environment only, before
//! the program begins.

use std::{env, io, os::unix::process::CommandExt, process::Command};

/// Large pieces are taken from the system and given back one by one; one pool for all threads, and beside it no stock of
/// small pieces for each thread, which would keep their neighbours from being joined.
const SETTINGS: [(&str, &str); 4] = [
    ("MALLOC_MMAP_THRESHOLD_", "65536"),
    ("MALLOC_TRIM_THRESHOLD_", "131072"),
    ("MALLOC_ARENA_MAX", "1"),
    (
        "GLIBC_TUNABLES",
        "glibc.malloc.tcache_count=0:glibc.malloc.mxfast=0",
    ),
];

/// Begins the program again, in the same process, with these settings; does nothing where somebody has made their own.
/// When it returns, the program goes on as it is.
pub fn settle() {
    if SETTINGS.iter().any(|(name, _)| env::var_os(name).is_some()) {
        return;
    }
    if let Err(error) = begin_again() {
        eprintln!("Fialka uses more memory than it needs: {error}");
    }
}

fn begin_again() -> io::Result<()> {
    let program = env::current_exe()?;
    // Comes back only when it fails.
    Err(Command::new(program)
        .args(env::args_os().skip(1))
        .envs(SETTINGS)
        .exec())
}

/// Keeps the settings from a program that this one begins: it has its own ways with memory.
pub fn keep_from(command: &mut Command) {
    for (name, value) in SETTINGS {
        if env::var_os(name).is_some_and(|set| set == value) {
            command.env_remove(name);
        }
    }
}
