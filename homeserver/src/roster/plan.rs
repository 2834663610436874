//! What has to change for the server to be like the roster. Nothing here touches the server.

use std::collections::{BTreeMap, BTreeSet, HashSet};

use serde::{Deserialize, Serialize};

use super::{
    csv::Line,
    logins,
    store::{PersonRow, Role},
};

/// Somebody as the roster wants them.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Person {
    /// The local part of their user id.
    pub login: String,
    /// The surname.
    pub surname: String,
    /// The other names.
    pub name: String,
    /// What tells them from others of the same name.
    pub code: Option<String>,
    /// What they are.
    pub role: Role,
    /// Their classes, sorted.
    pub classes: Vec<String>,
}

/// One difference between the server and the roster.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "what", rename_all = "snake_case")]
pub enum Change {
    /// A class that there was not.
    NewClass {
        /// Its name.
        class: String,
    },
    /// A class that there is no more: its room becomes read-only and leaves the space.
    ClassGone {
        /// Its name.
        class: String,
    },
    /// Somebody who was not there.
    NewPerson {
        /// They.
        person: Person,
        /// Whether they have an account already.
        has_account: bool,
    },
    /// Somebody who has left: their account is locked, and they leave their classes.
    PersonGone {
        /// They.
        person: Person,
    },
    /// Somebody who had left.
    PersonBack {
        /// They.
        person: Person,
    },
    /// Somebody who has another name, role or class.
    Changed {
        /// As they were.
        before: Person,
        /// As they are to be.
        after: Person,
    },
}

/// What there is already.
#[derive(Clone, Debug, Default)]
pub(super) struct Present {
    /// Everybody who is or was in the roster.
    pub(super) people: Vec<PersonRow>,
    /// Every class, and whether it is archived.
    pub(super) classes: BTreeMap<String, bool>,
    /// Names of accounts, of the roster or not.
    pub(super) accounts: HashSet<String>,
}

/// What is to be done.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(super) struct Plan {
    /// Everybody as they are to be.
    pub(super) people: Vec<Person>,
    /// The classes there are to be.
    pub(super) classes: BTreeSet<String>,
    /// The differences.
    pub(super) changes: Vec<Change>,
}

/// What tells people apart who have no login in the file: surname, name and code, without case.
type Identity = (String, String, String);

fn identity(surname: &str, name: &str, code: &str) -> Identity {
    let fold = |text: &str| text.to_lowercase().replace('ё', "е");
    (fold(surname), fold(name), fold(code))
}

impl From<&PersonRow> for Person {
    fn from(row: &PersonRow) -> Self {
        Self {
            login: row.user_id.localpart().to_owned(),
            surname: row.surname.clone(),
            name: row.name.clone(),
            code: row.code.clone(),
            role: row.role,
            classes: row.classes.clone(),
        }
    }
}

/// Compares a file with what there is.
pub(super) fn plan(lines: &[Line], present: &Present) -> Result<Plan, Vec<String>> {
    let people = people(lines, present)?;
    let classes: BTreeSet<String> = people
        .iter()
        .flat_map(|person| &person.classes)
        .cloned()
        .collect();
    let mut changes = Vec::new();
    for class in &classes {
        if present.classes.get(class) != Some(&false) {
            let class = class.clone();
            changes.push(Change::NewClass { class });
        }
    }
    for (class, archived) in &present.classes {
        if !archived && !classes.contains(class) {
            let class = class.clone();
            changes.push(Change::ClassGone { class });
        }
    }
    let known: BTreeMap<&str, &PersonRow> = present
        .people
        .iter()
        .map(|row| (row.user_id.localpart(), row))
        .collect();
    for person in &people {
        let person = person.clone();
        match known.get(person.login.as_str()) {
            None => changes.push(Change::NewPerson {
                has_account: present.accounts.contains(&person.login),
                person,
            }),
            Some(row) if row.gone => changes.push(Change::PersonBack { person }),
            Some(row) if Person::from(*row) != person => changes.push(Change::Changed {
                before: Person::from(*row),
                after: person,
            }),
            Some(_) => {}
        }
    }
    let wanted: HashSet<&str> = people.iter().map(|person| person.login.as_str()).collect();
    for row in &present.people {
        if !row.gone && !wanted.contains(row.user_id.localpart()) {
            changes.push(Change::PersonGone {
                person: Person::from(row),
            });
        }
    }
    Ok(Plan {
        people,
        classes,
        changes,
    })
}

