//! What people type: commands in both languages, with a hint for one wrong letter.

use crate::lang::{Lang, fold};

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Verb {
    Games,
    Help,
    Start,
    Move,
    Join,
    Resign,
    Draw,
    Stop,
    Score,
    Top,
    Rules,
    Language,
    Quiz,
    Packs,
    Next,
    Repeat,
    Mistakes,
    ForgetMe,
    Dice,
    Support,
    Ask,
    Switch,
}

/// A command with what follows it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Command {
    pub(crate) verb: Verb,
    pub(crate) rest: String,
    /// The language it was typed in.
    pub(crate) lang: Lang,
}

/// What a text with an exclamation mark is.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Typed {
    Command(Command),
    /// Nearly a command: the one that was probably meant.
    Nearly(&'static str),
    /// Not for this bot.
    Other,
}

/// Names of each command; the first of each language is what the bot writes.
const VERBS: [(Verb, &[&str], &[&str]); 22] = [
    (Verb::Games, &["игры"], &["games"]),
    (Verb::Help, &["помощь", "справка"], &["help"]),
    (
        Verb::Start,
        &["старт", "игра", "играть", "начать"],
        &["start", "play", "game"],
    ),
    (Verb::Move, &["ход", "х"], &["move", "m"]),
    (Verb::Join, &["вступить", "войти"], &["join"]),
    (Verb::Resign, &["сдаюсь", "сдаться"], &["resign"]),
    (Verb::Draw, &["ничья"], &["draw"]),
    (Verb::Stop, &["стоп", "хватит"], &["stop"]),
    (Verb::Score, &["счет"], &["score"]),
    (Verb::Top, &["рейтинг", "топ"], &["top", "rating"]),
    (Verb::Rules, &["правила"], &["rules"]),
    (Verb::Language, &["язык"], &["lang", "language"]),
    (Verb::Quiz, &["викторина"], &["quiz"]),
    (Verb::Packs, &["квиз", "пак"], &["pack"]),
    (Verb::Next, &["дальше"], &["next"]),
    (
        Verb::Repeat,
        &["повтор", "повторить"],
        &["repeat", "review"],
    ),
    (Verb::Mistakes, &["ошибки"], &["mistakes"]),
    (
        Verb::ForgetMe,
        &["забудь", "забудьменя"],
        &["forget", "forgetme"],
    ),
    (Verb::Dice, &["кости", "кубик"], &["dice", "roll"]),
    (Verb::Support, &["поддержка"], &["support"]),
    (Verb::Ask, &["вопрос", "как"], &["ask", "how"]),
    (Verb::Switch, &["бот"], &["bot"]),
];

/// Words that begin with an exclamation mark are commands, whatever their case.
pub(crate) fn parse(text: &str) -> Typed {
    let Some(line) = text.trim().strip_prefix('!') else {
        return Typed::Other;
    };
    let line = line.trim_start();
    let end = line.find(char::is_whitespace).unwrap_or(line.len());
    let word = fold(&line[..end]);
    let rest = line[end..].trim().to_owned();
    if word.is_empty() {
        return Typed::Other;
    }
    for (verb, russian, english) in VERBS {
        for (lang, names) in [(Lang::Ru, russian), (Lang::En, english)] {
            if names.contains(&word.as_str()) {
                return Typed::Command(Command { verb, rest, lang });
            }
        }
    }
    let names = VERBS
        .iter()
        .flat_map(|(_, russian, english)| russian.iter().chain(*english));
    // In a word of three letters, one wrong letter is another word.
    let near = |name: &&&str| name.chars().count() > 3 && strsim::osa_distance(name, &word) == 1;
    names
        .into_iter()
        .find(near)
        .map_or(Typed::Other, |name| Typed::Nearly(name))
}

/// The word for a command in a language.
pub(crate) fn name(verb: Verb, lang: Lang) -> &'static str {
    let found = VERBS.iter().find(|(other, ..)| *other == verb);
    found.map_or("", |(_, russian, english)| {
        lang.pick(russian[0], english[0])
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn verb(text: &str) -> Option<Verb> {
        match parse(text) {
            Typed::Command(command) => Some(command.verb),
            _ => None,
        }
    }

    #[test]
    fn commands_are_read_in_both_languages_and_any_case() {
        assert_eq!(verb("!Игры"), Some(Verb::Games));
        assert_eq!(verb("! games "), Some(Verb::Games));
        assert_eq!(verb("!СЧЁТ"), Some(Verb::Score));
        assert_eq!(verb("игры"), None);
        let Typed::Command(command) = parse("!старт  шахматы @a:b") else {
            panic!("no command");
        };
        assert_eq!(command.rest, "шахматы @a:b");
    }

    #[test]
    fn one_wrong_letter_gets_a_hint_and_foreign_commands_get_none() {
        assert_eq!(parse("!сттарт"), Typed::Nearly("старт"));
        assert_eq!(parse("!рейтниг"), Typed::Nearly("рейтинг"));
        assert_eq!(parse("!ping"), Typed::Other);
        assert_eq!(parse("!!!"), Typed::Other);
    }

    #[test]
    fn no_name_belongs_to_two_commands() {
        let mut names: Vec<&str> = VERBS
            .iter()
            .flat_map(|(_, russian, english)| russian.iter().chain(*english))
            .copied()
            .collect();
        let count = names.len();
        names.sort_unstable();
        names.dedup();
        assert_eq!(names.len(), count);
    }
}
