//! The homeserver under test: started in a folder of its own, ready before a test sees it.

mod configuration;

use std::{
    io::Write as _,
    net::Ipv4Addr,
    path::{Path, PathBuf},
    sync::{
        Arc, Mutex, OnceLock,
        atomic::{AtomicU64, Ordering},
    },
    thread,
    time::{Duration, Instant},
};

use tempfile::TempDir;

use crate::{http::Request, ports::free_port, process::Process, schema, target::Target};

const START_DEADLINE: Duration = Duration::from_secs(60);

/// What a test wants to be different from the shared server.
#[derive(Clone, Debug, Default)]
pub struct Settings {
    /// Registration asks for a registration token.
    pub registration_token_required: bool,
    /// Rate limits are on.
    pub limits: bool,
    /// It does not talk to other servers.
    pub no_federation: bool,
    /// It reaches other servers at public addresses only.
    pub federation_at_public_addresses_only: bool,
    /// Lines for the section `[federation]` of Fialka's configuration.
    pub federation: String,
    /// Registrations of application services.
    pub appservices: Vec<serde_json::Value>,
    /// It is named after its address, so that others find it without being told where it is.
    pub named_after_address: bool,
    /// The last number of the loopback address that other servers reach it at, one by default.
    pub loopback: Option<u8>,
    /// Its name, where it is another than that of the shared server.
    pub name: Option<String>,
    /// More lines of Fialka's configuration. Other servers cannot be given them, so such a test is skipped there.
    pub fialka: String,
}

/// A running homeserver. Clones are the same server.
#[derive(Clone, Debug)]
pub struct Homeserver(Arc<Inner>);

#[derive(Debug)]
struct Inner {
    url: String,
    tls_address: String,
    server_name: String,
    shared_secret: Option<String>,
    is_synapse: bool,
    started: Option<Started>,
}

#[derive(Debug)]
struct Started {
    program: Vec<String>,
    folder: PathBuf,
    process: Mutex<Option<Process>>,
    // Removes the folder of a server that one test made for itself.
    _owned_folder: Option<TempDir>,
}

/// The server that all tests of this binary share.
pub fn homeserver() -> Homeserver {
    // A server that does not start fails every test, and is tried once only.
    static SHARED: OnceLock<Result<Homeserver, String>> = OnceLock::new();
    SHARED
        .get_or_init(|| {
            let target = Target::from_environment();
            say_what_is_tested(&target);
            match target {
                Target::Url(url) => Ok(Homeserver::running(url)),
                // Synapse cannot be told where a server is whose name is not its address, and tests of federation
                // have another one look for this one.
                Target::Synapse(_) => {
                    let settings = Settings {
                        named_after_address: true,
                        ..Settings::default()
                    };
                    Homeserver::start(&target, &settings, None)
                }
                Target::Fialka(_) => Homeserver::start(&target, &Settings::default(), None),
            }
        })
        .clone()
        .unwrap_or_else(|reason| panic!("{reason}"))
}

/// A second server for all tests of this binary, which knows where to find [`homeserver`] and is found by it; `None`
/// where the server under test is not started by this suite.
pub fn homeserver2() -> Option<Homeserver> {
    static SHARED: OnceLock<Result<Homeserver, String>> = OnceLock::new();
    let target = Target::from_environment();
    if !target.is_started_by_us() {
        return None;
    }
    let first = homeserver();
    let start = || {
        let peer = format!(
            "peers = {{ \"{}\" = \"{}\" }}",
            first.server_name(),
            first.tls_address()
        );
        let settings = Settings {
            named_after_address: true,
            federation: peer,
            ..Settings::default()
        };
        Homeserver::start(&target, &settings, None)
    };
    let second = SHARED.get_or_init(start).clone();
    Some(second.unwrap_or_else(|reason| panic!("{reason}")))
}

