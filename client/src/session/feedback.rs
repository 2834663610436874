//! Reports to those who look after the server: sent at once, or kept in a file until the server is there.

use std::{
    fs, io,
    path::{Path, PathBuf},
    time::Duration,
};

use base64::{Engine as _, engine::general_purpose::STANDARD};
use image::{ExtendedColorType, ImageEncoder as _, codecs::png::PngEncoder};
use matrix_sdk::{Client, ruma::MilliSecondsSinceUnixEpoch};
use matrix_sdk_ui::sync_service::State;
use rand::{Rng as _, distr::Alphanumeric};
use reqwest::StatusCode;
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};
use tokio::sync::mpsc;

use super::{outbox::Outbox, troubles::transport};
use crate::{
    bridge::{
        command::{FeedbackCommand, Report, RequestId},
        pixels::Pixels,
        trouble::Trouble,
        update::{Answer, Reported},
    },
    rows::{FeedbackCategory, ProblemRow},
    secrets::write_private,
};

/// Between attempts while the server refuses or is away and says nothing about it.
const RETRY: Duration = Duration::from_secs(60);
/// A person waits for the answer.
const TIMEOUT: Duration = Duration::from_secs(20);
/// The server takes up to 1 MiB of picture.
const PICTURE_LIMIT: usize = 1024 * 1024;

/// One report, as the server takes it.
#[derive(Debug, Clone, Serialize, Deserialize)]
struct Letter {
    id: String,
    category: FeedbackCategory,
    text: String,
    #[serde(skip_serializing_if = "Option::is_none")]
    same_as: Option<u64>,
    written_at: MilliSecondsSinceUnixEpoch,
    #[serde(skip_serializing_if = "Option::is_none")]
    screenshot: Option<Value>,
    #[serde(skip_serializing_if = "Option::is_none")]
    diagnostics: Option<Value>,
}

/// What became of an attempt.
enum Outcome {
    Taken(ProblemRow),
    /// Without some of it, it may be taken.
    Again(Letter),
    /// Later.
    Wait(Duration),
    /// Never.
    Refused(Trouble),
}

#[derive(Deserialize)]
struct Problems {
    problems: Vec<ProblemRow>,
}

#[derive(Deserialize)]
struct Taken {
    problem: ProblemRow,
}

#[derive(Deserialize, Default)]
#[serde(default)]
struct Refusal {
    errcode: String,
    retry_after_ms: Option<u64>,
}

/// The way of reports out of this computer.
pub(super) struct Feedback {
    client: Client,
    http: reqwest::Client,
    queue: PathBuf,
}

impl Feedback {
    /// `folder` is the account's own.
    pub(super) fn new(
        client: Client,
        folder: &Path,
        roots: Vec<reqwest::Certificate>,
    ) -> Result<Self, Trouble> {
        let http = reqwest::Client::builder()
            .timeout(TIMEOUT)
            .tls_certs_merge(roots)
            .build()
            .map_err(|error| Trouble::Other(error.to_string()))?;
        Ok(Self {
            client,
            http,
            queue: folder.join("feedback.json"),
        })
    }

    /// Runs for as long as the session lives.
    pub(super) async fn run(
        self,
        mut coming: mpsc::UnboundedReceiver<(RequestId, FeedbackCommand)>,
        mut sync: eyeball::Subscriber<State>,
        outbox: Outbox,
    ) {
        let mut wait = Some(Duration::ZERO);
        loop {
            let pause = wait.unwrap_or(RETRY);
            tokio::select! {
                command = coming.recv() => match command {
                    Some((request, FeedbackCommand::Similar { category, text })) => {
                        let found = self.similar(category, &text).await;
                        outbox.answer(request, found.map(Answer::Problems)).await;
                    }
                    Some((request, FeedbackCommand::Send(report))) => {
                        let (answer, later) = self.report(report).await;
                        wait = later;
                        outbox.answer(request, answer.map(Answer::Reported)).await;
                    }
                    None => return,
                },
                state = sync.next() => match state {
                    Some(State::Running) if wait.is_some() => wait = Some(Duration::ZERO),
                    Some(_) => {}
                    None => return,
                },
                () = tokio::time::sleep(pause), if wait.is_some() => wait = self.flush().await,
            }
        }
    }

