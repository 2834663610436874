//! Coming in with a join file: the server's certificate is known to nobody else.

use client::bridge::{
    command::{AccountCommand, Command, Registration},
    secret::Secret,
    trouble::Trouble,
    update::Answer,
};
use serde_json::json;

use super::{
    person::{PASSWORD, Person},
    server::Mode,
    start,
};

#[test]
fn a_join_file_brings_the_server_the_trust_and_the_code() {
    let Some(server) = start(Mode::Lan) else {
        return;
    };
    let folder = tempfile::tempdir().unwrap();
    let mut anna = Person::sit_down("Anna", folder.path().join("anna"));
    let address = server.secure_address();
    let check = || {
        Command::Account(AccountCommand::CheckServer {
            address: address.clone(),
        })
    };
    assert_eq!(
        anna.try_ask(check()),
        Err(Trouble::CertificateNotTrusted),
        "nobody knows the authority yet"
    );

    let open = |changes| {
        Command::Account(AccountCommand::OpenJoinFile {
            file: server.join_file(changes),
        })
    };
    let forged = open(json!({ "ca_fingerprint": format!("sha256:{}", "0".repeat(64)) }));
    assert_eq!(anna.try_ask(forged), Err(Trouble::JoinFileInvalid));

    // The first address leads nowhere from here.
    let answer = anna.ask(open(json!({
        "address": "https://localhost:1",
        "addresses": [address],
        "registration_token": "7K2M-94HT",
    })));
    let Answer::Joined {
        server: found,
        token,
    } = answer
    else {
        panic!("no server but {answer:?}");
    };
    assert_eq!(found.name, "flows.test");
    assert_eq!(token, Some(Secret::new("7K2M-94HT")));

    anna.ask(Command::Account(AccountCommand::Register(Registration {
        server: found.base_url,
        user: "anna".to_owned(),
        display_name: String::new(),
        password: Secret::new(PASSWORD),
        token: None,
        shared_computer: false,
    })));
    anna.arrive();
    // The authority is trusted at the next start too.
    let mut anna = anna.restart();
    anna.ask(Command::Account(AccountCommand::Restore));
    anna.arrive();
}
