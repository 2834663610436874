//! `--check`: says in words what is missing.

use std::{fs, time::Duration};

use crate::{config::Config, private, session};

/// Everything that keeps the bot from working, in words.
pub async fn check(config: &Config) -> Vec<String> {
    let mut problems = Vec::new();
    check_folder(config, &mut problems);
    check_account(config, &mut problems);
    check_server(config, &mut problems).await;
    problems
}

fn check_folder(config: &Config, problems: &mut Vec<String>) {
    let folder = config.data_dir.display();
    let probe = config.data_dir.join(".check");
    let written = fs::create_dir_all(&config.data_dir)
        .and_then(|()| private::write(&probe, ""))
        .and_then(|()| fs::remove_file(&probe));
    if let Err(error) = written {
        problems.push(format!("data_dir: {folder} cannot be written: {error}"));
    }
    let files = [
        ("extra_ca", config.extra_ca.iter().collect::<Vec<_>>()),
        (
            "shared_secret_file",
            config.shared_secret_file.iter().collect(),
        ),
        ("password_file", config.password_file.iter().collect()),
    ];
    for (key, paths) in files {
        for path in paths {
            if let Err(error) = fs::read(path) {
                problems.push(format!("{key}: {} cannot be read: {error}", path.display()));
            }
        }
    }
}

/// The bot has signed in before, or knows the password of its account.
fn has_account(config: &Config) -> bool {
    let kept = |name: &str| config.data_dir.join(name).is_file();
    config.password_file.is_some() || kept("session.json") || kept("password")
}

fn check_account(config: &Config, problems: &mut Vec<String>) {
    if !has_account(config) && !session::can_register(config) {
        problems.push(
            "the bot has no account yet: add registration_token (fialka-server invite create --config FILE) or shared_secret_file, \
             or a password_file for an account that exists. On a server with open registration a start is enough."
                .to_owned(),
        );
    }
}

async fn check_server(config: &Config, problems: &mut Vec<String>) {
    let http = match client(config) {
        Ok(http) => http,
        Err(error) => return problems.push(format!("homeserver: {}", cause(&error))),
    };
    let home = config.homeserver.trim_end_matches('/');
    let answer = http.get(format!("{home}/_matrix/client/versions")).send();
    match answer.await {
        Ok(answer) if answer.status().is_success() => {}
        Ok(answer) => {
            return problems.push(format!(
                "homeserver: {home} answers {}, so no Matrix server is there",
                answer.status()
            ));
        }
        Err(error) => {
            return problems.push(format!(
                "homeserver: nothing answers at {home} ({}). Does the server run, and is the address right?",
                cause(&error)
            ));
        }
    }
    if !has_account(config) {
        check_registration(&http, config, problems).await;
    }
}

fn client(config: &Config) -> reqwest::Result<reqwest::Client> {
    let mut http = reqwest::Client::builder().timeout(Duration::from_secs(10));
    for path in &config.extra_ca {
        let bundle = fs::read(path)
            .ok()
            .and_then(|pem| reqwest::Certificate::from_pem_bundle(&pem).ok());
        for root in bundle.into_iter().flatten() {
            http = http.add_root_certificate(root);
        }
    }
    http.build()
}

/// Whether the server will let the bot register itself.
/// [spec](https://spec.matrix.org/v1.19/client-server-api/#get_matrixclientv1registermloginregistration_tokenvalidity)
async fn check_registration(http: &reqwest::Client, config: &Config, problems: &mut Vec<String>) {
    let home = config.homeserver.trim_end_matches('/');
    let user = &config.user;
    let available = format!("{home}/_matrix/client/v3/register/available");
    if let Some((400, answer)) = ask(http, &available, ("username", user)).await
        && answer["errcode"] == "M_USER_IN_USE"
    {
        problems.push(format!(
            "user: the name {user} is taken on this server. If that account is the bot's, add a password_file; else choose another name"
        ));
    }
    let Some(token) = &config.registration_token else {
        return;
    };
    let path = "/_matrix/client/v1/register/m.login.registration_token/validity";
    let valid = ask(http, &format!("{home}{path}"), ("token", token)).await;
    if let Some((200, answer)) = valid
        && answer["valid"] == false
    {
        problems.push(
            "registration_token: the server does not take this token. It is mistyped, used up or too old: make another one (fialka-server invite create --config FILE)"
                .to_owned(),
        );
    }
}

/// An answer that says nothing is no reason for a complaint.
async fn ask(
    http: &reqwest::Client,
    url: &str,
    query: (&str, &str),
) -> Option<(u16, serde_json::Value)> {
    let mut url = reqwest::Url::parse(url).ok()?;
    url.query_pairs_mut().append_pair(query.0, query.1);
    let answer = http.get(url).send().await.ok()?;
    Some((answer.status().as_u16(), answer.json().await.ok()?))
}

/// The innermost reason, which is the one that says something.
fn cause(error: &dyn std::error::Error) -> String {
    let mut error = error;
    while let Some(source) = error.source() {
        error = source;
    }
    error.to_string()
}
