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
    for path in config
        .extra_ca
        .iter()
        .chain(&config.shared_secret_file)
        .chain(&config.password_file)
    {
        if let Err(error) = fs::read(path) {
            problems.push(format!("{} cannot be read: {error}", path.display()));
        }
    }
}

fn check_account(config: &Config, problems: &mut Vec<String>) {
    let has_session = config.data_dir.join("session.json").is_file();
    let has_password = config.password_file.is_some() || config.data_dir.join("password").is_file();
    if !has_session && !has_password && !session::can_register(config) {
        problems.push(
            "the bot has no account yet: add registration_token (fialka-server invite create) or shared_secret_file, \
             or a password_file for an account that exists. On a server with open registration a start is enough."
                .to_owned(),
        );
    }
}

async fn check_server(config: &Config, problems: &mut Vec<String>) {
    let url = format!(
        "{}/_matrix/client/versions",
        config.homeserver.trim_end_matches('/')
    );
    let mut http = reqwest::Client::builder().timeout(Duration::from_secs(10));
    for path in &config.extra_ca {
        let bundle = fs::read(path)
            .ok()
            .and_then(|pem| reqwest::Certificate::from_pem_bundle(&pem).ok());
        for root in bundle.into_iter().flatten() {
            http = http.add_root_certificate(root);
        }
    }
    let answer = match http.build() {
        Ok(http) => http.get(&url).send().await,
        Err(error) => Err(error),
    };
    match answer {
        Ok(answer) if answer.status().is_success() => {}
        Ok(answer) => problems.push(format!(
            "homeserver: {url} answers {}, so no Matrix server is there",
            answer.status()
        )),
        Err(error) => problems.push(format!("homeserver: {url} cannot be reached: {error}")),
    }
}
