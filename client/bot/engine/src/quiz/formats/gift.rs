//! GIFT, the text format of Moodle: `::title:: question { =right ~wrong #why ~wrong ####why }`.
//!
//! Questions with one right answer and true-or-false questions are read; other kinds are named as what they are.

use crate::quiz::pack::{Pack, Problem, Question};

pub(super) fn read(text: &str) -> Result<Pack, Vec<Problem>> {
    let mut pack = Pack::default();
    let mut problems = Vec::new();
    for (line, block) in blocks(text) {
        if let Some(category) = block.strip_prefix("$CATEGORY:") {
            if pack.title.is_empty() {
                category
                    .trim()
                    .rsplit('/')
                    .next()
                    .unwrap_or_default()
                    .trim()
                    .clone_into(&mut pack.title);
            }
            continue;
        }
        match question(&block, line) {
            Ok(question) => pack.questions.push(question),
            Err(problem) => problems.push(problem),
        }
    }
    if problems.is_empty() {
        Ok(pack)
    } else {
        Err(problems)
    }
}

/// Questions are separated by empty lines; comments begin with two slashes. Each block comes with its first line.
fn blocks(text: &str) -> Vec<(usize, String)> {
    let mut blocks: Vec<(usize, String)> = Vec::new();
    let mut open = false;
    let mut braces = 0usize;
    for (index, line) in text.lines().enumerate() {
        let line = line.trim();
        if line.starts_with("//") {
            continue;
        }
        if line.is_empty() && braces == 0 {
            open = false;
            continue;
        }
        match blocks.last_mut() {
            Some((_, block)) if open => {
                block.push('\n');
                block.push_str(line);
            }
            _ => blocks.push((index + 1, line.to_owned())),
        }
        let mut before = ' ';
        for letter in line.chars() {
            match letter {
                '{' if before != '\\' => braces += 1,
                '}' if before != '\\' => braces = braces.saturating_sub(1),
                _ => {}
            }
            before = letter;
        }
        open = !line.starts_with("$CATEGORY:");
    }
    blocks
}

fn question(block: &str, line: usize) -> Result<Question, Problem> {
    let missing = || {
        Problem::new(
            line,
            "у вопроса нет ответов в фигурных скобках: {=верный ~неверный}",
            "the question has no answers in braces: {=right ~wrong}",
        )
    };
    let (before, rest) = split_at_sign(block, '{').ok_or_else(missing)?;
    let (inside, after) = split_at_sign(rest, '}').ok_or_else(missing)?;
    let text = match before
        .trim()
        .strip_prefix("::")
        .and_then(|titled| titled.split_once("::"))
    {
        Some((_, text)) => text,
        None => before,
    };
    let mut text = plain(
        text.trim()
            .trim_start_matches("[html]")
            .trim_start_matches("[markdown]"),
    );
    let after = plain(after);
    if !after.is_empty() {
        text = format!("{text} _____ {after}");
    }
    let (answers, why) = match split_general_feedback(inside) {
        (answers, Some(why)) => (answers, plain(why)),
        (answers, None) => (answers, String::new()),
    };
    let mut question = Question {
        text,
        why,
        line,
        ..Question::default()
    };
    answers_into(&mut question, answers, line)?;
    Ok(question)
}

fn answers_into(question: &mut Question, inside: &str, line: usize) -> Result<(), Problem> {
    let inside = inside.trim();
    let (truth, feedback) = inside
        .split_once('#')
        .map_or((inside, ""), |(truth, rest)| (truth.trim(), rest));
    if matches!(truth, "T" | "TRUE" | "F" | "FALSE") {
        let is_cyrillic = question
            .text
            .chars()
            .any(|letter| ('а'..='я').contains(&letter));
        let words = if is_cyrillic {
            ["Верно", "Неверно"]
        } else {
            ["True", "False"]
        };
        let right = usize::from(truth.starts_with('F'));
        question.answers = vec![words[right].to_owned(), words[1 - right].to_owned()];
        if question.why.is_empty() {
            question.why = plain(feedback.split('#').next().unwrap_or_default());
        }
        return Ok(());
    }
    if inside.starts_with('#') || inside.contains("->") || inside.is_empty() {
        return Err(Problem::new(
            line,
            "здесь числовой вопрос, сопоставление или эссе; бот задаёт вопросы с вариантами ответа",
            "this is a numeric, matching or essay question; the bot asks questions with choices",
        ));
    }
    let mut right = Vec::new();
    let mut wrong = Vec::new();
    for (sign, answer) in choices(inside) {
        let (answer, feedback) = match split_at_sign(answer, '#') {
            Some((answer, feedback)) => (answer, plain(feedback)),
            None => (answer, String::new()),
        };
        let answer = answer.trim();
        if answer.starts_with('%') {
            return Err(Problem::new(
                line,
                "ответы с весом в процентах не поддерживаются; отметьте верный ответ знаком «=»",
                "answers with percentages are not supported; mark the right answer with “=”",
            ));
        }
        if sign == '=' {
            if question.why.is_empty() {
                question.why = feedback;
            }
            right.push(plain(answer));
        } else {
            wrong.push(plain(answer));
        }
    }
    match (right.len(), wrong.is_empty()) {
        (0, _) => Err(Problem::new(
            line,
            "нет верного ответа со знаком «=»",
            "there is no right answer with “=”",
        )),
        (_, true) => Err(Problem::new(
            line,
            "нет неверных ответов со знаком «~»; бот задаёт вопросы с вариантами",
            "there are no wrong answers with “~”; the bot asks questions with choices",
        )),
        _ => {
            question.accept = right.split_off(1);
            question.answers = right;
            question.answers.extend(wrong);
            Ok(())
        }
    }
}

/// The answers with their signs.
fn choices(inside: &str) -> Vec<(char, &str)> {
    let mut starts = Vec::new();
    let mut before = ' ';
    for (at, letter) in inside.char_indices() {
        if matches!(letter, '=' | '~') && before != '\\' {
            starts.push((at, letter));
        }
        before = letter;
    }
    let ends = starts
        .iter()
        .skip(1)
        .map(|(at, _)| *at)
        .chain([inside.len()]);
    starts
        .iter()
        .zip(ends)
        .map(|((at, sign), end)| (*sign, &inside[at + 1..end]))
        .collect()
}

fn split_general_feedback(inside: &str) -> (&str, Option<&str>) {
    match inside.split_once("####") {
        Some((answers, why)) => (answers, Some(why)),
        None => (inside, None),
    }
}

/// Splits at the first sign that no backslash stands before.
fn split_at_sign(text: &str, sign: char) -> Option<(&str, &str)> {
    let mut before = ' ';
    for (at, letter) in text.char_indices() {
        if letter == sign && before != '\\' {
            return Some((&text[..at], &text[at + letter.len_utf8()..]));
        }
        before = letter;
    }
    None
}

/// Without the backslashes, and on one line.
fn plain(text: &str) -> String {
    let mut out = String::new();
    let mut letters = text.trim().chars();
    while let Some(letter) = letters.next() {
        match letter {
            '\\' => match letters.next() {
                Some('n') => out.push(' '),
                Some(next) => out.push(next),
                None => {}
            },
            '\n' => out.push(' '),
            other => out.push(other),
        }
    }
    out
}
