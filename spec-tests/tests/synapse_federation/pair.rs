//! A Fialka and a Synapse that reach each other.

use std::{env, sync::OnceLock};

use serde_json::{Value, json};
use spec_tests::{Homeserver, Settings, User, target::Target};

/// The versions of rooms that both make.
pub(crate) const VERSIONS: [&str; 3] = ["10", "11", "12"];

/// One server of each kind.
#[derive(Clone)]
pub(crate) struct Pair {
    pub(crate) fialka: Homeserver,
    pub(crate) synapse: Homeserver,
}

/// The servers that all tests of this binary share.
pub(crate) fn pair() -> Pair {
    static SHARED: OnceLock<Result<Pair, String>> = OnceLock::new();
    let start = || {
        Ok(Pair {
            fialka: Homeserver::shared_of(&Target::from_environment(), &settings(1))?,
            synapse: Homeserver::shared_of(&synapse(), &settings(2))?,
        })
    };
    let shared = SHARED.get_or_init(start).clone();
    shared.unwrap_or_else(|reason: String| panic!("{reason}"))
}

impl Pair {
    /// Servers of one test's own, to be stopped and started.
    pub(crate) fn own() -> Self {
        Self {
            fialka: Homeserver::own_of(&Target::from_environment(), &settings(1)),
            synapse: Homeserver::own_of(&synapse(), &settings(2)),
        }
    }

    /// Alice of the one and Bob of the other, in both ways.
    pub(crate) fn both_ways(&self) -> [(User, User); 2] {
        let Self { fialka, synapse } = self;
        [
            (fialka.register("alice"), synapse.register("bob")),
            (synapse.register("alice"), fialka.register("bob")),
        ]
    }
}

/// Names are addresses, so that each finds the other without being told. They are different ones, so that one of them
/// can be denied.
fn settings(loopback: u8) -> Settings {
    Settings {
        loopback: Some(loopback),
        named_after_address: true,
        ..Settings::default()
    }
}

fn synapse() -> Target {
    let folder = env::var_os("SYNAPSE_VENV");
    Target::Synapse(
        folder
            .expect("SYNAPSE_VENV names Synapse's environment")
            .into(),
    )
}

/// Runs a test with Alice on either server and rooms of every version; Alice's server makes the room.
pub(crate) fn on_both_sides(test: impl Fn(&User, &User, &str)) {
    for (alice, bob) in pair().both_ways() {
        for version in VERSIONS {
            let side = if alice.server.is_synapse() {
                "Synapse"
            } else {
                "Fialka"
            };
            eprintln!("a room of version {version} made by {side}");
            test(&alice, &bob, version);
        }
    }
}

/// A room of this version that everybody may join.
pub(crate) fn public_room(alice: &User, version: &str) -> String {
    room(alice, version, &json!({ "preset": "public_chat" }))
}

/// A room of this version.
pub(crate) fn room(alice: &User, version: &str, options: &Value) -> String {
    let mut options = options.clone();
    options["room_version"] = version.into();
    alice.create_room(&options)
}

/// A public room of this version with both in it.
pub(crate) fn shared_room(alice: &User, bob: &User, version: &str) -> String {
    let room = public_room(alice, version);
    bob.join_via(&room, &alice.server);
    alice.must_see_member(&room, bob, "join");
    room
}
