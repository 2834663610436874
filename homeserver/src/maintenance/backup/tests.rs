use ruma::{server_name, user_id};
use serde_json::json;

use super::*;
use crate::{
    ids::EventNid,
    storage::{Commit, OpenOptions},
};

struct Fixture {
    folder: tempfile::TempDir,
    storage: Option<Storage>,
}

impl Fixture {
    fn new() -> Self {
        let folder = tempfile::tempdir().unwrap();
        let data = folder.path().join("data");
        fs::create_dir_all(data.join("keys")).unwrap();
        fs::create_dir_all(data.join("media/ab/cd")).unwrap();
        fs::write(data.join("keys/signing.key"), "ed25519 a b").unwrap();
        fs::write(data.join("media/ab/cd/abcd"), "picture").unwrap();
        fs::write(folder.path().join("fialka.toml"), "server_name = 'x'").unwrap();
        let storage = Storage::open(&data.join("db"), OpenOptions::default()).unwrap();
        Self {
            folder,
            storage: Some(storage),
        }
    }

    fn path(&self, name: &str) -> PathBuf {
        self.folder.path().join(name)
    }

    fn put(&self, n: u64) {
        let commit = Commit::new(move |batch, _| {
            tables::AUTH_EDGES.put(batch, EventNid(n), &vec![EventNid(n)]);
        });
        self.storage
            .as_ref()
            .unwrap()
            .commit_blocking(commit)
            .unwrap();
    }

    fn back_up(&self, now: u64) -> PathBuf {
        let config = self.path("fialka.toml");
        let source = Source {
            storage: self.storage.as_ref().unwrap(),
            server_name: "campus.example",
            data_dir: &self.path("data"),
            config: Some(&config),
        };
        create(&source, &self.path("backups"), now).unwrap()
    }
}

fn has(path: &Path, n: u64) -> bool {
    inspect(&path.join("db"), |snapshot| {
        tables::AUTH_EDGES.contains(snapshot, EventNid(n))
    })
    .unwrap()
}

#[test]
fn backup_has_what_was_there_when_it_was_made() {
    let fixture = Fixture::new();
    fixture.put(1);
    let backup = fixture.back_up(5);
    fixture.put(2);
    assert!(verify(&backup).unwrap().is_clean());
    assert!(has(&backup, 1) && !has(&backup, 2));
    assert_eq!(
        fs::read_to_string(backup.join("media/ab/cd/abcd")).unwrap(),
        "picture"
    );
    assert!(backup.join("keys/signing.key").exists() && backup.join("config.toml").exists());
}

#[test]
fn damaged_backup_is_found() {
    let fixture = Fixture::new();
    let backup = fixture.back_up(5);
    fs::remove_file(backup.join("media/ab/cd/abcd")).unwrap();
    assert!(
        verify(&backup)
            .unwrap_err()
            .to_string()
            .contains("is missing")
    );
    fs::write(backup.join("media/ab/cd/abcd"), "PICTURE").unwrap();
    assert!(
        verify(&backup)
            .unwrap_err()
            .to_string()
            .contains("is damaged")
    );
}

#[test]
fn restore_begins_a_new_life_and_keeps_what_was_there() {
    let mut fixture = Fixture::new();
    fixture.put(1);
    let backup = fixture.back_up(5);
    fixture.put(2);
    let epoch = fixture.storage.take().unwrap().epoch();
    let data = fixture.path("data");
    let refused = restore(
        &backup,
        &data,
        RestoreOptions {
            server_name: server_name!("campus.example"),
            replace: false,
            now: 7,
        },
    );
    assert!(refused.unwrap_err().to_string().contains("--replace"));
    let restored = restore(
        &backup,
        &data,
        RestoreOptions {
            server_name: server_name!("campus.example"),
            replace: true,
            now: 7,
        },
    )
    .unwrap();
    assert!(restored.epoch > epoch);
    assert!(has(&data, 1) && !has(&data, 2));
    assert!(has(&restored.former.unwrap(), 2));
    assert_eq!(
        fs::read_to_string(data.join("media/ab/cd/abcd")).unwrap(),
        "picture"
    );
}

#[test]
fn only_the_newest_backups_stay() {
    let fixture = Fixture::new();
    let first = fixture.back_up(5);
    let others = [fixture.back_up(6), fixture.back_up(7)];
    assert_eq!(prune(&fixture.path("backups"), 2).unwrap(), [first]);
    let left: Vec<_> = list(&fixture.path("backups"))
        .unwrap()
        .into_iter()
        .map(|(path, _)| path)
        .collect();
    assert_eq!(left, others);
}

#[test]
fn the_newest_backup_that_is_in_order_stays() {
    let fixture = Fixture::new();
    let [first, good, damaged, newest] = [5, 6, 7, 8].map(|now| fixture.back_up(now));
    for backup in [&damaged, &newest] {
        mark_damaged(backup, "a file is missing").unwrap();
    }
    let gone = prune(&fixture.path("backups"), 1).unwrap();
    assert_eq!(gone, [first, damaged]);
    assert!(good.exists() && newest.exists());
}

#[test]
fn nobody_else_can_look_into_a_backup_or_what_is_restored() {
    use std::os::unix::fs::PermissionsExt;

    let fixture = Fixture::new();
    let backup = fixture.back_up(5);
    let data = fixture.path("restored");
    let options = RestoreOptions {
        server_name: server_name!("campus.example"),
        replace: false,
        now: 7,
    };
    restore(&backup, &data, options).unwrap();
    let folders = ["db", "keys", "media", "media/ab"].map(|name| data.join(name));
    for folder in [backup, data].iter().chain(&folders) {
        let mode = fs::metadata(folder).unwrap().permissions().mode();
        assert_eq!(mode & 0o777, 0o700, "{}", folder.display());
    }
}

#[test]
fn backup_of_another_server_is_not_restored() {
    let fixture = Fixture::new();
    let other = fixture.path("other");
    let restore_for = |name, now| {
        let backup = fixture.back_up(now);
        let options = RestoreOptions {
            server_name: name,
            replace: true,
            now,
        };
        restore(&backup, &other, options)
    };
    // Nobody has an account yet.
    restore_for(server_name!("typo.example"), 1).unwrap();
    let storage = fixture.storage.as_ref().unwrap();
    let user = storage.interner().user(user_id!("@lilia:campus.example"));
    let (user, row) = (user.unwrap(), json!({ "password": null, "created": 0 }));
    let row = serde_json::from_value(row).unwrap();
    let commit = Commit::new(move |batch, _| tables::ACCOUNT.put(batch, user, &row));
    storage.commit_blocking(commit).unwrap();
    let refused = restore_for(server_name!("typo.example"), 2).unwrap_err();
    assert!(
        refused.to_string().contains("belongs to campus.example"),
        "{refused}"
    );
    restore_for(server_name!("campus.example"), 3).unwrap();
}
