//! The bot's database: its state, what is to be sent, what was seen. One transaction takes in an event whole.

use std::path::Path;

use anyhow::{Context as _, Result};
use bot_engine::{Event, Output, Row, Slot, To, World};
use rusqlite::{Connection, OptionalExtension as _, Transaction, params};

const LOG_DAYS: i64 = 30;
const DAY: i64 = 24 * 60 * 60 * 1000;

pub(crate) struct Store {
    connection: Connection,
    /// Part of every transaction id, so that another database never repeats one.
    nonce: String,
}

/// Something to send.
#[derive(Debug, Clone)]
pub(crate) struct Queued {
    pub(crate) id: i64,
    pub(crate) queue: String,
    pub(crate) output: Output,
    pub(crate) tries: u32,
}

/// An event that could not be decrypted yet.
#[derive(Debug)]
pub(crate) struct Waiting {
    pub(crate) room: String,
    pub(crate) raw: String,
}

/// The writes that belong together.
pub(crate) struct Batch<'a> {
    transaction: Transaction<'a>,
}

impl Store {
    pub(crate) fn open(path: &Path) -> Result<Self> {
        let connection =
            Connection::open(path).with_context(|| format!("cannot open {}", path.display()))?;
        connection.execute_batch(
            "PRAGMA journal_mode = WAL;
             PRAGMA synchronous = FULL;
             PRAGMA busy_timeout = 5000;
             CREATE TABLE IF NOT EXISTS meta (key TEXT PRIMARY KEY, value TEXT NOT NULL) WITHOUT ROWID;
             CREATE TABLE IF NOT EXISTS state (
                 kind TEXT NOT NULL, key TEXT NOT NULL, value TEXT NOT NULL, PRIMARY KEY (kind, key)
             ) WITHOUT ROWID;
             CREATE TABLE IF NOT EXISTS log (id INTEGER PRIMARY KEY, at INTEGER NOT NULL, event TEXT NOT NULL);
             CREATE TABLE IF NOT EXISTS seen (event TEXT PRIMARY KEY, at INTEGER NOT NULL) WITHOUT ROWID;
             CREATE TABLE IF NOT EXISTS outbox (
                 id INTEGER PRIMARY KEY AUTOINCREMENT, queue TEXT NOT NULL, replaces TEXT,
                 output TEXT NOT NULL, tries INTEGER NOT NULL DEFAULT 0
             );
             CREATE INDEX IF NOT EXISTS outbox_replaces ON outbox (replaces);
             CREATE TABLE IF NOT EXISTS sent (
                 slot TEXT PRIMARY KEY, event TEXT NOT NULL, at INTEGER NOT NULL
             ) WITHOUT ROWID;
             CREATE INDEX IF NOT EXISTS sent_event ON sent (event);
             CREATE TABLE IF NOT EXISTS waiting (
                 event TEXT PRIMARY KEY, room TEXT NOT NULL, raw TEXT NOT NULL, at INTEGER NOT NULL
             ) WITHOUT ROWID;
             CREATE TABLE IF NOT EXISTS rooms (room TEXT PRIMARY KEY, joined TEXT, inviter TEXT) WITHOUT ROWID;",
        )?;
        let fresh: u64 = rand::random();
        connection.execute(
            "INSERT OR IGNORE INTO meta VALUES ('nonce', ?1)",
            [format!("{fresh:016x}")],
        )?;
        let nonce =
            connection.query_row("SELECT value FROM meta WHERE key = 'nonce'", [], |row| {
                row.get(0)
            })?;
        Ok(Self { connection, nonce })
    }

    /// The state as it was written last.
    pub(crate) fn world(&self) -> Result<World> {
        let mut world = World::default();
        let mut statement = self
            .connection
            .prepare("SELECT kind, key, value FROM state")?;
        let mut rows = statement.query([])?;
        while let Some(row) = rows.next()? {
            let (kind, key, value): (String, String, String) =
                (row.get(0)?, row.get(1)?, row.get(2)?);
            world.load(&kind, key, &value)?;
        }
        Ok(world)
    }

