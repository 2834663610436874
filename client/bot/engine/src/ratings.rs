//! Tables of the best: Elo for games of two, points for the others, by week, month and for ever.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

use crate::{
    event::Millis,
    games::{Kind, Seats},
    lang::{Lang, say},
    people::DAY,
    world::{Rows, Settings, World},
};

const START: i64 = 1000;
const STEP: f64 = 32.0;
const HOUR: Millis = 60 * 60 * 1000;
const SHOWN: usize = 10;
/// Points of the table over all games.
const WIN: i64 = 10;
const DRAW: i64 = 4;

/// One table: a score for each person.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
#[serde(transparent)]
pub(crate) struct Season(pub(crate) BTreeMap<String, Score>);

#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub(crate) struct Score {
    pub(crate) name: String,
    pub(crate) rating: i64,
    pub(crate) points: i64,
    pub(crate) games: u32,
}

/// How long a table runs.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Span {
    Week,
    Month,
    Always,
}

impl Span {
    const ALL: [Self; 3] = [Self::Week, Self::Month, Self::Always];

    pub(crate) fn parse(word: &str) -> Option<Self> {
        match crate::lang::fold(word).as_str() {
            "неделя" | "week" => Some(Self::Week),
            "месяц" | "month" => Some(Self::Month),
            "все" | "всегда" | "all" => Some(Self::Always),
            _ => None,
        }
    }

    fn words(self, lang: Lang) -> &'static str {
        match self {
            Self::Week => lang.pick("за неделю", "of the week"),
            Self::Month => lang.pick("за месяц", "of the month"),
            Self::Always => lang.pick("за всё время", "of all time"),
        }
    }

    /// The name of the season that a moment is in. Weeks begin on Monday.
    fn season(self, now: Millis, settings: &Settings) -> String {
        let days = (now + settings.utc_offset * 60_000).div_euclid(DAY);
        match self {
            Self::Week => format!("week {}", (days + 3).div_euclid(7)),
            Self::Month => {
                let (year, month) = year_and_month(days);
                format!("month {year}-{month:02}")
            }
            Self::Always => "always".to_owned(),
        }
    }
}

/// The civil year and month of a day since 1970, by counting in eras of 400 years that begin in March.
fn year_and_month(days: i64) -> (i64, i64) {
    let days = days + 719_468;
    let era = days.div_euclid(146_097);
    let of_era = days.rem_euclid(146_097);
    let year = (of_era - of_era / 1460 + of_era / 36_524 - of_era / 146_096) / 365;
    let of_year = of_era - (365 * year + year / 4 - year / 100);
    let from_march = (5 * of_year + 2) / 153;
    let month = if from_march < 10 {
        from_march + 3
    } else {
        from_march - 9
    };
    (year + era * 400 + i64::from(month <= 2), month)
}

/// Whose table.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Scope {
    Room(String),
    Class(String),
    Academy,
}

impl Scope {
    fn key(&self) -> String {
        match self {
            Self::Room(id) => format!("room {id}"),
            Self::Class(id) => format!("class {id}"),
            Self::Academy => "academy".to_owned(),
        }
    }
}

/// Somebody who played.
#[derive(Debug, Clone)]
pub(crate) struct Entrant {
    pub(crate) id: String,
    pub(crate) name: String,
}

pub(crate) struct Books<'a> {
    pub(crate) world: &'a mut World,
    pub(crate) settings: &'a Settings,
    pub(crate) now: Millis,
}

