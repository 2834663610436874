//! Tests that another server is known to fail, with the specification's sentence.

use std::collections::BTreeSet;

/// The list itself; read by people first.
const LIST: &str = include_str!("../known_differences.toml");

/// Names of the tests that a server is known to fail.
///
/// # Panics
/// When the list is not well-formed: an entry needs `test`, `server`, `specification` and `why`.
pub fn tests_failed_by(server: &str) -> BTreeSet<String> {
    let list: toml::Table = LIST.parse().expect("known_differences.toml is TOML");
    let Some(toml::Value::Array(entries)) = list.get("difference") else {
        return BTreeSet::new();
    };
    entries
        .iter()
        .filter_map(|entry| {
            let field = |name: &str| {
                let value = entry.get(name).and_then(toml::Value::as_str);
                value.unwrap_or_else(|| panic!("an entry without `{name}`: {entry}"))
            };
            let _explained = (field("specification"), field("why"));
            (field("server") == server).then(|| field("test").to_owned())
        })
        .collect()
}

#[cfg(test)]
mod tests {
    use super::tests_failed_by;

    #[test]
    fn every_known_difference_is_explained() {
        assert!(!tests_failed_by("synapse").contains(""));
    }
}
