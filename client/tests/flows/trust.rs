//! Comparing seven pictures: with another computer of one's own, and with another person.

use std::time::Duration;

use client::{
    bridge::{
        command::{AccountCommand, Command, RoomsCommand, VerificationCommand},
        secret::Secret,
        update::{Answer, KeyStorage},
    },
    rows::{Body, Trust, VerificationEnd, VerificationStage},
};

use reqwest::Method;
use serde_json::json;

use super::{
    person::{PASSWORD, Person},
    proxy::Proxy,
    server::Mode,
    start,
    writer::{Writer, http, run},
};

fn verify(command: VerificationCommand) -> Command {
    Command::Verification(command)
}

/// The numbers of the pictures, once they are on the screen.
fn pictures(person: &mut Person) -> [u8; 7] {
    person.until("see seven pictures", |screen| {
        matches!(
            screen.verification.as_ref().map(|row| &row.stage),
            Some(VerificationStage::Compare(_))
        )
    });
    match person.screen.verification.as_ref().map(|row| &row.stage) {
        Some(VerificationStage::Compare(numbers)) => *numbers,
        other => panic!("no pictures but {other:?}"),
    }
}

fn until_over(person: &mut Person, end: VerificationEnd) {
    person.until("see the end", |screen| {
        screen
            .verification
            .as_ref()
            .is_some_and(|row| row.stage == VerificationStage::Ended(end))
    });
}

/// The one who is asked accepts, both see the same, and both say so.
fn compare(asker: &mut Person, asked: &mut Person) {
    asked.until("be asked to compare", |screen| {
        screen
            .verification
            .as_ref()
            .is_some_and(|row| row.stage == VerificationStage::Asked)
    });
    asked.ask(verify(VerificationCommand::Accept));
    assert_eq!(pictures(asker), pictures(asked));
    asker.ask(verify(VerificationCommand::Matches));
    asked.ask(verify(VerificationCommand::Matches));
    until_over(asker, VerificationEnd::Same);
    until_over(asked, VerificationEnd::Same);
}

#[test]
fn people_and_computers_are_compared() {
    let Some(server) = start(Mode::Open) else {
        return;
    };
    let folder = tempfile::tempdir().unwrap();
    let mut anna = Person::sit_down("Anna", folder.path().join("anna"));
    anna.register(&server.address());
    let mut boris = Person::sit_down("Boris", folder.path().join("boris"));
    boris.register(&server.address());

    let user = boris.screen.account.as_ref().unwrap().user_id.clone();
    anna.ask(Command::Rooms(RoomsCommand::StartDirect {
        user: user.clone(),
    }));
    boris.accept_invitation();
    let trust = |anna: &mut Person| match anna
        .ask(verify(VerificationCommand::Trust { user: user.clone() }))
    {
        Answer::Trust(trust) => trust,
        other => panic!("no trust but {other:?}"),
    };
    assert_eq!(trust(&mut anna), Trust::NotCompared);
    anna.ask(verify(VerificationCommand::Start {
        user: Some(user.clone()),
    }));
    compare(&mut anna, &mut boris);
    // The signature is on its way when the dialog says that all is well.
    let is_trusted = (0..300).any(|_| {
        std::thread::sleep(Duration::from_millis(100));
        trust(&mut anna) == Trust::Compared
    });
    assert!(is_trusted, "Boris has been compared");

    // The password opens the keys on a second computer, which is trusted therefore; comparing is there all the same.
    let mut elsewhere = Person::sit_down("Anna", folder.path().join("elsewhere"));
    elsewhere.sign_in(&server.address());
    elsewhere.ask(verify(VerificationCommand::Start { user: None }));
    compare(&mut elsewhere, &mut anna);
    let devices = match anna.ask(Command::Account(AccountCommand::LoadDevices)) {
        Answer::Devices(devices) => devices,
        other => panic!("no devices but {other:?}"),
    };
    assert_eq!(devices.len(), 2);
    assert!(devices.iter().all(|device| device.trusted), "{devices:?}");

    // Somebody who sees other pictures says so.
    anna.ask(verify(VerificationCommand::Start { user: Some(user) }));
    boris.until("be asked to compare", |screen| {
        screen
            .verification
            .as_ref()
            .is_some_and(|row| row.stage == VerificationStage::Asked)
    });
    boris.ask(verify(VerificationCommand::Accept));
    pictures(&mut anna);
    pictures(&mut boris);
    boris.ask(verify(VerificationCommand::Differs));
    until_over(&mut anna, VerificationEnd::Different);
    until_over(&mut boris, VerificationEnd::Different);
}

