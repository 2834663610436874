//! Reading a table that an office program has saved: values between commas or semicolons.
//! [RFC 4180](https://www.rfc-editor.org/rfc/rfc4180)

use std::collections::HashMap;

use super::store::Role;

/// A line of the roster: one person in one class, or in several that are separated by `|`.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(super) struct Line {
    /// Its number in the file.
    pub(super) number: usize,
    pub(super) classes: Vec<String>,
    pub(super) role: Option<Role>,
    pub(super) surname: String,
    pub(super) name: String,
    pub(super) login: String,
    pub(super) code: String,
}

/// The columns by the names that their headings may have.
const COLUMNS: [(&str, &[&str]); 6] = [
    ("class", &["class", "group", "класс", "группа"]),
    ("role", &["role", "роль"]),
    ("surname", &["surname", "last name", "фамилия"]),
    (
        "name",
        &[
            "name",
            "first name",
            "имя",
            "имя и отчество",
            "имя отчество",
        ],
    ),
    ("login", &["login", "логин"]),
    ("code", &["code", "код"]),
];
const REQUIRED: [&str; 4] = ["class", "role", "surname", "name"];

const TEACHERS: [&str; 5] = ["teacher", "t", "преподаватель", "учитель", "п"];
const STUDENTS: [&str; 6] = ["student", "s", "студент", "ученик", "учащийся", "с"];

/// Reads a whole file. Every complaint names a line.
pub(super) fn read(text: &str) -> Result<Vec<Line>, Vec<String>> {
    let text = text.trim_start_matches('\u{feff}');
    let mut rows = rows(text).into_iter();
    let Some((_, heading)) = rows.next() else {
        return Err(vec!["the file is empty".to_owned()]);
    };
    let columns = columns(&heading).map_err(|complaint| vec![complaint])?;
    let (mut lines, mut wrong) = (Vec::new(), Vec::new());
    for (number, row) in rows {
        if row.iter().all(|value| value.trim().is_empty()) {
            continue;
        }
        match line(number, &row, &columns) {
            Ok(line) => lines.push(line),
            Err(complaint) => wrong.push(format!("line {number}: {complaint}")),
        }
    }
    if wrong.is_empty() {
        Ok(lines)
    } else {
        Err(wrong)
    }
}

fn columns(heading: &[String]) -> Result<HashMap<&'static str, usize>, String> {
    let mut columns = HashMap::new();
    for (index, title) in heading.iter().enumerate() {
        let title = title.trim().to_lowercase();
        let column = COLUMNS
            .iter()
            .find(|(_, names)| names.contains(&title.as_str()));
        if let Some((column, _)) = column
            && columns.insert(*column, index).is_some()
        {
            return Err(format!("line 1: there are two columns for \"{column}\""));
        }
    }
    let missing: Vec<_> = REQUIRED
        .into_iter()
        .filter(|column| !columns.contains_key(column))
        .collect();
    if missing.is_empty() {
        return Ok(columns);
    }
    Err(format!(
        "line 1: the headings lack {}; they are class, role, surname, name and, if wanted, login and code",
        missing.join(", ")
    ))
}

fn line(number: usize, row: &[String], columns: &HashMap<&str, usize>) -> Result<Line, String> {
    let value = |column: &str| {
        let index = columns.get(column);
        let value = index.and_then(|index| row.get(*index));
        // A line break or a run of spaces is a slip of the office program.
        let words = value.map(|value| value.split_whitespace().collect::<Vec<_>>());
        words.unwrap_or_default().join(" ")
    };
    let said = value("role").to_lowercase();
    let role = match said.as_str() {
        "" => Role::Student,
        said if TEACHERS.contains(&said) => Role::Teacher,
        said if STUDENTS.contains(&said) => Role::Student,
        said => return Err(format!("\"{said}\" is no role; write student or teacher")),
    };
    let class = value("class");
    let classes = class
        .split('|')
        .map(str::trim)
        .filter(|class| !class.is_empty());
    let line = Line {
        number,
        classes: classes.map(str::to_owned).collect(),
        role: Some(role),
        surname: value("surname"),
        name: value("name"),
        login: value("login").trim_start_matches('@').to_lowercase(),
        code: value("code"),
    };
    if line.surname.is_empty() {
        return Err("the surname is missing".to_owned());
    }
    if line.classes.is_empty() && role == Role::Student {
        return Err("the class is missing".to_owned());
    }
    Ok(line)
}

