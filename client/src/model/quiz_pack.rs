//! A quiz while it is being written, and the file that the bot takes.

use crate::render::Language;

/// The bot takes no more.
pub const MOST_QUESTIONS: usize = 200;
const LONGEST_QUESTION: usize = 600;
const LONGEST_ANSWER: usize = 150;
const LONGEST_WHY: usize = 800;

/// A question; the first answer is right.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Question {
    pub text: String,
    pub answers: [String; 4],
    pub why: String,
}

/// A quiz.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct QuizPack {
    pub title: String,
    pub questions: Vec<Question>,
}

/// What keeps a quiz from being played.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Flaw {
    NoTitle,
    /// Numbers of questions count from 1.
    NoText(usize),
    FewAnswers(usize),
    SameAnswers(usize),
    TooLong(usize),
}

impl Flaw {
    /// What to do about it.
    #[must_use]
    pub fn say(self, language: Language) -> String {
        match (language, self) {
            (Language::Russian, Self::NoTitle) => "Назовите викторину.".to_owned(),
            (Language::English, Self::NoTitle) => "Give the quiz a name.".to_owned(),
            (Language::Russian, Self::NoText(n)) => format!("Вопрос {n}: напишите сам вопрос."),
            (Language::English, Self::NoText(n)) => format!("Question {n}: write what is asked."),
            (Language::Russian, Self::FewAnswers(n)) => {
                format!("Вопрос {n}: нужен верный ответ и хотя бы один неверный.")
            }
            (Language::English, Self::FewAnswers(n)) => {
                format!("Question {n}: a right answer and at least one wrong one, please.")
            }
            (Language::Russian, Self::SameAnswers(n)) => {
                format!("Вопрос {n}: два ответа одинаковы.")
            }
            (Language::English, Self::SameAnswers(n)) => {
                format!("Question {n}: two answers are the same.")
            }
            (Language::Russian, Self::TooLong(n)) => format!("Вопрос {n}: сократите текст."),
            (Language::English, Self::TooLong(n)) => {
                format!("Question {n}: make the text shorter.")
            }
        }
    }
}

impl QuizPack {
    /// The first thing that is wrong.
    #[must_use]
    pub fn flaw(&self) -> Option<Flaw> {
        if self.title.trim().is_empty() {
            return Some(Flaw::NoTitle);
        }
        let numbered = (1..).zip(&self.questions);
        numbered
            .filter_map(|(number, question)| question.flaw(number))
            .next()
    }

    /// The file, in YAML: JSON's strings are YAML's too.
    #[must_use]
    pub fn yaml(&self, language: Language) -> String {
        let quoted = |text: &str| serde_json::Value::from(text.trim()).to_string();
        let lang = match language {
            Language::Russian => "ru",
            Language::English => "en",
        };
        let mut yaml = format!(
            "title: {}\nlang: {lang}\nsubject: \"\"\nversion: 1\nquestions:\n",
            quoted(&self.title)
        );
        for question in &self.questions {
            let answers: Vec<_> = question.given().map(quoted).collect();
            yaml.push_str(&format!("  - q: {}\n", quoted(&question.text)));
            yaml.push_str(&format!("    answers: [{}]\n", answers.join(", ")));
            if !question.why.trim().is_empty() {
                yaml.push_str(&format!("    why: {}\n", quoted(&question.why)));
            }
        }
        yaml
    }

    /// A name for the file.
    #[must_use]
    pub fn file_name(&self) -> String {
        let name: String = self
            .title
            .trim()
            .chars()
            .map(|letter| {
                if letter.is_alphanumeric() {
                    letter
                } else {
                    '-'
                }
            })
            .take(40)
            .collect();
        format!("{}.yaml", name.trim_matches('-'))
    }
}

impl Question {
    fn flaw(&self, number: usize) -> Option<Flaw> {
        let long = |text: &str, most: usize| text.chars().count() > most;
        if self.text.trim().is_empty() {
            return Some(Flaw::NoText(number));
        }
        if self.answers[0].trim().is_empty() || self.given().count() < 2 {
            return Some(Flaw::FewAnswers(number));
        }
        let mut answers: Vec<_> = self.given().map(str::to_lowercase).collect();
        answers.sort_unstable();
        if answers.windows(2).any(|pair| pair[0] == pair[1]) {
            return Some(Flaw::SameAnswers(number));
        }
        let too_long = long(&self.text, LONGEST_QUESTION)
            || long(&self.why, LONGEST_WHY)
            || self.given().any(|answer| long(answer, LONGEST_ANSWER));
        too_long.then_some(Flaw::TooLong(number))
    }

    /// The answers that were written, the right one first.
    pub fn given(&self) -> impl Iterator<Item = &str> {
        let answers = self.answers.iter().map(|answer| answer.trim());
        answers.filter(|answer| !answer.is_empty())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn pack() -> QuizPack {
        QuizPack {
            title: "Сети: \"основы\"".to_owned(),
            questions: vec![Question {
                text: "Сколько бит в байте?".to_owned(),
                answers: [
                    "8".to_owned(),
                    "10".to_owned(),
                    String::new(),
                    "16".to_owned(),
                ],
                why: "Так договорились.".to_owned(),
            }],
        }
    }

    #[test]
    fn the_file_is_what_the_bot_reads() {
        let yaml = pack().yaml(Language::Russian);
        let expected = "title: \"Сети: \\\"основы\\\"\"\nlang: ru\nsubject: \"\"\nversion: 1\nquestions:\n  \
             - q: \"Сколько бит в байте?\"\n    answers: [\"8\", \"10\", \"16\"]\n    why: \"Так договорились.\"\n";
        assert_eq!(yaml, expected);
        assert_eq!(pack().file_name(), "Сети---основы.yaml");
    }

    #[test]
    fn flaws_are_named_one_by_one() {
        let mut pack = pack();
        assert_eq!(pack.flaw(), None);
        pack.questions[0].answers[1] = " 8 ".to_owned();
        assert_eq!(pack.flaw(), Some(Flaw::SameAnswers(1)));
        pack.questions[0].answers = Default::default();
        assert_eq!(pack.flaw(), Some(Flaw::FewAnswers(1)));
        pack.questions[0].text.clear();
        assert_eq!(pack.flaw(), Some(Flaw::NoText(1)));
        pack.title.clear();
        assert_eq!(pack.flaw(), Some(Flaw::NoTitle));
    }
}
