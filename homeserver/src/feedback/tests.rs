use std::{sync::Arc, time::Duration};

use ruma::UserId;

use super::*;
use crate::{
    clock::ManualClock,
    storage::{OpenOptions, Storage},
};

struct Place {
    feedback: Feedback,
    storage: Storage,
    clock: Arc<ManualClock>,
    _folder: tempfile::TempDir,
}

impl Place {
    fn new() -> Self {
        let folder = tempfile::tempdir().unwrap();
        let storage = Storage::open(folder.path(), OpenOptions { sync: false }).unwrap();
        let clock = ManualClock::at(1_790_000_000_000);
        Self {
            feedback: Feedback::open(storage.clone(), clock.clone()).unwrap(),
            storage,
            clock,
            _folder: folder,
        }
    }

    fn user(&self, name: &str) -> UserNid {
        let id = UserId::parse(format!("@{name}:b.example")).unwrap();
        self.storage.interner().user(&id).unwrap()
    }

    async fn send(&self, name: &str, text: &str) -> Seen {
        self.send_about(name, text, None).await
    }

    async fn send_about(&self, name: &str, text: &str, same_as: Option<ProblemId>) -> Seen {
        let new = NewFeedback {
            client_id: format!("{name}-{}", self.storage.position().0),
            category: Category::Broken,
            text: text.to_owned(),
            same_as,
            written_at: None,
            screenshot: None,
            diagnostics: None,
        };
        let id = UserId::parse(format!("@{name}:b.example")).unwrap();
        self.feedback.send(self.user(name), id, new).await.unwrap()
    }

    async fn list(&self) -> Vec<(u64, u32, u32)> {
        let wanted = Wanted {
            limit: 10,
            ..Wanted::default()
        };
        let listed = self.feedback.list(wanted).await.unwrap();
        listed
            .iter()
            .map(|listed| {
                let row = &listed.problem.row;
                (listed.problem.id.0, row.people, listed.people_recently)
            })
            .collect()
    }
}

const PDF: &str = "Не открываются файлы PDF в 214";
const SOUND: &str = "Нет звука уведомлений";

#[tokio::test]
async fn people_are_counted_and_not_reports() {
    let place = Place::new();
    place.send("anna", PDF).await;
    place.send("anna", "файлы PDF не открываются").await;
    let seen = place.send("boris", "файл pdf в 214 не открывается").await;
    assert_eq!((seen.problem.row.people, seen.problem.row.reports), (2, 3));
    place.send("anna", SOUND).await;
    assert_eq!(place.list().await, [(1, 2, 2), (2, 1, 1)]);
}

#[tokio::test]
async fn what_concerns_more_people_recently_comes_first() {
    let place = Place::new();
    place.send("anna", PDF).await;
    place.send("boris", PDF).await;
    place.clock.advance(Duration::from_secs(40 * 24 * 3_600));
    place.send("anna", SOUND).await;
    assert_eq!(place.list().await, [(2, 1, 1), (1, 2, 0)]);
}

#[tokio::test]
async fn the_words_of_one_person_are_not_shown_to_others() {
    let place = Place::new();
    place.send("anna", PDF).await;
    let similar = async |name: &str| {
        let user = place.user(name);
        let found = place
            .feedback
            .similar(user, "файлы PDF", None)
            .await
            .unwrap();
        found
            .first()
            .map(|seen| (seen.title().map(str::to_owned), seen.mine))
    };
    assert_eq!(similar("boris").await, Some((None, false)));
    assert_eq!(similar("anna").await, Some((Some(PDF.to_owned()), true)));
    let change = ProblemChange {
        title: Some("PDF opens nowhere".to_owned()),
        ..ProblemChange::default()
    };
    place.feedback.change(ProblemId(1), change).await.unwrap();
    let title = Some("PDF opens nowhere".to_owned());
    assert_eq!(similar("boris").await, Some((title, false)));
}

#[tokio::test]
async fn a_problem_that_comes_back_is_new_again() {
    let place = Place::new();
    place.send("anna", PDF).await;
    let fixed = ProblemChange {
        status: Some(Status::Fixed),
        ..ProblemChange::default()
    };
    place.feedback.change(ProblemId(1), fixed).await.unwrap();
    assert_eq!(
        place.send("boris", PDF).await.problem.row.status,
        Status::Fixed
    );
    let told = place.feedback.reply(ProblemId(1), "Done.".to_owned()).await;
    assert_eq!(told.unwrap(), 2);
    let details = place.feedback.details(ProblemId(1)).await.unwrap();
    assert_eq!(details.listed.problem.row.status, Status::Told);
    assert_eq!((details.untold, details.replies.len()), (2, 1));
    assert_eq!(
        place.send("anna", PDF).await.problem.row.status,
        Status::New
    );
}

#[tokio::test]
async fn problems_that_are_the_same_become_one() {
    let place = Place::new();
    place.send("anna", PDF).await;
    place.send("boris", SOUND).await;
    place.send("anna", SOUND).await;
    place
        .feedback
        .merge(ProblemId(2), ProblemId(1))
        .await
        .unwrap();
    assert_eq!(place.list().await, [(1, 2, 2)]);
    let details = place.feedback.details(ProblemId(2)).await.unwrap();
    assert_eq!(details.reports.len(), 3);
    // Both kinds of words lead to it from now on, and so does its old number.
    let vera = place.send("vera", SOUND).await;
    let gleb = place.send_about("gleb", "", Some(ProblemId(2))).await;
    assert_eq!(
        (vera.problem.id, gleb.problem.id),
        (ProblemId(1), ProblemId(1))
    );
    assert_eq!(gleb.problem.row.people, 4);
    // A number is not given out twice.
    assert_eq!(
        place
            .send("anna", "Долго грузится список чатов")
            .await
            .problem
            .id,
        ProblemId(3)
    );
}

#[tokio::test]
async fn feedback_is_there_after_a_restart() {
    let place = Place::new();
    place.send("anna", PDF).await;
    let again = Feedback::open(place.storage.clone(), place.clock.clone()).unwrap();
    let boris = place.user("boris");
    assert_eq!(again.similar(boris, PDF, None).await.unwrap().len(), 1);
    assert_eq!(again.own(place.user("anna")).await.unwrap().len(), 1);
}

#[tokio::test]
async fn the_words_of_erased_users_go() {
    let place = Place::new();
    place.send("anna", PDF).await;
    place.send("boris", PDF).await;
    place.send("anna", SOUND).await;
    place.feedback.erase(place.user("anna")).await.unwrap();
    assert_eq!(place.list().await, [(1, 2, 2)]);
    let details = place.feedback.details(ProblemId(1)).await.unwrap();
    assert_eq!(details.reports.len(), 1);
    assert!(
        place
            .feedback
            .own(place.user("anna"))
            .await
            .unwrap()
            .is_empty()
    );
}

#[test]
fn titles_end_after_a_word() {
    assert_eq!(send::title("\n  Не работает \nзвук"), "Не работает");
    let long = "слово ".repeat(40);
    let title = send::title(&long);
    assert!(
        title.ends_with("слово…") && title.chars().count() <= 81,
        "{title}"
    );
}