/// The rows of a table with the numbers of the lines at which they begin. A value in quotes may contain anything.
fn rows(text: &str) -> Vec<(usize, Vec<String>)> {
    let separator = separator(text);
    let (mut rows, mut row, mut value) = (Vec::new(), Vec::new(), String::new());
    let (mut number, mut begin, mut is_quoted) = (1, 1, false);
    let mut characters = text.chars().peekable();
    while let Some(character) = characters.next() {
        if character == '\n' {
            number += 1;
        }
        match character {
            '"' if is_quoted && characters.peek() == Some(&'"') => {
                characters.next();
                value.push('"');
            }
            '"' if is_quoted => is_quoted = false,
            _ if is_quoted => value.push(character),
            '"' if value.trim().is_empty() => {
                value.clear();
                is_quoted = true;
            }
            '\r' => {}
            '\n' => {
                row.push(std::mem::take(&mut value));
                rows.push((begin, std::mem::take(&mut row)));
                begin = number;
            }
            character if character == separator => row.push(std::mem::take(&mut value)),
            character => value.push(character),
        }
    }
    if !row.is_empty() || !value.trim().is_empty() {
        row.push(value);
        rows.push((begin, row));
    }
    rows
}

/// What separates values: whatever the headings have more of.
fn separator(text: &str) -> char {
    let heading = text.lines().next().unwrap_or_default();
    let count = |separator| heading.matches(separator).count();
    [';', '\t'].into_iter().fold(',', |best, other| {
        if count(other) > count(best) {
            other
        } else {
            best
        }
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_table_of_an_office_program_is_read() {
        let text = "\u{feff}Класс;Роль;Фамилия;Имя;Логин\r\n9А;ученик;\"Иванов; мл.\";Пётр \"\r\n;;;;\r\n9А|10Б;Учитель;Лысенко;\"Игорь\nПавлович\";lysenko\r\n";
        let lines = read(text).unwrap();
        assert_eq!(lines.len(), 2);
        assert_eq!(lines[0].surname, "Иванов; мл.");
        assert_eq!(lines[1].classes, ["9А", "10Б"]);
        assert_eq!(
            (lines[1].name.as_str(), lines[1].role),
            ("Игорь Павлович", Some(Role::Teacher))
        );
        assert_eq!(lines[1].number, 4);
    }

    #[test]
    fn commas_and_columns_in_another_order_are_understood() {
        let lines = read("name,surname,remark,role,class\nAnna,Orlova,new,student,9A\n").unwrap();
        assert_eq!(
            (lines[0].surname.as_str(), lines[0].classes.len()),
            ("Orlova", 1)
        );
    }

    #[test]
    fn every_wrong_line_is_named() {
        let wrong = read("class,role,surname,name\n9A,boss,A,B\n9A,student,,B\n,student,C,D\n");
        let wrong = wrong.unwrap_err();
        assert_eq!(wrong.len(), 3, "{wrong:?}");
        assert!(wrong[0].starts_with("line 2: \"boss\""), "{wrong:?}");
        assert!(wrong[1].starts_with("line 3: the surname"), "{wrong:?}");
        assert!(wrong[2].starts_with("line 4: the class"), "{wrong:?}");
        assert!(read("a,b\n").unwrap_err()[0].contains("headings lack"));
        assert!(read("").is_err());
    }

    proptest::proptest! {
        #[test]
        fn any_table_is_read_or_refused(
            text in crate::any_input::text_like(&[
                "Класс;Роль;Фамилия;Имя;Логин\r\n9А;ученик;\"Иванов; мл.\";Пётр \r\n",
                "class,role,surname,name\n9A,student,A,\"B \"\"C\"\"\"\n",
            ]),
        ) {
            drop(read(&text));
        }
    }
}
