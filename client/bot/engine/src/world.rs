//! Everything the bot knows, as rows that are loaded at the start and written when they change.

use std::collections::{BTreeMap, BTreeSet};

use serde::{Deserialize, Serialize, de::DeserializeOwned};

use crate::{
    event::{Millis, Slot},
    lang::Lang,
    people::Person,
    quiz::shelf::{ItemStatistics, StoredPack},
    ratings::Season,
    table::Table,
};

/// What the engine is told once and never changes.
#[derive(Debug, Clone, Default)]
pub struct Settings {
    /// The bot's own user id.
    pub own_id: String,
    /// The language of rooms that have not chosen one.
    pub lang: Lang,
    /// User ids of people who may share packs with everybody.
    pub teachers: Vec<String>,
    /// Minutes that local time is ahead of UTC.
    pub utc_offset: i64,
    /// Whether there is somebody to pass questions on to.
    pub support: bool,
}

/// The state of the engine.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct World {
    pub(crate) rooms: BTreeMap<String, Room>,
    pub(crate) people: BTreeMap<String, Person>,
    pub(crate) seasons: BTreeMap<String, Season>,
    pub(crate) packs: BTreeMap<String, StoredPack>,
    pub(crate) statistics: BTreeMap<String, ItemStatistics>,
    pub(crate) counters: Counters,
    changed: BTreeSet<(Rows, String)>,
}

/// Which rows a change concerns.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Rows {
    Rooms,
    People,
    Seasons,
    Packs,
    Statistics,
    Counters,
}

impl Rows {
    fn name(self) -> &'static str {
        match self {
            Self::Rooms => "rooms",
            Self::People => "people",
            Self::Seasons => "seasons",
            Self::Packs => "packs",
            Self::Statistics => "statistics",
            Self::Counters => "counters",
        }
    }
}

#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
pub(crate) struct Counters {
    slots: u64,
    tables: u64,
}

/// A room and the games in it.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
pub(crate) struct Room {
    /// Chosen with a command; until then the language of the first command counts.
    pub(crate) lang: Option<Lang>,
    /// Games switched on or off by those in charge.
    pub(crate) switch: Option<bool>,
    pub(crate) tables: Vec<Table>,
    pub(crate) last_start: Option<Millis>,
    #[serde(default)]
    pub(crate) class: Option<String>,
}

/// A row to write, or to remove when there is no value.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Row {
    pub table: &'static str,
    pub key: String,
    pub value: Option<String>,
}

/// A row that cannot be read.
#[derive(Debug)]
pub struct BadRow(pub String);

impl std::fmt::Display for BadRow {
    fn fmt(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(
            formatter,
            "a row of the bot's state cannot be read: {}",
            self.0
        )
    }
}

impl std::error::Error for BadRow {}

impl World {
    /// Takes in a row as it was written.
    pub fn load(&mut self, table: &str, key: String, value: &str) -> Result<(), BadRow> {
        fn read<T: DeserializeOwned>(table: &str, key: &str, value: &str) -> Result<T, BadRow> {
            serde_json::from_str(value).map_err(|error| BadRow(format!("{table} {key}: {error}")))
        }
        match table {
            "rooms" => {
                let row = read(table, &key, value)?;
                self.rooms.insert(key, row);
            }
            "people" => {
                let row = read(table, &key, value)?;
                self.people.insert(key, row);
            }
            "seasons" => {
                let row = read(table, &key, value)?;
                self.seasons.insert(key, row);
            }
            "packs" => {
                let row = read(table, &key, value)?;
                self.packs.insert(key, row);
            }
            "statistics" => {
                let row = read(table, &key, value)?;
                self.statistics.insert(key, row);
            }
            "counters" => self.counters = read(table, &key, value)?,
            _ => return Err(BadRow(format!("there is no table {table}"))),
        }
        Ok(())
    }

    /// The rows that changed since the last call.
    pub fn take_changes(&mut self) -> Vec<Row> {
        let changed = std::mem::take(&mut self.changed);
        changed
            .into_iter()
            .map(|(table, key)| self.row(table, key))
            .collect()
    }

    /// All rows there are, changed or not.
    pub fn take_all(&mut self) -> Vec<Row> {
        let mut all: Vec<(Rows, String)> = vec![(Rows::Counters, String::new())];
        all.extend(self.rooms.keys().map(|key| (Rows::Rooms, key.clone())));
        all.extend(self.people.keys().map(|key| (Rows::People, key.clone())));
        all.extend(self.seasons.keys().map(|key| (Rows::Seasons, key.clone())));
        all.extend(self.packs.keys().map(|key| (Rows::Packs, key.clone())));
        all.extend(
            self.statistics
                .keys()
                .map(|key| (Rows::Statistics, key.clone())),
        );
        self.changed.extend(all);
        self.take_changes()
    }

    fn row(&self, table: Rows, key: String) -> Row {
        fn write<T: Serialize>(value: Option<&T>) -> Option<String> {
            // Maps of the rows have strings as keys, so they always are JSON.
            value.and_then(|value| serde_json::to_string(value).ok())
        }
        let value = match table {
            Rows::Rooms => write(self.rooms.get(&key)),
            Rows::People => write(self.people.get(&key)),
            Rows::Seasons => write(self.seasons.get(&key)),
            Rows::Packs => write(self.packs.get(&key)),
            Rows::Statistics => write(self.statistics.get(&key)),
            Rows::Counters => write(Some(&self.counters)),
        };
        Row {
            table: table.name(),
            key,
            value,
        }
    }

    pub(crate) fn note(&mut self, table: Rows, key: &str) {
        self.changed.insert((table, key.to_owned()));
    }

    pub(crate) fn new_slot(&mut self) -> Slot {
        self.counters.slots += 1;
        self.note(Rows::Counters, "");
        Slot(format!("s{}", self.counters.slots))
    }

    pub(crate) fn new_table_id(&mut self) -> u64 {
        self.counters.tables += 1;
        self.note(Rows::Counters, "");
        self.counters.tables
    }

    /// The room, to change it.
    pub(crate) fn room_mut(&mut self, room: &str) -> &mut Room {
        self.note(Rows::Rooms, room);
        self.rooms.entry(room.to_owned()).or_default()
    }

    /// The person, to change them.
    pub(crate) fn person_mut(&mut self, person: &str) -> &mut Person {
        self.note(Rows::People, person);
        self.people.entry(person.to_owned()).or_default()
    }

    pub(crate) fn lang(&self, room: &str, settings: &Settings) -> Lang {
        self.rooms
            .get(room)
            .and_then(|room| room.lang)
            .unwrap_or(settings.lang)
    }

    /// Whether any game is open in the room.
    pub(crate) fn has_games(&self, room: &str) -> bool {
        self.rooms
            .get(room)
            .is_some_and(|room| !room.tables.is_empty())
    }

    /// The next moment at which something happens by itself.
    pub fn next_deadline(&self) -> Option<Millis> {
        let tables = self.rooms.values().flat_map(|room| &room.tables);
        let reminders = self.people.values().filter_map(Person::reminder);
        tables.map(Table::deadline).chain(reminders).min()
    }

    /// The room in which a person last wrote to the bot alone.
    pub fn direct_chat(&self, person: &str) -> Option<&str> {
        self.people.get(person)?.direct.as_deref()
    }

    /// How many games are open.
    pub fn open_games(&self) -> usize {
        self.rooms.values().map(|room| room.tables.len()).sum()
    }
}
