//! No file grows beyond what one sitting can read.

use std::fs;

use anyhow::{Result, bail};

use crate::workspace::Workspace;

/// The most lines a file with this ending may have.
const LIMITS: [(&str, usize); 4] = [(".rs", 600), (".slint", 250), (".py", 400), (".mjs", 400)];

/// Fails on every file over its limit.
pub(super) fn check(workspace: &Workspace) -> Result<()> {
    let mut too_long = Vec::new();
    for path in workspace.files()? {
        let Some((_, limit)) = LIMITS.iter().find(|(ending, _)| path.ends_with(ending)) else {
            continue;
        };
        let lines = fs::read_to_string(workspace.root.join(&path))?
            .lines()
            .count();
        if lines > *limit {
            too_long.push(format!(
                "{path} has {lines} lines; split it into files of at most {limit}"
            ));
        }
    }
    if !too_long.is_empty() {
        bail!("{}", too_long.join("\n"));
    }
    Ok(())
}
