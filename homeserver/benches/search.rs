//! What searching costs: a million short messages in Russian and English, filed and searched.
//!
//! `cargo bench -p homeserver --bench search [-- MESSAGES]` prints how fast messages are filed, how many bytes of disk
//! the index takes, and how long queries take.

#![expect(clippy::disallowed_methods, reason = "a benchmark measures real time")]

use std::{
    path::Path,
    time::{Duration, Instant},
};

use anyhow::{Context, Result};
use homeserver::{
    Config, Server,
    clock::SystemClock,
    events::Pdu,
    ids::{EventNid, RoomNid},
    keys,
    rooms::{
        look::Reader,
        rows::{EventRow, Place, Standing, TimelineRow},
    },
    search::Ask,
    storage::{Commit, tables},
};
use rand::{Rng, SeedableRng, rngs::StdRng};
use ruma::{
    OwnedUserId, RoomVersionId,
    api::client::{
        room::create_room::v3::{Request, RoomPreset},
        search::search_events::v3::{Criteria, OrderBy},
    },
};
use serde_json::json;

const ROOMS: usize = 200;
const VOCABULARY: usize = 60_000;
const BATCH: usize = 2_000;
const QUERIES: usize = 400;

/// Words as often as in speech: the n-th most common one is about n times rarer than the first.
struct Vocabulary {
    words: Vec<String>,
    sums: Vec<f64>,
}

impl Vocabulary {
    fn new(random: &mut StdRng) -> Self {
        let russian = [
            "ка", "ла", "по", "на", "ре", "ме", "то", "ни", "ста", "вер", "лек", "дом",
        ];
        let english = [
            "an", "re", "ti", "con", "ver", "sta", "le", "mo", "tion", "ing", "ba", "do",
        ];
        let mut words = Vec::with_capacity(VOCABULARY);
        let mut sums = Vec::with_capacity(VOCABULARY);
        let mut sum = 0.0;
        for rank in 1..=VOCABULARY {
            let syllables = if random.random_bool(0.7) {
                &russian
            } else {
                &english
            };
            let length = random.random_range(1..=5);
            let word = (0..length)
                .map(|_| syllables[random.random_range(0..12)])
                .collect();
            words.push(word);
            sum += 1.0 / rank as f64;
            sums.push(sum);
        }
        Self { words, sums }
    }

    fn word(&self, random: &mut StdRng) -> &str {
        let at = random.random_range(0.0..self.sums[VOCABULARY - 1]);
        let found = self.sums.partition_point(|sum| *sum < at);
        &self.words[found.min(VOCABULARY - 1)]
    }

    fn text(&self, random: &mut StdRng) -> String {
        let count = random.random_range(2..=14);
        let words: Vec<_> = (0..count).map(|_| self.word(random)).collect();
        words.join(" ")
    }
}

fn open(folder: &Path) -> Result<Server> {
    let text = format!(
        "server_name = \"bench.example\"\ndata_dir = {folder:?}\n[limits]\nenabled = false"
    );
    let config = Config::parse(&text, [])?;
    std::fs::create_dir_all(config.keys_dir())?;
    keys::create(&config.keys_dir())?;
    Server::open(config, SystemClock::shared())
}

fn bytes_below(folder: &Path) -> u64 {
    let Ok(entries) = std::fs::read_dir(folder) else {
        return 0;
    };
    entries
        .flatten()
        .map(|entry| match entry.metadata() {
            Ok(data) if data.is_dir() => bytes_below(&entry.path()),
            Ok(data) => data.len(),
            Err(_) => 0,
        })
        .sum()
}

/// Puts messages into the database as the server stores them, but without signing each.
async fn fill(
    server: &Server,
    rooms: &[RoomNid],
    sender: &OwnedUserId,
    count: usize,
) -> Result<()> {
    let mut random = StdRng::seed_from_u64(7);
    let vocabulary = Vocabulary::new(&mut random);
    let storage = &server.storage;
    let kind = storage.interner().event_type("m.room.message")?;
    let user = storage.interner().user(sender)?;
    let mut made = 0;
    while made < count {
        let mut batch = Vec::with_capacity(BATCH);
        for _ in 0..BATCH.min(count - made) {
            // Some rooms are talked in much more than others.
            let skewed = random.random_range(0.0_f64..1.0).powi(3) * rooms.len() as f64;
            let room = rooms[(skewed as usize).min(rooms.len() - 1)];
            batch.push((
                room,
                storage.interner().next_event(),
                vocabulary.text(&mut random),
            ));
        }
        made += batch.len();
        let mut rows = Vec::with_capacity(batch.len());
        {
            let snapshot = storage.snapshot();
            for (room, nid, text) in batch {
                rows.push((
                    nid,
                    room,
                    stored(server, &snapshot, (room, nid), sender, &text)?,
                ));
            }
        }
        let positions = rows.len() as u32;
        let commit = Commit {
            positions,
            durable: false,
            fill: Box::new(move |batch, first| {
                for (offset, (nid, room, (id, mut row))) in rows.into_iter().enumerate() {
                    let pos = first.plus(offset as u64);
                    row.place = Place::live(pos);
                    let (event, sender) = (nid, user);
                    let (is_state, notifying) = (false, 0);
                    let shown = TimelineRow {
                        event,
                        kind,
                        sender,
                        is_state,
                        notifying,
                    };
                    tables::EVENT.put(batch, nid, &row);
                    tables::EVENT_NID.put(batch, &id, &nid);
                    tables::TIMELINE.put(batch, (room, pos, row.place.sub), &shown);
                    tables::INDEX_QUEUE.put(batch, pos, &(room, nid));
                }
            }),
            changes: Vec::new(),
        };
        storage.commit(commit).await?;
    }
    Ok(())
}

