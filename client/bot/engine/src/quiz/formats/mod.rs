//! Packs as files: a plain text, a table (CSV), GIFT as Moodle writes it, and YAML.

mod gift;
mod plain;
mod table;
mod yaml;

use super::pack::{Pack, Problem};

pub(crate) use yaml::write as to_yaml;

/// Reads a pack in whichever format the name or the text tells, and checks it.
pub(crate) fn read(name: &str, text: &str) -> Result<Pack, Vec<Problem>> {
    let text = text.trim_start_matches('\u{feff}').replace("\r\n", "\n");
    let name = name.to_lowercase();
    let ending = name.rsplit_once('.').map_or("", |(_, ending)| ending);
    let mut pack = match ending {
        "csv" | "tsv" => table::read(&text)?,
        "gift" => gift::read(&text)?,
        "yaml" | "yml" => yaml::read(&text)?,
        _ if looks_like_gift(&text) => gift::read(&text)?,
        _ if text.lines().any(|line| line.trim_end() == "questions:") => yaml::read(&text)?,
        _ => plain::read(&text)?,
    };
    if pack.title.trim().is_empty() {
        // A file's name is a better title than none.
        pack.title = name.split('.').next().unwrap_or_default().to_owned();
    }
    pack.version = pack.version.max(1);
    let problems = pack.problems();
    if problems.is_empty() {
        Ok(pack)
    } else {
        Err(problems)
    }
}

fn looks_like_gift(text: &str) -> bool {
    text.contains('{')
        && text.contains('}')
        && text.contains('=')
        && !text.lines().any(|line| line.starts_with("? "))
}
