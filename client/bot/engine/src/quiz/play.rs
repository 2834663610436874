//! The state of a round of questions.

use std::collections::BTreeMap;

use rand::seq::SliceRandom;
use rand_chacha::ChaCha8Rng;
use serde::{Deserialize, Serialize};

use super::pack::{Pack, Question};
use crate::{
    event::{Millis, Slot},
    games::{Move, Outcome, Played, Refused, Rules, Turn},
    lang::{Lang, fold, say},
};

/// The least time between an answer shown and the next question.
pub(crate) const BREAK: Millis = 7_000;
/// How long people may join a quiz in secret mode.
pub(crate) const GATHER: Millis = 30_000;
/// Nobody is hurried who repeats alone.
pub(crate) const UNHURRIED: Millis = 60 * 60 * 1000;
pub(crate) const FULL_POINTS: i64 = 100;

#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub(crate) struct Quiz {
    /// The pack's id; none when missed questions are repeated.
    pub(crate) pack: Option<String>,
    pub(crate) version: u32,
    pub(crate) title: String,
    pub(crate) questions: Vec<Asked>,
    pub(crate) at: usize,
    pub(crate) phase: Phase,
    pub(crate) limit: Millis,
    pub(crate) secret: bool,
    /// Answers are told at once, because nobody else can be spoilt.
    pub(crate) alone: bool,
    /// This question's answers.
    pub(crate) given: BTreeMap<String, Given>,
    pub(crate) totals: BTreeMap<String, Total>,
    /// Messages in direct chats with the current question, in secret mode.
    pub(crate) asked_in: Vec<(Slot, String)>,
}

