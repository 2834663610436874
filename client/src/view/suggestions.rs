//! Names and emoji offered while a word is typed.

use std::{
    cell::{Cell, RefCell},
    rc::Rc,
};

use slint::{ComponentHandle, ModelRc, VecModel};

use super::{ComposerAdapter, Suggestion, avatars::avatar, context::Context, emoji as pictures};
use crate::{
    bridge::command::Mention,
    render::{
        emoji::{self, Emoji},
        games::{self, BotCommand},
        mentions::word_at,
    },
    rows::MemberRow,
};

/// More would cover the messages.
const SHOWN: usize = 6;
/// Letters after which emoji are offered: a smiley such as `:)` is none.
const EMOJI_LETTERS: usize = 2;

#[derive(Debug, Clone)]
enum Offer {
    Person(MemberRow),
    Emoji(Emoji),
    Command(BotCommand),
}

/// The text with a suggestion in it.
pub(super) struct Choice {
    pub(super) text: String,
    pub(super) caret: usize,
    pub(super) mention: Option<Mention>,
}

/// The word after a slash that begins the text.
fn slash_word(text: &str, caret: usize) -> Option<&str> {
    let word = text.get(..caret)?.strip_prefix('/')?;
    (!word.contains(char::is_whitespace)).then_some(word)
}

/// What is offered, and who can be named.
pub(super) struct Suggestions {
    context: Rc<Context>,
    people: RefCell<Vec<MemberRow>>,
    /// The people have been asked for and have not come yet.
    waiting: Cell<bool>,
    offers: RefCell<Vec<Offer>>,
    selected: Cell<usize>,
}

impl Suggestions {
    pub(super) fn new(context: &Rc<Context>) -> Self {
        Self {
            context: context.clone(),
            people: RefCell::default(),
            waiting: Cell::new(false),
            offers: RefCell::default(),
            selected: Cell::default(),
        }
    }

    pub(super) fn set_people(&self, people: Vec<MemberRow>) {
        *self.people.borrow_mut() = people;
    }

    /// Somebody is about to be named, but the people were not known yet.
    pub(super) fn is_waiting(&self) -> bool {
        self.waiting.take()
    }

    /// Offers what fits the word at the caret. Returns whether the people of the room are needed for it.
    pub(super) fn show(&self, text: &str, caret: usize) -> bool {
        let mut needs_people = false;
        let offers = if let Some(word) = slash_word(text, caret) {
            if self.people.borrow().is_empty() && !self.waiting.replace(true) {
                needs_people = true;
            }
            self.commands(word)
        } else if let Some(word) = word_at(text, caret, '@') {
            if self.people.borrow().is_empty() && !self.waiting.replace(true) {
                needs_people = true;
            }
            self.people_called(word)
        } else {
            match word_at(text, caret, ':') {
                Some(word) if word.chars().count() >= EMOJI_LETTERS && !word.contains(' ') => {
                    let found = emoji::search(word, SHOWN);
                    found.into_iter().map(Offer::Emoji).collect()
                }
                _ => Vec::new(),
            }
        };
        *self.offers.borrow_mut() = offers;
        self.selected.set(0);
        self.draw();
        needs_people
    }

    /// Moves the selection.
    pub(super) fn step(&self, step: i32) {
        let count = i32::try_from(self.offers.borrow().len()).unwrap_or(0);
        if count > 0 {
            let selected = i32::try_from(self.selected.get()).unwrap_or(0);
            let next = (selected + step).rem_euclid(count);
            self.selected.set(usize::try_from(next).unwrap_or(0));
            self.context
                .with_window(|window| window.global::<ComposerAdapter>().set_suggested(next));
        }
    }

    /// Offers nothing any more.
    pub(super) fn clear(&self) {
        self.waiting.set(false);
        if !self.offers.borrow().is_empty() {
            self.offers.borrow_mut().clear();
            self.draw();
        }
    }