type Stored = (ruma::OwnedEventId, EventRow);

fn stored(
    server: &Server,
    snapshot: &homeserver::storage::Snapshot<'_>,
    (room, nid): (RoomNid, EventNid),
    sender: &OwnedUserId,
    text: &str,
) -> Result<Stored> {
    let summary = server.rooms.summary(snapshot, room)?.context("no room")?;
    let id = ruma::EventId::parse(format!("${:043}", nid.0))?;
    let pdu = json!({
        "auth_events": [], "content": { "body": text, "msgtype": "m.text" }, "depth": 9,
        "hashes": { "sha256": "x".repeat(43) }, "origin_server_ts": 1_760_000_000_000_u64 + nid.0,
        "prev_events": [], "room_id": server.rooms.room_id(room)?, "sender": sender,
        "signatures": { "bench.example": { "ed25519:1": "x".repeat(86) } }, "type": "m.room.message",
    });
    let rules = homeserver::events::versions::rules(&RoomVersionId::V11).context("no rules")?;
    let pdu = Pdu::from_json(id.clone(), pdu.to_string(), rules)?;
    let row = EventRow {
        standing: Standing::Accepted,
        room,
        place: Place::default(),
        state_before: summary.state_root(),
        state_after: summary.state_root(),
        redacted_by: EventNid(0),
        replaces: EventNid(0),
        pdu: pdu.to_stored(),
    };
    Ok((id, row))
}

fn percentile(sorted: &[Duration], part: f64) -> Duration {
    sorted[((sorted.len() as f64 * part) as usize).min(sorted.len() - 1)]
}

async fn measure(server: &Server, who: &OwnedUserId, words: usize, order: OrderBy) -> Result<()> {
    let mut random = StdRng::seed_from_u64(7);
    let vocabulary = Vocabulary::new(&mut random);
    let mut took = Vec::with_capacity(QUERIES);
    let mut results = 0_u64;
    for _ in 0..QUERIES {
        let words: Vec<_> = (0..words).map(|_| vocabulary.word(&mut random)).collect();
        let mut criteria = Criteria::new(words.join(" "));
        criteria.order_by = Some(order.clone());
        let ask = Ask {
            reader: Reader {
                user: who.clone(),
                device: "BENCH".into(),
            },
            criteria,
            context: None,
            next_batch: None,
        };
        let start = Instant::now();
        let found = server.search.messages(ask).await?;
        took.push(start.elapsed());
        results += found.count.map_or(0, u64::from);
    }
    took.sort_unstable();
    println!(
        "{words} words, {order:?}: p50 {:.1} ms, p99 {:.1} ms, slowest {:.1} ms, {} results on average",
        percentile(&took, 0.5).as_secs_f64() * 1e3,
        percentile(&took, 0.99).as_secs_f64() * 1e3,
        took[took.len() - 1].as_secs_f64() * 1e3,
        results / QUERIES as u64,
    );
    Ok(())
}

fn main() -> Result<()> {
    let count = std::env::args()
        .filter_map(|word| word.parse().ok())
        .next()
        .unwrap_or(1_000_000);
    let folder = tempfile::tempdir()?;
    let runtime = tokio::runtime::Runtime::new()?;
    runtime.block_on(async {
        let server = open(folder.path())?;
        let alice: OwnedUserId = "@alice:bench.example".try_into()?;
        let mut rooms = Vec::with_capacity(ROOMS);
        for _ in 0..ROOMS {
            let mut request = Request::new();
            request.preset = Some(RoomPreset::PrivateChat);
            let id = server
                .rooms
                .create(alice.clone(), request, RoomVersionId::V11)
                .await?;
            rooms.push(server.rooms.find(&id)?);
        }
        fill(&server, &rooms, &alice, count).await?;
        server.storage.flush()?;
        let database = folder.path().join("db");
        let before = bytes_below(&database);
        let start = Instant::now();
        server.search.catch_up(|| false).await?;
        let took = start.elapsed().as_secs_f64();
        server.storage.flush()?;
        tables::POSTING.compact(&server.storage, ())?;
        println!(
            "{count} messages in {ROOMS} rooms: filed in {took:.1} s ({:.0} a second)",
            count as f64 / took
        );
        println!(
            "the database without the index {} MiB, the index {} MiB",
            before >> 20,
            server
                .storage
                .disk_bytes(homeserver::storage::Family::Search)?
                >> 20
        );
        for words in [1, 2, 3] {
            for order in [OrderBy::Rank, OrderBy::Recent] {
                measure(&server, &alice, words, order).await?;
            }
        }
        Ok(())
    })
}
