//! Finding the article for a question: BM25 over stems, with wrong letters put right by the words that articles use.

use std::{
    collections::{BTreeSet, HashMap},
    sync::OnceLock,
};

use bm25::{Embedder, EmbedderBuilder, Scorer, Tokenizer};
use rust_stemmers::{Algorithm, Stemmer};

use crate::lang::{Lang, fold};

include!(concat!(env!("OUT_DIR"), "/articles.rs"));

/// How much of a question an article has to account for, by the weight of its words.
const LEAST_COVERAGE: f32 = 0.57;
/// What a word counts that only stands in the text, not in the title or among the words of an article.
const IN_THE_TEXT: f32 = 0.35;
/// What a word counts that had to be put right.
const IF_CORRECTED: f32 = 0.8;
/// What a word counts that no article has, beside the most telling one that some article has.
const IF_UNKNOWN: f32 = 1.2;
/// How much of its score an article keeps that accounts for nothing of the question.
const WITHOUT_COVERAGE: f32 = 0.2;
/// What a match in the title or among the words of an article counts more than one in its text.
const TITLE_COPIES: usize = 4;
const LABEL_COPIES: usize = 3;

/// An article of the help.
pub(super) struct Article {
    pub(super) id: String,
    pub(super) title: String,
    pub(super) text: String,
    /// Stems of the title and of the words people use for it.
    labels: BTreeSet<String>,
    stems: BTreeSet<String>,
}

/// The articles of a language, ready to be searched.
pub(super) struct Library {
    articles: Vec<Article>,
    embedder: Embedder<u32, Stems>,
    scorer: Scorer<usize, u32>,
    /// How telling each stem is.
    weights: HashMap<String, f32>,
    most_telling: f32,
}

/// The library of a language, made on first use.
pub(super) fn library(lang: Lang) -> &'static Library {
    static RUSSIAN: OnceLock<Library> = OnceLock::new();
    static ENGLISH: OnceLock<Library> = OnceLock::new();
    lang.pick(&RUSSIAN, &ENGLISH)
        .get_or_init(|| Library::new(lang))
}

/// The language of a question, if its letters tell.
pub(super) fn language_of(text: &str) -> Option<Lang> {
    let russian = text
        .chars()
        .filter(|letter| {
            ('а'..='я').contains(&letter.to_ascii_lowercase()) || ('А'..='я').contains(letter)
        })
        .count();
    let latin = text.chars().filter(char::is_ascii_alphabetic).count();
    match (russian, latin) {
        (0, 0) => None,
        _ if russian * 2 >= latin => Some(Lang::Ru),
        _ => Some(Lang::En),
    }
}

impl Library {
    fn new(lang: Lang) -> Self {
        let ending = lang.pick(".ru", ".en");
        let files = ARTICLES
            .iter()
            .filter_map(|(name, text)| Some((name.strip_suffix(ending)?, *text)));
        let mut documents = Vec::new();
        let mut articles = Vec::new();
        for (id, file) in files {
            let (title, rest) = file.split_once('\n').unwrap_or((file, ""));
            let (about, text) = rest.split_once("-->").unwrap_or(("", rest));
            let title = title.trim_start_matches('#').trim();
            let label = about.trim().trim_start_matches("<!--").replace('|', " ");
            let mut document = format!("{text}\n");
            for _ in 0..TITLE_COPIES {
                document.push_str(title);
                document.push('\n');
            }
            for _ in 0..LABEL_COPIES {
                document.push_str(&label);
                document.push('\n');
            }
            articles.push(Article {
                id: id.to_owned(),
                title: title.to_owned(),
                text: text.trim().to_owned(),
                labels: stems(&format!("{title} {label}")).into_iter().collect(),
                stems: stems(&document).into_iter().collect(),
            });
            documents.push(document);
        }
        let corpus: Vec<&str> = documents.iter().map(String::as_str).collect();
        let embedder =
            EmbedderBuilder::<u32, Stems>::with_tokenizer_and_fit_to_corpus(Stems, &corpus)
                .b(0.5)
                .build();
        let mut scorer = Scorer::new();
        for (index, document) in documents.iter().enumerate() {
            scorer.upsert(&index, embedder.embed(document));
        }
        let mut counts: HashMap<String, usize> = HashMap::new();
        for stem in articles.iter().flat_map(|article| &article.stems) {
            *counts.entry(stem.clone()).or_default() += 1;
        }
        let all = articles.len() as f32;
        let weight = |count: usize| (1.0 + (all - count as f32 + 0.5) / (count as f32 + 0.5)).ln();
        let weights = counts
            .into_iter()
            .map(|(stem, count)| (stem, weight(count)))
            .collect();
        Self {
            articles,
            embedder,
            scorer,
            weights,
            most_telling: weight(1),
        }
    }

    /// The article that answers a question, or nothing if none is likely to.
    pub(super) fn find(&self, question: &str) -> Option<&Article> {
        let asked: Vec<Asked> = stems(question)
            .into_iter()
            .map(|stem| self.spell(stem))
            .collect();
        let words: Vec<&str> = asked.iter().map(|asked| asked.stem.as_str()).collect();
        let query = self.embedder.embed(&words.join(" "));
        let mut scored: Vec<(f32, &Article)> = self
            .scorer
            .matches(&query)
            .into_iter()
            .map(|found| {
                let article = &self.articles[found.id];
                (
                    found.score * (WITHOUT_COVERAGE + self.coverage(article, &asked)),
                    article,
                )
            })
            .collect();
        scored.sort_by(|(first, one), (second, other)| {
            second.total_cmp(first).then_with(|| one.id.cmp(&other.id))
        });
        let (_, best) = scored.first()?;
        (self.coverage(best, &asked) >= LEAST_COVERAGE).then_some(*best)
    }

