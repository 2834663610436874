//! Texts that are compared with files. `UPDATE_SNAPSHOTS=1` writes them anew.

use std::{env, fs, path::Path};

pub(crate) fn check(name: &str, text: &str) {
    let path = Path::new(env!("CARGO_MANIFEST_DIR"))
        .join("tests/engine/snapshots")
        .join(format!("{name}.txt"));
    if env::var_os("UPDATE_SNAPSHOTS").is_some() {
        fs::write(path, text).unwrap();
        return;
    }
    let kept = fs::read_to_string(&path).unwrap_or_default();
    assert!(
        kept == text,
        "{} is not what is said now; look at the difference and run with UPDATE_SNAPSHOTS=1\n{text}",
        path.display()
    );
}