/// Everybody in a file, with their logins.
fn people(lines: &[Line], present: &Present) -> Result<Vec<Person>, Vec<String>> {
    let mut by_identity: BTreeMap<Identity, Vec<&PersonRow>> = BTreeMap::new();
    for row in &present.people {
        let code = row.code.as_deref().unwrap_or_default();
        let key = identity(&row.surname, &row.name, code);
        by_identity.entry(key).or_default().push(row);
    }
    let mut taken = present.accounts.clone();
    taken.extend(lines.iter().map(|line| line.login.clone()));
    let mut people: BTreeMap<String, (usize, Person)> = BTreeMap::new();
    let mut given: BTreeMap<Identity, String> = BTreeMap::new();
    let mut wrong = Vec::new();
    for line in lines {
        let key = identity(&line.surname, &line.name, &line.code);
        let login = if !line.login.is_empty() {
            line.login.clone()
        } else if let Some(login) = given.get(&key) {
            login.clone()
        } else {
            match by_identity.get(&key).map(Vec::as_slice) {
                Some([row]) => row.user_id.localpart().to_owned(),
                Some([_, ..]) => {
                    wrong.push(format!(
                        "line {}: several people are called {} {}; give their logins",
                        line.number, line.surname, line.name
                    ));
                    continue;
                }
                _ => logins::login(&line.surname, &line.name, &taken),
            }
        };
        taken.insert(login.clone());
        given.entry(key).or_insert_with(|| login.clone());
        let person = Person {
            login: login.clone(),
            surname: line.surname.clone(),
            name: line.name.clone(),
            code: Some(line.code.clone()).filter(|code| !code.is_empty()),
            role: line.role.unwrap_or(Role::Student),
            classes: sorted(line.classes.clone()),
        };
        match people.get_mut(&login) {
            None => {
                people.insert(login, (line.number, person));
            }
            Some((first, known)) => {
                if let Err(complaint) = merge(known, person, *first) {
                    wrong.push(format!("line {}: {complaint}", line.number));
                }
            }
        }
    }
    if !wrong.is_empty() {
        return Err(wrong);
    }
    Ok(people.into_values().map(|(_, person)| person).collect())
}

/// Takes a further line about somebody: another class of theirs.
fn merge(known: &mut Person, further: Person, first: usize) -> Result<(), String> {
    if (&known.surname, &known.name, known.role) != (&further.surname, &further.name, further.role)
    {
        return Err(format!(
            "{} has another name or role in line {first}",
            known.login
        ));
    }
    if known.classes == further.classes {
        return Err(format!(
            "this is the same person as in line {first}; if they are two, give their logins"
        ));
    }
    known.classes.extend(further.classes);
    known.classes = sorted(std::mem::take(&mut known.classes));
    Ok(())
}