impl Homeserver {
    /// A server of the test's own, to be reconfigured, stopped and started again; `None` where the server under test
    /// is not started by this suite.
    pub fn own(settings: &Settings) -> Option<Self> {
        let target = Target::from_environment();
        let folder = TempDir::with_prefix("spec-test-").expect("a temporary folder");
        let can_be_set = settings.fialka.is_empty() || matches!(target, Target::Fialka(_));
        (target.is_started_by_us() && can_be_set)
            .then(|| Self::start(&target, settings, Some(folder)))
            .map(|server| server.unwrap_or_else(|reason| panic!("{reason}")))
    }

    /// A server of this kind for all tests of this binary, whatever else is under test.
    ///
    /// # Errors
    /// When it does not start.
    pub fn shared_of(target: &Target, settings: &Settings) -> Result<Self, String> {
        Self::start(target, settings, None)
    }

    /// A server of this kind for one test, whatever else is under test.
    ///
    /// # Panics
    /// When it does not start.
    pub fn own_of(target: &Target, settings: &Settings) -> Self {
        let folder = TempDir::with_prefix("spec-test-").expect("a temporary folder");
        Self::start(target, settings, Some(folder)).unwrap_or_else(|reason| panic!("{reason}"))
    }

    fn running(url: String) -> Self {
        let server_name = std::env::var("SPEC_TEST_SERVER_NAME").unwrap_or("localhost".into());
        Self(Arc::new(Inner {
            url,
            tls_address: String::new(),
            server_name,
            shared_secret: std::env::var("SPEC_TEST_SHARED_SECRET").ok(),
            is_synapse: false,
            started: None,
        }))
    }

    fn start(
        target: &Target,
        settings: &Settings,
        owned_folder: Option<TempDir>,
    ) -> Result<Self, String> {
        let (port, tls_port) = (free_port(), free_port());
        let host = Ipv4Addr::new(127, 0, 0, settings.loopback.unwrap_or(1));
        let tls_address = format!("{host}:{tls_port}");
        let server_name = match &settings.name {
            Some(name) => name.clone(),
            None if settings.named_after_address => tls_address.clone(),
            None => configuration::SERVER_NAME.to_owned(),
        };
        // The shared server lives as long as the process: its watchdog removes the folder.
        let folder = owned_folder.as_ref().map_or_else(
            || {
                TempDir::with_prefix("spec-tests-")
                    .expect("a temporary folder")
                    .keep()
            },
            |owned| owned.path().to_owned(),
        );
        let place = configuration::Place {
            folder: &folder,
            port,
            tls_address: &tls_address,
            server_name: &server_name,
        };
        let program = configuration::prepare(target, settings, &place);
        let server = Self(Arc::new(Inner {
            url: format!("http://127.0.0.1:{port}"),
            tls_address,
            server_name,
            shared_secret: Some(configuration::SHARED_SECRET.to_owned()),
            is_synapse: matches!(target, Target::Synapse(_)),
            started: Some(Started {
                program,
                folder,
                process: Mutex::new(None),
                _owned_folder: owned_folder,
            }),
        }));
        server.launch().map(|()| server)
    }

    fn launch(&self) -> Result<(), String> {
        let started = self.0.started.as_ref().expect("a server that we start");
        let remove = started
            ._owned_folder
            .is_none()
            .then_some(started.folder.as_path());
        let log = started.folder.join("server.log");
        let process = Process::start(&started.program, &log, remove)
            .map_err(|error| format!("cannot start {:?}: {error}", started.program))?;
        *started.process.lock().expect("no test died here") = Some(process);
        self.wait_until_ready()
    }

    fn wait_until_ready(&self) -> Result<(), String> {
        let deadline = Instant::now() + START_DEADLINE;
        loop {
            let reply = Request::new(self, "GET", "/_matrix/client/versions").try_send();
            match reply {
                Ok(reply) if reply.status == 200 => return Ok(()),
                other if Instant::now() > deadline || self.has_ended() => {
                    let log = self.log_tail();
                    return Err(format!("the server did not become ready: {other:?}\n{log}"));
                }
                _ => {}
            }
            thread::sleep(Duration::from_millis(20));
        }
    }

