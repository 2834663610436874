//! Which part of the client may know which: see `docs/` and the crate's first page.
//!
//! The check reads the sources, so that a forbidden `use` is named with its file and line.

use std::{
    fs,
    path::{Path, PathBuf},
};

/// A folder and what must not be named in it.
struct Rule {
    folder: &'static str,
    forbidden: &'static [&'static str],
    why: &'static str,
}

const RULES: [Rule; 5] = [
    Rule {
        folder: "session",
        forbidden: &["slint::", "crate::view", "crate::model"],
        why: "the session runs on other threads than the views and must not know them",
    },
    Rule {
        folder: "rows",
        forbidden: &[
            "slint::",
            "tokio::",
            "std::thread",
            "crate::session",
            "crate::view",
            "crate::model",
            ".await",
        ],
        why: "rows are plain data",
    },
    Rule {
        folder: "render",
        forbidden: &[
            "slint::",
            "tokio::",
            "std::thread",
            "crate::session",
            "crate::view",
            "crate::model",
            ".await",
        ],
        why: "rendering is pure",
    },
    Rule {
        folder: "model",
        forbidden: &[
            "tokio::",
            "std::thread",
            "crate::session",
            "crate::view",
            "matrix_sdk_ui::",
            ".await",
        ],
        why: "models live on the UI thread and are fed by updates",
    },
    Rule {
        folder: "view",
        forbidden: &[
            "crate::session",
            "matrix_sdk_ui::",
            "block_on",
            "tokio::spawn",
            "std::thread",
        ],
        why: "views send commands and apply updates, nothing else",
    },
];

#[test]
fn no_part_reaches_into_another() {
    let source = Path::new(env!("CARGO_MANIFEST_DIR")).join("src");
    let mut found = Vec::new();
    for rule in &RULES {
        for file in rust_files(&source.join(rule.folder)) {
            check(rule, &file, &mut found);
        }
    }
    assert!(found.is_empty(), "\n{}", found.join("\n"));
}

#[test]
fn no_file_is_longer_than_four_hundred_lines() {
    let long: Vec<_> = rust_files(&Path::new(env!("CARGO_MANIFEST_DIR")).join("src"))
        .into_iter()
        .filter(|file| read(file).lines().count() > 400)
        .collect();
    assert!(long.is_empty(), "split these: {long:?}");
}

fn check(rule: &Rule, file: &Path, found: &mut Vec<String>) {
    for (number, line) in read(file).lines().enumerate() {
        let code = line.split("//").next().unwrap_or_default();
        for word in rule.forbidden.iter().filter(|word| code.contains(**word)) {
            found.push(format!(
                "{}:{}: `{word}`: {}",
                file.display(),
                number + 1,
                rule.why
            ));
        }
    }
}

fn rust_files(folder: &Path) -> Vec<PathBuf> {
    let Ok(entries) = fs::read_dir(folder) else {
        return Vec::new();
    };
    let mut files = Vec::new();
    for entry in entries.flatten() {
        let path = entry.path();
        if path.is_dir() {
            files.extend(rust_files(&path));
        } else if path.extension().is_some_and(|ending| ending == "rs") {
            files.push(path);
        }
    }
    files
}

fn read(file: &Path) -> String {
    fs::read_to_string(file).expect("a source file can be read")
}
