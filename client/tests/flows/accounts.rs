//! Coming in with a code, and leaving nothing behind.

use std::{fs, os::unix::fs::PermissionsExt, path::Path};

use client::bridge::{
    command::{AccountCommand, Command, Registration, TimelineCommand},
    secret::Secret,
    trouble::Trouble,
    update::{Answer, Connection, KeyStorage},
};
use matrix_sdk::ruma::OwnedRoomId;

use super::{
    person::{PASSWORD, Person},
    proxy::Proxy,
    server::Mode,
    start,
};

const NEW_PASSWORD: &str = "Tr0ub4dor & 3, улучшенный";

fn registration(server: &str, user: &str, token: Option<&str>, shared: bool) -> AccountCommand {
    AccountCommand::Register(Registration {
        server: server.to_owned(),
        user: user.to_owned(),
        display_name: String::new(),
        password: Secret::new(PASSWORD),
        token: token.map(Secret::new),
        shared_computer: shared,
    })
}

#[test]
fn a_code_lets_in_and_a_shared_computer_forgets() {
    let Some(server) = start(Mode::Token) else {
        return;
    };
    let folder = tempfile::tempdir().unwrap();
    let code = server.make_code();
    let mut anna = Person::sit_down("Anna", folder.path().join("anna"));
    let address = anna.find_server(&server.address());

    let mut register = |token: Option<&str>, shared| {
        anna.try_ask(Command::Account(registration(
            &address, "anna", token, shared,
        )))
    };
    assert_eq!(register(None, true), Err(Trouble::TokenNeeded));
    assert_eq!(
        register(Some("no-such-code"), true),
        Err(Trouble::TokenWrong)
    );
    assert_eq!(register(Some(&code), true), Ok(Answer::Done));
    assert!(anna.screen.account.as_ref().unwrap().shared_computer);

    // The window is closed without signing out.
    let data = anna.data_dir();
    let mut anna = anna.restart();
    anna.ask(Command::Account(AccountCommand::Restore));
    assert!(anna.screen.account.is_none(), "nobody is signed in again");
    assert_eq!(accounts_left(&data), 0, "nothing of the account is left");
    assert!(
        !data.join("secrets").exists()
            || fs::read_dir(data.join("secrets")).unwrap().next().is_none()
    );

    anna.sign_in(&server.address());
    let secrets: Vec<_> = fs::read_dir(data.join("secrets"))
        .unwrap()
        .flatten()
        .collect();
    assert_eq!(secrets.len(), 1, "an own computer keeps the key");
    let mode = secrets[0].metadata().unwrap().permissions().mode();
    assert_eq!(mode & 0o777, 0o600, "for its owner only");

    change_password(&mut anna);
    see_and_end_another_computer(&mut anna, &server.address(), folder.path());
}

fn accounts_left(data: &Path) -> usize {
    fs::read_dir(data.join("accounts")).map_or(0, |found| found.count())
}

#[test]
fn a_shared_computer_forgets_though_the_server_says_nothing() {
    let Some(server) = start(Mode::Open) else {
        return;
    };
    let proxy = Proxy::start(server.address());
    let folder = tempfile::tempdir().unwrap();
    let mut anna = Person::sit_down("Anna", folder.path().join("anna"));
    let address = anna.find_server(&proxy.address());
    anna.ask(Command::Account(registration(&address, "anna", None, true)));
    anna.arrive();
    let data = anna.data_dir();
    assert_eq!(accounts_left(&data), 1);

    proxy.set_silent(true);
    anna.leave();
    assert_eq!(accounts_left(&data), 0, "nothing of the account is left");
}