/// A question with its answers in the order they are shown.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub(crate) struct Asked {
    pub(crate) question: Question,
    /// Its place in the pack.
    pub(crate) index: usize,
    /// For each answer shown, its place in the pack: the right one is 0.
    pub(crate) order: Vec<usize>,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) enum Phase {
    Gathering { until: Millis },
    Asking { since: Millis, until: Millis },
    Break { until: Millis },
    Over,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Given {
    /// The answer's place as shown.
    pub(crate) choice: usize,
    pub(crate) points: i64,
}

#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
pub(crate) struct Total {
    pub(crate) name: String,
    pub(crate) points: i64,
    pub(crate) right: u32,
    /// Questions answered wrong or not at all, by their place in this round.
    pub(crate) missed: Vec<usize>,
}

impl Asked {
    pub(crate) fn new(question: &Question, index: usize, chance: &mut ChaCha8Rng) -> Self {
        let mut order: Vec<usize> = (0..question.answers.len()).collect();
        order.shuffle(chance);
        Self {
            question: question.clone(),
            index,
            order,
        }
    }

    pub(crate) fn right(&self) -> usize {
        self.order.iter().position(|place| *place == 0).unwrap_or(0)
    }

    pub(crate) fn answer(&self, choice: usize) -> &str {
        let place = self.order.get(choice).copied().unwrap_or(0);
        self.question.answers.get(place).map_or("", String::as_str)
    }

    /// The answer that somebody typed: its number, its letter, or its words.
    pub(crate) fn choice(&self, text: &str) -> Option<usize> {
        let text = fold(&text.replace(['\u{fe0f}', '\u{20e3}'], ""));
        let text = text.trim_end_matches(['.', ')']).trim();
        let by_number = text
            .parse::<usize>()
            .ok()
            .and_then(|number| number.checked_sub(1));
        let by_letter = || {
            let mut letters = text.chars();
            let letter = letters.next().filter(|_| letters.as_str().is_empty())?;
            ["abcdef", "абвгде"]
                .iter()
                .find_map(|row| row.chars().position(|other| other == letter))
        };
        let by_words = || {
            let means = |words: &str| fold(words) == text;
            let accepted = self.question.accept.iter().any(|words| means(words));
            let typed = (0..self.order.len()).find(|choice| means(self.answer(*choice)));
            typed.or_else(|| accepted.then(|| self.right()))
        };
        // An answer that is itself a number is meant before the place it stands at.
        by_words()
            .or(by_number)
            .or_else(by_letter)
            .filter(|choice| *choice < self.order.len())
    }
}

impl Quiz {
    pub(crate) fn new(pack: &Pack, id: &str, count: usize, chance: &mut ChaCha8Rng) -> Self {
        let mut places: Vec<usize> = (0..pack.questions.len()).collect();
        places.shuffle(chance);
        places.truncate(count);
        let questions = places
            .into_iter()
            .map(|place| Asked::new(&pack.questions[place], place, chance))
            .collect();
        Self {
            pack: Some(id.to_owned()),
            version: pack.version,
            title: pack.title.clone(),
            ..Self::of(questions)
        }
    }

    pub(crate) fn of(questions: Vec<Asked>) -> Self {
        Self {
            pack: None,
            version: 0,
            title: String::new(),
            questions,
            at: 0,
            phase: Phase::Over,
            limit: UNHURRIED,
            secret: false,
            alone: false,
            given: BTreeMap::new(),
            totals: BTreeMap::new(),
            asked_in: Vec::new(),
        }
    }

    pub(crate) fn current(&self) -> Option<&Asked> {
        self.questions.get(self.at)
    }

    pub(crate) fn is_asking(&self) -> bool {
        matches!(self.phase, Phase::Asking { .. })
    }

    pub(crate) fn deadline(&self) -> Millis {
        match self.phase {
            Phase::Gathering { until } | Phase::Asking { until, .. } | Phase::Break { until } => {
                until
            }
            Phase::Over => Millis::MAX,
        }
    }

    /// Whether a message in a direct chat is an answer.
    pub(crate) fn understands(&self, text: &str) -> bool {
        self.is_asking()
            && self
                .current()
                .is_some_and(|asked| asked.choice(text).is_some())
    }

    pub(crate) fn knows(&self, person: &str) -> bool {
        self.totals.contains_key(person) || self.given.contains_key(person)
    }

    /// Takes an answer; only the first counts.
    pub(crate) fn give(&mut self, person: &str, name: &str, choice: usize, now: Millis) -> bool {
        let Phase::Asking { since, until } = self.phase else {
            return false;
        };
        let Some(right) = self.current().map(Asked::right) else {
            return false;
        };
        if now > until || self.given.contains_key(person) {
            return false;
        }
        let left = (until - now.max(since)) as f64 / (until - since).max(1) as f64;
        let points = if choice == right {
            ((FULL_POINTS as f64) * left).round().max(1.0) as i64
        } else {
            0
        };
        self.given
            .insert(person.to_owned(), Given { choice, points });
        let total = self.totals.entry(person.to_owned()).or_default();
        name.clone_into(&mut total.name);
        total.points += points;
        total.right += u32::from(points > 0);
        true
    }

    /// Notes who missed the question that has just been closed.
    pub(crate) fn close_question(&mut self) {
        let right = self.current().map(Asked::right);
        for (person, total) in &mut self.totals {
            let given = self.given.get(person).map(|given| given.choice);
            if given != right {
                total.missed.push(self.at);
            }
        }
    }

    /// The question as it is shown.
    pub(crate) fn question_text(&self, lang: Lang) -> String {
        let Some(asked) = self.current() else {
            return String::new();
        };
        let number = self.at + 1;
        let all = self.questions.len();
        let title = &self.title;
        let mut text = say!(
            lang,
            "❓ **{number} из {all}** · {title}\n",
            "❓ **{number} of {all}** · {title}\n"
        );
        text.push_str(&format!("**{}**\n", asked.question.text));
        for choice in 0..asked.order.len() {
            text.push_str(&format!("{}. {}\n", choice + 1, asked.answer(choice)));
        }
        if self.limit < UNHURRIED {
            let seconds = self.limit / 1000;
            text.push_str(&say!(lang, "{seconds} с на ответ", "{seconds} s to answer"));
        }
        text
    }

    /// The right answer, why, and how people answered.
    pub(crate) fn reveal_text(&self, lang: Lang) -> String {
        let Some(asked) = self.current() else {
            return String::new();
        };
        let right = asked.right();
        let number = right + 1;
        let answer = asked.answer(right);
        let mut text = say!(
            lang,
            "✅ Верно: {number}. **{answer}**\n",
            "✅ Right: {number}. **{answer}**\n"
        );
        if !asked.question.why.is_empty() {
            text.push_str(&asked.question.why);
            text.push('\n');
        }
        if self.alone {
            return text;
        }
        let mut counts = vec![0usize; asked.order.len()];
        for given in self.given.values() {
            if let Some(count) = counts.get_mut(given.choice) {
                *count += 1;
            }
        }
        if self.given.is_empty() {
            text.push_str(lang.pick("Никто не ответил.", "Nobody answered."));
            return text;
        }
        let bars: Vec<String> = counts
            .iter()
            .enumerate()
            .map(|(choice, count)| {
                let sign = if choice == right { "✓" } else { "" };
                format!(
                    "{}{sign} {} {count}",
                    choice + 1,
                    "▮".repeat((*count).min(12))
                )
            })
            .collect();
        text.push_str("```\n");
        text.push_str(&bars.join("\n"));
        text.push_str("\n```\n");
        text
    }

    /// People with points, the best first.
    pub(crate) fn table(&self) -> Vec<(&String, &Total)> {
        let mut table: Vec<(&String, &Total)> = self.totals.iter().collect();
        table.sort_by_key(|(id, total)| (-total.points, (*id).clone()));
        table
    }

    pub(crate) fn standing(&self, lang: Lang) -> String {
        let title = &self.title;
        let mut text = say!(
            lang,
            "🏆 **Викторина: {title}**\n",
            "🏆 **Quiz: {title}**\n"
        );
        let asked = self.questions.len();
        for (index, (_, total)) in self.table().into_iter().take(10).enumerate() {
            let place = index + 1;
            let (name, points, right) = (&total.name, total.points, total.right);
            text.push_str(&say!(
                lang,
                "{place}. {name} — {points} (верно {right} из {asked})\n",
                "{place}. {name} — {points} ({right} of {asked} right)\n"
            ));
        }
        text
    }
}

impl Rules for Quiz {
    fn turn(&self) -> Turn {
        if self.phase == Phase::Over {
            Turn::Over(Outcome::Solved)
        } else {
            Turn::Anyone
        }
    }

    /// Answers are taken with their person and time instead: see [`Quiz::give`].
    fn play(&mut self, _attempt: Move<'_>) -> Result<Played, Refused> {
        Err(Refused::NotAMove)
    }

    fn board(&self, lang: Lang, _names: &[String]) -> String {
        self.question_text(lang)
    }
}
