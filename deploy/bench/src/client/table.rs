//! What was measured, as a table.

use std::{collections::BTreeMap, fmt::Write as _, fs, path::Path, time::Duration};

use anyhow::{Context as _, Result};

use crate::usage::machine;

/// The section of the document that the table is in.
const TITLE: &str = "## The desktop client";

#[derive(Default)]
pub(crate) struct Table {
    programs: Vec<String>,
    lines: Vec<Line>,
}

struct Line {
    what: &'static str,
    limit: &'static str,
    /// By program.
    figures: BTreeMap<String, String>,
}

impl Table {
    /// Notes a figure, and shows it while the rest is measured.
    pub(crate) fn note(
        &mut self,
        program: &str,
        what: &'static str,
        limit: &'static str,
        figure: String,
    ) {
        eprintln!("{program}: {what}: {figure}");
        if !self.programs.iter().any(|known| known == program) {
            self.programs.push(program.to_owned());
        }
        let known = self.lines.iter().position(|line| line.what == what);
        let index = known.unwrap_or_else(|| {
            let figures = BTreeMap::new();
            self.lines.push(Line {
                what,
                limit,
                figures,
            });
            self.lines.len() - 1
        });
        self.lines[index].figures.insert(program.to_owned(), figure);
    }

    /// The table in Markdown.
    pub(crate) fn text(&self) -> Result<String> {
        let mut text = format!("| | limit | {} |\n| --- | --: |", self.programs.join(" | "));
        text.push_str(&" --: |".repeat(self.programs.len()));
        for line in &self.lines {
            write!(text, "\n| {} | {} |", line.what, line.limit)?;
            for program in &self.programs {
                let figure = line.figures.get(program).map_or("", String::as_str);
                write!(text, " {figure} |")?;
            }
        }
        Ok(text)
    }

    /// Puts the table into its section of a document. What follows the table there stays, and so do other sections.
    pub(crate) fn write(&self, path: &Path) -> Result<()> {
        let text = format!(
            "{TITLE}\n\n\
             Measured by `cargo xtask bench client` on {}, all in one run, each program alone on a screen that nobody \
             sees (Xvfb, without a graphics card: Mesa computes what OpenGL draws). Memory is the PSS of all processes of \
             a program. Our program signs in, shows fifty rooms, opens ten of them with ten pictures each, changes sixty \
             times between rooms that were open before and is left alone for a minute. The eight hours are short ones: in \
             each of their minutes three messages come, two rooms are opened, something is written, and sometimes there \
             is a new picture.\n\n{}\n",
            machine()?,
            self.text()?
        );
        let before = fs::read_to_string(path).unwrap_or_default();
        fs::write(path, replaced(&before, &text))
            .with_context(|| format!("cannot write {}", path.display()))
    }
}

/// The document with this section in the place of the one before, as far as its table reaches.
fn replaced(document: &str, section: &str) -> String {
    let Some(start) = document.find(TITLE) else {
        return format!("{}\n\n{section}", document.trim_end());
    };
    let old = &document[start..];
    let table = old.find("\n|").map_or(old.len(), |at| at + 1);
    let rest: String = old[table..]
        .split_inclusive('\n')
        .skip_while(|line| line.starts_with('|'))
        .collect();
    format!("{}{section}{rest}", &document[..start])
}

pub(crate) fn megabytes(bytes: u64) -> String {
    format!("{:.0} MB", bytes as f64 / 1e6)
}

pub(crate) fn milliseconds(delay: Duration) -> String {
    format!("{} ms", delay.as_millis())
}

#[cfg(test)]
mod tests {
    use super::replaced;

    #[test]
    fn only_the_words_before_the_table_and_the_table_are_replaced() {
        let before =
            "# Performance\n\n## The desktop client\n\nOld.\n\n| a |\n| b |\n\nKept.\n\n## Other\n";
        let after = replaced(before, "## The desktop client\n\nNew.\n\n| c |\n");
        let expected =
            "# Performance\n\n## The desktop client\n\nNew.\n\n| c |\n\nKept.\n\n## Other\n";
        assert_eq!(after, expected);
        let added = replaced("# Performance\n", "## The desktop client\n");
        assert_eq!(added, "# Performance\n\n## The desktop client\n");
    }
}