#[test]
fn an_overloaded_server_holds_up_neither_the_program_nor_signing_out() {
    let Some(server) = start(Mode::Open) else {
        return;
    };
    let proxy = Proxy::start(server.address());
    let folder = tempfile::tempdir().unwrap();
    let mut anna = Person::sit_down("Anna", folder.path().join("anna"));
    anna.register(&proxy.address());

    proxy.set_overloaded(true);
    let name = "Анна Ветрова".to_owned();
    let set_name = AccountCommand::SetDisplayName { name: name.clone() };
    anna.commands().send(Command::Account(set_name));
    anna.ask(Command::Account(AccountCommand::MeasureStorage));
    proxy.set_overloaded(false);
    anna.until("show the name", |screen| {
        screen
            .account
            .as_ref()
            .is_some_and(|account| account.name == name)
    });

    proxy.set_overloaded(true);
    anna.ask(Command::Account(AccountCommand::SignOut));
    anna.until("be signed out", |screen| screen.account.is_none());
    assert_eq!(
        accounts_left(&anna.data_dir()),
        0,
        "nothing of the account is left"
    );
}

#[test]
fn keys_that_were_never_stored_do_not_lock_their_owner_out() {
    let Some(server) = start(Mode::Open) else {
        return;
    };
    let proxy = Proxy::start(server.address());
    proxy.refuse_key_storage(true);
    let folder = tempfile::tempdir().unwrap();
    let mut anna = Person::sit_down("Anna", folder.path().join("anna"));
    let address = anna.find_server(&proxy.address());
    anna.ask(Command::Account(registration(&address, "anna", None, true)));
    anna.until("have keys on the server only", |screen| {
        screen.keys == Some(KeyStorage::Off)
    });

    // The shared computer forgets the private halves with everything else.
    let mut anna = anna.restart();
    anna.ask(Command::Account(AccountCommand::Restore));
    proxy.refuse_key_storage(false);
    anna.sign_in(&proxy.address());
    anna.leave();

    // What was made then opens with the password.
    let mut elsewhere = Person::sit_down("Anna", folder.path().join("elsewhere"));
    elsewhere.sign_in(&server.address());
}

#[test]
fn keys_that_were_not_stored_are_stored_with_the_password_later() {
    let Some(server) = start(Mode::Open) else {
        return;
    };
    let proxy = Proxy::start(server.address());
    proxy.refuse_key_storage(true);
    let folder = tempfile::tempdir().unwrap();
    let mut anna = Person::sit_down("Anna", folder.path().join("anna"));
    let address = anna.find_server(&proxy.address());
    anna.ask(Command::Account(registration(
        &address, "anna", None, false,
    )));
    anna.until("have keys on this computer only", |screen| {
        screen.keys == Some(KeyStorage::Off)
    });
    proxy.refuse_key_storage(false);

    let keep = |password: &str| {
        let secret = Secret::new(password);
        Command::Account(AccountCommand::UnlockKeys { secret })
    };
    let wrong = anna.try_ask(keep("not the password"));
    assert_eq!(wrong, Err(Trouble::PasswordWrong));
    assert_eq!(anna.screen.keys, Some(KeyStorage::Off));
    anna.ask(keep(PASSWORD));
    anna.arrive();

    let mut elsewhere = Person::sit_down("Anna", folder.path().join("elsewhere"));
    elsewhere.sign_in(&server.address());
}

#[test]
fn keys_that_were_lost_on_their_way_are_stored_when_the_connection_is_back() {
    let Some(server) = start(Mode::Open) else {
        return;
    };
    let proxy = Proxy::start(server.address());
    proxy.lose_key_storage(true);
    let folder = tempfile::tempdir().unwrap();
    let mut anna = Person::sit_down("Anna", folder.path().join("anna"));
    let address = anna.find_server(&proxy.address());
    anna.ask(Command::Account(registration(
        &address, "anna", None, false,
    )));
    anna.until("be signed in", |screen| screen.account.is_some());
    proxy.until_asked("/account_data/m.secret_storage.");
    proxy.lose_key_storage(false);
    anna.arrive();

    let mut elsewhere = Person::sit_down("Anna", folder.path().join("elsewhere"));
    elsewhere.sign_in(&server.address());
}