#[test]
fn either_computer_asks_when_the_password_does_not_open_the_keys() {
    let Some(server) = start(Mode::Open) else {
        return;
    };
    let folder = tempfile::tempdir().unwrap();
    let mut anna = Person::sit_down("Anna", folder.path().join("anna"));
    anna.register(&server.address());
    run(async {
        let script = Writer::sign_in(&http(), &server.address(), "anna").await;
        script
            .change_password("anna", "an entirely different one")
            .await;
        let ended = json!({});
        script.call(Method::POST, "/logout", &ended).await;
    });

    let come = |name: &str| {
        let mut computer = Person::sit_down("Anna", folder.path().join(name));
        computer.begin_with(&server.address(), "an entirely different one");
        computer.until("find the keys locked", |screen| {
            screen.keys == Some(KeyStorage::Locked)
        });
        computer
    };
    let mut second = come("second");
    anna.ask(verify(VerificationCommand::Start { user: None }));
    compare(&mut anna, &mut second);
    second.until("have the keys", |screen| {
        screen.keys == Some(KeyStorage::Ready)
    });
    second.leave();

    let mut third = come("third");
    third.ask(verify(VerificationCommand::Start { user: None }));
    compare(&mut third, &mut anna);
    third.until("have the keys", |screen| {
        screen.keys == Some(KeyStorage::Ready)
    });
}

#[test]
fn a_password_changed_while_the_keys_are_locked_leaves_them_to_the_earlier_one() {
    let Some(server) = start(Mode::Open) else {
        return;
    };
    let folder = tempfile::tempdir().unwrap();
    let mut anna = Person::sit_down("Anna", folder.path().join("anna"));
    anna.register(&server.address());
    anna.leave();
    let given = "given by the administrator";
    run(async {
        let script = Writer::sign_in(&http(), &server.address(), "anna").await;
        script.change_password("anna", given).await;
    });

    let mut anna = Person::sit_down("Anna", folder.path().join("again"));
    anna.begin_with(&server.address(), given);
    anna.until("find the keys locked", |screen| {
        screen.keys == Some(KeyStorage::Locked)
    });
    let change = |old: &str, new: &str| {
        Command::Account(AccountCommand::ChangePassword {
            old: Secret::new(old),
            new: Secret::new(new),
        })
    };
    let own = "chosen by Anna";
    assert_eq!(
        anna.ask(change(given, own)),
        Answer::PasswordChanged { opens_keys: false }
    );
    anna.ask(Command::Account(AccountCommand::UnlockKeys {
        secret: Secret::new(PASSWORD),
    }));
    anna.until("have the keys", |screen| {
        screen.keys == Some(KeyStorage::Ready)
    });

    // Once they are open, they follow the password.
    let last = "chosen once more";
    assert_eq!(
        anna.ask(change(own, last)),
        Answer::PasswordChanged { opens_keys: true }
    );
    let mut elsewhere = Person::sit_down("Anna", folder.path().join("elsewhere"));
    elsewhere.sign_in_with(&server.address(), last);
}

#[test]
fn a_request_is_noticed_when_the_keys_of_its_chat_come_later() {
    let Some(server) = start(Mode::Open) else {
        return;
    };
    let proxy = Proxy::start(server.address());
    let folder = tempfile::tempdir().unwrap();
    let mut anna = Person::sit_down("Anna", folder.path().join("anna"));
    anna.register(&server.address());
    let mut boris = Person::sit_down("Boris", folder.path().join("boris"));
    boris.register(&proxy.address());
    let user = boris.screen.account.as_ref().unwrap().user_id.clone();
    anna.ask(Command::Rooms(RoomsCommand::StartDirect {
        user: user.clone(),
    }));
    let room = boris.accept_invitation();

    proxy.keep_keys(true);
    anna.ask(verify(VerificationCommand::Start { user: Some(user) }));
    boris.until("see a message without its key", |screen| {
        let messages = screen.messages(&room);
        messages
            .iter()
            .any(|(_, message)| matches!(message.body, Body::Undecryptable(_)))
    });
    assert_eq!(boris.screen.verification, None);
    proxy.keep_keys(false);
    compare(&mut anna, &mut boris);
}

#[test]
fn the_keys_of_a_device_are_told_before_its_first_sync() {
    let Some(server) = start(Mode::Open) else {
        return;
    };
    let proxy = Proxy::start(server.address());
    let folder = tempfile::tempdir().unwrap();
    let mut anna = Person::sit_down("Anna", folder.path().join("anna"));
    anna.register(&proxy.address());
    let asked = proxy.asked();
    let first = |part: &str| asked.iter().position(|path| path.contains(part)).unwrap();
    assert!(first("/keys/upload") < first("/sync"), "{asked:#?}");
}
