//! The games that the academy's bot plays, as it wants to be asked for them.

use super::Language;

/// One game.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Game {
    /// What the bot calls it, in English.
    pub id: &'static str,
    /// Drawn beside its name.
    pub emoji: &'static str,
    title: [&'static str; 2],
    word: [&'static str; 2],
    /// The bot can be the other player.
    pub against_bot: bool,
    /// Everybody in the chat plays together.
    pub together: bool,
}

/// Something to ask of the bot, offered after a slash.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct BotCommand {
    pub text: String,
    pub title: String,
    /// Drawn beside its name.
    pub emoji: &'static str,
}

const fn game(
    [id, emoji]: [&'static str; 2],
    title: [&'static str; 2],
    word: [&'static str; 2],
    against_bot: bool,
    together: bool,
) -> Game {
    Game {
        id,
        emoji,
        title,
        word,
        against_bot,
        together,
    }
}

/// All games.
pub static GAMES: [Game; 9] = [
    game(
        ["tictactoe", "❌"],
        ["Крестики-нолики", "Tic-tac-toe"],
        ["крестики", "tictactoe"],
        true,
        false,
    ),
    game(
        ["five", "⚫"],
        ["Пять в ряд", "Five in a row"],
        ["пять", "five"],
        true,
        false,
    ),
    game(
        ["connect4", "🔴"],
        ["Четыре в ряд", "Connect four"],
        ["четыре", "connect4"],
        true,
        false,
    ),
    game(
        ["chess", "♟️"],
        ["Шахматы", "Chess"],
        ["шахматы", "chess"],
        true,
        false,
    ),
    game(
        ["hangman", "🪢"],
        ["Виселица", "Hangman"],
        ["виселица", "hangman"],
        false,
        true,
    ),
    game(
        ["cities", "🏙️"],
        ["Города", "Cities"],
        ["города", "cities"],
        false,
        true,
    ),
    game(
        ["word", "🔤"],
        ["Слово из пяти букв", "Five letters"],
        ["слово", "word"],
        false,
        true,
    ),
    game(
        ["bulls", "🐮"],
        ["Быки и коровы", "Bulls and cows"],
        ["быки", "bulls"],
        false,
        true,
    ),
    game(
        ["dice", "🎲"],
        ["Кости", "Dice"],
        ["кости", "dice"],
        true,
        false,
    ),
];

/// Quizzes, which are chosen by their pack.
pub const QUIZ: Game = game(
    ["quiz", "🎓"],
    ["Викторина", "Quiz"],
    ["викторина", "quiz"],
    false,
    true,
);

/// All that have a table of the best.
pub fn ranked() -> impl Iterator<Item = &'static Game> {
    static QUIZZES: Game = QUIZ;
    GAMES.iter().chain([&QUIZZES])
}

impl Game {
    /// Its name.
    #[must_use]
    pub fn title(&self, language: Language) -> &'static str {
        pick(language, self.title)
    }

    /// What starts it.
    #[must_use]
    pub fn start(&self, language: Language, against_bot: bool) -> String {
        let verb = pick(language, ["!старт", "!start"]);
        let opponent = if against_bot {
            pick(language, [" бот", " bot"])
        } else {
            ""
        };
        format!("{verb} {}{opponent}", pick(language, self.word))
    }
}

/// What asks the bot for the table of the best.
#[must_use]
pub fn top(language: Language) -> &'static str {
    pick(language, ["!рейтинг", "!top"])
}

/// What tells the bot to take the quiz that follows.
#[must_use]
pub fn import(language: Language) -> &'static str {
    pick(language, ["!квиз импорт", "!pack import"])
}

/// What asks the bot for its quizzes.
#[must_use]
pub fn quiz(language: Language) -> &'static str {
    pick(language, ["!викторина", "!quiz"])
}

/// What fits a word typed after a slash.
#[must_use]
pub fn commands(language: Language, word: &str) -> Vec<BotCommand> {
    let word = word.to_lowercase();
    let command = |text: String, title: &str, emoji| BotCommand {
        text,
        title: title.to_owned(),
        emoji,
    };
    let mut all = vec![
        command(quiz(language).to_owned(), QUIZ.title(language), QUIZ.emoji),
        command(
            top(language).to_owned(),
            pick(language, ["Рейтинг", "Best players"]),
            "🏆",
        ),
    ];
    let start = |game: &Game| {
        let text = game.start(language, false);
        command(text, game.title(language), game.emoji)
    };
    all.extend(GAMES.iter().map(start));
    all.push(command(
        pick(language, ["!помощь", "!help"]).to_owned(),
        pick(language, ["Все команды игр", "All commands of the games"]),
        "❓",
    ));
    all.retain(|command| {
        let fits = |text: &str| {
            text.to_lowercase()
                .split([' ', '!'])
                .any(|part| part.starts_with(&word))
        };
        fits(&command.text) || fits(&command.title)
    });
    all
}

fn pick(language: Language, words: [&'static str; 2]) -> &'static str {
    match language {
        Language::Russian => words[0],
        Language::English => words[1],
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn games_are_started_in_the_language_of_the_window() {
        assert_eq!(
            GAMES[0].start(Language::Russian, true),
            "!старт крестики бот"
        );
        assert_eq!(GAMES[4].start(Language::English, false), "!start hangman");
    }

    #[test]
    fn a_slash_lists_everything_and_a_word_what_fits() {
        let all = commands(Language::Russian, "");
        assert_eq!(all.len(), GAMES.len() + 3);
        let chess: Vec<_> = commands(Language::Russian, "шах");
        assert_eq!(chess.len(), 1);
        assert_eq!(chess[0].text, "!старт шахматы");
        assert!(commands(Language::English, "zzz").is_empty());
    }
}
