//! Tables of the roster as files.

use std::{fs, path::Path};

use anyhow::Context;

use crate::roster::{Role, routes::ShownEntry};

/// The text of a table. Office programs save it in Unicode, or else in the code page of Russian Windows.
pub(super) fn read(path: &Path) -> anyhow::Result<String> {
    let bytes = fs::read(path).with_context(|| format!("cannot read {}", path.display()))?;
    Ok(decode(bytes))
}

fn decode(bytes: Vec<u8>) -> String {
    match String::from_utf8(bytes) {
        Ok(text) => text,
        Err(error) => {
            let bytes = error.into_bytes();
            encoding_rs::WINDOWS_1251.decode(&bytes).0.into_owned()
        }
    }
}

/// A table of everybody who has not left, which can be imported again.
pub(super) fn table(entries: &[ShownEntry]) -> String {
    // The mark by which office programs recognise Unicode.
    let mut text = "\u{feff}class,role,surname,name,login,code,signed in\n".to_owned();
    for entry in entries.iter().filter(|entry| !entry.gone) {
        let person = &entry.person;
        let role = match person.role {
            Role::Student => "student",
            Role::Teacher => "teacher",
        };
        let classes = person.classes.join("|");
        let values = [
            classes.as_str(),
            role,
            &person.surname,
            &person.name,
            &person.login,
            person.code.as_deref().unwrap_or_default(),
            if entry.claimed { "yes" } else { "no" },
        ];
        let values: Vec<String> = values.into_iter().map(value).collect();
        text += &values.join(",");
        text.push('\n');
    }
    text
}

fn value(text: &str) -> String {
    if text.contains([',', ';', '"', '\n', '\r']) {
        format!("\"{}\"", text.replace('"', "\"\""))
    } else {
        text.to_owned()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn both_encodings_of_office_programs_are_read() {
        assert_eq!(decode("класс".as_bytes().to_vec()), "класс");
        assert_eq!(decode(vec![0xea, 0xeb, 0xe0, 0xf1, 0xf1]), "класс");
    }

    #[test]
    fn values_with_separators_are_quoted() {
        assert_eq!(value("Иванов"), "Иванов");
        assert_eq!(value("a, \"b\""), "\"a, \"\"b\"\"\"");
    }
}
