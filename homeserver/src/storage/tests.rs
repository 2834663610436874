use std::sync::{Arc, Mutex};

use super::*;
use crate::ids::EventNid;

fn open(folder: &tempfile::TempDir) -> Storage {
    Storage::open(folder.path(), OpenOptions::default()).unwrap()
}

fn event(n: u64) -> Commit {
    Commit::new(move |batch, pos| {
        tables::AUTH_EDGES.put(batch, EventNid(n), &vec![EventNid(pos.0)]);
    })
}

#[tokio::test]
async fn positions_are_consecutive_and_published_in_order() {
    let folder = tempfile::tempdir().unwrap();
    let storage = open(&folder);
    let first = storage.position();
    let receipts: Vec<_> = (1..=300)
        .map(|n| storage.submit(event(n)).unwrap())
        .collect();
    for (offset, receipt) in (1..).zip(receipts) {
        assert_eq!(receipt.await.unwrap(), first.plus(offset));
    }
    assert_eq!(storage.position(), first.plus(300));
    assert_eq!(
        tables::AUTH_EDGES
            .scan(&storage.snapshot(), ())
            .unwrap()
            .count(),
        300
    );
}

#[tokio::test]
async fn rows_and_numbers_survive_a_restart_and_positions_only_grow() {
    let folder = tempfile::tempdir().unwrap();
    let room = ruma::room_id!("!a:b.example");
    let (number, position) = {
        let storage = open(&folder);
        let position = storage.commit(event(7)).await.unwrap();
        (storage.interner().room(room).unwrap(), position)
    };
    let storage = open(&folder);
    assert_eq!(storage.interner().find_room(room).unwrap(), Some(number));
    assert_eq!(storage.interner().room_id(number).unwrap(), room);
    assert!(storage.position() > position);
    assert!(
        tables::AUTH_EDGES
            .contains(&storage.snapshot(), EventNid(7))
            .unwrap()
    );
}

#[tokio::test]
async fn snapshot_does_not_see_later_commits() {
    let folder = tempfile::tempdir().unwrap();
    let storage = open(&folder);
    let before = storage.snapshot();
    storage.commit(event(1)).await.unwrap();
    assert!(!tables::AUTH_EDGES.contains(&before, EventNid(1)).unwrap());
    assert!(
        tables::AUTH_EDGES
            .contains(&storage.snapshot(), EventNid(1))
            .unwrap()
    );
}

#[tokio::test]
async fn observer_hears_of_a_change_before_its_position_is_published() {
    struct Recorder(
        Mutex<Vec<(StreamPos, Change, StreamPos)>>,
        watch::Receiver<StreamPos>,
    );
    impl Observer for Recorder {
        fn committed(&self, changes: &[(StreamPos, Change)]) {
            let published = *self.1.borrow();
            self.0.lock().unwrap().extend(
                changes
                    .iter()
                    .map(|&(pos, change)| (pos, change, published)),
            );
        }
    }
    let folder = tempfile::tempdir().unwrap();
    let storage = open(&folder);
    let recorder = Arc::new(Recorder(Mutex::default(), storage.positions()));
    storage.observe(recorder.clone());
    let position = storage
        .commit(event(1).changing(Change::User(UserNid(4))))
        .await
        .unwrap();
    let heard = recorder.0.lock().unwrap().clone();
    assert_eq!(heard.len(), 1);
    assert_eq!(
        (heard[0].0, heard[0].1),
        (position, Change::User(UserNid(4)))
    );
    assert!(heard[0].2 < position);
}

#[test]
fn database_of_a_newer_schema_is_refused() {
    let folder = tempfile::tempdir().unwrap();
    {
        let db = options::open(folder.path()).unwrap();
        let mut batch = Batch::new(&db);
        tables::SCHEMA_VERSION.put(&mut batch, (), &999);
        write_synced(&db, batch).unwrap();
    }
    assert!(matches!(
        Storage::open(folder.path(), OpenOptions::default()),
        Err(Error::TooNew { found: 999, .. })
    ));
}

