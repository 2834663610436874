//! The list of games: names, seats, rules in words.

use serde::{Deserialize, Serialize};

use crate::lang::{Lang, fold};

#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub(crate) enum Kind {
    TicTacToe,
    Five,
    ConnectFour,
    Hangman,
    Cities,
    FiveLetters,
    Bulls,
    Chess,
    Dice,
    Quiz,
}

/// How strong the computer plays, or how hard the riddle is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub(crate) enum Level {
    Easy,
    #[default]
    Medium,
    Hard,
}

impl Level {
    #[cfg(test)]
    pub(crate) const ALL: [Self; 3] = [Self::Easy, Self::Medium, Self::Hard];

    pub(crate) fn parse(word: &str) -> Option<Self> {
        match fold(word).as_str() {
            "легко" | "легкий" | "easy" => Some(Self::Easy),
            "средне" | "средний" | "medium" => Some(Self::Medium),
            "сложно" | "сложный" | "трудно" | "hard" => Some(Self::Hard),
            _ => None,
        }
    }

    pub(crate) fn word(self, lang: Lang) -> &'static str {
        match self {
            Self::Easy => lang.pick("легко", "easy"),
            Self::Medium => lang.pick("средне", "medium"),
            Self::Hard => lang.pick("сложно", "hard"),
        }
    }
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Seats {
    Two,
    /// Whoever is in the room.
    Together,
}

pub(crate) struct Entry {
    pub(crate) kind: Kind,
    /// The first of each list is what the bot writes; all are understood.
    pub(crate) names: [&'static [&'static str]; 2],
    pub(crate) title: [&'static str; 2],
    pub(crate) seats: Seats,
    /// Whether the computer plays it.
    pub(crate) bot: bool,
    pub(crate) rules: [&'static str; 2],
}

impl Entry {
    pub(crate) fn title(&self, lang: Lang) -> &'static str {
        lang.pick(self.title[0], self.title[1])
    }

    pub(crate) fn name(&self, lang: Lang) -> &'static str {
        lang.pick(self.names[0], self.names[1])[0]
    }

    pub(crate) fn rules(&self, lang: Lang) -> &'static str {
        lang.pick(self.rules[0], self.rules[1])
    }
}

impl Kind {
    pub(crate) fn entry(self) -> &'static Entry {
        // The catalogue is in the order of the kinds; a test holds it to that.
        &CATALOGUE[self as usize]
    }

    pub(crate) fn parse(word: &str) -> Option<Self> {
        let word = fold(word);
        let all = |entry: &Entry| {
            entry
                .names
                .iter()
                .any(|names| names.contains(&word.as_str()))
        };
        CATALOGUE
            .iter()
            .find(|entry| all(entry))
            .map(|entry| entry.kind)
    }

    /// The word for this game in keys of tables.
    pub(crate) fn key(self) -> &'static str {
        self.entry().names[1][0]
    }
}

