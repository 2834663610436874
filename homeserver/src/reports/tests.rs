use ruma::{MilliSecondsSinceUnixEpoch, UInt, room_id, user_id};

use super::*;
use crate::storage::OpenOptions;

fn row(reporter: &UserId, subject: Subject) -> ReportRow {
    ReportRow {
        at: MilliSecondsSinceUnixEpoch(UInt::from(1_u32)),
        reporter: reporter.to_owned(),
        subject,
        reason: None,
        score: None,
    }
}

#[tokio::test]
async fn reports_are_found_by_who_made_them_and_what_they_are_about() {
    let folder = tempfile::tempdir().unwrap();
    let storage = Storage::open(folder.path(), OpenOptions { sync: false }).unwrap();
    let (alice, bob) = (user_id!("@alice:b.example"), user_id!("@bob:b.example"));
    let room = room_id!("!r:b.example").to_owned();
    let rows = [
        row(alice, Subject::User { user: bob.into() }),
        row(bob, Subject::Room { room: room.clone() }),
        row(alice, Subject::Room { room: room.clone() }),
    ];
    for row in rows {
        let commit = Commit::new(move |batch, pos| {
            tables::REPORT.put(batch, ReportId(pos.0), &row);
        });
        storage.commit(commit).await.unwrap();
    }
    let find = |wanted: Wanted| {
        let storage = storage.clone();
        async move {
            let found = storage.read(move |snapshot| store::find(snapshot, &wanted));
            let found: Found = found.await.unwrap();
            let ids: Vec<_> = found.reports.iter().map(|report| report.id).collect();
            (ids, found.total)
        }
    };
    let all = Wanted {
        limit: 10,
        ..Wanted::default()
    };
    let (ids, total) = find(all.clone()).await;
    assert_eq!(total, 3);
    assert!(ids.is_sorted_by(|a, b| a > b), "newest first: {ids:?}");
    let by_alice = Wanted {
        reporter: Some(alice.into()),
        limit: 1,
        ..Wanted::default()
    };
    assert_eq!(find(by_alice).await, (vec![ids[0]], 2));
    let rooms = Wanted {
        kind: Some(SubjectKind::Room),
        ..all.clone()
    };
    assert_eq!(find(rooms).await, (vec![ids[0], ids[1]], 2));
    let about_bob = Wanted {
        about: Some(bob.into()),
        ..all.clone()
    };
    assert_eq!(find(about_bob).await, (vec![ids[2]], 1));
    let later = Wanted {
        room: Some(room),
        oldest_first: true,
        after: Some(ids[1]),
        ..all
    };
    assert_eq!(find(later).await, (vec![ids[0]], 2));
}
