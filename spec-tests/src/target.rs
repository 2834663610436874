//! What is under test, chosen by the environment.

use std::{env, path::PathBuf};

/// A homeserver to test.
///
/// | variable | meaning |
/// | --- | --- |
/// | `SPEC_TEST_URL` | a running server; `SPEC_TEST_SHARED_SECRET` names its registration secret |
/// | `SPEC_TEST_TARGET=synapse` | a Synapse started from the Python environment in `SYNAPSE_VENV` |
/// | `SPEC_TEST_SERVER_BIN` | the `fialka-server` to start; by default the one built beside the tests |
#[derive(Clone, Debug)]
pub enum Target {
    /// Our own server, started from this binary.
    Fialka(PathBuf),
    /// Synapse, started from this Python environment.
    Synapse(PathBuf),
    /// A server that somebody else runs.
    Url(String),
}

impl Target {
    /// Reads the environment.
    ///
    /// # Panics
    /// When nothing says what to test.
    pub fn from_environment() -> Self {
        if let Ok(url) = env::var("SPEC_TEST_URL") {
            return Self::Url(url.trim_end_matches('/').to_owned());
        }
        match env::var("SPEC_TEST_TARGET").as_deref() {
            Ok("synapse") => {
                let folder = env::var_os("SYNAPSE_VENV")
                    .unwrap_or_else(|| panic!("SPEC_TEST_TARGET=synapse needs SYNAPSE_VENV."));
                Self::Synapse(folder.into())
            }
            Ok(other) => panic!("SPEC_TEST_TARGET={other} is unknown; \"synapse\" is known."),
            Err(_) => Self::Fialka(server_binary()),
        }
    }

    /// Whether this suite starts the server, and so can give it other settings or stop it.
    pub fn is_started_by_us(&self) -> bool {
        !matches!(self, Self::Url(_))
    }
}

fn server_binary() -> PathBuf {
    if let Some(path) = env::var_os("SPEC_TEST_SERVER_BIN") {
        return path.into();
    }
    // Tests live in target/PROFILE/deps, binaries one level up.
    let beside = env::current_exe()
        .ok()
        .and_then(|tests| Some(tests.parent()?.parent()?.join("fialka-server")))
        .filter(|path| path.is_file());
    beside.unwrap_or_else(|| {
        panic!("Nothing to test: set SPEC_TEST_SERVER_BIN, SPEC_TEST_TARGET or SPEC_TEST_URL.")
    })
}
