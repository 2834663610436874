//! How clients learn where the server is.

use std::fs;

use serde_json::Value;
use spec_tests::Settings;

use super::{command, fialka, register_bot};

const PATH: &str = "/_fialka/client/v1/join";

#[test]
fn the_join_file_names_the_server_and_its_authority_and_no_token() {
    let Some(server) = fialka(&Settings::default()) else {
        return;
    };
    let answer = server.get(PATH).ok();
    assert_eq!(answer["version"], 1);
    assert_eq!(answer["server_name"], server.server_name());
    assert_eq!(answer["address"], server.url());
    assert!(answer.get("registration_token").is_none(), "{answer}");
    let file = server.folder().expect("a folder").join("campus.fialka");
    let name = file.display().to_string();
    command(&server, "invite", &["join-file", &name]);
    let text = fs::read_to_string(&file).expect("the file");
    assert_eq!(text.parse::<Value>().expect("JSON"), answer);
}

#[test]
fn an_invitation_is_written_into_a_join_file_with_its_token() {
    let settings = Settings {
        registration_token_required: true,
        ..Settings::default()
    };
    let Some(server) = fialka(&settings) else {
        return;
    };
    let file = server.folder().expect("a folder").join("class.fialka");
    let name = file.display().to_string();
    let said = command(
        &server,
        "invite",
        &["create", "--uses", "1", "--join-file", &name],
    );
    let text = fs::read_to_string(&file).expect("the file");
    let join: Value = text.parse().expect("JSON");
    assert_eq!(join["registration_token"], said.trim());
}

#[test]
fn clients_are_told_the_version_and_who_the_bot_is() {
    let settings = Settings {
        fialka: "[campus]\nbot = \"professor\"\ndownload = \"https://campus.example/fialka\"\n"
            .to_owned(),
        ..Settings::default()
    };
    let Some(server) = fialka(&settings) else {
        return;
    };
    let facts = "/_fialka/client/v1/server";
    let answer = server.get(facts).ok();
    assert_eq!(answer["version"], env!("CARGO_PKG_VERSION"));
    assert_eq!(answer["download"], "https://campus.example/fialka");
    assert!(answer.get("bot").is_none(), "nobody has that name yet");
    register_bot(&server, "professor");
    let bot = format!("@professor:{}", server.server_name());
    assert_eq!(server.get(facts).ok()["bot"], bot);
}
