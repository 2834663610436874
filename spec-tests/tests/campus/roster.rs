//! Classes, students and teachers from a table.

use std::{collections::BTreeMap, fs};

use serde_json::{Value, json};
use spec_tests::{Homeserver, Settings, User, path};

use super::{command, fialka, try_command};

const HEAD: &str = "Класс;Роль;Фамилия;Имя;Логин\n";
const FIRST: &str = "9А;ученик;Иванов;Пётр;\n9А;ученик;Орлова;Анна;\n10Б;ученик;Гончар;София;\n9А|10Б;преподаватель;Лысенко;Игорь Павлович;lysenko\n";

/// A server with an announcements room.
fn academy() -> Option<Homeserver> {
    fialka(&Settings {
        fialka: "[campus]\nname = \"Академия\"\nannouncements = \"Объявления\"".to_owned(),
        ..Settings::default()
    })
}

fn import(server: &Homeserver, lines: &str, options: &[&str]) -> Result<String, String> {
    let file = server.folder().expect("a folder").join("roster.csv");
    fs::write(&file, format!("{HEAD}{lines}")).expect("a table");
    let file = file.display().to_string();
    let arguments = [&["import", file.as_str()], options].concat();
    try_command(server, "roster", &arguments)
}

#[track_caller]
fn apply(server: &Homeserver, lines: &str) -> String {
    import(server, lines, &["--apply"]).unwrap_or_else(|complaint| panic!("{complaint}"))
}

/// The codes on the cards, by login.
fn cards(server: &Homeserver, options: &[&str]) -> BTreeMap<String, String> {
    let file = server.folder().expect("a folder").join("cards.html");
    let name = file.display().to_string();
    command(
        server,
        "roster",
        &[&["cards", name.as_str()], options].concat(),
    );
    let page = fs::read_to_string(&file).expect("the cards");
    let mut cards = BTreeMap::new();
    for card in page.split("<section>").skip(1) {
        let values: Vec<&str> = card
            .split("<dd>")
            .skip(1)
            .filter_map(|rest| rest.split("</dd>").next())
            .collect();
        cards.insert(values[1].to_owned(), values[2].to_owned());
    }
    cards
}

fn sign_in(server: &Homeserver, login: &str, password: &str) -> User {
    let answer = server.post("/v3/login", &login_body(login, password));
    User::from_sign_in(server, &answer.ok(), password)
}

fn login_body(login: &str, password: &str) -> Value {
    json!({
        "type": "m.login.password",
        "identifier": { "type": "m.id.user", "user": login },
        "password": password,
    })
}

/// The rooms somebody is in, by name.
fn rooms(user: &User) -> BTreeMap<String, String> {
    let joined = user.get("/v3/joined_rooms").ok();
    let ids = joined["joined_rooms"].as_array().into_iter().flatten();
    ids.filter_map(Value::as_str)
        .map(|id| {
            let name = user.get(&path!("/v3/rooms/{}/state/m.room.name/", id)).ok();
            (
                name["name"].as_str().unwrap_or_default().to_owned(),
                id.to_owned(),
            )
        })
        .collect()
}

#[test]
fn a_dry_run_changes_nothing() {
    let Some(server) = academy() else { return };
    let said = import(&server, FIRST, &[]).expect("a dry run");
    assert!(
        said.contains("+ class 9А\n") && said.contains("+ ivanov.p  Иванов Пётр (9А)"),
        "{said}"
    );
    assert!(said.contains("6 changes; nothing is changed yet"), "{said}");
    let users = command(&server, "user", &["list"]);
    assert!(!users.contains("ivanov"), "{users}");
}

#[test]
fn people_of_the_roster_find_their_classes_when_they_sign_in_with_the_printed_code() {
    let Some(server) = academy() else { return };
    apply(&server, FIRST);
    assert!(
        apply(&server, FIRST).contains("0 changes made, 0 memberships"),
        "nothing is left to do"
    );
    let codes = cards(&server, &[]);
    assert_eq!(codes.len(), 4, "{codes:?}");
    let ivanov = sign_in(&server, "ivanov.p", &codes["ivanov.p"]);
    let his = rooms(&ivanov);
    assert_eq!(
        his.keys().collect::<Vec<_>>(),
        ["9А", "Академия", "Объявления"]
    );
    let profile = ivanov
        .get(&path!("/v3/profile/{}/displayname", ivanov.id))
        .ok();
    assert_eq!(profile["displayname"], "Иванов Пётр");
    // The classes are in the space.
    let tree = ivanov
        .get(&path!("/v1/rooms/{}/hierarchy", his["Академия"]))
        .ok();
    let names: Vec<&str> = tree["rooms"]
        .as_array()
        .into_iter()
        .flatten()
        .filter_map(|room| room["name"].as_str())
        .collect();
    assert!(
        names.contains(&"9А") && names.contains(&"Объявления"),
        "{names:?}"
    );
    // Who has signed in gets no further card; the others get new codes.
    let again = cards(&server, &["--class", "9А"]);
    assert_eq!(again.keys().collect::<Vec<_>>(), ["lysenko", "orlova.a"]);
    server
        .post("/v3/login", &login_body("orlova.a", &codes["orlova.a"]))
        .must_fail(403, "M_FORBIDDEN");
    // They are found before they have ever signed in.
    let found = ivanov
        .post(
            "/v3/user_directory/search",
            &json!({ "search_term": "Гончар" }),
        )
        .ok();
    assert_eq!(found["results"][0]["display_name"], "Гончар София");
}