impl Books<'_> {
    /// Counts a game of two people; `score` is the first one's: 2 for a win, 1 for a draw, 0 for a loss. Returns
    /// whether it was counted: the same two count once an hour.
    pub(crate) fn count_pair(
        &mut self,
        room: &str,
        kind: Kind,
        pair: [Entrant; 2],
        score: i64,
    ) -> bool {
        if pair[0].id == pair[1].id {
            return false;
        }
        let last = self
            .world
            .people
            .get(&pair[0].id)
            .and_then(|person| person.rated.get(&pair[1].id));
        if last.is_some_and(|last| self.now - last < HOUR) {
            return false;
        }
        for (own, other) in [(0, 1), (1, 0)] {
            let now = self.now;
            let person = self.world.person_mut(&pair[own].id);
            person.rated.retain(|_, at| now - *at < HOUR);
            person.rated.insert(pair[other].id.clone(), now);
        }
        for key in self.keys(room, kind.key()) {
            let season = self.season(&key);
            let first = season.rating(&pair[0].id);
            let second = season.rating(&pair[1].id);
            let change = elo_change(first, second, score);
            season.add(&pair[0], change, 0);
            season.add(&pair[1], -change, 0);
        }
        let points = |score: i64| [0, DRAW, WIN][score.clamp(0, 2) as usize];
        for key in self.keys(room, "all") {
            let season = self.season(&key);
            season.add(&pair[0], 0, points(score));
            season.add(&pair[1], 0, points(2 - score));
        }
        true
    }

    /// Counts points of a game without opponents.
    pub(crate) fn count_points(&mut self, room: &str, kind: Kind, who: &Entrant, points: i64) {
        for game in [kind.key(), "all"] {
            for key in self.keys(room, game) {
                self.season(&key).add(who, 0, points);
            }
        }
    }

    fn keys(&self, room: &str, game: &str) -> Vec<String> {
        let mut scopes = vec![Scope::Room(room.to_owned()), Scope::Academy];
        let class = self
            .world
            .rooms
            .get(room)
            .and_then(|room| room.class.clone());
        scopes.extend(class.map(Scope::Class));
        let key = |scope: &Scope, span: Span| key(scope, span, game, self.now, self.settings);
        scopes
            .iter()
            .flat_map(|scope| Span::ALL.map(|span| key(scope, span)))
            .collect()
    }

    fn season(&mut self, key: &str) -> &mut Season {
        self.world.note(Rows::Seasons, key);
        self.world.seasons.entry(key.to_owned()).or_default()
    }
}

fn key(scope: &Scope, span: Span, game: &str, now: Millis, settings: &Settings) -> String {
    format!("{}|{game}|{}", scope.key(), span.season(now, settings))
}

/// What the first player's rating changes by.
fn elo_change(first: i64, second: i64, score: i64) -> i64 {
    let expected = 1.0 / (1.0 + 10f64.powf((second - first) as f64 / 400.0));
    (STEP * (score as f64 / 2.0 - expected)).round() as i64
}

impl Season {
    fn rating(&self, person: &str) -> i64 {
        self.0.get(person).map_or(START, |score| score.rating)
    }

    fn add(&mut self, who: &Entrant, rating: i64, points: i64) {
        let score = self.0.entry(who.id.clone()).or_insert_with(|| Score {
            name: String::new(),
            rating: START,
            points: 0,
            games: 0,
        });
        score.name.clone_from(&who.name);
        score.rating += rating;
        score.points += points;
        score.games += 1;
    }
}

/// The best ten and the place of who asks. Nobody is shown as one of the last.
pub(crate) fn show(
    world: &World,
    settings: &Settings,
    asked: (&Scope, Span, Option<Kind>),
    who: (&str, Lang, Millis),
) -> String {
    let (scope, span, kind) = asked;
    let (person, lang, now) = who;
    let title = kind.map_or(lang.pick("Лучшие", "The best"), |kind| {
        kind.entry().title(lang)
    });
    let words = span.words(lang);
    let place = match scope {
        Scope::Room(_) => lang.pick("в этой комнате", "in this room"),
        Scope::Class(_) => lang.pick("в классе", "in the class"),
        Scope::Academy => lang.pick("во всей академии", "in the whole academy"),
    };
    let mut text = format!("🏆 **{title}** {words}, {place}\n");
    let table = table(world, settings, asked, now);
    if table.is_empty() {
        text.push_str(lang.pick("Пока никто не играл.", "Nobody has played yet."));
        return text;
    }
    for standing in table.iter().take(SHOWN) {
        let (place, name, score) = (standing.place, &standing.name, standing.score);
        text.push_str(&format!("{place}. {name} — {score}\n"));
    }
    if let Some(own) = own(&table, person) {
        let (place, score) = (own.place, own.score);
        text.push_str(&say!(
            lang,
            "…\nВаше место: {place} ({score})\n",
            "…\nYour place: {place} ({score})\n"
        ));
    }
    text
}

