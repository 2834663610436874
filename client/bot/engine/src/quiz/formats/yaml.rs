//! YAML: what the packs of the program itself are written in.

use saphyr::{LoadableYamlNode as _, MarkedYaml, Scalar, YamlData};

use crate::{
    lang::Lang,
    quiz::pack::{Pack, Problem, Question},
};

type Node<'a> = MarkedYaml<'a>;

pub(super) fn read(text: &str) -> Result<Pack, Vec<Problem>> {
    let documents = Node::load_from_str(text).map_err(|error| {
        vec![Problem::new(
            error.marker().line(),
            format!(
                "это не YAML ({}); проверьте отступы и кавычки",
                error.info()
            ),
            format!(
                "this is no YAML ({}); check the indents and quotes",
                error.info()
            ),
        )]
    })?;
    let Some(root) = documents.first() else {
        return Ok(Pack::default());
    };
    let mut problems = Vec::new();
    let mut pack = Pack::default();
    for (key, value) in pairs(root) {
        match key.as_str() {
            "title" => pack.title = words(value),
            "subject" => pack.subject = words(value),
            "lang" => pack.lang = Lang::parse(&words(value)).unwrap_or_default(),
            "version" => pack.version = words(value).parse().unwrap_or(1),
            "questions" => {
                for node in items(value) {
                    pack.questions.push(question(node, &mut problems));
                }
            }
            _ => problems.push(unknown(
                value,
                &key,
                "title, lang, subject, version, questions",
            )),
        }
    }
    if problems.is_empty() {
        Ok(pack)
    } else {
        Err(problems)
    }
}

fn question(node: &Node<'_>, problems: &mut Vec<Problem>) -> Question {
    let mut question = Question {
        line: node.span.start.line(),
        ..Question::default()
    };
    for (key, value) in pairs(node) {
        match key.as_str() {
            "q" | "question" => question.text = words(value),
            "answers" => question.answers = items(value).iter().map(words).collect(),
            "accept" => question.accept = items(value).iter().map(words).collect(),
            "why" => question.why = words(value),
            "level" => question.level = words(value).parse().unwrap_or(0),
            _ => problems.push(unknown(value, &key, "q, answers, accept, why, level")),
        }
    }
    question
}

fn unknown(value: &Node<'_>, key: &str, known: &str) -> Problem {
    Problem::new(
        value.span.start.line(),
        format!("непонятное поле «{key}»; есть {known}"),
        format!("there is no field “{key}”; there are {known}"),
    )
}

fn pairs<'a, 'b>(node: &'a Node<'b>) -> Vec<(String, &'a Node<'b>)> {
    match &node.data {
        YamlData::Mapping(mapping) => mapping
            .iter()
            .map(|(key, value)| (words(key), value))
            .collect(),
        _ => Vec::new(),
    }
}

fn items<'a, 'b>(node: &'a Node<'b>) -> &'a [Node<'b>] {
    match &node.data {
        YamlData::Sequence(items) => items,
        _ => &[],
    }
}

/// A scalar as it would be shown: `answers: [1, 2]` are texts here.
fn words(node: &Node<'_>) -> String {
    match &node.data {
        YamlData::Value(Scalar::String(text)) => text.trim().to_owned(),
        YamlData::Value(Scalar::Integer(number)) => number.to_string(),
        YamlData::Value(Scalar::FloatingPoint(number)) => number.to_string(),
        YamlData::Value(Scalar::Boolean(value)) => value.to_string(),
        YamlData::Representation(text, ..) => text.trim().to_owned(),
        _ => String::new(),
    }
}

/// Writes a pack so that reading it gives the same pack. JSON's strings are YAML's, too.
pub(crate) fn write(pack: &Pack) -> String {
    let quoted = |text: &str| serde_json::Value::from(text).to_string();
    let list = |texts: &[String]| {
        let quoted: Vec<String> = texts.iter().map(|text| quoted(text)).collect();
        quoted.join(", ")
    };
    let mut yaml = format!(
        "title: {}\nlang: {}\nsubject: {}\nversion: {}\nquestions:\n",
        quoted(&pack.title),
        pack.lang.code(),
        quoted(&pack.subject),
        pack.version
    );
    for question in &pack.questions {
        yaml.push_str(&format!("  - q: {}\n", quoted(&question.text)));
        yaml.push_str(&format!("    answers: [{}]\n", list(&question.answers)));
        if !question.accept.is_empty() {
            yaml.push_str(&format!("    accept: [{}]\n", list(&question.accept)));
        }
        if !question.why.is_empty() {
            yaml.push_str(&format!("    why: {}\n", quoted(&question.why)));
        }
        if question.level > 0 {
            yaml.push_str(&format!("    level: {}\n", question.level));
        }
    }
    yaml
}