    /// The text with the suggestion in place of the word that was typed.
    pub(super) fn choose(&self, text: &str, caret: usize, index: i32) -> Option<Choice> {
        let offers = self.offers.borrow();
        let offer = offers.get(usize::try_from(index).ok()?)?;
        if let Offer::Command(command) = offer {
            let text = format!("{} ", command.text);
            return Some(Choice {
                caret: text.len(),
                text,
                mention: None,
            });
        }
        let (mark, piece, mention) = match offer {
            Offer::Command(_) => return None,
            Offer::Person(person) => {
                let text = format!("@{}", person.name);
                let mention = Mention {
                    text: text.clone(),
                    user: person.user_id.clone(),
                };
                ('@', text + " ", Some(mention))
            }
            Offer::Emoji(emoji) => (':', emoji.text.to_owned(), None),
        };
        let word = word_at(text, caret, mark)?;
        let start = caret - word.len() - mark.len_utf8();
        let mut chosen = text.to_owned();
        chosen.replace_range(start..caret, &piece);
        Some(Choice {
            text: chosen,
            caret: start + piece.len(),
            mention,
        })
    }

    /// What the academy's bot can be asked, where it is.
    fn commands(&self, word: &str) -> Vec<Offer> {
        let people = self.people.borrow();
        let bot = self.context.bot();
        if !people
            .iter()
            .any(|person| Some(&person.user_id) == bot.as_ref())
        {
            return Vec::new();
        }
        let found = games::commands(self.context.language(), word);
        found.into_iter().map(Offer::Command).collect()
    }

    fn people_called(&self, word: &str) -> Vec<Offer> {
        let word = word.to_lowercase();
        let people = self.people.borrow();
        let mut found: Vec<(bool, &MemberRow)> = people
            .iter()
            .filter(|person| !person.own)
            .filter_map(|person| {
                let name = person.name.to_lowercase();
                let begins = name.starts_with(&word);
                let fits = begins
                    || name.split_whitespace().any(|part| part.starts_with(&word))
                    || person.user_id.localpart().starts_with(&word);
                fits.then_some((!begins, person))
            })
            .collect();
        found.sort_by_key(|(later, person)| (*later, person.name.to_lowercase()));
        // The name is typed to its end: nothing left to offer.
        if found.len() == 1
            && found[0].1.name.to_lowercase() == word.trim_end()
            && word.ends_with(' ')
        {
            return Vec::new();
        }
        let people = found.into_iter().take(SHOWN);
        people
            .map(|(_, person)| Offer::Person(person.clone()))
            .collect()
    }

    fn draw(&self) {
        let language = self.context.language();
        let offers = self.offers.borrow();
        let rows = offers.iter().map(|offer| match offer {
            Offer::Person(person) => Suggestion {
                title: person.name.as_str().into(),
                detail: person.user_id.as_str().into(),
                avatar: avatar(
                    &self.context,
                    person.user_id.as_str(),
                    &person.name,
                    person.avatar.as_ref(),
                ),
                ..Suggestion::default()
            },
            Offer::Emoji(emoji) => Suggestion {
                title: emoji.name(language).into(),
                image: pictures::image(emoji.text).unwrap_or_default(),
                pictured: true,
                ..Suggestion::default()
            },
            Offer::Command(command) => Suggestion {
                title: command.title.as_str().into(),
                detail: command.text.as_str().into(),
                image: pictures::image(command.emoji).unwrap_or_default(),
                pictured: true,
                ..Suggestion::default()
            },
        });
        let rows = VecModel::from_iter(rows);
        let selected = i32::try_from(self.selected.get()).unwrap_or(0);
        self.context.with_window(|window| {
            let adapter = window.global::<ComposerAdapter>();
            adapter.set_suggested(selected);
            adapter.set_suggestions(ModelRc::from(Rc::new(rows)));
        });
    }
}