#[test]
fn scans_go_both_ways_within_a_prefix() {
    let folder = tempfile::tempdir().unwrap();
    let db = options::open(folder.path()).unwrap();
    let mut batch = Batch::new(&db);
    for n in [1, 2, 0xffff_ffff] {
        tables::ROOM_TEXT.put(&mut batch, RoomNid(n), &n.to_string());
    }
    write_synced(&db, batch).unwrap();
    let snapshot = Snapshot::new(&db);
    let keys =
        |scan: Scan<'_, RoomNid, String>| scan.map(|row| row.unwrap().0.0).collect::<Vec<_>>();
    assert_eq!(
        keys(tables::ROOM_TEXT.scan(&snapshot, ()).unwrap()),
        [1, 2, 0xffff_ffff]
    );
    assert_eq!(
        keys(tables::ROOM_TEXT.scan_back(&snapshot, ()).unwrap()),
        [0xffff_ffff, 2, 1]
    );
    assert_eq!(
        keys(
            tables::ROOM_TEXT
                .range(&snapshot, RoomNid(2), RoomNid(3))
                .unwrap()
        ),
        [2]
    );
}

#[test]
fn state_keys_of_any_characters_keep_apart() {
    let folder = tempfile::tempdir().unwrap();
    let storage = open(&folder);
    let interner = storage.interner();
    let pairs = [
        ("a", "bc"),
        ("ab", "c"),
        ("", "abc"),
        ("a b", ""),
        ("a\0", "b\0"),
        ("я", "ж 1"),
    ];
    let numbers: Vec<_> = pairs
        .iter()
        .map(|(kind, key)| interner.state_key(kind, key).unwrap())
        .collect();
    for (number, (kind, key)) in numbers.iter().zip(pairs) {
        assert_eq!(
            interner.state_key_text(*number).unwrap(),
            (kind.to_owned(), key.to_owned())
        );
        assert_eq!(numbers.iter().filter(|other| *other == number).count(), 1);
    }
}

/// Power fails: what was written after the last fsync is there in part or not at all, at any byte.
#[test]
fn what_was_synced_survives_a_log_cut_off_anywhere_behind_it() {
    let folder = tempfile::tempdir().unwrap();
    let storage = open(&folder);
    for n in 1..=50 {
        storage.commit_blocking(event(n)).unwrap();
    }
    let synced = log_of(folder.path()).1;
    let mut published = storage.position();
    for n in 51..=100 {
        published = storage.commit_blocking(event(n).ephemeral()).unwrap();
    }
    let (log, written) = log_of(folder.path());
    assert!(written > synced);
    let cuts = (0..=20).map(|n| synced + (written - synced) * n / 20);
    for cut in cuts {
        let copy = tempfile::tempdir().unwrap();
        for file in std::fs::read_dir(folder.path()).unwrap() {
            let file = file.unwrap();
            if file.file_name() != "LOCK" {
                std::fs::copy(file.path(), copy.path().join(file.file_name())).unwrap();
            }
        }
        let copied = std::fs::OpenOptions::new()
            .write(true)
            .open(copy.path().join(&log))
            .unwrap();
        copied.set_len(cut).unwrap();
        let storage = open(&copy);
        let snapshot = storage.snapshot();
        let rows = tables::AUTH_EDGES.scan(&snapshot, ()).unwrap();
        let rows: Vec<_> = rows.map(|row| row.unwrap().0.0).collect();
        assert!(
            rows.len() >= 50 && rows.iter().copied().eq(1..=rows.len() as u64),
            "cut at {cut}: {rows:?}"
        );
        // A client may hold the position of a change that is gone; it must not be given to another one.
        assert!(storage.position() > published);
    }
}

/// The newest log of a database and its length.
fn log_of(folder: &Path) -> (std::ffi::OsString, u64) {
    let files = std::fs::read_dir(folder).unwrap().map(|file| file.unwrap());
    let logs = files.filter(|file| {
        file.path()
            .extension()
            .is_some_and(|extension| extension == "log")
    });
    let newest = logs.max_by_key(std::fs::DirEntry::file_name).unwrap();
    (newest.file_name(), newest.metadata().unwrap().len())
}
