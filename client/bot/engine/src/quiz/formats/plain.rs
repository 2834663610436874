//! The plain format, which can be written by hand:
//!
//! ```text
//! # Capitals
//! ? The capital of France
//! + Paris
//! - Lyon
//! - Nice
//! ! Paris has been it since 987.
//! ```

use crate::{
    lang::{Lang, fold},
    quiz::pack::{Pack, Problem, Question},
};

pub(super) fn read(text: &str) -> Result<Pack, Vec<Problem>> {
    let mut pack = Pack::default();
    let mut problems = Vec::new();
    for (index, line) in text.lines().enumerate() {
        let number = index + 1;
        let line = line.trim();
        let mut letters = line.chars();
        let Some(sign) = letters.next() else {
            continue;
        };
        let rest = letters.as_str().trim().to_owned();
        match sign {
            '#' => heading(&mut pack, &rest),
            '?' => pack.questions.push(Question {
                text: rest,
                line: number,
                ..Question::default()
            }),
            '+' | '-' | '!' | '~' | '–' | '—' => match pack.questions.last_mut() {
                Some(question) => part(question, sign, rest, number, &mut problems),
                None => problems.push(Problem::new(
                    number,
                    "ответ стоит раньше вопроса; вопрос начинается с «?»",
                    "an answer before any question; a question begins with “?”",
                )),
            },
            _ => problems.push(Problem::new(
                number,
                "непонятная строка; вопрос начинается с «?», верный ответ с «+», неверный с «-», объяснение с «!»",
                "this line is not understood; a question begins with “?”, the right answer with “+”, a wrong one with “-”, an explanation with “!”",
            )),
        }
    }
    for question in &pack.questions {
        if question.answers.first().is_none_or(String::is_empty) {
            problems.push(Problem::new(
                question.line,
                "нет верного ответа; добавьте строку с «+»",
                "the right answer is missing; add a line with “+”",
            ));
        }
    }
    problems.sort_by_key(|problem| problem.line);
    if problems.is_empty() {
        Ok(pack)
    } else {
        Err(problems)
    }
}

/// The title, or a fact about the pack.
fn heading(pack: &mut Pack, rest: &str) {
    match rest
        .split_once(':')
        .map(|(key, value)| (fold(key), value.trim()))
    {
        Some((key, value)) if matches!(key.as_str(), "язык" | "lang") => {
            pack.lang = Lang::parse(value).unwrap_or_default();
        }
        Some((key, value)) if matches!(key.as_str(), "предмет" | "subject") => {
            value.clone_into(&mut pack.subject);
        }
        _ if pack.title.is_empty() => rest.clone_into(&mut pack.title),
        _ => {}
    }
}

fn part(
    question: &mut Question,
    sign: char,
    rest: String,
    number: usize,
    problems: &mut Vec<Problem>,
) {
    match sign {
        '+' => {
            // The right answer stands first, wherever it was written.
            let has_right = question
                .answers
                .first()
                .is_some_and(|answer| !answer.is_empty());
            if has_right {
                problems.push(Problem::new(
                    number,
                    "второй верный ответ; верным может быть только один",
                    "a second right answer; only one can be right",
                ));
            } else if question.answers.is_empty() {
                question.answers.push(rest);
            } else {
                question.answers[0] = rest;
            }
        }
        '~' => question.accept.push(rest),
        '!' => {
            if !question.why.is_empty() {
                question.why.push(' ');
            }
            question.why.push_str(&rest);
        }
        _ => {
            if question.answers.is_empty() {
                // Room for the right one.
                question.answers.push(String::new());
            }
            question.answers.push(rest);
        }
    }
}
