//! Which problem a report is about.
//!
//! A report is compared with a few earlier ones of every problem by the words they share: words in any of their forms,
//! without those that every text has. Rare words count for more, so two reports that both name room 214 are closer than
//! two that both say "file". Words that are nearly the same, one of them probably mistyped, count in part. The measure is
//! the cosine of the angle between the two lists of weights: 1 for the same words, 0 for none in common.

use std::{
    collections::{BTreeMap, BTreeSet, HashMap, HashSet},
    sync::LazyLock,
};

use super::store::ProblemId;
use crate::search::words::{term, words};

/// Different terms of one report that count.
const MAX_TERMS: usize = 60;
/// From here on, a report is taken to be about the problem.
const SAME: f64 = 0.5;
/// From here on, a problem is shown to whoever writes the report.
const SIMILAR: f64 = 0.25;
/// A sample this close to a report makes it superfluous as another sample.
const ALIKE: f64 = 0.9;
/// Reports of one problem that others are compared with.
const MAX_SAMPLES: usize = 5;
/// Letters from which on a word may be a mistyped one.
const MIN_TYPO_LETTERS: usize = 5;
/// How many of their trigrams two words share that differ by a typing error.
const TYPO: f64 = 0.6;
/// As if there were so many problems more: in a handful, no word is rare yet.
const PRIOR: f64 = 8.0;

/// Words that say nothing about what a report is about.
const STOP_WORDS: &str = "а без бы в вам вас во вот все всё вы где да даже для до его ее её если есть еще ещё же за здесь \
    и из или им их к как когда кто ли меня мне мной может можно мои мой моя мы на над не него нет но ну о об он она они оно \
    от очень по под после потом потому почему при про просто раз с сейчас со так такой там то тоже только тут ты у уже хочу \
    хотел чем что чтобы эта эти это этот я при добрый день здравствуйте пожалуйста спасибо \
    a about after all also am an and any are as at be been but by can cannot could did do does doesn't don't for from had \
    has have hello hi how i if in is isn't it its just me my no not of on only or please so some thanks that the their them \
    then there they this to too very was we were what when where which why will with would you your";

static STOP_TERMS: LazyLock<HashSet<String>> =
    LazyLock::new(|| STOP_WORDS.split_whitespace().map(term).collect());

/// What of a report is compared: the different terms of its words, sorted.
pub(super) fn terms(text: &str) -> Vec<String> {
    let all = words(text).map(term);
    let telling = all.filter(|term| !STOP_TERMS.contains(term));
    let terms: BTreeSet<String> = telling.take(MAX_TERMS).collect();
    terms.into_iter().collect()
}

/// What is compared of a problem.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Group {
    /// Whether it is a wish: a wish for something and a complaint about it are different.
    pub(super) is_idea: bool,
    /// The terms of some reports.
    pub(super) samples: Vec<Vec<String>>,
}

/// How close a report is to a problem.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(super) struct Match {
    pub(super) id: ProblemId,
    pub(super) score: f64,
    shared: usize,
    /// Whether the words are the same, none more and none less.
    is_equal: bool,
}

impl Match {
    /// Whether the report is about the problem beyond doubt. One word in common is not enough for that: everything that
    /// is reported "does not work".
    pub(super) fn is_same(&self) -> bool {
        self.is_equal || (self.score >= SAME && self.shared >= 2)
    }

    fn is_similar(&self) -> bool {
        self.is_same() || (self.score >= SIMILAR && (self.shared >= 2 || self.score >= SAME))
    }
}

/// All problems, by their terms.
#[derive(Debug, Default)]
pub(super) struct Groups {
    groups: BTreeMap<ProblemId, Group>,
    by_term: HashMap<String, BTreeSet<ProblemId>>,
}

impl Groups {
    /// Adds a problem, or replaces what was known of it.
    pub(super) fn put(&mut self, id: ProblemId, group: Group) {
        self.remove(id);
        for term in group.samples.iter().flatten() {
            self.by_term.entry(term.clone()).or_default().insert(id);
        }
        self.groups.insert(id, group);
    }

