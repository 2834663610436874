//! Administrating files through the API that Synapse's tools use.

use serde_json::json;
use spec_tests::{
    User, covers, homeserver,
    must::{must_contain, must_find, text},
    path,
};

use crate::admin_users::admin;

const DOWNLOAD: &str = "/v1/media/download";

fn show_in_room(user: &User, room: &str, media: &str) {
    let content = json!({
        "msgtype": "m.image", "body": "a.png", "url": format!("mxc://{media}"),
        "info": { "thumbnail_url": format!("mxc://{media}") },
    });
    user.send(room, "m.room.message", &content);
}

fn unique_content() -> Vec<u8> {
    spec_tests::server::unique("content").into_bytes()
}

#[test]
fn a_file_in_quarantine_is_hidden_from_everybody_also_when_it_comes_again() {
    covers!(GET "/_matrix/client/v1/media/download/{serverName}/{mediaId}");
    let Some(admin) = admin() else { return };
    let (alice, bob) = (homeserver().register("alice"), homeserver().register("bob"));
    let content = unique_content();
    let media = alice.upload("text/plain", "a.txt", &content);
    let same = bob.upload("text/plain", "b.txt", &content);
    let quarantine = format!("/_synapse/admin/v1/media/quarantine/{media}");
    admin.post(&quarantine, &json!({})).ok();
    for media in [&media, &same] {
        if media == &same && homeserver().is_synapse() {
            continue;
        }
        bob.get(&format!("{DOWNLOAD}/{media}"))
            .must_fail(404, "M_NOT_FOUND");
    }
    let again = bob.upload("text/plain", "c.txt", &content);
    bob.get(&format!("{DOWNLOAD}/{again}"))
        .must_fail(404, "M_NOT_FOUND");
    let unquarantine = format!("/_synapse/admin/v1/media/unquarantine/{media}");
    admin.post(&unquarantine, &json!({})).ok();
    assert!(bob.get(&format!("{DOWNLOAD}/{media}")).bytes == content);
}

#[test]
fn the_files_of_a_room_and_of_a_user_are_listed_and_hidden() {
    let Some(admin) = admin() else { return };
    let alice = homeserver().register("alice");
    let room = alice.private_room();
    let media: Vec<_> = (0..3)
        .map(|_| alice.upload("image/png", "a.png", &unique_content()))
        .collect();
    for media in &media[..2] {
        show_in_room(&alice, &room, media);
    }
    let ids: Vec<_> = media
        .iter()
        .map(|media| media.split('/').nth(1).unwrap().to_owned())
        .collect();
    let in_room = admin
        .get(&path!("/_synapse/admin/v1/room/{}/media", room))
        .ok();
    assert_eq!(in_room["remote"], json!([]));
    let local = in_room["local"].as_array().unwrap();
    let mut local: Vec<_> = local.iter().map(text).collect();
    local.sort();
    local.dedup();
    assert_eq!(local.len(), 2, "{in_room}");
    assert!(local.iter().all(|uri| uri.starts_with("mxc://")));

    let protect = format!("/_synapse/admin/v1/media/protect/{}", ids[0]);
    admin.post(&protect, &json!({})).ok();
    let quarantine = path!("/_synapse/admin/v1/room/{}/media/quarantine", room);
    let hidden = admin.post(&quarantine, &json!({})).ok();
    assert_eq!(hidden["num_quarantined"], 1, "the protected file stays");
    alice.get(&format!("{DOWNLOAD}/{}", media[0])).must_be(200);
    alice.get(&format!("{DOWNLOAD}/{}", media[1])).must_be(404);

    let of_user = path!("/_synapse/admin/v1/users/{}/media", alice.id);
    let list = admin.get(&of_user).ok();
    assert_eq!(list["total"], 3);
    must_find(
        &list["media"],
        &json!({ "media_id": ids[0], "safe_from_quarantine": true, "quarantined_by": null }),
    );
    must_find(
        &list["media"],
        &json!({ "media_id": ids[1], "quarantined_by": admin.id, "upload_name": "a.png" }),
    );
    let page = admin
        .get(&format!("{of_user}?limit=2&order_by=created_ts&dir=f"))
        .ok();
    must_contain(&page, &json!({ "next_token": 2, "total": 3 }));
    assert_eq!(page["media"][0]["media_id"], ids[0]);

    let quarantine = path!("/_synapse/admin/v1/user/{}/media/quarantine", alice.id);
    let hidden = admin.post(&quarantine, &json!({})).ok();
    assert!(hidden["num_quarantined"].as_u64() >= Some(1), "{hidden}");
    alice.get(&format!("{DOWNLOAD}/{}", media[2])).must_be(404);
    alice.get(&format!("{DOWNLOAD}/{}", media[0])).must_be(200);
}

