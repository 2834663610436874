//! CSV: a question in a row, its right answer, wrong ones, an explanation. The first row names the columns.

use crate::{
    lang::fold,
    quiz::pack::{Pack, Problem, Question},
};

#[derive(Clone, Copy, PartialEq)]
enum Column {
    Question,
    Right,
    Wrong,
    Why,
    Ignored,
}

pub(super) fn read(text: &str) -> Result<Pack, Vec<Problem>> {
    let first = text.lines().next().unwrap_or_default();
    // Spreadsheets of some countries write semicolons.
    let delimiter = [b';', b'\t', b',']
        .into_iter()
        .max_by_key(|delimiter| first.bytes().filter(|byte| byte == delimiter).count())
        .unwrap_or(b',');
    let mut reader = csv::ReaderBuilder::new()
        .delimiter(delimiter)
        .flexible(true)
        .from_reader(text.as_bytes());
    let headers = reader
        .headers()
        .map_err(|error| vec![not_a_table(&error)])?;
    let columns: Vec<Column> = headers.iter().map(column).collect();
    if !columns.contains(&Column::Question) || !columns.contains(&Column::Right) {
        return Err(vec![Problem::new(
            1,
            "первая строка должна назвать столбцы: вопрос, верный, неверный, неверный, неверный, объяснение",
            "the first row has to name the columns: question, right, wrong, wrong, wrong, why",
        )]);
    }
    let mut pack = Pack::default();
    let mut problems = Vec::new();
    for record in reader.records() {
        match record {
            Ok(record) => {
                let line = record
                    .position()
                    .map_or(0, |position| position.line() as usize);
                if record.iter().any(|cell| !cell.trim().is_empty()) {
                    pack.questions.push(question(&record, &columns, line));
                }
            }
            Err(error) => problems.push(not_a_table(&error)),
        }
    }
    if problems.is_empty() {
        Ok(pack)
    } else {
        Err(problems)
    }
}

fn column(name: &str) -> Column {
    match fold(name).as_str() {
        "вопрос" | "question" | "q" => Column::Question,
        "верный" | "верно" | "правильный" | "right" | "correct" => {
            Column::Right
        }
        "объяснение" | "почему" | "why" | "explanation" => Column::Why,
        name if name.starts_with("неверн") || name.starts_with("wrong") => Column::Wrong,
        _ => Column::Ignored,
    }
}

fn question(record: &csv::StringRecord, columns: &[Column], line: usize) -> Question {
    let mut question = Question {
        line,
        answers: vec![String::new()],
        ..Question::default()
    };
    for (cell, column) in record.iter().zip(columns) {
        let cell = cell.trim();
        match column {
            Column::Question => cell.clone_into(&mut question.text),
            Column::Right => cell.clone_into(&mut question.answers[0]),
            Column::Wrong if !cell.is_empty() => question.answers.push(cell.to_owned()),
            Column::Why => cell.clone_into(&mut question.why),
            Column::Wrong | Column::Ignored => {}
        }
    }
    question
}

fn not_a_table(error: &csv::Error) -> Problem {
    let line = error
        .position()
        .map_or(1, |position| position.line() as usize);
    Problem::new(
        line,
        "таблица не читается; проверьте кавычки и сохраните файл в кодировке UTF-8",
        "the table cannot be read; check the quotes and save the file as UTF-8",
    )
}
