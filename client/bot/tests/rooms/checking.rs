//! `--check` names what will keep the bot from starting.

use std::fs;

use bot::{Config, check::check};

use crate::server::{Server, binary};

#[tokio::test(flavor = "multi_thread")]
async fn a_check_names_a_token_that_is_not_taken_and_a_name_that_is() {
    let Some(binary) = binary() else {
        return;
    };
    let server = Server::start(&binary).await;
    let _taken = server.person("games").await;
    let line = "user = \"games\"\nregistration_token = \"mistyped\"";
    let problems = problems(&server.url(), line).await;
    let [name, token] = problems.as_slice() else {
        panic!("{problems:?}");
    };
    assert!(name.starts_with("user: the name games is taken"), "{name}");
    assert!(token.starts_with("registration_token:"), "{token}");
}

#[tokio::test]
async fn a_check_says_that_nobody_answers_and_which_file_is_not_there() {
    let problems = problems("http://127.0.0.1:1", "password_file = \"/no/such/file\"").await;
    let [file, server] = problems.as_slice() else {
        panic!("{problems:?}");
    };
    assert!(file.starts_with("password_file: /no/such/file"), "{file}");
    assert!(server.contains("Connection refused"), "{server}");
}

async fn problems(homeserver: &str, line: &str) -> Vec<String> {
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("bot.toml");
    let data = folder.path().join("data");
    let text = format!(
        "homeserver = \"{homeserver}\"\ndata_dir = \"{}\"\n{line}\n",
        data.display()
    );
    fs::write(&file, text).unwrap();
    check(&Config::read(&file).unwrap()).await
}