#[test]
fn deleted_files_are_gone_and_the_same_content_elsewhere_stays() {
    let Some(admin) = admin() else { return };
    let (alice, bob) = (homeserver().register("alice"), homeserver().register("bob"));
    let content = unique_content();
    let media = alice.upload("text/plain", "a.txt", &content);
    let same = bob.upload("text/plain", "b.txt", &content);
    let id = media.split('/').nth(1).unwrap();
    let delete = format!("/_synapse/admin/v1/media/{media}");
    let deleted = admin.delete(&delete).ok();
    assert_eq!(deleted, json!({ "deleted_media": [id], "total": 1 }));
    alice
        .get(&format!("{DOWNLOAD}/{media}"))
        .must_fail(404, "M_NOT_FOUND");
    assert!(alice.get(&format!("{DOWNLOAD}/{same}")).bytes == content);
    admin.delete(&delete).must_fail(404, "M_NOT_FOUND");
    let all = path!("/_synapse/admin/v1/users/{}/media", bob.id);
    assert_eq!(admin.delete(&all).ok()["total"], 1);
    bob.get(&format!("{DOWNLOAD}/{same}")).must_be(404);
    // The content can come again.
    let again = bob.upload("text/plain", "c.txt", &content);
    assert!(bob.get(&format!("{DOWNLOAD}/{again}")).bytes == content);
}

#[test]
fn statistics_say_who_stores_how_much() {
    let Some(admin) = admin() else { return };
    let alice = homeserver().register("statistics");
    alice.upload("text/plain", "a.txt", &[b'a'; 100]);
    alice.upload("text/plain", "b.txt", &[b'b'; 50]);
    let statistics = |query: &str| {
        admin
            .get(&format!(
                "/_synapse/admin/v1/statistics/users/media?{query}"
            ))
            .ok()
    };
    let found = statistics(&format!("search_term={}", alice.localpart));
    must_contain(
        &found,
        &json!({ "total": 1, "users": [{
            "user_id": alice.id, "media_count": 2, "media_length": 150,
        }] }),
    );
    let later = statistics(&format!(
        "search_term={}&from_ts=4102444800000",
        alice.localpart
    ));
    assert_eq!(later["total"], 0);
    let first = statistics("order_by=media_length&dir=b&limit=1");
    assert_eq!(first["users"].as_array().map(Vec::len), Some(1));
}

#[test]
fn files_that_nobody_fetched_for_long_are_deleted() {
    let Some(admin) = admin() else { return };
    let alice = homeserver().register("alice");
    let media = alice.upload("text/plain", "a.txt", &unique_content());
    let delete = |query: &str| {
        admin.post(
            &format!("/_synapse/admin/v1/media/delete?{query}"),
            &json!({}),
        )
    };
    // Nothing is that old.
    let deleted = delete("before_ts=30000000001").ok();
    assert_eq!(deleted["total"], 0);
    alice.get(&format!("{DOWNLOAD}/{media}")).must_be(200);
    let refused = delete("before_ts=-1");
    assert_eq!(refused.status, 400, "{refused}");
    let purged = admin
        .post(
            "/_synapse/admin/v1/purge_media_cache?before_ts=30000000001",
            &json!({}),
        )
        .ok();
    assert_eq!(purged["deleted"], 0);
}