    /// How much of a question is about what the article is about.
    fn coverage(&self, article: &Article, asked: &[Asked]) -> f32 {
        let mut all = 0.0;
        let mut covered = 0.0;
        for Asked { stem, was_wrong } in asked {
            let weight = self
                .weights
                .get(stem)
                .copied()
                .unwrap_or(self.most_telling * IF_UNKNOWN);
            all += weight;
            let sure = if *was_wrong { IF_CORRECTED } else { 1.0 };
            if article.labels.contains(stem) {
                covered += weight * sure;
            } else if article.stems.contains(stem) {
                covered += weight * sure * IN_THE_TEXT;
            }
        }
        if all > 0.0 { covered / all } else { 0.0 }
    }

    /// The word of the articles that a word with a wrong letter was meant to be.
    fn spell(&self, stem: String) -> Asked {
        let length = stem.chars().count();
        let as_it_is = |stem: String| Asked {
            stem,
            was_wrong: false,
        };
        if length < 4 || self.weights.contains_key(&stem) {
            return as_it_is(stem);
        }
        let allowed = if length < 8 { 1 } else { 2 };
        let near = self
            .weights
            .keys()
            .filter(|known| known.chars().count().abs_diff(length) <= allowed)
            // The first letter is rarely wrong, and another one makes another word.
            .filter(|known| known.chars().next() == stem.chars().next())
            .map(|known| (strsim::osa_distance(known, &stem), known))
            .filter(|(distance, _)| *distance <= allowed)
            .min();
        match near {
            Some((_, known)) => Asked {
                stem: known.clone(),
                was_wrong: true,
            },
            None => as_it_is(stem),
        }
    }
}

/// A word of a question.
struct Asked {
    stem: String,
    /// It was put right, so it may have been another word.
    was_wrong: bool,
}

struct Stems;

impl Tokenizer for Stems {
    fn tokenize(&self, text: &str) -> Vec<String> {
        stems(text)
    }
}

/// Words that say nothing about what a question is about.
const EMPTY: &str = " а без бы был быть в вам вас ведь во вообще вот все всё всего вы где да для до его ее её если есть еще ещё же за и из или им их к как какая какие какой ко когда кто ли либо мне меня мной могу можно может мой моя мои мы на надо нам нас не него нее нет ни ну о об он она они оно от по под при про с со сам свой свои сделать себе так там те тебе тем то тоже только тот у уже хочу чего чем что чтобы чтоб эта эти это этого этот я нужно пожалуйста скажи подскажи подскажите почему зачем куда откуда какую a about am an and any are as at be been but by can could did do does for from get had has have how i if im in is it its just let like me my no not of on or our please should so some that the their them then there these they this to too up us use was we what when where which who why will with would you your s t ";

/// Stems of the words that mean something. A stem is a stem of itself, so that a question can be put right and searched.
fn stems(text: &str) -> Vec<String> {
    let russian = Stemmer::create(Algorithm::Russian);
    let english = Stemmer::create(Algorithm::English);
    fold(text)
        .split(|letter: char| !letter.is_alphanumeric())
        .filter(|word| word.chars().count() > 1 && !EMPTY.contains(&format!(" {word} ")))
        .map(|word| {
            let stemmer = if word.is_ascii() { &english } else { &russian };
            stemmer.stem(&stemmer.stem(word)).into_owned()
        })
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Right answers among the questions that have one, and wrong answers to those that have none.
    fn judge(lang: Lang) -> (usize, usize, Vec<String>) {
        let questions = lang.pick(
            include_str!("../../../questions/ru.tsv"),
            include_str!("../../../questions/en.tsv"),
        );
        let mut asked = 0;
        let mut foreign = 0;
        let mut wrong = Vec::new();
        for line in questions.lines() {
            let Some((question, expected)) = line.split_once('\t') else {
                continue;
            };
            let found = library(lang)
                .find(question)
                .map_or("-", |article| &article.id);
            if expected == "-" {
                foreign += 1;
            } else {
                asked += 1;
            }
            if found != expected.trim() {
                wrong.push(format!("{question}: {found}, expected {expected}"));
            }
        }
        (asked, foreign, wrong)
    }

    #[test]
    fn questions_find_their_article_and_foreign_ones_find_none() {
        let results = Lang::ALL.map(|lang| (lang, judge(lang)));
        for (lang, (_, _, wrong)) in &results {
            println!("{lang:?}\n{}", wrong.join("\n"));
        }
        for (lang, (asked, foreign, wrong)) in results {
            let declined = |line: &&String| line.ends_with("expected -");
            let answered_wrongly = wrong.iter().filter(declined).count();
            let missed = wrong.len() - answered_wrongly;
            println!(
                "{lang:?}: {missed} of {asked} missed, {answered_wrongly} of {foreign} should be declined"
            );
            assert!(asked >= 60 && foreign >= 20);
            assert!(missed * 100 <= asked * 15, "{missed} of {asked}");
            assert_eq!(answered_wrongly, 0);
        }
    }
}