    /// Takes a problem out.
    pub(super) fn remove(&mut self, id: ProblemId) {
        let Some(group) = self.groups.remove(&id) else {
            return;
        };
        for term in group.samples.iter().flatten() {
            if let Some(ids) = self.by_term.get_mut(term) {
                ids.remove(&id);
                if ids.is_empty() {
                    self.by_term.remove(term);
                }
            }
        }
    }

    /// How many problems there are.
    #[cfg(test)]
    fn len(&self) -> usize {
        self.groups.len()
    }

    /// Problems that a report may be about, the closest one first. `is_idea` is `None` while that is not decided.
    pub(super) fn similar(&self, terms: &[String], is_idea: Option<bool>) -> Vec<Match> {
        let candidates: BTreeSet<ProblemId> = terms
            .iter()
            .filter_map(|term| self.by_term.get(term))
            .flatten()
            .copied()
            .collect();
        let mut found: Vec<Match> = candidates
            .into_iter()
            .filter_map(|id| Some((id, self.groups.get(&id)?)))
            .filter(|(_, group)| is_idea.is_none_or(|is_idea| is_idea == group.is_idea))
            .filter_map(|(id, group)| {
                let matches = group
                    .samples
                    .iter()
                    .map(|sample| self.compare(id, terms, sample));
                matches.max_by(|a, b| a.score.total_cmp(&b.score))
            })
            .filter(Match::is_similar)
            .collect();
        found.sort_by(|a, b| b.score.total_cmp(&a.score).then(a.id.cmp(&b.id)));
        found
    }

    fn compare(&self, id: ProblemId, terms: &[String], sample: &[String]) -> Match {
        let (mut product, mut shared) = (0.0, 0);
        for term in terms {
            let weight = self.weight(term);
            if sample.contains(term) {
                product += weight * weight;
                shared += 1;
            } else if let Some((other, likeness)) = mistyped(term, terms, sample) {
                product += likeness * weight * self.weight(other);
                shared += 1;
            }
        }
        let lengths = self.length(terms) * self.length(sample);
        Match {
            id,
            score: if lengths > 0.0 {
                product / lengths
            } else {
                0.0
            },
            shared,
            is_equal: !terms.is_empty() && terms == sample,
        }
    }

    /// How much a term tells: the rarer, the more.
    fn weight(&self, term: &str) -> f64 {
        let with_it = self.by_term.get(term).map_or(0, BTreeSet::len) as f64;
        (1.0 + (self.groups.len() as f64 + PRIOR) / (with_it + 1.0)).ln()
    }

    fn length(&self, terms: &[String]) -> f64 {
        let squares = terms.iter().map(|term| self.weight(term).powi(2));
        squares.sum::<f64>().sqrt()
    }
}

/// The samples of a problem with one more report, if it says what no other says.
pub(super) fn with_sample(mut samples: Vec<Vec<String>>, terms: Vec<String>) -> Vec<Vec<String>> {
    let is_known = samples
        .iter()
        .any(|sample| overlap(sample, &terms) >= ALIKE);
    if !is_known && !terms.is_empty() && samples.len() < MAX_SAMPLES {
        samples.push(terms);
    }
    samples
}

/// The part that two lists have in common.
fn overlap(a: &[String], b: &[String]) -> f64 {
    let shared = a.iter().filter(|term| b.contains(term)).count() as f64;
    let lengths = ((a.len() * b.len()) as f64).sqrt();
    if lengths > 0.0 { shared / lengths } else { 0.0 }
}

/// A term of `sample` that `term` may be a mistyped form of, or the other way round.
fn mistyped<'s>(term: &str, terms: &[String], sample: &'s [String]) -> Option<(&'s str, f64)> {
    if term.chars().count() < MIN_TYPO_LETTERS {
        return None;
    }
    let grams = trigrams(term);
    let others = sample
        .iter()
        .filter(|other| other.chars().count() >= MIN_TYPO_LETTERS && !terms.contains(other));
    others
        .map(|other| (other.as_str(), likeness(&grams, &trigrams(other))))
        .filter(|(_, likeness)| *likeness >= TYPO)
        .max_by(|a, b| a.1.total_cmp(&b.1))
}

