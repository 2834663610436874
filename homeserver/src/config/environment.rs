//! Values from the environment: `FIALKA_SECTION__KEY`.

use toml::{Table, Value};

use super::ConfigError;

const PREFIX: &str = "FIALKA_";

/// A variable and its value.
pub(super) type Variable = (String, String);

/// Those variables that say something of the configuration.
pub(super) fn variables(environment: impl IntoIterator<Item = Variable>) -> Vec<Variable> {
    let environment = environment.into_iter();
    environment
        .filter(|(variable, _)| variable.starts_with(PREFIX))
        .collect()
}

/// Sets every key that a variable names.
///
/// A value that begins like a TOML array, table or quoted string, and `true` and `false`, are read as TOML;
/// anything else is text, so that a secret needs no quoting.
pub(super) fn apply(table: &mut Table, variables: &[Variable]) -> Result<(), ConfigError> {
    for (variable, text) in variables {
        let key = variable.strip_prefix(PREFIX).unwrap_or(variable);
        let path: Vec<String> = key.split("__").map(str::to_lowercase).collect();
        let value = value_of(text).map_err(|reason| error(variable, reason))?;
        set(table, &path, value).map_err(|reason| error(variable, reason))?;
    }
    Ok(())
}

/// Says which variable a mistake is in, if it is in one: the one without which it is not there.
pub(super) fn blame<T>(
    mistake: ConfigError,
    variables: &[Variable],
    read: impl Fn(&[Variable]) -> Result<T, ConfigError>,
) -> ConfigError {
    if matches!(mistake, ConfigError::Environment { .. }) {
        return mistake;
    }
    let (reason, told) = (mistake.to_string(), gist(&mistake));
    for (index, (variable, _)) in variables.iter().enumerate() {
        let others = [&variables[..index], &variables[index + 1..]].concat();
        let is_there = match read(&others) {
            Ok(_) => false,
            // What is missing without the variable says nothing of it.
            Err(ConfigError::Malformed(other)) if other.message().starts_with("missing field") => {
                true
            }
            Err(other) => gist(&other) == told,
        };
        if !is_there {
            let reason = match mistake {
                ConfigError::Malformed(malformed) => malformed.to_string().trim_end().to_owned(),
                _ => reason,
            };
            return error(variable, reason);
        }
    }
    // The mistake is in the file, whose own errors show the line.
    match read(&[]) {
        Err(other) => other,
        Ok(_) => mistake,
    }
}

/// What is wrong, without the place, which is known only where no variable is.
fn gist(mistake: &ConfigError) -> String {
    match mistake {
        ConfigError::Malformed(malformed) => malformed.message().to_owned(),
        other => other.to_string(),
    }
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