    async fn similar(
        &self,
        category: FeedbackCategory,
        text: &str,
    ) -> Result<Vec<ProblemRow>, Trouble> {
        let body = json!({ "category": category, "text": text });
        let answer = self.post("feedback/similar", &body).await?;
        if !answer.status().is_success() {
            return Err(Trouble::Unsupported);
        }
        let found: Problems = answer.json().await.map_err(|error| transport(&error))?;
        Ok(found.problems)
    }

    /// Sends a report, or puts it into the queue. Also says when to try the queue again.
    async fn report(&self, report: Report) -> (Result<Reported, Trouble>, Option<Duration>) {
        let mut letter = letter(report).await;
        loop {
            match self.send(&letter).await {
                Outcome::Taken(problem) => {
                    let people = problem.people;
                    return (Ok(Reported::Taken { people }), Some(Duration::ZERO));
                }
                Outcome::Again(less) => letter = less,
                Outcome::Refused(trouble) => return (Err(trouble), None),
                Outcome::Wait(pause) => {
                    let mut letters = read(&self.queue);
                    letters.push(letter);
                    return match keep(&self.queue, &letters) {
                        Ok(()) => (Ok(Reported::Kept), Some(pause)),
                        Err(error) => {
                            tracing::error!(%error, "a report was not kept");
                            (Err(Trouble::LocalData), None)
                        }
                    };
                }
            }
        }
    }

    /// Sends what has waited. Says when to try again, `None` when nothing waits.
    async fn flush(&self) -> Option<Duration> {
        let mut letters = read(&self.queue);
        while let Some(letter) = letters.first().cloned() {
            match self.send(&letter).await {
                Outcome::Taken(_) => drop(letters.remove(0)),
                Outcome::Again(less) => letters[0] = less,
                Outcome::Wait(pause) => return Some(pause),
                Outcome::Refused(trouble) => {
                    tracing::warn!(?trouble, "the server does not want a report that waited");
                    letters.remove(0);
                }
            }
            if let Err(error) = keep(&self.queue, &letters) {
                tracing::error!(%error, "the reports that wait were not kept");
                return Some(RETRY);
            }
        }
        None
    }

    async fn send(&self, letter: &Letter) -> Outcome {
        let answer = match self.post("feedback", letter).await {
            Ok(answer) => answer,
            Err(trouble) => {
                tracing::info!(?trouble, "a report waits");
                return Outcome::Wait(RETRY);
            }
        };
        let status = answer.status();
        if status.is_success() {
            return match answer.json::<Taken>().await {
                Ok(taken) => Outcome::Taken(taken.problem),
                Err(error) => Outcome::Refused(Trouble::Other(error.to_string())),
            };
        }
        let refusal: Refusal = answer.json().await.unwrap_or_default();
        match status {
            StatusCode::NOT_FOUND if letter.same_as.is_some() => Outcome::Again(Letter {
                same_as: None,
                ..letter.clone()
            }),
            StatusCode::PAYLOAD_TOO_LARGE if letter.screenshot.is_some() => {
                Outcome::Again(Letter {
                    screenshot: None,
                    ..letter.clone()
                })
            }
            StatusCode::TOO_MANY_REQUESTS => {
                Outcome::Wait(refusal.retry_after_ms.map_or(RETRY, Duration::from_millis))
            }
            StatusCode::NOT_FOUND => Outcome::Refused(Trouble::Unsupported),
            status if status.is_server_error() || status == StatusCode::UNAUTHORIZED => {
                Outcome::Wait(RETRY)
            }
            _ => Outcome::Refused(Trouble::Other(refusal.errcode)),
        }
    }

