//! Every dependency's licence is on the list of `deny.toml`.
//!
//! `deny.toml` is written for cargo-deny, which is used where it is installed and which also asks the advisory
//! database. Building cargo-deny takes longer than building this workspace's server, so elsewhere the licences alone are
//! judged here, over what `cargo metadata` tells.

use std::{fs, iter::Peekable, str::SplitWhitespace};

use anyhow::{Context, Result, bail};
use serde_json::Value;

use crate::workspace::Workspace;

/// The platform whose dependencies are judged; the lock file also names those of systems nobody builds for.
const PLATFORM: &str = "x86_64-unknown-linux-gnu";

/// Runs cargo-deny, or the licence check alone.
pub(super) fn check(workspace: &Workspace) -> Result<()> {
    if workspace.cargo(["deny", "--version"]).succeeds() {
        let has_advisories = workspace.cargo(["deny", "fetch"]).succeeds();
        let checks: &[&str] = if has_advisories {
            &[]
        } else {
            &["licenses", "bans", "sources"]
        };
        return workspace.cargo(["deny", "check"]).args(checks).run();
    }
    println!("cargo-deny is not installed: advisories are not checked, licences are.");
    let deny = fs::read_to_string(workspace.root.join("deny.toml"))?;
    let allowed =
        allowed_licences(&deny).context("deny.toml has no list `allow` under [licenses]")?;
    let metadata = workspace
        .cargo([
            "metadata",
            "--format-version",
            "1",
            "--locked",
            "--filter-platform",
            PLATFORM,
        ])
        .capture()?;
    let metadata: Value = serde_json::from_str(&metadata)?;
    let packages = metadata["packages"]
        .as_array()
        .context("cargo metadata lists no packages")?;

    let mut refused = Vec::new();
    for package in packages {
        let licence = package["license"].as_str().unwrap_or_default();
        if !is_satisfied(licence, &allowed) {
            refused.push(format!(
                "{} {}: licence `{licence}`",
                package["name"], package["version"]
            ));
        }
    }
    if !refused.is_empty() {
        bail!(
            "not covered by the list in deny.toml:\n{}",
            refused.join("\n")
        );
    }
    println!("{} packages", packages.len());
    Ok(())
}

/// The strings of `allow = [ … ]` in the section `[licenses]`.
fn allowed_licences(deny: &str) -> Option<Vec<&str>> {
    let (_, section) = deny.split_once("[licenses]")?;
    let (_, list) = section.split_once("allow = [")?;
    let (list, _) = list.split_once("\n]")?;
    let lines = list
        .lines()
        .map(|line| line.split('#').next().unwrap_or_default());
    Some(
        lines
            .flat_map(|line| line.split('"').skip(1).step_by(2))
            .collect(),
    )
}

/// Whether an [SPDX expression](https://spdx.dev/learn/handling-license-info/) can be met with the allowed licences.
fn is_satisfied(expression: &str, allowed: &[&str]) -> bool {
    // `MIT/Apache-2.0` is how crates wrote `OR` before SPDX expressions.
    let spaced = expression
        .replace('(', " ( ")
        .replace(')', " ) ")
        .replace('/', " OR ");
    let mut words = spaced.split_whitespace().peekable();
    let satisfied = alternatives(&mut words, allowed);
    satisfied && words.next().is_none()
}

type Words<'a> = Peekable<SplitWhitespace<'a>>;

fn alternatives(words: &mut Words<'_>, allowed: &[&str]) -> bool {
    let mut satisfied = requirements(words, allowed);
    while words.next_if_eq(&"OR").is_some() {
        // Not `||`: the words of the second side have to be read in any case.
        satisfied |= requirements(words, allowed);
    }
    satisfied
}

fn requirements(words: &mut Words<'_>, allowed: &[&str]) -> bool {
    let mut satisfied = term(words, allowed);
    while words.next_if_eq(&"AND").is_some() {
        satisfied &= term(words, allowed);
    }
    satisfied
}

fn term(words: &mut Words<'_>, allowed: &[&str]) -> bool {
    match words.next() {
        Some("(") => {
            let satisfied = alternatives(words, allowed);
            satisfied && words.next() == Some(")")
        }
        Some(licence) if words.next_if_eq(&"WITH").is_some() => {
            let exception = words.next().unwrap_or_default();
            // An exception only widens what a licence permits.
            allowed.contains(&licence)
                || allowed.contains(&format!("{licence} WITH {exception}").as_str())
        }
        // `MPL-2.0+` is that version or a later one.
        Some(licence) => allowed.contains(&licence.trim_end_matches('+')),
        None => false,
    }
}

#[cfg(test)]
mod tests {
    use super::{allowed_licences, is_satisfied};

    #[test]
    fn expressions_are_met_by_one_alternative_and_all_requirements() {
        let allowed = ["MIT", "Apache-2.0", "Unicode-3.0"];
        assert!(is_satisfied("MIT OR GPL-3.0-only", &allowed));
        assert!(is_satisfied("GPL-3.0/MIT", &allowed));
        assert!(is_satisfied(
            "(MIT OR GPL-3.0-only) AND Unicode-3.0",
            &allowed
        ));
        assert!(is_satisfied("Apache-2.0 WITH LLVM-exception", &allowed));
        assert!(!is_satisfied(
            "(MIT OR Apache-2.0) AND GPL-3.0-only",
            &allowed
        ));
        assert!(!is_satisfied("MIT AND", &allowed));
        assert!(!is_satisfied("", &allowed));
    }

    #[test]
    fn the_list_is_read_without_its_comments() {
        let deny = "[licenses]\nallow = [\n  \"MIT\", # like \"BSD\"\n  \"Zlib\",\n]\n[bans]\n";
        assert_eq!(allowed_licences(deny), Some(vec!["MIT", "Zlib"]));
    }
}