#[test]
fn teachers_moderate_their_classes_and_write_announcements() {
    let Some(server) = academy() else { return };
    apply(&server, FIRST);
    let codes = cards(&server, &[]);
    let teacher = sign_in(&server, "lysenko", &codes["lysenko"]);
    let student = sign_in(&server, "ivanov.p", &codes["ivanov.p"]);
    let of_teacher = rooms(&teacher);
    assert!(
        of_teacher.contains_key("9А") && of_teacher.contains_key("10Б"),
        "{of_teacher:?}"
    );
    let announcements = &of_teacher["Объявления"];
    teacher.say(announcements, "Завтра занятий нет");
    let send = path!("/v3/rooms/{}/send/m.room.message/1", announcements);
    let message = json!({ "msgtype": "m.text", "body": "ура" });
    student.put(&send, &message).must_fail(403, "M_FORBIDDEN");
    let event = student.say(&of_teacher["9А"], "не по теме");
    let redact = path!("/v3/rooms/{}/redact/{}/1", of_teacher["9А"], event);
    teacher.put(&redact, &json!({})).ok();
}

#[test]
fn who_moves_follows_and_who_leaves_is_locked() {
    let Some(server) = academy() else { return };
    apply(&server, FIRST);
    let codes = cards(&server, &[]);
    let ivanov = sign_in(&server, "ivanov.p", &codes["ivanov.p"]);
    let orlova = sign_in(&server, "orlova.a", &codes["orlova.a"]);
    let old_class = rooms(&ivanov)["9А"].clone();
    // A new year: the class is gone, Ivanov is in another one, Orlova has left.
    let second = "10Б;ученик;Иванов;Пётр;\n10Б;ученик;Гончар;София;\n10Б;преподаватель;Лысенко;Игорь Павлович;lysenko\n";
    let said = apply(&server, second);
    assert!(
        said.contains("- class 9А") && said.contains("- orlova.a"),
        "{said}"
    );
    assert!(
        said.contains("~ ivanov.p  Иванов Пётр (9А) -> ivanov.p  Иванов Пётр (10Б)"),
        "{said}"
    );
    let his = rooms(&ivanov);
    assert!(his.contains_key("10Б"), "{his:?}");
    // What was said stays to be read, and nothing more is said there.
    assert_eq!(his["9А"], old_class);
    let send = path!("/v3/rooms/{}/send/m.room.message/1", old_class);
    let message = json!({ "msgtype": "m.text", "body": "кто здесь?" });
    ivanov.put(&send, &message).must_fail(403, "M_FORBIDDEN");
    orlova.get("/v3/joined_rooms").must_be(401);
    server
        .post("/v3/login", &login_body("orlova.a", &codes["orlova.a"]))
        .must_be(401);
    // Whoever comes back finds everything as it was.
    let said = apply(&server, FIRST);
    assert!(
        said.contains("+ orlova.a  Орлова Анна (9А): is back"),
        "{said}"
    );
    let orlova = sign_in(&server, "orlova.a", &codes["orlova.a"]);
    assert_eq!(rooms(&orlova)["9А"], old_class);
    ivanov.put(&send, &message).ok();
}

#[test]
fn the_list_is_exported_as_it_can_be_imported() {
    let Some(server) = academy() else { return };
    apply(&server, FIRST);
    let file = server
        .folder()
        .expect("a folder")
        .join("out.csv")
        .display()
        .to_string();
    command(&server, "roster", &["export", &file]);
    let text = fs::read_to_string(&file).expect("the table");
    assert!(
        text.contains("10Б|9А,teacher,Лысенко,Игорь Павлович,lysenko,,no"),
        "{text}"
    );
    let said = command(&server, "roster", &["import", &file]);
    assert_eq!(said.trim(), "nothing to change");
}

#[test]
fn a_wrong_table_is_refused_with_every_line_that_is_wrong() {
    let Some(server) = academy() else { return };
    let wrong = "9А;директор;Иванов;Пётр;\n;ученик;Орлова;Анна;\n";
    let complaint = import(&server, wrong, &["--apply"]).expect_err("wrong lines");
    assert!(
        complaint.contains("line 2: \"директор\"") && complaint.contains("line 3: the class"),
        "{complaint}"
    );
}
