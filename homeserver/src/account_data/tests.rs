use ruma::{push::RuleKind, room_id, user_id};
use serde_json::{json, value::to_raw_value};

use super::*;
use crate::{Config, clock::ManualClock, storage::OpenOptions};

struct Bench {
    account_data: AccountData,
    user: UserNid,
    folder: tempfile::TempDir,
}

fn open(folder: tempfile::TempDir) -> Bench {
    let config = "server_name = \"b.example\"\ndata_dir = \"/nowhere\"";
    let config = Config::parse(config, []).unwrap();
    let storage = Storage::open(folder.path(), OpenOptions { sync: false }).unwrap();
    let user = storage.interner().user(user_id!("@lilia:b.example"));
    let users = Users::new(storage.clone(), ManualClock::at(0), &config);
    Bench {
        account_data: AccountData::new(storage, users).unwrap(),
        user: user.unwrap(),
        folder,
    }
}

fn bench() -> Bench {
    open(tempfile::tempdir().unwrap())
}

impl Bench {
    async fn set(&self, event_type: &str, content: serde_json::Value) -> ApiResult {
        let content = to_raw_value(&content).unwrap();
        let data = &self.account_data;
        data.set(self.user, None, event_type, &content).await
    }

    fn changed_since(&self, since: StreamPos) -> Vec<(Scope, String)> {
        let storage = &self.account_data.storage;
        let (until, snapshot) = (storage.position(), storage.snapshot());
        let changed = self
            .account_data
            .changed_since(&snapshot, self.user, since, until);
        let changed = changed.unwrap().into_iter();
        changed
            .map(|datum| (datum.scope, datum.event_type))
            .collect()
    }
}

fn code(result: ApiResult) -> String {
    let error = result.unwrap_err();
    error.kind().unwrap().errcode().to_string()
}

#[tokio::test]
async fn what_is_stored_comes_back_as_it_was() {
    let bench = bench();
    let data = &bench.account_data;
    assert!(
        data.get(bench.user, None, "m.direct")
            .await
            .unwrap()
            .is_none()
    );
    bench
        .set("m.direct", json!({ "@a:b": ["!r:b"] }))
        .await
        .unwrap();
    let stored = data.get(bench.user, None, "m.direct").await.unwrap();
    assert_eq!(stored.unwrap().get(), "{\"@a:b\":[\"!r:b\"]}");
}

#[tokio::test]
async fn a_change_is_seen_once_after_its_position() {
    let bench = bench();
    let storage = &bench.account_data.storage;
    bench.set("a", json!({})).await.unwrap();
    let first = storage.position();
    bench.set("b", json!({})).await.unwrap();
    bench.set("a", json!({ "x": 1 })).await.unwrap();
    let global = |t: &str| (Scope::Global, t.to_owned());
    assert_eq!(bench.changed_since(first), [global("b"), global("a")]);
    assert_eq!(bench.changed_since(StreamPos::ZERO).len(), 2);
    assert_eq!(bench.changed_since(storage.position()), []);
}

#[tokio::test]
async fn data_of_a_room_is_apart_from_the_users() {
    let bench = bench();
    let room = room_id!("!r:b.example");
    let content = to_raw_value(&json!({ "in": "room" })).unwrap();
    let data = &bench.account_data;
    data.set(bench.user, Some(room), "t", &content)
        .await
        .unwrap();
    assert!(data.get(bench.user, None, "t").await.unwrap().is_none());
    assert!(
        data.get(bench.user, Some(room), "t")
            .await
            .unwrap()
            .is_some()
    );
    let nid = data.storage.interner().find_room(room).unwrap().unwrap();
    let in_room = data.all_in_room(&data.storage.snapshot(), bench.user, nid);
    assert_eq!(in_room.unwrap().len(), 1);
}

#[tokio::test]
async fn types_of_the_server_and_other_things_than_objects_are_refused() {
    let bench = bench();
    for event_type in ["m.fully_read", "m.push_rules"] {
        let refused = bench.set(event_type, json!({})).await.unwrap_err();
        assert_eq!(refused.status(), http::StatusCode::METHOD_NOT_ALLOWED);
    }
    for content in [json!([]), json!("{"), json!(null)] {
        assert_eq!(code(bench.set("t", content).await), "M_BAD_JSON");
    }
}

