//! The domains depend on each other in one direction: the table below is the diagram of docs/ARCHITECTURE.md.
//!
//! Routes may import any domain, since they bring domains together; so may the composition root and the command line.

#![expect(
    clippy::unwrap_used,
    reason = "a test that cannot read its sources fails"
)]

use std::{
    collections::{BTreeMap, BTreeSet},
    fs,
    path::{Path, PathBuf},
};

/// Modules that know nothing of Matrix or of the server and may be imported by all.
const COMMON: [&str; 9] = [
    "any_input",
    "clock",
    "config",
    "error",
    "flights",
    "ids",
    "jobs",
    "read_cache",
    "workers",
];

/// Each domain with the domains it may import.
const ALLOWED: &[(&str, &[&str])] = &[
    ("events", &[]),
    ("storage", &[]),
    ("outbound", &[]),
    ("join", &[]),
    ("hub", &["storage"]),
    ("users", &["storage"]),
    ("account_data", &["storage", "users"]),
    ("delayed", &["events", "rooms", "storage", "users"]),
    ("rooms", &["account_data", "events", "storage", "users"]),
    ("presence", &["hub", "rooms", "storage"]),
    ("reports", &["rooms", "storage", "users"]),
    ("roster", &["rooms", "storage", "users"]),
    (
        "feedback",
        &["admin", "rooms", "search", "storage", "users"],
    ),
    ("e2ee", &["rooms", "storage", "users"]),
    ("media", &["outbound", "storage", "users"]),
    (
        "push",
        &["account_data", "events", "outbound", "rooms", "storage"],
    ),
    (
        "sync",
        &[
            "account_data",
            "e2ee",
            "events",
            "hub",
            "presence",
            "push",
            "rooms",
            "storage",
            "users",
        ],
    ),
    (
        "federation",
        &[
            "account_data",
            "e2ee",
            "events",
            "hub",
            "media",
            "outbound",
            "presence",
            "push",
            "rooms",
            "storage",
            "sync",
            "users",
        ],
    ),
    (
        "search",
        &[
            "account_data",
            "events",
            "rooms",
            "storage",
            "sync",
            "users",
        ],
    ),
    (
        "admin",
        &[
            "account_data",
            "events",
            "media",
            "rooms",
            "storage",
            "users",
        ],
    ),
    (
        "appservice",
        &[
            "events", "outbound", "presence", "rooms", "storage", "users",
        ],
    ),
    ("maintenance", &["events", "rooms", "storage"]),
];

/// Modules that bring domains together.
const TOGETHER: [&str; 7] = ["cli", "hooks", "http", "keys", "lib", "main", "ops"];

fn sources(folder: &Path, found: &mut Vec<PathBuf>) {
    for entry in fs::read_dir(folder).unwrap() {
        let path = entry.unwrap().path();
        if path.is_dir() {
            sources(&path, found);
        } else if path.extension().is_some_and(|extension| extension == "rs") {
            found.push(path);
        }
    }
}

/// The modules that a source names after `crate::`, alone or in braces.
fn imports(source: &str) -> BTreeSet<String> {
    let code: String = source
        .lines()
        .filter(|line| !line.trim_start().starts_with("//"))
        .collect::<Vec<_>>()
        .join("\n");
    let mut found = BTreeSet::new();
    for (at, _) in code.match_indices("crate::") {
        let rest = &code[at + "crate::".len()..];
        if let Some(list) = rest.strip_prefix('{') {
            found.extend(first_names(list));
        } else {
            found.insert(name(rest));
        }
    }
    found
}

/// The names at the outer level of a list in braces, of which the opening one is taken off.
fn first_names(list: &str) -> Vec<String> {
    let (mut names, mut depth, mut begins) = (Vec::new(), 1, true);
    for (at, character) in list.char_indices() {
        match character {
            '{' => depth += 1,
            '}' => depth -= 1,
            ',' if depth == 1 => begins = true,
            _ if depth == 1 && begins && !character.is_whitespace() => {
                names.push(name(&list[at..]));
                begins = false;
            }
            _ => {}
        }
        if depth == 0 {
            break;
        }
    }
    names
}

fn name(text: &str) -> String {
    text.chars()
        .take_while(|c| c.is_alphanumeric() || *c == '_')
        .collect()
}

#[test]
fn domains_import_only_what_lies_below_them() {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("src");
    let allowed: BTreeMap<_, _> = ALLOWED.iter().copied().collect();
    let mut files = Vec::new();
    sources(&root, &mut files);
    assert!(files.len() > 50, "the sources are somewhere else");
    let mut wrong = Vec::new();
    for path in files {
        let inside = path.strip_prefix(&root).unwrap();
        let first = inside
            .iter()
            .next()
            .unwrap()
            .to_str()
            .unwrap()
            .trim_end_matches(".rs");
        let text = inside.to_str().unwrap();
        // The list of tables names row types of all domains and calls nothing.
        let exempt =
            text == "storage/tables.rs" || text.contains("routes") || text.contains("tests");
        if exempt || TOGETHER.contains(&first) || COMMON.contains(&first) {
            continue;
        }
        let Some(below) = allowed.get(first) else {
            wrong.push(format!(
                "{text}: the domain {first} is not in the table of tests/layering.rs"
            ));
            continue;
        };
        for import in imports(&fs::read_to_string(&path).unwrap()) {
            let is_domain =
                allowed.contains_key(import.as_str()) || TOGETHER.contains(&import.as_str());
            if is_domain && import != first && !below.contains(&import.as_str()) {
                wrong.push(format!(
                    "{text} imports {import}, which does not lie below {first}"
                ));
            }
        }
    }
    assert!(wrong.is_empty(), "\n{}", wrong.join("\n"));
}

#[test]
fn the_table_has_no_cycle() {
    let mut placed = BTreeSet::new();
    while placed.len() < ALLOWED.len() {
        let before = placed.len();
        for (domain, below) in ALLOWED {
            if below.iter().all(|domain| placed.contains(domain)) {
                placed.insert(*domain);
            }
        }
        assert!(
            placed.len() > before,
            "a cycle among the domains that are not in {placed:?}"
        );
    }
}

#[test]
fn imports_in_braces_are_seen() {
    let source = "use crate::{\n    error::{ApiError, ApiResult},\n    ids::RoomNid,\n    Server,\n};\nuse crate::hub::Hub;";
    let expected = ["Server", "error", "hub", "ids"].map(str::to_owned);
    assert_eq!(imports(source), expected.into());
}
