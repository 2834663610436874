//! A pack of questions, and what makes one good enough to be played.

use serde::{Deserialize, Serialize};

use crate::{
    lang::{Lang, fold, say},
    words,
};

const MOST_QUESTIONS: usize = 200;
const LONGEST_QUESTION: usize = 600;
const LONGEST_ANSWER: usize = 150;
const LONGEST_WHY: usize = 800;
pub(crate) const MOST_ANSWERS: usize = 6;

#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
pub(crate) struct Pack {
    pub(crate) title: String,
    pub(crate) lang: Lang,
    pub(crate) subject: String,
    pub(crate) version: u32,
    pub(crate) questions: Vec<Question>,
}

#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
pub(crate) struct Question {
    pub(crate) text: String,
    /// The first is right.
    pub(crate) answers: Vec<String>,
    /// Other spellings of the right one, for those who type.
    #[serde(default)]
    pub(crate) accept: Vec<String>,
    #[serde(default)]
    pub(crate) why: String,
    #[serde(default)]
    pub(crate) level: u8,
    /// Where it is in its file.
    #[serde(default)]
    pub(crate) line: usize,
}

/// What is wrong with a file, and what to do about it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Problem {
    pub(crate) line: usize,
    /// In Russian and in English.
    pub(crate) text: [String; 2],
}

impl Problem {
    pub(crate) fn new(line: usize, russian: impl Into<String>, english: impl Into<String>) -> Self {
        Self {
            line,
            text: [russian.into(), english.into()],
        }
    }

    pub(crate) fn say(&self, lang: Lang) -> String {
        let line = self.line;
        let text = lang.pick(&self.text[0], &self.text[1]);
        say!(lang, "строка {line}: {text}", "line {line}: {text}")
    }
}

impl Pack {
    /// Everything that keeps the pack from being played.
    pub(crate) fn problems(&self) -> Vec<Problem> {
        let mut problems = Vec::new();
        if self.title.trim().is_empty() {
            problems.push(Problem::new(
                1,
                "у пака нет названия; добавьте его первой строкой, например «# Столицы»",
                "the pack has no title; add one as the first line, such as “# Capitals”",
            ));
        }
        if self.questions.is_empty() {
            problems.push(Problem::new(
                1,
                "в файле нет ни одного вопроса",
                "there is no question in the file",
            ));
        }
        if let Some(extra) = self.questions.get(MOST_QUESTIONS) {
            problems.push(Problem::new(
                extra.line,
                format!("в паке может быть не больше {MOST_QUESTIONS} вопросов; разделите его"),
                format!("a pack has at most {MOST_QUESTIONS} questions; split it"),
            ));
        }
        for (index, question) in self.questions.iter().enumerate() {
            question.problems(&mut problems);
            let text = fold(&question.text);
            let earlier = self.questions[..index]
                .iter()
                .find(|earlier| fold(&earlier.text) == text);
            if let Some(earlier) = earlier {
                let line = earlier.line;
                problems.push(Problem::new(
                    question.line,
                    format!("такой вопрос уже есть в строке {line}; удалите один из них"),
                    format!("the same question is in line {line}; remove one of them"),
                ));
            }
        }
        problems
    }
}

impl Question {
    fn problems(&self, problems: &mut Vec<Problem>) {
        let line = self.line;
        let mut problem = |russian: String, english: String| {
            problems.push(Problem::new(line, russian, english));
        };
        let too_long = |text: &str, most: usize| text.chars().count() > most;
        if self.text.trim().is_empty() {
            problem(
                "пустой вопрос".to_owned(),
                "the question is empty".to_owned(),
            );
        }
        if too_long(&self.text, LONGEST_QUESTION) {
            problem(
                format!("вопрос длиннее {LONGEST_QUESTION} знаков; сократите его"),
                format!("the question is longer than {LONGEST_QUESTION} characters; shorten it"),
            );
        }
        if !(2..=MOST_ANSWERS).contains(&self.answers.len()) {
            let count = self.answers.len();
            problem(
                format!(
                    "ответов {count}, а нужно от 2 до {MOST_ANSWERS}: один верный и остальные неверные"
                ),
                format!(
                    "there are {count} answers; it takes 2 to {MOST_ANSWERS}, one right and the others wrong"
                ),
            );
        }
        for (index, answer) in self.answers.iter().enumerate() {
            if answer.trim().is_empty() {
                problem("пустой ответ".to_owned(), "an answer is empty".to_owned());
            }
            if too_long(answer, LONGEST_ANSWER) {
                problem(
                    format!("ответ длиннее {LONGEST_ANSWER} знаков"),
                    format!("an answer is longer than {LONGEST_ANSWER} characters"),
                );
            }
            // Upper and lower case may be the point of a question.
            if self.answers[..index]
                .iter()
                .any(|earlier| earlier.trim() == answer.trim())
            {
                problem(
                    format!("ответ «{answer}» повторяется"),
                    format!("the answer “{answer}” is there twice"),
                );
            }
        }
        if too_long(&self.why, LONGEST_WHY) {
            problem(
                format!("объяснение длиннее {LONGEST_WHY} знаков"),
                format!("the explanation is longer than {LONGEST_WHY} characters"),
            );
        }
        let all = [&[self.text.clone(), self.why.clone()][..], &self.answers].concat();
        if all.iter().any(|text| text.split_whitespace().any(is_rude)) {
            problem(
                "в вопросе есть грубое слово".to_owned(),
                "there is a rude word".to_owned(),
            );
        }
    }
}

/// Only whole words of a pack are judged, since parts of harmless words are on the list too.
fn is_rude(word: &str) -> bool {
    let word: String = word
        .chars()
        .filter(|letter| letter.is_alphabetic())
        .collect();
    word.chars().count() <= 6 && words::is_blocked_start(&word)
}