    pub(crate) fn batch(&mut self) -> Result<Batch<'_>> {
        Ok(Batch {
            transaction: self.connection.transaction()?,
        })
    }

    /// The sync token up to which everything is taken in.
    pub(crate) fn token(&self) -> Result<Option<String>> {
        let found =
            self.connection
                .query_row("SELECT value FROM meta WHERE key = 'token'", [], |row| {
                    row.get(0)
                });
        Ok(found.optional()?)
    }

    /// Removes what is too old to be of use.
    pub(crate) fn prune(&self, now: i64) -> Result<()> {
        let before = now - LOG_DAYS * DAY;
        self.connection
            .execute("DELETE FROM log WHERE at < ?1", [before])?;
        self.connection
            .execute("DELETE FROM seen WHERE at < ?1", [before])?;
        self.connection
            .execute("DELETE FROM sent WHERE at < ?1", [before])?;
        self.connection
            .execute("DELETE FROM waiting WHERE at < ?1", [now - DAY])?;
        Ok(())
    }

    /// The first thing to send of each queue.
    pub(crate) fn next_of_each_queue(&self) -> Result<Vec<Queued>> {
        let mut statement = self.connection.prepare_cached(
            "SELECT id, queue, output, tries FROM outbox WHERE id IN (SELECT min(id) FROM outbox GROUP BY queue) ORDER BY id",
        )?;
        let mut rows = statement.query([])?;
        let mut queued = Vec::new();
        while let Some(row) = rows.next()? {
            let output: String = row.get(2)?;
            queued.push(Queued {
                id: row.get(0)?,
                queue: row.get(1)?,
                output: serde_json::from_str(&output)?,
                tries: row.get(3)?,
            });
        }
        Ok(queued)
    }

    /// The transaction id of something queued: always the same, so the server sends it once.
    pub(crate) fn transaction_id(&self, id: i64) -> String {
        format!("{}-{id}", self.nonce)
    }

    /// What a transaction id stands for, if it is one of this database.
    pub(crate) fn id_of_transaction(&self, transaction_id: &str) -> Option<i64> {
        let (nonce, id) = transaction_id.split_once('-')?;
        (nonce == self.nonce).then(|| id.parse().ok())?
    }

    /// Something was sent: it leaves the queue, and its slot has an event id from now on.
    pub(crate) fn acknowledge(&mut self, id: i64, event: Option<&str>, now: i64) -> Result<()> {
        let transaction = self.connection.transaction()?;
        let output: Option<String> = transaction
            .query_row("SELECT output FROM outbox WHERE id = ?1", [id], |row| {
                row.get(0)
            })
            .optional()?;
        let Some(output) = output else {
            return Ok(());
        };
        if let (Output::Send { slot, .. }, Some(event)) = (serde_json::from_str(&output)?, event) {
            transaction.execute(
                "INSERT OR REPLACE INTO sent VALUES (?1, ?2, ?3)",
                params![slot.0, event, now],
            )?;
        }
        transaction.execute("DELETE FROM outbox WHERE id = ?1", [id])?;
        transaction.commit()?;
        Ok(())
    }

    pub(crate) fn count_try(&self, id: i64) -> Result<()> {
        self.connection
            .execute("UPDATE outbox SET tries = tries + 1 WHERE id = ?1", [id])?;
        Ok(())
    }

    pub(crate) fn event_of_slot(&self, slot: &Slot) -> Result<Option<String>> {
        let found =
            self.connection
                .query_row("SELECT event FROM sent WHERE slot = ?1", [&slot.0], |row| {
                    row.get(0)
                });
        Ok(found.optional()?)
    }

    pub(crate) fn slot_of_event(&self, event: &str) -> Result<Option<Slot>> {
        let found =
            self.connection
                .query_row("SELECT slot FROM sent WHERE event = ?1", [event], |row| {
                    row.get(0)
                });
        Ok(found.optional()?.map(Slot))
    }

    pub(crate) fn waiting(&self) -> Result<Vec<Waiting>> {
        let mut statement = self
            .connection
            .prepare_cached("SELECT room, raw FROM waiting ORDER BY at")?;
        let rows = statement.query_map([], |row| {
            Ok(Waiting {
                room: row.get(0)?,
                raw: row.get(1)?,
            })
        })?;
        Ok(rows.collect::<Result<_, _>>()?)
    }

    /// Who invited the bot to a room.
    pub(crate) fn inviter(&self, room: &str) -> Result<Option<String>> {
        let found =
            self.connection
                .query_row("SELECT inviter FROM rooms WHERE room = ?1", [room], |row| {
                    row.get::<_, Option<String>>(0)
                });
        Ok(found.optional()?.flatten())
    }

    /// The event with which the bot joined a room, if what came before it is known to be old.
    pub(crate) fn joined(&self, room: &str) -> Result<Option<String>> {
        let found =
            self.connection
                .query_row("SELECT joined FROM rooms WHERE room = ?1", [room], |row| {
                    row.get::<_, Option<String>>(0)
                });
        Ok(found.optional()?.flatten())
    }

    pub(crate) fn note_invite(&self, room: &str, inviter: Option<&str>) -> Result<()> {
        self.connection.execute(
            "INSERT INTO rooms VALUES (?1, NULL, ?2) ON CONFLICT (room) DO UPDATE SET joined = NULL, inviter = ?2",
            params![room, inviter],
        )?;
        Ok(())
    }

    pub(crate) fn is_seen(&self, event: &str) -> Result<bool> {
        let found =
            self.connection
                .query_row("SELECT 1 FROM seen WHERE event = ?1", [event], |_| Ok(()));
        Ok(found.optional()?.is_some())
    }
}

