//! What deleting gives back: the bytes on disk before and after a room of 20,000 messages is deleted.
//!
//! `cargo bench -p homeserver --bench deletion [-- MESSAGES]`

#![expect(clippy::disallowed_methods, reason = "a benchmark measures real time")]

use std::time::Instant;

use anyhow::Result;
use homeserver::{
    clock::SystemClock,
    jobs::Jobs,
    rooms::{Rooms, deletion::DeletionOptions, draft},
    storage::{Family, OpenOptions, Storage},
};
use ruma::{
    OwnedUserId, RoomVersionId, api::client::room::create_room::v3::Request, owned_server_name,
    signatures::Ed25519KeyPair,
};
use serde_json::json;

fn bytes(storage: &Storage) -> Result<u64> {
    storage.flush()?;
    let mut total = 0;
    for family in Family::ALL {
        total += storage.disk_bytes(family)?;
    }
    Ok(total)
}

fn main() -> Result<()> {
    let count = std::env::args()
        .filter_map(|word| word.parse().ok())
        .next()
        .unwrap_or(20_000);
    let folder = tempfile::tempdir()?;
    let runtime = tokio::runtime::Runtime::new()?;
    runtime.block_on(async {
        let storage = Storage::open(folder.path(), OpenOptions { sync: false })?;
        let key = Ed25519KeyPair::from_der(&Ed25519KeyPair::generate(), "1".to_owned())?;
        let clock = SystemClock::shared();
        let name = owned_server_name!("bench.example");
        let rooms = Rooms::new(storage.clone(), clock.clone(), name, key);
        let alice: OwnedUserId = "@alice:bench.example".try_into()?;
        let id = rooms.create(alice.clone(), Request::new(), RoomVersionId::V12).await?;
        let room = rooms.find(&id)?;
        let before = bytes(&storage)?;
        for number in 0..count {
            let content = json!({ "msgtype": "m.text", "body": format!("message {number} of many") });
            let draft = draft::message(&alice, "m.room.message".into(), &content, clock.now())?;
            rooms.send(room, draft, None).await?;
        }
        let full = bytes(&storage)?;
        let start = Instant::now();
        rooms.delete_room(room, DeletionOptions::default()).await?;
        let jobs = Jobs::default();
        let deleting = tokio::spawn(rooms.clone().run_deletions(jobs.clone(), None));
        while rooms.jobs_of(room).await?.iter().any(|job| !job.row.is_over()) {
            tokio::task::yield_now().await;
        }
        // The job gives the disk back before it looks whether it shall stop.
        jobs.stop();
        deleting.await?;
        println!(
            "{count} messages: {before} bytes before, {full} with them, {} after their room was deleted in {:.1} s",
            bytes(&storage)?,
            start.elapsed().as_secs_f64()
        );
        Ok(())
    })
}