/// The groups of three letters in a word, with its ends.
fn trigrams(word: &str) -> BTreeSet<[char; 3]> {
    let letters: Vec<char> = std::iter::once(' ')
        .chain(word.chars())
        .chain([' '])
        .collect();
    letters
        .windows(3)
        .map(|three| [three[0], three[1], three[2]])
        .collect()
}

fn likeness(a: &BTreeSet<[char; 3]>, b: &BTreeSet<[char; 3]>) -> f64 {
    let shared = a.intersection(b).count() as f64;
    2.0 * shared / (a.len() + b.len()).max(1) as f64
}

#[cfg(test)]
mod tests {
    use super::*;

    fn groups(texts: &[&str]) -> Groups {
        let mut groups = Groups::default();
        for (number, text) in (1..).zip(texts) {
            let group = Group {
                is_idea: false,
                samples: vec![terms(text)],
            };
            groups.put(ProblemId(number), group);
        }
        groups
    }

    fn best(groups: &Groups, text: &str) -> Option<Match> {
        groups.similar(&terms(text), Some(false)).first().copied()
    }

    const REPORTS: [&str; 5] = [
        "Не открываются файлы PDF в 214",
        "Не приходят уведомления о новых сообщениях",
        "Долго грузится список чатов",
        "Программа закрывается сама, когда открываю картинку",
        "The sound of notifications does not work",
    ];

    #[test]
    fn other_words_for_the_same_problem_are_grouped() {
        let groups = groups(&REPORTS);
        let same = [
            (
                1,
                "Файл PDF скачался, но не открывается: пишет, что нет программы. Аудитория 214, место 7.",
            ),
            (2, "не пришло уведомление про новое сообщение"),
            (3, "список чатов грузится очень долго!!"),
            (4, "открываю картинки и программа сама закрывается"),
            (5, "no notification sounds, the sound isn't working"),
        ];
        for (id, text) in same {
            let found = best(&groups, text).unwrap();
            assert_eq!(found.id, ProblemId(id), "{text}");
            assert!(found.is_same(), "{text}: {found:?}");
        }
    }

    #[test]
    fn different_problems_stay_apart() {
        let groups = groups(&REPORTS);
        let different = [
            "Не работает",
            "Файлы не отправляются",
            "Не могу войти, пишет неверный пароль",
            "Список участников пуст",
            "sound",
        ];
        for text in different {
            let found = best(&groups, text);
            assert!(
                !found.is_some_and(|found| found.is_same()),
                "{text}: {found:?}"
            );
        }
    }

    #[test]
    fn the_same_single_word_is_the_same_problem() {
        let groups = groups(&["Тормозит"]);
        assert!(best(&groups, "тормозит!").unwrap().is_same());
        assert!(
            !best(&groups, "тормозит видео в чате группы").is_some_and(|found| found.is_same())
        );
    }

    #[test]
    fn a_mistyped_word_counts() {
        let groups = groups(&REPORTS);
        let found = best(&groups, "не открвываются файлы пдф pdf").unwrap();
        assert_eq!(found.id, ProblemId(1));
        assert!(found.shared >= 3, "{found:?}");
    }

    #[test]
    fn a_wish_is_no_complaint() {
        let groups = groups(&REPORTS);
        let terms = terms("Не открываются файлы PDF в 214");
        assert!(groups.similar(&terms, Some(true)).is_empty());
        assert_eq!(groups.similar(&terms, None).len(), 1);
    }

    #[test]
    fn a_problem_taken_out_is_not_found() {
        let mut groups = groups(&REPORTS);
        groups.remove(ProblemId(1));
        assert_eq!(best(&groups, REPORTS[0]), None);
        assert!(!groups.by_term.contains_key("214"));
        assert_eq!(groups.len(), 4);
    }

    #[test]
    fn only_what_says_something_new_becomes_a_sample() {
        let first = vec![terms(REPORTS[0])];
        let same = with_sample(first.clone(), terms("файлы PDF не открываются в 214!"));
        assert_eq!(same, first);
        let other = with_sample(first, terms("PDF пишет что нет программы"));
        assert_eq!(other.len(), 2);
    }
}
