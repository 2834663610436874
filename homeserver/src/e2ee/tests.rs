use std::collections::BTreeMap;

use ruma::{
    CanonicalJsonObject, OwnedDeviceId, OwnedUserId, TransactionId,
    api::client::uiaa::{AuthData, Dummy},
    encryption::{CrossSigningKey, DeviceKeys},
    events::ToDeviceEventType,
    serde::Raw,
    signatures::{Ed25519KeyPair, sign_json},
    to_device::DeviceIdOrAllDevices,
};
use serde_json::{Value, json};

use super::{key_backup::BackupScope, *};
use crate::{
    ApiError, Config, Server,
    clock::ManualClock,
    ids::StreamPos,
    users::{Registration, Session, SignIn},
};

mod backup;
mod cross_signing;
mod keys;
mod to_device;

/// A server without rooms.
struct Bench {
    server: Server,
    _folder: tempfile::TempDir,
}

impl Bench {
    fn open() -> Self {
        let folder = tempfile::tempdir().unwrap();
        let text = format!(
            "server_name = \"b.example\"\ndata_dir = {:?}\n[registration]\nmode = \"open\"\n[limits]\nenabled = false",
            folder.path()
        );
        let config = Config::parse(&text, []).unwrap();
        std::fs::create_dir_all(config.keys_dir()).unwrap();
        crate::keys::create(&config.keys_dir()).unwrap();
        let server = Server::open(config, ManualClock::at(1_700_000_000_000)).unwrap();
        Self {
            server,
            _folder: folder,
        }
    }

    fn e2ee(&self) -> &E2ee {
        &self.server.e2ee
    }

    async fn register(&self, name: &str) -> Session {
        let auth = AuthData::Dummy(Dummy::new());
        let wish = Registration {
            username: Some(name.to_owned()),
            password: Some("сирень".to_owned()),
            sign_in: Some(SignIn::default()),
        };
        let registered = self.server.users.register(wish, Some(&auth)).await.unwrap();
        let signed_in = registered.signed_in.unwrap();
        self.server
            .users
            .session(&signed_in.access_token)
            .await
            .unwrap()
    }
}
