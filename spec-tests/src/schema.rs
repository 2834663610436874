//! Checks answers against the response schemas of the specification.

use std::{
    collections::HashMap,
    env, fs,
    path::{Path, PathBuf},
    sync::{Arc, LazyLock, Mutex},
};

use jsonschema::Validator;
use serde_json::Value;

use crate::endpoints;

type Key = (String, u16);

/// Schemas as read, and validators of those that were needed so far.
struct Schemas {
    sources: HashMap<Key, Value>,
    compiled: Mutex<HashMap<Key, Arc<Validator>>>,
}

/// The folder with the specification's data, if there is one.
pub fn folder() -> Option<&'static Path> {
    static FOLDER: LazyLock<Option<PathBuf>> = LazyLock::new(|| {
        let folder = PathBuf::from(env::var_os("MATRIX_SPEC_DATA")?);
        Some(folder).filter(|folder| folder.join("responses.json").is_file())
    });
    FOLDER.as_deref()
}

/// Everything that is wrong with an answer; an unknown operation or status has no schema to break.
pub fn violations(operation: &str, status: u16, answer: &Value) -> Vec<String> {
    static SCHEMAS: LazyLock<Schemas> = LazyLock::new(load);
    let key = (operation.to_owned(), status);
    let Some(source) = SCHEMAS.sources.get(&key) else {
        return Vec::new();
    };
    let validator = {
        let mut compiled = SCHEMAS
            .compiled
            .lock()
            .unwrap_or_else(|dead| dead.into_inner());
        let validator = compiled.entry(key).or_insert_with(|| {
            let validator = jsonschema::draft202012::new(source)
                .unwrap_or_else(|error| panic!("schema of {operation} {status}: {error}"));
            Arc::new(validator)
        });
        Arc::clone(validator)
    };
    validator
        .iter_errors(answer)
        .map(|error| format!("{}: {error}", error.instance_path()))
        .collect()
}

fn load() -> Schemas {
    let mut sources = HashMap::new();
    if let Some(folder) = folder() {
        let text = fs::read_to_string(folder.join("responses.json")).unwrap_or_default();
        let rows: Vec<Value> = serde_json::from_str(&text)
            .unwrap_or_else(|error| panic!("responses.json in MATRIX_SPEC_DATA: {error}"));
        for mut row in rows {
            let status = row["code"].as_str().and_then(|code| code.parse().ok());
            let api = row["api"].as_str().unwrap_or_default();
            if let (Some(operation), Some(status), "client-server" | "server-server") = (
                row["op"]
                    .as_str()
                    .map(|operation| endpoints::name(api, operation)),
                status,
                api,
            ) {
                let mut schema = row["schema"].take();
                // A slip of the specification: with format=event both of its alternatives fit.
                if operation == "getRoomStateWithKey"
                    && let Some(alternatives) =
                        schema.as_object_mut().and_then(|s| s.remove("oneOf"))
                {
                    schema["anyOf"] = alternatives;
                }
                sources.insert((operation, status), schema);
            }
        }
    }
    Schemas {
        sources,
        compiled: Mutex::default(),
    }
}