/// Otherwise the banner of the next person tells of it.
#[test]
fn a_room_that_is_closed_after_its_session_is_no_failure() {
    let folder = tempfile::tempdir().unwrap();
    let mut anna = Person::sit_down("Anna", folder.path().join("anna"));
    let room: OwnedRoomId = "!a:campus.example".try_into().unwrap();
    let mut ask = |command| anna.try_ask(Command::Timeline(room.clone(), command));
    assert_eq!(ask(TimelineCommand::Close), Ok(Answer::Done));
    assert_eq!(ask(TimelineCommand::Open), Err(Trouble::SessionEnded));
}

/// Its program may have been ended before the server took them.
#[test]
fn keys_that_a_device_could_not_tell_are_told_before_the_first_sync_of_its_next_start() {
    let Some(server) = start(Mode::Open) else {
        return;
    };
    let proxy = Proxy::start(server.address());
    proxy.refuse_device_keys(true);
    let folder = tempfile::tempdir().unwrap();
    let mut anna = Person::sit_down("Anna", folder.path().join("anna"));
    let address = anna.find_server(&proxy.address());
    anna.ask(Command::Account(registration(
        &address, "anna", None, false,
    )));
    let mut anna = anna.restart();
    proxy.refuse_device_keys(false);
    let before = proxy.asked().len();
    anna.ask(Command::Account(AccountCommand::Restore));
    anna.until("be online", |screen| {
        screen.connection == Some(Connection::Online)
    });
    let asked = proxy.asked().split_off(before);
    let first = |part: &str| asked.iter().position(|path| path.contains(part)).unwrap();
    assert!(first("/keys/upload") < first("/sync"), "{asked:#?}");
}

#[test]
fn somebody_without_a_picture_has_their_name_on_another_computer() {
    let Some(server) = start(Mode::Open) else {
        return;
    };
    let folder = tempfile::tempdir().unwrap();
    let mut anna = Person::sit_down("Anna", folder.path().join("anna"));
    anna.register(&server.address());
    let name = "Анна Ветрова".to_owned();
    anna.ask(Command::Account(AccountCommand::SetDisplayName {
        name: name.clone(),
    }));
    let mut elsewhere = Person::sit_down("Anna", folder.path().join("elsewhere"));
    elsewhere.sign_in(&server.address());
    elsewhere.until("show the name", |screen| {
        screen
            .account
            .as_ref()
            .is_some_and(|account| account.name == name)
    });
}

fn change_password(anna: &mut Person) {
    let change = |old: &str| {
        Command::Account(AccountCommand::ChangePassword {
            old: Secret::new(old),
            new: Secret::new(NEW_PASSWORD),
        })
    };
    assert_eq!(anna.try_ask(change("wrong")), Err(Trouble::PasswordWrong));
    let changed = Answer::PasswordChanged { opens_keys: true };
    assert_eq!(anna.try_ask(change(PASSWORD)), Ok(changed));
}

fn see_and_end_another_computer(anna: &mut Person, address: &str, folder: &Path) {
    let mut elsewhere = Person::sit_down("Anna", folder.join("elsewhere"));
    elsewhere.sign_in_with(address, NEW_PASSWORD);
    let devices = match anna.ask(Command::Account(AccountCommand::LoadDevices)) {
        Answer::Devices(devices) => devices,
        other => panic!("no devices but {other:?}"),
    };
    assert!(devices[0].own, "this computer comes first");
    let others: Vec<_> = devices.iter().filter(|device| !device.own).collect();
    assert!(!others.is_empty(), "the other computer is in the list");
    let end = |password: &str| {
        Command::Account(AccountCommand::EndDevices {
            devices: others.iter().map(|device| device.id.clone()).collect(),
            password: Secret::new(password),
        })
    };
    assert_eq!(anna.try_ask(end("wrong")), Err(Trouble::PasswordWrong));
    let left = match anna.ask(end(NEW_PASSWORD)) {
        Answer::Devices(devices) => devices,
        other => panic!("no devices but {other:?}"),
    };
    assert_eq!(left.len(), 1, "only this computer is left");
    elsewhere.until("be signed out", |screen| screen.account.is_none());
}