pub(crate) const CATALOGUE: [Entry; 10] = [
    Entry {
        kind: Kind::TicTacToe,
        names: [
            &["крестики", "крестики-нолики", "нолики"],
            &["tictactoe", "tic-tac-toe", "ttt", "xo"],
        ],
        title: ["Крестики-нолики", "Tic-tac-toe"],
        seats: Seats::Two,
        bot: true,
        rules: [
            "Поле 3×3, ходят по очереди. Кто первым поставит три своих знака в ряд — по горизонтали, вертикали или диагонали, — тот выиграл.\nХод — номер клетки: нажмите на реакцию с цифрой или ответьте на доску, например `5`.",
            "A 3×3 board, players take turns. Three of your signs in a row, column or diagonal win.\nA move is the number of a square: press the reaction with the digit or reply to the board, for example `5`.",
        ],
    },
    Entry {
        kind: Kind::Five,
        names: [
            &["пять", "пять-в-ряд", "гомоку"],
            &["five", "five-in-a-row", "gomoku"],
        ],
        title: ["Пять в ряд", "Five in a row"],
        seats: Seats::Two,
        bot: true,
        rules: [
            "Поле 10×10, ходят по очереди. Пять или больше своих знаков подряд по любой прямой — победа.\nХод — буква столбца и номер строки: ответьте на доску, например `д5`.",
            "A 10×10 board, players take turns. Five or more of your signs in a line in any direction win.\nA move is the letter of the column and the number of the row: reply to the board, for example `e5`.",
        ],
    },
    Entry {
        kind: Kind::ConnectFour,
        names: [
            &["четыре", "четыре-в-ряд"],
            &["connect4", "connect-four", "connectfour", "four"],
        ],
        title: ["Четыре в ряд", "Connect four"],
        seats: Seats::Two,
        bot: true,
        rules: [
            "Фишка падает на дно выбранного столбца или на фишки под ней. Четыре своих подряд по любой прямой — победа.\nХод — номер столбца: нажмите на реакцию с цифрой (чтобы нажать ту же ещё раз, снимите её и поставьте снова) или ответьте на доску, например `4`.",
            "A disc falls to the bottom of the chosen column or onto the discs there. Four of yours in a line in any direction win.\nA move is the number of the column: press the reaction with the digit (to press the same one again, take it off and put it on) or reply to the board, for example `4`.",
        ],
    },
    Entry {
        kind: Kind::Hangman,
        names: [&["виселица"], &["hangman"]],
        title: ["Виселица", "Hangman"],
        seats: Seats::Together,
        bot: true,
        rules: [
            "Загадано слово, угадывают все вместе. Называйте букву или сразу всё слово: ответьте на доску или `!ход а`. Ошибок можно сделать 9 (легко), 7 (средне) или 5 (сложно). Буквы е и ё — одна буква.\nОткрытая буква — очко за каждое место, отгаданное слово — ещё пять.",
            "There is a secret word, and everybody guesses together. Name a letter or the whole word: reply to the board or `!move a`. You may be wrong 9 (easy), 7 (medium) or 5 (hard) times.\nA letter earns a point for each place, the whole word five more.",
        ],
    },
    Entry {
        kind: Kind::Cities,
        names: [&["города"], &["cities"]],
        title: ["Города", "Cities"],
        seats: Seats::Together,
        bot: true,
        rules: [
            "Назовите город на букву, которой кончился предыдущий (ь, ъ и ы пропускаются, как и буквы, на которые городов не осталось). Повторять нельзя, два раза подряд отвечать — тоже. Ответьте на сообщение игры или `!ход Казань`.\nС ботом (`!старт города бот сложно`) он отвечает сам: каждый ваш город — очко, а когда боту нечего ответить — победа.",
            "Name a city that begins with the last letter of the one before (letters that no city is left for are skipped). No repeats, and nobody answers twice in a row. Reply to the game's message or `!move London`.\nAgainst the bot (`!start cities bot hard`) it answers by itself: each city is a point, and when it has none left, you have won.",
        ],
    },
    Entry {
        kind: Kind::FiveLetters,
        names: [
            &["слово", "пять-букв", "5букв"],
            &["word", "wordle", "five-letters"],
        ],
        title: ["Слово из пяти букв", "Five letters"],
        seats: Seats::Together,
        bot: true,
        rules: [
            "Загадано слово из пяти букв, есть шесть попыток на всех. 🟩 — буква на своём месте, 🟨 — буква есть, но в другом месте, ⬜ — такой буквы нет. Ответьте на доску словом или `!ход слово`. Ё и е — одна буква.\nЧем раньше отгадали, тем больше очков.",
            "There is a secret word of five letters, and six tries for all. 🟩 is a letter in its place, 🟨 a letter that is elsewhere, ⬜ a letter that is not in the word. Reply to the board with a word or `!move crane`.\nThe earlier the solution, the more points.",
        ],
    },
    Entry {
        kind: Kind::Bulls,
        names: [&["быки", "быки-и-коровы"], &["bulls", "bulls-and-cows"]],
        title: ["Быки и коровы", "Bulls and cows"],
        seats: Seats::Together,
        bot: true,
        rules: [
            "Загадано число из четырёх разных цифр (легко — из трёх, сложно — из пяти). Бык — цифра на своём месте, корова — цифра есть, но в другом. Ответьте на доску числом или `!ход 1234`. Попыток — двадцать на всех.",
            "There is a secret number of four different digits (easy: three, hard: five). A bull is a digit in its place, a cow a digit that is elsewhere. Reply to the board with a number or `!move 1234`. There are twenty tries for all.",
        ],
    },
    Entry {
        kind: Kind::Chess,
        names: [&["шахматы"], &["chess"]],
        title: ["Шахматы", "Chess"],
        seats: Seats::Two,
        bot: true,
        rules: [
            "Обычные шахматы; кто начал партию, играет белыми. Ход — как в книгах (`Кf3`, `Nf3`, `exd5`, `0-0`) или двумя клетками (`g1f3`, `e7e8ф`). Русские буквы фигур: Кр, Ф, Л, С, К. Троекратное повторение, 50 ходов без взятий и недостаток фигур — ничья сразу.\nНичью предлагают командой `!ничья`, сдаются — `!сдаюсь`.",
            "Ordinary chess; who starts the game plays white. A move is written as in books (`Nf3`, `exd5`, `0-0`) or as two squares (`g1f3`, `e7e8q`). Threefold repetition, fifty moves without a capture and too few pieces are a draw at once.\n`!draw` offers a draw, `!resign` resigns.",
        ],
    },
    Entry {
        kind: Kind::Dice,
        names: [&["кости", "кубики"], &["dice", "pig"]],
        title: ["Кости", "Dice"],
        seats: Seats::Two,
        bot: true,
        rules: [
            "Бросайте кубик сколько хотите: очки копятся. Но единица сжигает всё накопленное за ход, и ход переходит. «Хватит» — записать очки и передать ход. Кто первым наберёт 50, тот выиграл.\n🎲 — бросить, ✋ — хватит (или ответьте `бросок`, `хватит`). Просто бросить кубики: `!кости 2d6`.",
            "Roll the die as often as you like: the points add up. But a one burns all points of the turn and passes it on. “Hold” keeps the points and passes the turn. The first to reach 50 wins.\n🎲 rolls, ✋ holds (or reply `roll`, `hold`). Just to roll some dice: `!dice 2d6`.",
        ],
    },
    Entry {
        kind: Kind::Quiz,
        names: [&["викторина", "квиз"], &["quiz", "trivia"]],
        title: ["Викторина", "Quiz"],
        seats: Seats::Together,
        bot: false,
        rules: [
            "Вопросы с четырьмя ответами: нажмите на реакцию с цифрой или ответьте цифрой на вопрос. Считается первый ответ; за верный — до 100 очков, чем быстрее, тем больше. После вопроса бот показывает верный ответ и объяснение.\n`!викторина` — список паков, `!викторина python 10 30` — десять вопросов по 30 секунд. С опцией `тайно` отвечают боту в личном чате.",
            "Questions with four answers: press the reaction with the digit or reply to the question with it. Your first answer counts; a right one earns up to 100 points, the faster the more. After each question the bot shows the right answer and explains it.\n`!quiz` lists the packs, `!quiz python 10 30` asks ten questions of 30 seconds. With the option `secret` people answer in a direct chat with the bot.",
        ],
    },
];

#[cfg(test)]
mod tests {
    use super::{CATALOGUE, Kind};

    #[test]
    fn every_game_is_found_by_its_names() {
        for entry in &CATALOGUE {
            assert_eq!(entry.kind.entry().title, entry.title);
            for name in entry.names.iter().flat_map(|names| names.iter()) {
                assert_eq!(Kind::parse(name), Some(entry.kind), "{name}");
            }
        }
    }
}