impl Batch<'_> {
    /// Notes an event as taken in; false when it was already.
    pub(crate) fn see(&self, event: &str, now: i64) -> Result<bool> {
        let mut statement = self
            .transaction
            .prepare_cached("INSERT OR IGNORE INTO seen VALUES (?1, ?2)")?;
        Ok(statement.execute(params![event, now])? == 1)
    }

    pub(crate) fn log(&self, event: &Event) -> Result<()> {
        let mut statement = self
            .transaction
            .prepare_cached("INSERT INTO log (at, event) VALUES (?1, ?2)")?;
        statement.execute(params![event.at, serde_json::to_string(event)?])?;
        Ok(())
    }

    /// Queues something to be sent. An edit that has not gone out is replaced by the next one of the same message,
    /// unless it is on its way just now.
    pub(crate) fn queue(&self, output: &Output, on_their_way: &[i64]) -> Result<()> {
        let (queue, replaces) = match output {
            Output::Send { to, edit_of, .. } => {
                (name(to), edit_of.as_ref().map(|slot| slot.0.clone()))
            }
            Output::React { to, .. } | Output::File { to, .. } => (name(to), None),
            Output::Feedback { .. } => ("feedback".to_owned(), None),
            Output::Forget { person } => {
                self.forget(person)?;
                return Ok(());
            }
        };
        if let Some(slot) = &replaces {
            let older: Vec<i64> = self
                .transaction
                .prepare_cached("SELECT id FROM outbox WHERE replaces = ?1")?
                .query_map([slot], |row| row.get(0))?
                .collect::<Result<_, _>>()?;
            for id in older.iter().filter(|id| !on_their_way.contains(id)) {
                self.transaction
                    .execute("DELETE FROM outbox WHERE id = ?1", [id])?;
            }
        }
        let mut statement = self
            .transaction
            .prepare_cached("INSERT INTO outbox (queue, replaces, output) VALUES (?1, ?2, ?3)")?;
        statement.execute(params![queue, replaces, serde_json::to_string(output)?])?;
        Ok(())
    }

    fn forget(&self, person: &str) -> Result<()> {
        let quoted = serde_json::to_string(person)?;
        self.transaction
            .execute("DELETE FROM log WHERE instr(event, ?1) > 0", [quoted])?;
        Ok(())
    }

    pub(crate) fn write(&self, rows: &[Row]) -> Result<()> {
        for row in rows {
            match &row.value {
                Some(value) => self
                    .transaction
                    .prepare_cached("INSERT OR REPLACE INTO state VALUES (?1, ?2, ?3)")?
                    .execute(params![row.table, row.key, value])?,
                None => self
                    .transaction
                    .prepare_cached("DELETE FROM state WHERE kind = ?1 AND key = ?2")?
                    .execute(params![row.table, row.key])?,
            };
        }
        Ok(())
    }

    pub(crate) fn set_token(&self, token: &str) -> Result<()> {
        self.transaction
            .execute("INSERT OR REPLACE INTO meta VALUES ('token', ?1)", [token])?;
        Ok(())
    }

    pub(crate) fn set_joined(&self, room: &str, event: &str) -> Result<()> {
        self.transaction.execute(
            "INSERT INTO rooms VALUES (?1, ?2, NULL) ON CONFLICT (room) DO UPDATE SET joined = ?2",
            [room, event],
        )?;
        Ok(())
    }

    pub(crate) fn wait_for_key(&self, event: &str, room: &str, raw: &str, now: i64) -> Result<()> {
        self.transaction.execute(
            "INSERT OR IGNORE INTO waiting VALUES (?1, ?2, ?3, ?4)",
            params![event, room, raw, now],
        )?;
        Ok(())
    }

    pub(crate) fn no_longer_waits(&self, event: &str) -> Result<()> {
        self.transaction
            .execute("DELETE FROM waiting WHERE event = ?1", [event])?;
        Ok(())
    }

    pub(crate) fn commit(self) -> Result<()> {
        Ok(self.transaction.commit()?)
    }
}