/// Somebody's place in a table.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Standing {
    /// From 1.
    pub place: usize,
    #[serde(rename = "user_id")]
    pub id: String,
    pub name: String,
    /// A rating in games of two, points elsewhere.
    pub score: i64,
}

/// A table as a program asks for it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Question<'a> {
    /// The whole academy without one.
    pub room: Option<&'a str>,
    /// All games without one.
    pub game: Option<&'a str>,
    /// `week`, `month` or `all`.
    pub span: &'a str,
}

/// The best, and the place of who asks when it is not among them.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize)]
pub struct Standings {
    pub best: Vec<Standing>,
    pub own: Option<Standing>,
}

impl World {
    /// Gives a room the tables of the room that it replaces.
    pub(crate) fn move_seasons(&mut self, from: &str, to: &str) {
        let from = format!("{}|", Scope::Room(from.to_owned()).key());
        let to = format!("{}|", Scope::Room(to.to_owned()).key());
        let keys: Vec<String> = self
            .seasons
            .keys()
            .filter(|key| key.starts_with(&from))
            .cloned()
            .collect();
        for key in keys {
            if let Some(season) = self.seasons.remove(&key) {
                let moved = key.replacen(&from, &to, 1);
                self.note(Rows::Seasons, &key);
                self.note(Rows::Seasons, &moved);
                self.seasons.insert(moved, season);
            }
        }
    }

    /// Who plays best; `None` for a game or a time that does not exist.
    #[must_use]
    pub fn standings(
        &self,
        settings: &Settings,
        question: Question<'_>,
        person: &str,
        now: Millis,
    ) -> Option<Standings> {
        let span = Span::parse(question.span)?;
        let kind = match question.game {
            Some(game) => Some(Kind::parse(game)?),
            None => None,
        };
        let scope = question
            .room
            .map_or(Scope::Academy, |room| Scope::Room(room.to_owned()));
        let mut table = table(self, settings, (&scope, span, kind), now);
        let own = own(&table, person).cloned();
        table.truncate(SHOWN);
        Some(Standings { best: table, own })
    }
}

/// All who played, the best first.
fn table(
    world: &World,
    settings: &Settings,
    asked: (&Scope, Span, Option<Kind>),
    now: Millis,
) -> Vec<Standing> {
    let (scope, span, kind) = asked;
    let key = key(scope, span, kind.map_or("all", Kind::key), now, settings);
    let by_rating = kind.is_some_and(|kind| kind.entry().seats == Seats::Two);
    let scores = world.seasons.get(&key).into_iter();
    let mut table: Vec<Standing> = scores
        .flat_map(|season| &season.0)
        .map(|(id, score)| Standing {
            place: 0,
            id: id.clone(),
            name: score.name.clone(),
            score: if by_rating {
                score.rating
            } else {
                score.points
            },
        })
        .collect();
    table.sort_by(|one, other| (-one.score, &one.id).cmp(&(-other.score, &other.id)));
    for (place, standing) in (1..).zip(&mut table) {
        standing.place = place;
    }
    table
}

/// The place of who asks, when it is not among the best. Nobody is shown as one of the last.
fn own<'a>(table: &'a [Standing], person: &str) -> Option<&'a Standing> {
    table
        .iter()
        .skip(SHOWN)
        .find(|standing| standing.id == person)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn months_follow_the_calendar() {
        assert_eq!(year_and_month(0), (1970, 1));
        assert_eq!(year_and_month(19_782), (2024, 2));
        assert_eq!(year_and_month(19_783), (2024, 3));
        assert_eq!(year_and_month(20_783), (2026, 11));
    }

    #[test]
    fn ratings_move_by_surprise() {
        assert_eq!(elo_change(1000, 1000, 2), 16);
        assert_eq!(elo_change(1000, 1000, 1), 0);
        assert!(elo_change(1000, 1400, 2) > 25);
        assert!(elo_change(1400, 1000, 2) < 5);
    }
}