#[tokio::test]
async fn first_sync_shows_default_push_rules() {
    let bench = bench();
    let data = &bench.account_data;
    let all = data.all(&data.storage.snapshot(), bench.user).unwrap();
    assert_eq!(all.len(), 1);
    assert_eq!(all[0].event_type, "m.push_rules");
    assert!(all[0].content.get().contains(".m.rule.master"));
    assert!(!data.has_special());
}

#[tokio::test]
async fn changed_push_rules_are_synced_and_survive_a_restart() {
    let bench = bench();
    let master = Rule {
        kind: RuleKind::Override,
        id: ".m.rule.master".to_owned(),
    };
    let before = bench.account_data.storage.position();
    bench
        .account_data
        .set_push_rule_enabled(bench.user, &master, true)
        .await
        .unwrap();
    let expected = (Scope::Global, "m.push_rules".to_owned());
    assert_eq!(bench.changed_since(before), [expected]);
    let is_on = |bench: &Bench| {
        let rules = bench.account_data.rules_of(bench.user).unwrap();
        rules.ruleset.override_.first().unwrap().enabled
    };
    assert!(is_on(&bench));
    let Bench {
        folder,
        account_data,
        ..
    } = bench;
    drop(account_data);
    let bench = open(folder);
    assert!(is_on(&bench));
    assert!(bench.account_data.has_special());
}

#[tokio::test]
async fn tags_are_added_and_removed_one_by_one() {
    let bench = bench();
    let (data, user) = (&bench.account_data, bench.user);
    let room = room_id!("!r:b.example");
    let set = |tag: &str, info| data.set_tag(user, room, tag.to_owned(), info);
    set("u.school", json!({ "order": 0.5 })).await.unwrap();
    set("m.favourite", json!({})).await.unwrap();
    data.delete_tag(user, room, "m.favourite").await.unwrap();
    let tags = data.tags(user, room).await.unwrap();
    assert_eq!(tags, json!({ "u.school": { "order": 0.5 } }));
    assert_eq!(
        code(set("t", json!({ "order": 2 })).await),
        "M_INVALID_PARAM"
    );
    assert_eq!(
        code(set("t", json!({ "order": "a" })).await),
        "M_INVALID_PARAM"
    );
}

#[tokio::test]
async fn same_filter_has_the_same_id() {
    let bench = bench();
    let data = &bench.account_data;
    let filter = to_raw_value(&json!({ "room": { "timeline": { "limit": 5 } } })).unwrap();
    let id = data.create_filter(bench.user, &filter).await.unwrap();
    let again = data.create_filter(bench.user, &filter).await.unwrap();
    assert_eq!(id, again);
    let stored = data.filter(bench.user, &id).await.unwrap().unwrap();
    assert_eq!(stored.get(), filter.get());
    let bad = to_raw_value(&json!({ "room": { "rooms": ["x"] } })).unwrap();
    assert!(data.create_filter(bench.user, &bad).await.is_err());
    assert!(data.filter(bench.user, "nothing").await.unwrap().is_none());
}

#[tokio::test]
async fn account_data_has_a_size_for_each_piece_and_for_all() {
    let bench = bench();
    let content = |bytes: usize| json!({ "x": "x".repeat(bytes - 8) });
    let refused = bench.set("m.a", content(MAX_CONTENT + 1)).await;
    assert_eq!(code(refused), "M_TOO_LARGE");
    for number in 0..31 {
        let event_type = format!("m.{number}");
        bench.set(&event_type, content(MAX_CONTENT)).await.unwrap();
    }
    bench
        .set("m.small", content(MAX_CONTENT / 2))
        .await
        .unwrap();
    let refused = bench.set("m.last", content(MAX_CONTENT)).await;
    assert_eq!(code(refused), "M_TOO_LARGE");
    bench.set("m.0", content(MAX_CONTENT)).await.unwrap();
    bench.set("m.0", content(1_000)).await.unwrap();
    bench.set("m.last", content(MAX_CONTENT / 2)).await.unwrap();
}
