//! A homeserver of its own for a test, which can be killed and started again.

#[path = "../../../spec-tests/src/ports.rs"]
mod ports;

use std::{
    fs,
    path::PathBuf,
    process::{Child, Command, Stdio},
    sync::{Mutex, MutexGuard, PoisonError},
    time::{Duration, Instant},
};

use tempfile::TempDir;

use ports::free_port;

const START: Duration = Duration::from_secs(60);

/// Who comes with this may register people without passwords and act for them.
pub(crate) const CROWD_TOKEN: &str = "the-token-of-the-whole-crowd";

const CROWD: &str = "id: crowd\n\
     url: null\n\
     as_token: the-token-of-the-whole-crowd\n\
     hs_token: what-the-server-would-say\n\
     sender_localpart: crowd\n\
     rate_limited: false\n\
     namespaces:\n  \
       users:\n    \
         - exclusive: false\n      \
           regex: '@member.*'\n";

/// Flows run one after the other: three clients and three servers at once tell more of the machine than of either.
static TURN: Mutex<()> = Mutex::new(());

/// Who may register.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Mode {
    Open,
    Token,
    /// Open, and with a certificate of an authority that nobody knows.
    Lan,
}

pub(crate) struct Server {
    binary: PathBuf,
    folder: TempDir,
    port: u16,
    tls_port: u16,
    child: Child,
    _turn: MutexGuard<'static, ()>,
}

impl Server {
    pub(crate) fn start(binary: PathBuf, mode: Mode) -> Self {
        let turn = TURN.lock().unwrap_or_else(PoisonError::into_inner);
        let registration = match mode {
            Mode::Open | Mode::Lan => "open",
            Mode::Token => "token",
        };
        let folder = tempfile::tempdir().unwrap();
        let (port, tls_port) = (free_port(), free_port());
        let crowd = folder.path().join("crowd.yaml");
        fs::write(&crowd, CROWD).unwrap();
        let mut config = format!(
            "server_name = \"flows.test\"\n\
             data_dir = \"{}\"\n\
             [[listen]]\n\
             address = \"127.0.0.1:{port}\"\n\
             [registration]\n\
             mode = \"{registration}\"\n\
             [limits]\n\
             enabled = false\n\
             [appservices]\n\
             files = [\"{}\"]\n",
            folder.path().join("data").display(),
            crowd.display()
        );
        if mode == Mode::Lan {
            config.push_str(&format!(
                "[[listen]]\n\
                 address = \"127.0.0.1:{tls_port}\"\n\
                 tls_cert = \"data/keys/server.pem\"\n\
                 tls_key = \"data/keys/server.key\"\n"
            ));
        }
        init(&binary, &folder, mode == Mode::Lan);
        fs::write(folder.path().join("fialka.toml"), config).unwrap();
        let child = spawn(&binary, &folder);
        let mut server = Self {
            binary,
            folder,
            port,
            tls_port,
            child,
            _turn: turn,
        };
        server.wait();
        server
    }

    /// What a person would type.
    pub(crate) fn address(&self) -> String {
        format!("127.0.0.1:{}", self.port)
    }

    /// Where it answers with its certificate.
    pub(crate) fn secure_address(&self) -> String {
        format!("https://localhost:{}", self.tls_port)
    }

    /// The file that brings computers in, with these fields changed.
    pub(crate) fn join_file(&self, changes: serde_json::Value) -> PathBuf {
        let made = self.folder.path().join("data/flows.test.fialka");
        let mut file: serde_json::Value = serde_json::from_slice(&fs::read(made).unwrap()).unwrap();
        for (name, value) in changes.as_object().unwrap() {
            file[name] = value.clone();
        }
        let path = self.folder.path().join("academy.fialka");
        fs::write(&path, file.to_string()).unwrap();
        path
    }

    /// A code with which one person may register.
    pub(crate) fn make_code(&self) -> String {
        let made = Command::new(&self.binary)
            .args(["invite", "--config"])
            .arg(self.folder.path().join("fialka.toml"))
            .args(["create", "--token", "7K2M-94HT-IS21", "--uses", "1"])
            .output()
            .unwrap();
        assert!(
            made.status.success(),
            "{}",
            String::from_utf8_lossy(&made.stderr)
        );
        "7K2M-94HT-IS21".to_owned()
    }

    /// Ends the server the hard way: nothing of it gets to say goodbye.
    pub(crate) fn kill(&mut self) {
        self.child.kill().unwrap();
        self.child.wait().unwrap();
    }

    pub(crate) fn start_again(&mut self) {
        self.child = spawn(&self.binary, &self.folder);
        self.wait();
    }

    fn wait(&mut self) {
        let deadline = Instant::now() + START;
        let url = format!("http://{}/_matrix/client/versions", self.address());
        let runtime = tokio::runtime::Builder::new_current_thread()
            .enable_all()
            .build()
            .unwrap();
        runtime.block_on(async {
            while !reqwest::get(&url)
                .await
                .is_ok_and(|answer| answer.status().is_success())
            {
                let ended = self.child.try_wait().unwrap();
                assert!(ended.is_none(), "the server ended: {ended:?}");
                assert!(
                    Instant::now() < deadline,
                    "the server does not answer at {url}"
                );
                tokio::time::sleep(Duration::from_millis(50)).await;
            }
        });
    }

    fn log(&self) -> String {
        fs::read_to_string(self.folder.path().join("log")).unwrap_or_default()
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        if let Err(error) = self.child.kill().and_then(|()| self.child.wait()) {
            eprintln!("the server was not ended: {error}");
        }
        if std::thread::panicking() {
            eprintln!("--- the server's log ---\n{}", self.log());
        }
    }
}

/// Makes the signing key; the configuration that comes with it is replaced by the test's.
fn init(binary: &PathBuf, folder: &TempDir, lan: bool) {
    let made = Command::new(binary)
        .args(["init", "--server-name", "flows.test", "--data-dir"])
        .arg(folder.path().join("data"))
        .args(lan.then_some("--lan"))
        .output()
        .unwrap_or_else(|error| panic!("{} cannot be started: {error}", binary.display()));
    assert!(
        made.status.success(),
        "init failed: {}",
        String::from_utf8_lossy(&made.stderr)
    );
}

fn spawn(binary: &PathBuf, folder: &TempDir) -> Child {
    let log = fs::OpenOptions::new()
        .create(true)
        .append(true)
        .open(folder.path().join("log"))
        .unwrap();
    Command::new(binary)
        .args(["serve", "--config"])
        .arg(folder.path().join("fialka.toml"))
        .stdin(Stdio::null())
        .stdout(log.try_clone().unwrap())
        .stderr(log)
        .spawn()
        .unwrap_or_else(|error| panic!("{} cannot be started: {error}", binary.display()))
}
