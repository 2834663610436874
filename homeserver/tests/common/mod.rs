//! A server that can be killed.

#[path = "../../../spec-tests/src/ports.rs"]
mod ports;

use std::{
    path::{Path, PathBuf},
    process::{Child, Command, Stdio},
    time::Duration,
};

use anyhow::{Result, ensure};
use ports::free_port;
use serde_json::Value;
use tokio::time::{Instant, sleep};

/// The server's program. It would take the variable of a test for its configuration.
fn program() -> Command {
    let mut program = Command::new(env!("CARGO_BIN_EXE_fialka-server"));
    program.env_remove("FIALKA_CRASH_ROUNDS");
    program
}

/// A server as a process of its own.
pub(crate) struct Server {
    child: Child,
    /// Where its client-server API is.
    pub(crate) url: String,
    config: PathBuf,
}

impl Server {
    /// Starts a server over the database in a folder.
    pub(crate) async fn start(folder: &Path, http: &reqwest::Client) -> Result<Self> {
        let port = free_port();
        let config = folder.join("fialka.toml");
        let text = format!(
            "server_name = \"crash.example\"\ndata_dir = {:?}\n[[listen]]\naddress = \"127.0.0.1:{port}\"\n\
             [registration]\nmode = \"open\"\n[limits]\nenabled = false\n",
            folder.join("data")
        );
        std::fs::write(&config, text)?;
        let keys = folder.join("data/keys");
        if !keys.exists() {
            // Only `init` makes a signing key; the rest of what it makes is replaced.
            let made = folder.join("made");
            let init = ["init", "--server-name", "crash.example", "--data-dir"];
            let done = program().args(init).arg(&made).output()?;
            ensure!(done.status.success(), "init failed: {done:?}");
            std::fs::rename(made.join("keys"), keys)?;
        }
        let child = program()
            .args(["serve", "--config"])
            .arg(&config)
            .stdout(Stdio::null())
            .stderr(Stdio::null())
            .spawn()?;
        let server = Self {
            child,
            url: format!("http://127.0.0.1:{port}/_matrix/client"),
            config,
        };
        let deadline = Instant::now() + Duration::from_secs(60);
        while http
            .get(format!("{}/versions", server.url))
            .send()
            .await
            .is_err()
        {
            ensure!(Instant::now() < deadline, "the server does not start");
            sleep(Duration::from_millis(20)).await;
        }
        Ok(server)
    }

    /// Kills the server and checks every row of its database.
    pub(crate) fn kill(&mut self) -> Result<()> {
        self.child.kill()?;
        self.child.wait()?;
        let checked = program()
            .args(["check", "--deep", "--config"])
            .arg(&self.config)
            .output()?;
        ensure!(
            checked.status.success(),
            "the database is damaged: {checked:?}"
        );
        Ok(())
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        // It may be gone already.
        drop(self.child.kill());
        drop(self.child.wait());
    }
}

/// The body of an answer that is no refusal.
pub(crate) async fn answer(request: reqwest::RequestBuilder) -> Result<Value> {
    let response = request.send().await?;
    let status = response.status();
    let body: Value = response.json().await?;
    ensure!(status.is_success(), "{status}: {body}");
    Ok(body)
}