    async fn post(&self, path: &str, body: &impl Serialize) -> Result<reqwest::Response, Trouble> {
        let answer = self.post_once(path, body).await?;
        if answer.status() != StatusCode::UNAUTHORIZED {
            return Ok(answer);
        }
        // The token may only be old: the SDK renews it when it asks something itself.
        self.client.whoami().await?;
        self.post_once(path, body).await
    }

    async fn post_once(
        &self,
        path: &str,
        body: &impl Serialize,
    ) -> Result<reqwest::Response, Trouble> {
        let server = self.client.homeserver();
        let url = format!(
            "{}/_fialka/client/v1/{path}",
            server.as_str().trim_end_matches('/')
        );
        let token = self.client.access_token().ok_or(Trouble::SessionEnded)?;
        let request = self.http.post(url).bearer_auth(token).json(body);
        request.send().await.map_err(|error| transport(&error))
    }
}

async fn letter(report: Report) -> Letter {
    let screenshot = match report.screenshot {
        Some(pixels) => tokio::task::spawn_blocking(move || png(&pixels))
            .await
            .ok()
            .flatten(),
        None => None,
    };
    let id = rand::rng().sample_iter(Alphanumeric).take(24);
    Letter {
        id: id.map(char::from).collect(),
        category: report.category,
        text: report.text,
        same_as: report.same_as,
        written_at: MilliSecondsSinceUnixEpoch::now(),
        screenshot: screenshot.map(|png| json!({ "png": STANDARD.encode(png) })),
        diagnostics: report
            .diagnostics
            .and_then(|facts| serde_json::from_str(&facts).ok()),
    }
}

fn png(pixels: &Pixels) -> Option<Vec<u8>> {
    let mut out = Vec::new();
    let encoder = PngEncoder::new(&mut out);
    let (width, height) = (pixels.width(), pixels.height());
    encoder
        .write_image(pixels.as_bytes(), width, height, ExtendedColorType::Rgba8)
        .ok()?;
    (out.len() <= PICTURE_LIMIT).then_some(out)
}

/// What waits. A file that cannot be read holds nothing.
fn read(file: &Path) -> Vec<Letter> {
    let read = || serde_json::from_slice(&fs::read(file).ok()?).ok();
    read().unwrap_or_default()
}

fn keep(file: &Path, letters: &[Letter]) -> io::Result<()> {
    if letters.is_empty() {
        return match fs::remove_file(file) {
            Err(error) if error.kind() != io::ErrorKind::NotFound => Err(error),
            _ => Ok(()),
        };
    }
    write_private(file, &serde_json::to_vec(letters)?)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn a_report_that_waits_is_there_after_a_restart_exactly_as_it_was_shown() {
        let folder = tempfile::tempdir().unwrap();
        let file = folder.path().join("feedback.json");
        let report = Report {
            category: FeedbackCategory::Broken,
            text: "Файл PDF не открывается".to_owned(),
            same_as: Some(17),
            screenshot: Some(Pixels::new(4, 4)),
            diagnostics: Some("{\"version\":\"1.4.2\"}".to_owned()),
        };
        keep(&file, &[letter(report).await]).unwrap();
        let waits = read(&file);
        assert_eq!(waits[0].category, FeedbackCategory::Broken);
        assert_eq!(waits[0].text, "Файл PDF не открывается");
        assert_eq!(waits[0].same_as, Some(17));
        assert_eq!(waits[0].diagnostics, Some(json!({ "version": "1.4.2" })));
        let png = waits[0].screenshot.as_ref().unwrap()["png"]
            .as_str()
            .unwrap();
        assert!(image::load_from_memory(&STANDARD.decode(png).unwrap()).is_ok());

        keep(&file, &[]).unwrap();
        assert!(!file.exists());
    }
}
