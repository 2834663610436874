use super::formats::{read, to_yaml};
use crate::lang::Lang;

const PLAIN: &str = "# Столицы\n# язык: ru\n? Столица Франции\n- Лион\n+ Париж\n- Ницца\n~ Paris\n! С 987 года.\n\n? 2 + 2\n+ 4\n- 5\n";

#[test]
fn every_format_gives_the_same_pack() {
    let plain = read("столицы.txt", PLAIN).unwrap();
    assert_eq!(plain.title, "Столицы");
    assert_eq!(plain.questions[0].answers, ["Париж", "Лион", "Ницца"]);
    assert_eq!(plain.questions[0].accept, ["Paris"]);
    let csv = "вопрос;верный;неверный;неверный;объяснение\r\nСтолица Франции;Париж;Лион;Ницца;С 987 года.\r\n2 + 2;4;5;;\r\n";
    let gift = "// пример\n$CATEGORY: академия/Столицы\n\n::Q1::Столица Франции {\n =Париж\n =Paris\n ~Лион\n ~Ницца\n ####С 987 года.\n}\n\n2 + 2 {=4 ~5}\n";
    let yaml = to_yaml(&plain);
    for (name, text) in [
        ("столицы.csv", csv),
        ("столицы.gift", gift),
        ("столицы.yaml", yaml.as_str()),
    ] {
        let pack = read(name, text).unwrap_or_else(|problems| panic!("{name}: {problems:#?}"));
        assert_eq!(pack.title.to_lowercase(), "столицы", "{name}");
        assert_eq!(pack.questions.len(), 2, "{name}");
        for (own, other) in pack.questions.iter().zip(&plain.questions) {
            assert_eq!(
                (&own.text, &own.answers, &own.why),
                (&other.text, &other.answers, &other.why),
                "{name}"
            );
        }
    }
}

#[test]
fn true_or_false_questions_of_moodle_are_read() {
    let pack = read(
        "x.gift",
        "Земля круглая. {T}\n\nThe sun is cold. {FALSE#It is hot.}\n",
    )
    .unwrap();
    assert_eq!(pack.questions[0].answers, ["Верно", "Неверно"]);
    assert_eq!(pack.questions[1].answers, ["False", "True"]);
    assert_eq!(pack.questions[1].why, "It is hot.");
}

/// The line and the text of the first problem.
fn problem(name: &str, text: &str) -> String {
    let problems = read(name, text).unwrap_err();
    problems[0].say(Lang::En)
}

#[test]
fn mistakes_are_told_with_their_line() {
    let cases = [
        (
            "a.txt",
            "# T\n+ 4\n",
            "line 2: an answer before any question; a question begins with “?”",
        ),
        (
            "a.txt",
            "# T\n? 2 + 2\n- 5\n",
            "line 2: the right answer is missing; add a line with “+”",
        ),
        (
            "a.txt",
            "# T\n? 2 + 2\n+ 4\n+ 5\n",
            "line 4: a second right answer; only one can be right",
        ),
        (
            "a.txt",
            "# T\n? 2 + 2\n+ 4\n",
            "line 2: there are 1 answers; it takes 2 to 6, one right and the others wrong",
        ),
        (
            "a.txt",
            "# T\n? 2 + 2\n+ 4\n- 4\n",
            "line 2: the answer “4” is there twice",
        ),
        (
            "a.txt",
            "# T\n? 2\n+ 4\n- 5\n? 2\n+ 4\n- 5\n",
            "line 5: the same question is in line 2; remove one of them",
        ),
        (
            "a.csv",
            "a,b\n1,2\n",
            "line 1: the first row has to name the columns: question, right, wrong, wrong, wrong, why",
        ),
        (
            "a.csv",
            "question,right,wrong\nx,4,5\ny,4,\n",
            "line 3: there are 1 answers; it takes 2 to 6, one right and the others wrong",
        ),
        (
            "a.gift",
            "Fine {=1 ~2}\n\nNo answers here\n",
            "line 3: the question has no answers in braces: {=right ~wrong}",
        ),
        (
            "a.gift",
            "Match {=a -> b =c -> d}\n",
            "line 1: this is a numeric, matching or essay question; the bot asks questions with choices",
        ),
        (
            "a.yaml",
            "title: T\nquestions:\n  - q: 2 + 2\n    answer: [4, 5]\n",
            "line 4: there is no field “answer”; there are q, answers, accept, why, level",
        ),
    ];
    for (name, text, expected) in cases {
        assert_eq!(problem(name, text), expected, "{text}");
    }
    assert!(problem("a.yaml", "title: \"T\nquestions: [\n").starts_with("line "));
}
