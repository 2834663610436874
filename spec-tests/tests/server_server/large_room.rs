//! What it costs to join a large room of another server. Run by name, with `--ignored --nocapture`:
//! `LARGE_ROOM_MEMBERS=5000` says how many members there are.

use std::{
    env,
    io::{self, Read, Write},
    net::{TcpListener, TcpStream},
    sync::{
        Arc,
        atomic::{AtomicBool, AtomicU64, Ordering},
    },
    thread,
    time::{Duration, Instant},
};

use serde_json::{Value, json};
use spec_tests::{Homeserver, Settings, http::encode, path};

const TOKEN: &str = "as_token_of_the_crowd";

fn crowd() -> Value {
    json!({
        "id": "crowd",
        "url": null,
        "as_token": TOKEN,
        "hs_token": "hs_token_of_the_crowd",
        "sender_localpart": "crowd_bot",
        "rate_limited": false,
        "namespaces": { "users": [{ "exclusive": true, "regex": "@member_.*" }] },
    })
}

/// Two servers that find each other, and where the second one says what it uses.
fn servers() -> Option<(Homeserver, Homeserver, String)> {
    let first = Homeserver::own(&Settings {
        appservices: vec![crowd()],
        named_after_address: true,
        ..Settings::default()
    })?;
    let free = TcpListener::bind("127.0.0.1:0").expect("a free port");
    let metrics = free.local_addr().expect("an address").to_string();
    drop(free);
    let second = Homeserver::own(&Settings {
        named_after_address: true,
        fialka: format!("[metrics]\naddress = \"{metrics}\"\n"),
        ..Settings::default()
    })?;
    Some((first, second, metrics))
}

/// What the server at this address says of its memory, in bytes.
fn memory(metrics: &str) -> u64 {
    let ask = || -> io::Result<String> {
        let mut stream = TcpStream::connect(metrics)?;
        stream.write_all(b"GET /metrics HTTP/1.0\r\nHost: localhost\r\n\r\n")?;
        let mut text = String::new();
        stream.read_to_string(&mut text)?;
        Ok(text)
    };
    let text = ask().unwrap_or_default();
    let line = text
        .lines()
        .find_map(|line| line.strip_prefix("process_resident_memory_bytes "));
    line.and_then(|bytes| bytes.trim().parse().ok())
        .unwrap_or(0)
}

#[test]
#[ignore = "a measurement that takes a minute"]
fn a_large_room_is_joined() {
    let members: usize = env::var("LARGE_ROOM_MEMBERS")
        .ok()
        .and_then(|members| members.parse().ok())
        .unwrap_or(500);
    let Some((first, second, metrics)) = servers() else {
        return;
    };
    let (alice, bob) = (first.register("alice"), second.register("bob"));
    let room = alice.public_room();
    thread::scope(|scope| {
        for part in 0..4 {
            let (first, room) = (&first, &room);
            scope.spawn(move || {
                for number in (part..members).step_by(4) {
                    let name = format!("member_{number}");
                    let register = json!({
                        "type": "m.login.application_service", "username": name, "inhibit_login": true,
                    });
                    let request = first.request("POST", "/v3/register").token(TOKEN);
                    request.json(&register).send().ok();
                    let user = encode(&format!("@{name}:{}", first.server_name()));
                    let path = format!("{}?user_id={user}", path!("/v3/join/{}", room));
                    let request = first.request("POST", &path).token(TOKEN);
                    request.json(&json!({})).send().ok();
                }
            });
        }
    });
    let before = memory(&metrics);
    let (most, over) = (
        Arc::new(AtomicU64::new(before)),
        Arc::new(AtomicBool::new(false)),
    );
    let watch = {
        let (most, over) = (Arc::clone(&most), Arc::clone(&over));
        thread::spawn(move || {
            while !over.load(Ordering::Relaxed) {
                most.fetch_max(memory(&metrics), Ordering::Relaxed);
                thread::sleep(Duration::from_millis(50));
            }
        })
    };
    let via = encode(first.server_name());
    let started = Instant::now();
    bob.post(
        &format!("{}?via={via}", path!("/v3/join/{}", room)),
        &json!({}),
    )
    .ok();
    let took = started.elapsed();
    over.store(true, Ordering::Relaxed);
    watch.join().expect("the watch ends");
    let most = most.load(Ordering::Relaxed);
    println!(
        "{members} members: joined in {took:?}; resident memory {} MiB before, {} MiB at most",
        before >> 20,
        most >> 20,
    );
    let joined = bob.get(&path!("/v3/rooms/{}/joined_members", room)).ok();
    let joined = joined["joined"]
        .as_object()
        .map_or(0, |members| members.len());
    assert_eq!(joined, members + 2);
}
