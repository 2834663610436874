//! Reports that go at once, and reports that wait for the server.

use std::time::Duration;

use client::{
    bridge::{
        command::{AccountCommand, Command, FeedbackCommand, Report},
        pixels::Pixels,
        update::{Answer, Reported},
    },
    rows::FeedbackCategory,
};

use super::{person::Person, server::Mode, start};

const TEXT: &str = "Файл PDF скачался, но не открывается";

fn report(text: &str, same_as: Option<u64>) -> Command {
    Command::Feedback(FeedbackCommand::Send(Report {
        category: FeedbackCategory::Broken,
        text: text.to_owned(),
        same_as,
        screenshot: Some(Pixels::new(16, 16)),
        diagnostics: Some("{\"version\":\"0.1.0\"}".to_owned()),
    }))
}

#[test]
fn a_report_waits_for_the_server_and_others_join_it() {
    let Some(mut server) = start(Mode::Open) else {
        return;
    };
    let folder = tempfile::tempdir().unwrap();
    let mut anna = Person::sit_down("Anna", folder.path().join("anna"));
    anna.register(&server.address());
    let mut boris = Person::sit_down("Boris", folder.path().join("boris"));
    boris.register(&server.address());

    server.kill();
    let answer = anna.ask(report(TEXT, None));
    assert_eq!(answer, Answer::Reported(Reported::Kept));
    // The program is closed and opened again before the server is back.
    let mut anna = anna.restart();
    anna.ask(Command::Account(AccountCommand::Restore));
    server.start_again();

    let similar = || {
        Command::Feedback(FeedbackCommand::Similar {
            category: FeedbackCategory::Broken,
            text: TEXT.to_owned(),
        })
    };
    // Nothing on Boris's screen tells when Anna's report has gone: he asks again and again.
    let problem = (0..600).find_map(|_| {
        let found = match boris.try_ask(similar()) {
            Ok(Answer::Problems(problems)) => problems.into_iter().next(),
            _ => None,
        };
        if found.is_none() {
            std::thread::sleep(Duration::from_millis(200));
        }
        found
    });
    let problem = problem.unwrap();
    assert_eq!((problem.people, problem.mine), (1, false));
    let answer = boris.ask(report("", Some(problem.id)));
    assert_eq!(answer, Answer::Reported(Reported::Taken { people: 2 }));
}