fn name(to: &To) -> String {
    match to {
        To::Room(room) => room.clone(),
        To::Person(person) => person.clone(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn edit(slot: &str, of: Option<&str>, text: &str) -> Output {
        Output::Send {
            to: To::Room("!r:x".to_owned()),
            slot: Slot(slot.to_owned()),
            text: text.to_owned(),
            edit_of: of.map(|slot| Slot(slot.to_owned())),
            reply_to: None,
            mentions: Vec::new(),
        }
    }

    #[test]
    fn only_the_newest_edit_waits_and_nothing_is_sent_under_two_transactions() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("bot.db");
        let mut store = Store::open(&path).unwrap();
        let batch = store.batch().unwrap();
        assert!(batch.see("$1", 0).unwrap());
        assert!(!batch.see("$1", 0).unwrap());
        batch.queue(&edit("s1", None, "board"), &[]).unwrap();
        batch.queue(&edit("s2", Some("s1"), "first"), &[]).unwrap();
        batch.queue(&edit("s3", Some("s1"), "second"), &[]).unwrap();
        batch.commit().unwrap();
        let first = store.next_of_each_queue().unwrap().remove(0);
        let transaction = store.transaction_id(first.id);
        store.acknowledge(first.id, Some("$board"), 0).unwrap();
        assert_eq!(
            store.slot_of_event("$board").unwrap(),
            Some(Slot("s1".to_owned()))
        );
        // After a restart the same thing has the same transaction id.
        let store = Store::open(&path).unwrap();
        assert_eq!(store.id_of_transaction(&transaction), Some(first.id));
        let next = store.next_of_each_queue().unwrap().remove(0);
        assert!(matches!(&next.output, Output::Send { text, .. } if text == "second"));
        assert!(store.is_seen("$1").unwrap());
    }

    #[test]
    fn what_is_not_committed_did_not_happen() {
        let folder = tempfile::tempdir().unwrap();
        let mut store = Store::open(&folder.path().join("bot.db")).unwrap();
        let batch = store.batch().unwrap();
        batch.see("$1", 0).unwrap();
        batch.queue(&edit("s1", None, "board"), &[]).unwrap();
        batch.set_token("t").unwrap();
        drop(batch);
        assert!(!store.is_seen("$1").unwrap());
        assert!(store.next_of_each_queue().unwrap().is_empty());
        assert_eq!(store.token().unwrap(), None);
    }
}