    fn has_ended(&self) -> bool {
        let Some(started) = &self.0.started else {
            return false;
        };
        let mut process = started.process.lock().expect("no test died here");
        process
            .as_mut()
            .is_none_or(|process| process.ended().is_ok_and(|status| status.is_some()))
    }

    /// Kills the server without warning.
    ///
    /// # Panics
    /// When the server is not one of this suite's own, or does not run.
    pub fn kill(&self) {
        let started = self.0.started.as_ref().expect("a server that we start");
        let process = started.process.lock().expect("no test died here").take();
        process
            .expect("a running server")
            .kill()
            .expect("the server to be killed");
    }

    /// Kills the server without warning and starts it again on the same data.
    ///
    /// # Panics
    /// When the server is not one of this suite's own, or does not come back.
    pub fn kill_and_restart(&self) {
        self.kill();
        self.start_again();
    }

    /// Starts a server again that was killed, on the same data.
    ///
    /// # Panics
    /// When the server is not one of this suite's own, or does not come back.
    pub fn start_again(&self) {
        self.launch().unwrap_or_else(|reason| panic!("{reason}"));
    }

    /// The part of user ids, room ids and aliases after the colon.
    pub fn server_name(&self) -> &str {
        &self.0.server_name
    }

    /// The secret of `/_synapse/admin/v1/register`, if the server has one.
    pub fn shared_secret(&self) -> Option<&str> {
        self.0.shared_secret.as_deref()
    }

    /// Whether Synapse answers: a few of its limits differ from ours without breaking the specification.
    pub fn is_synapse(&self) -> bool {
        self.0.is_synapse
    }

    /// Where other servers reach it: `host:port`.
    pub fn tls_address(&self) -> &str {
        &self.0.tls_address
    }

    /// The address that requests go to.
    pub fn url(&self) -> &str {
        &self.0.url
    }

    /// The folder with the server's configuration and data.
    pub fn folder(&self) -> Option<&Path> {
        self.0
            .started
            .as_ref()
            .map(|started| started.folder.as_path())
    }

    /// The most memory that the server has had at once since it was started, in bytes, where the system tells.
    pub fn peak_memory(&self) -> Option<u64> {
        let process = self.0.started.as_ref()?.process.lock().ok()?;
        process.as_ref()?.peak_memory()
    }

    /// The last lines of the server's log, for the message of a failing test.
    pub fn log_tail(&self) -> String {
        let process = self
            .0
            .started
            .as_ref()
            .and_then(|started| started.process.lock().ok());
        process
            .and_then(|process| process.as_ref().map(Process::log_tail))
            .unwrap_or_default()
    }
}

impl Drop for Started {
    fn drop(&mut self) {
        if let Ok(mut process) = self.process.lock()
            && let Some(process) = process.take()
            && let Err(error) = process.kill()
        {
            eprintln!("the server could not be stopped: {error}");
        }
    }
}

/// A name that no other test uses.
pub fn unique(stem: &str) -> String {
    static NEXT: AtomicU64 = AtomicU64::new(0);
    let number = NEXT.fetch_add(1, Ordering::Relaxed);
    format!("{stem}-{:x}-{number}", std::process::id())
}

/// Written past the test harness, which would show it only for a failing test.
fn say_what_is_tested(target: &Target) {
    let schemas = match schema::folder() {
        Some(folder) => format!("answers are checked against {}", folder.display()),
        None => {
            "MATRIX_SPEC_DATA is not set, so answers are not checked against schemas".to_owned()
        }
    };
    let line = format!("spec-tests: {target:?}; {schemas}\n");
    std::io::stderr()
        .write_all(line.as_bytes())
        .expect("standard error is open");
}