fn sorted(mut classes: Vec<String>) -> Vec<String> {
    classes.sort();
    classes.dedup();
    classes
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::roster::csv;

    fn wanted(text: &str, present: &Present) -> Result<Plan, Vec<String>> {
        let text = format!("class,role,surname,name,login,code\n{text}");
        plan(&csv::read(&text).unwrap(), present)
    }

    /// What there is once a plan was carried out.
    fn done(plan: &Plan, before: &Present) -> Present {
        let mut present = Present::default();
        let wanted: HashSet<&str> = plan
            .people
            .iter()
            .map(|person| person.login.as_str())
            .collect();
        let gone = before
            .people
            .iter()
            .filter(|row| !wanted.contains(row.user_id.localpart()));
        present
            .people
            .extend(gone.cloned().map(|row| PersonRow { gone: true, ..row }));
        for person in &plan.people {
            present.people.push(PersonRow {
                user_id: format!("@{}:b.example", person.login).try_into().unwrap(),
                surname: person.surname.clone(),
                name: person.name.clone(),
                code: person.code.clone(),
                role: person.role,
                classes: person.classes.clone(),
                gone: false,
                printed: None,
            });
        }
        for row in &present.people {
            present.accounts.insert(row.user_id.localpart().to_owned());
        }
        let classes = before.classes.keys().chain(&plan.classes);
        present.classes = classes
            .map(|class| (class.clone(), !plan.classes.contains(class)))
            .collect();
        present
    }

    const FIRST: &str = "9А,student,Иванов,Пётр,,\n9А,student,Орлова,Анна,,\n9А|10Б,teacher,Лысенко,Игорь,lysenko,\n";

    #[test]
    fn a_plan_that_was_carried_out_leaves_nothing_to_do() {
        let first = wanted(FIRST, &Present::default()).unwrap();
        assert_eq!(first.changes.len(), 5, "{:?}", first.changes);
        let after = done(&first, &Present::default());
        assert_eq!(wanted(FIRST, &after).unwrap().changes, []);
    }

    #[test]
    fn who_moves_leaves_and_comes_back_is_told_apart() {
        let first = done(
            &wanted(FIRST, &Present::default()).unwrap(),
            &Present::default(),
        );
        let second = wanted(
            "10Б,student,иванов,петр,,\n10Б,teacher,Лысенко,Игорь,lysenko,\n",
            &first,
        )
        .unwrap();
        let kinds: Vec<_> = second
            .changes
            .iter()
            .map(|change| match change {
                Change::ClassGone { class } => format!("gone {class}"),
                Change::Changed { before, after } => {
                    format!("{} {:?} {:?}", after.login, before.classes, after.classes)
                }
                Change::PersonGone { person } => format!("left {}", person.login),
                other => format!("{other:?}"),
            })
            .collect();
        let expected = [
            "gone 9А",
            "ivanov.p [\"9А\"] [\"10Б\"]",
            "lysenko [\"10Б\", \"9А\"] [\"10Б\"]",
            "left orlova.a",
        ];
        assert_eq!(kinds, expected);
        let third = wanted(FIRST, &done(&second, &first)).unwrap();
        let is_back = |change: &Change| matches!(change, Change::PersonBack { person } if person.login == "orlova.a");
        assert!(third.changes.iter().any(is_back), "{:?}", third.changes);
    }

    #[test]
    fn namesakes_are_told_apart_by_login_or_code() {
        let none = Present::default();
        let same = "9А,student,Иванов,Пётр,,\n9А,student,Иванов,Пётр,,\n";
        assert!(wanted(same, &none).unwrap_err()[0].contains("same person as in line 2"));
        let codes = "9А,student,Иванов,Пётр,,0305\n9А,student,Иванов,Пётр,,1207\n";
        let plan = wanted(codes, &none).unwrap();
        let logins: Vec<_> = plan
            .people
            .iter()
            .map(|person| person.login.as_str())
            .collect();
        assert_eq!(logins, ["ivanov.p", "ivanov.p2"]);
        let after = done(&plan, &none);
        assert_eq!(wanted(codes, &after).unwrap().changes, []);
        assert!(
            wanted(
                "9А,student,Иванов,Пётр,ivanov.p,\n9А,teacher,Иванов,Пётр,ivanov.p,\n",
                &none
            )
            .is_err()
        );
    }

    #[test]
    fn a_login_that_somebody_else_has_is_not_given_out() {
        let present = Present {
            accounts: HashSet::from(["ivanov.p".to_owned()]),
            ..Present::default()
        };
        let plan = wanted("9А,student,Иванов,Пётр,,\n", &present).unwrap();
        assert_eq!(plan.people[0].login, "ivanov.p2");
        // Named in the file, it is the account that is meant.
        let plan = wanted("9А,student,Иванов,Пётр,ivanov.p,\n", &present).unwrap();
        let has_account = |change: &Change| {
            matches!(
                change,
                Change::NewPerson {
                    has_account: true,
                    ..
                }
            )
        };
        assert!(plan.changes.iter().any(has_account));
    }
}
