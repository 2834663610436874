//! The ledger of what tests declared and saw, and the report made from it.
//!
//! Where `SPEC_TEST_LEDGER` names a folder, each test binary appends JSON lines to a file of its own there.

mod report;

use std::{
    collections::{BTreeMap, HashSet},
    env,
    fs::{self, File},
    io::Write as _,
    path::PathBuf,
    sync::{LazyLock, Mutex},
    thread,
};

use serde_json::{Value, json};

pub use self::report::report;
use crate::{
    endpoints::{self, Endpoint},
    http::Reply,
};

struct Ledger {
    file: Option<File>,
    written: HashSet<String>,
    declared: BTreeMap<String, HashSet<String>>,
}

static LEDGER: LazyLock<Mutex<Ledger>> = LazyLock::new(|| {
    Mutex::new(Ledger {
        file: env::var_os("SPEC_TEST_LEDGER").map(open),
        written: HashSet::new(),
        declared: BTreeMap::new(),
    })
});

fn open(folder: std::ffi::OsString) -> File {
    let folder = PathBuf::from(folder);
    let path = folder.join(format!("{}.jsonl", std::process::id()));
    fs::create_dir_all(&folder)
        .and_then(|()| File::options().create(true).append(true).open(&path))
        .unwrap_or_else(|error| panic!("cannot write {}: {error}", path.display()))
}

/// Notes that the running test is about an operation; see [`covers!`](crate::covers).
///
/// # Panics
/// When the specification has no such operation.
pub fn declare(method: &str, path: &str) {
    let known = endpoints::all();
    let endpoint = known
        .iter()
        .find(|endpoint| endpoint.method == method && endpoint.path == path);
    // Sliding sync and the registration by shared secret are not in the specification.
    let outside = path.contains("/unstable/") || path.starts_with("/_synapse/");
    assert!(
        known.is_empty() || outside || endpoint.is_some(),
        "the specification has no operation {method} {path}"
    );
    if let Some(endpoint) = endpoint {
        let test = test_name();
        let mut ledger = LEDGER.lock().unwrap_or_else(|dead| dead.into_inner());
        let declared = ledger.declared.entry(test.clone()).or_default();
        declared.insert(endpoint.operation.clone());
        ledger.write(json!({ "test": test, "covers": endpoint.operation }));
    }
}

/// Notes an answer that a test received.
pub(crate) fn record(endpoint: &Endpoint, reply: &Reply) {
    let test = test_name();
    let unrecognized = reply.json["errcode"] == "M_UNRECOGNIZED";
    let mut ledger = LEDGER.lock().unwrap_or_else(|dead| dead.into_inner());
    let declares = ledger.declared.get(&test);
    let declared = declares.is_some_and(|operations| operations.contains(&endpoint.operation));
    ledger.write(json!({
        "test": test,
        "operation": endpoint.operation,
        "status": reply.status,
        "errcode": reply.json["errcode"],
        "declared": declared,
        "routed": !unrecognized,
    }));
}

/// Notes that an operation refuses requests without a valid access token.
pub fn record_auth(operation: &str) {
    let mut ledger = LEDGER.lock().unwrap_or_else(|dead| dead.into_inner());
    ledger.write(json!({ "test": test_name(), "auth": operation }));
}

impl Ledger {
    fn write(&mut self, entry: Value) {
        let line = format!("{entry}\n");
        let Some(file) = &mut self.file else { return };
        if self.written.insert(line.clone()) {
            file.write_all(line.as_bytes())
                .unwrap_or_else(|error| panic!("cannot write the ledger: {error}"));
        }
    }
}

/// The harness names each test's thread after the test; background threads inherit it from [`in_background`].
fn test_name() -> String {
    thread::current().name().unwrap_or("unnamed").to_owned()
}

/// Runs a part of a test beside it, under the same name.
///
/// # Panics
/// When no thread can be started.
pub fn in_background<T: Send + 'static>(
    work: impl FnOnce() -> T + Send + 'static,
) -> thread::JoinHandle<T> {
    thread::Builder::new()
        .name(test_name())
        .spawn(work)
        .expect("a thread for a part of a test")
}
