//! Values from the environment: `FIALKA_SECTION__KEY`.

use toml::{Table, Value};

use super::ConfigError;

const PREFIX: &str = "FIALKA_";

/// Sets every key that the environment names; says whether there was any.
///
/// A value that begins like a TOML array, table or quoted string, and `true` and `false`, are read as TOML;
/// anything else is text, so that a secret needs no quoting.
pub(super) fn apply(
    table: &mut Table,
    environment: impl IntoIterator<Item = (String, String)>,
) -> Result<bool, ConfigError> {
    let mut found = false;
    for (variable, text) in environment {
        let Some(key) = variable.strip_prefix(PREFIX) else {
            continue;
        };
        let path: Vec<String> = key.split("__").map(str::to_lowercase).collect();
        let value = value_of(&text).map_err(|reason| error(&variable, reason))?;
        set(table, &path, value).map_err(|reason| error(&variable, reason))?;
        found = true;
    }
    Ok(found)
}

fn error(variable: &str, reason: String) -> ConfigError {
    ConfigError::Environment {
        variable: variable.to_owned(),
        reason,
    }
}

fn value_of(text: &str) -> Result<Value, String> {
    if !text.starts_with(['[', '{', '"']) && text != "true" && text != "false" {
        return Ok(Value::String(text.to_owned()));
    }
    let mut table: Table =
        toml::from_str(&format!("value = {text}")).map_err(|error| error.message().to_owned())?;
    table
        .remove("value")
        .ok_or_else(|| "it has no value".to_owned())
}

fn set(table: &mut Table, path: &[String], value: Value) -> Result<(), String> {
    let Some((first, rest)) = path.split_first() else {
        return Ok(());
    };
    if rest.is_empty() {
        table.insert(first.clone(), value);
        return Ok(());
    }
    match table
        .entry(first)
        .or_insert_with(|| Value::Table(Table::new()))
    {
        Value::Table(section) => set(section, rest, value),
        _ => Err(format!("\"{first}\" is not a section of the configuration")),
    }
}
