//! The account that `cargo xtask run` makes for whoever tries Fialka out.

use std::{
    fmt::Write as _,
    fs::{self, File, OpenOptions},
    io::{Read as _, Write as _},
    net::SocketAddr,
    os::unix::fs::OpenOptionsExt as _,
    path::Path,
};

use anyhow::{Context as _, Result, bail};
use hmac::{Hmac, Mac as _};
use serde_json::json;
use sha1::Sha1;

use crate::http;

const NAME: &str = "admin";
const REGISTER: &str = "/_synapse/admin/v1/register";
const RANDOM_BYTES: usize = 12;

/// The administrator's password, and the secret that lets this program register them.
pub(super) struct Administrator {
    pub(super) password: String,
    pub(super) registration_secret: String,
}

impl Administrator {
    /// The one of this data directory, made up on first use and kept in a file that only its owner can read.
    pub(super) fn of(data_dir: &Path) -> Result<Self> {
        let path = data_dir.join("administrator");
        let registration_secret = random_text()?;
        if let Ok(password) = fs::read_to_string(&path) {
            return Ok(Self {
                password: password.trim().to_owned(),
                registration_secret,
            });
        }
        let password = random_text()?;
        let mut file = OpenOptions::new()
            .write(true)
            .create_new(true)
            .mode(0o600)
            .open(&path)?;
        writeln!(file, "{password}").with_context(|| format!("cannot write {}", path.display()))?;
        Ok(Self {
            password,
            registration_secret,
        })
    }

    /// Registers the account unless it is there already, and returns its user id.
    ///
    /// [Shared-secret registration](https://element-hq.github.io/synapse/latest/admin_api/register_api.html)
    pub(super) fn register(&self, server: SocketAddr, server_name: &str) -> Result<String> {
        let (_, answer) = http::get(server, REGISTER)?;
        let nonce = answer["nonce"]
            .as_str()
            .context("The homeserver gave no nonce to register an administrator.")?;
        let mut code = Hmac::<Sha1>::new_from_slice(self.registration_secret.as_bytes())?;
        code.update([nonce, NAME, &self.password, "admin"].join("\0").as_bytes());
        let request = json!({
            "nonce": nonce, "username": NAME, "password": self.password, "admin": true,
            "mac": hexadecimal(&code.finalize().into_bytes()),
        });
        let (status, answer) = http::post(server, REGISTER, &request)?;
        if status != 200 && answer["errcode"] != "M_USER_IN_USE" {
            bail!("The administrator could not be registered: {status} {answer}");
        }
        Ok(format!("@{NAME}:{server_name}"))
    }
}

fn random_text() -> Result<String> {
    let mut bytes = [0; RANDOM_BYTES];
    File::open("/dev/urandom")?.read_exact(&mut bytes)?;
    Ok(hexadecimal(&bytes))
}

fn hexadecimal(bytes: &[u8]) -> String {
    bytes.iter().fold(String::new(), |mut text, byte| {
        // Writing to a string cannot fail.
        write!(text, "{byte:02x}").unwrap_or_default();
        text
    })
}
