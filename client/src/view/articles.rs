//! The articles of the help, part of the program. `client/help/README.md` tells how their files are built.

use slint::Image;

use super::{
    Icons,
    shapes::{self, Shape},
};
use crate::{
    bridge::pixels::Pixels,
    model::article_search::{Searched, rank},
    render::Language,
};

/// An article: its id, and its file in Russian and in English.
pub(super) struct Article {
    pub(super) id: &'static str,
    pub(super) icon: fn(&Icons<'_>) -> Image,
    files: [&'static str; 2],
    /// How it looks on the screen, as PNG.
    pictures: Option<[&'static [u8]; 2]>,
}

/// What the file of an article holds.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Page {
    pub(super) title: &'static str,
    /// The line below the title in a list, empty for questions.
    pub(super) detail: &'static str,
    /// Other words people use for it.
    pub(super) words: &'static str,
    /// Markdown.
    pub(super) text: &'static str,
}

impl Article {
    /// The article in a language.
    pub(super) fn page(&self, language: Language) -> Page {
        Page::read(pick(language, self.files))
    }

    /// Its picture, where there is one.
    pub(super) fn picture(&self, language: Language) -> Option<Image> {
        let bytes = pick(language, self.pictures?);
        let pixels = image::load_from_memory(bytes).ok()?.into_rgba8();
        let (width, height) = pixels.dimensions();
        let pixels = Pixels::clone_from_slice(pixels.as_raw(), width, height);
        Some(shapes::image(pixels, Shape::Article))
    }
}

fn pick<T>(language: Language, [russian, english]: [T; 2]) -> T {
    match language {
        Language::Russian => russian,
        Language::English => english,
    }
}

impl Page {
    /// Takes a file apart. Whatever is missing is empty.
    fn read(file: &'static str) -> Self {
        let (title, rest) = file.split_once('\n').unwrap_or((file, ""));
        let (about, text) = rest.split_once("-->").unwrap_or(("", rest));
        // Behind the bar are words for searches.
        let (detail, words) = about.split_once('|').unwrap_or((about, ""));
        Self {
            title: title.trim_start_matches('#').trim(),
            detail: detail.trim().trim_start_matches("<!--").trim(),
            words,
            text: text.trim(),
        }
    }
}

macro_rules! article {
    ($id:literal, $icon:ident) => {
        article!($id, $icon, None)
    };
    ($id:literal, $icon:ident, pictured) => {
        article!(
            $id,
            $icon,
            Some([
                include_bytes!(concat!("../../help/pictures/", $id, ".ru.png")),
                include_bytes!(concat!("../../help/pictures/", $id, ".en.png")),
            ])
        )
    };
    ($id:literal, $icon:ident, $pictures:expr) => {
        Article {
            id: $id,
            icon: |icons| icons.$icon(),
            files: [
                include_str!(concat!("../../help/", $id, ".ru.md")),
                include_str!(concat!("../../help/", $id, ".en.md")),
            ],
            pictures: $pictures,
        }
    };
}

/// How things are done, the first minutes first.
pub(super) const GUIDES: &[Article] = &[
    article!("start", get_book, pictured),
    article!("signing-in", get_person, pictured),
    article!("find-person", get_mention, pictured),
    article!("groups", get_people, pictured),
    article!("open-chats", get_add),
    article!("messages", get_reply, pictured),
    article!("writing", get_edit),
    article!("emoji", get_emoji, pictured),
    article!("files", get_file, pictured),
    article!("pictures", get_picture),
    article!("search", get_search, pictured),
    article!("chat-list", get_filter),
    article!("pinned", get_pin),
    article!("notifications", get_bell),
    article!("background", get_clock),
    article!("profile", get_settings),
    article!("appearance", get_sun),
    article!("keys", get_keyboard),
    article!("leading", get_shield),
    article!("announcements", get_megaphone),
    article!("games", get_game, pictured),
    article!("quizzes", get_class, pictured),
    article!("encryption", get_lock),
    article!("verification", get_check, pictured),
    article!("other-clients", get_computer),
    article!("feedback", get_feedback, pictured),
];

/// What people ask most.
pub(super) const QUESTIONS: &[Article] = &[
    article!("who-sees", get_lock),
    article!("sign-out", get_logout),
    article!("forgot-password", get_lock),
    article!("cannot-sign-in", get_error),
    article!("old-messages", get_clock),
    article!("offline", get_offline),
    article!("ticks", get_double_check),
    article!("seen", get_eye),
    article!("large-file", get_attach),
    article!("where-is-chat", get_search),
    article!("cannot-write", get_mute),
    article!("trouble", get_flag),
    article!("two-computers", get_computer),
    article!("phone", get_send),
    article!("internet", get_home),
    article!("other-building", get_building),
    article!("calls", get_play),
    article!("slow", get_retry),
    article!("install", get_download),
    article!("close-account", get_delete),
];

/// All articles.
pub(super) fn all() -> impl Iterator<Item = &'static Article> {
    GUIDES.iter().chain(QUESTIONS)
}

/// The articles that fit a question, the best first.
pub(super) fn search(language: Language, question: &str) -> Vec<&'static Article> {
    let articles: Vec<_> = all().collect();
    let searched: Vec<_> = articles
        .iter()
        .map(|article| {
            let page = article.page(language);
            Searched {
                title: page.title,
                words: page.words,
                text: page.text,
            }
        })
        .collect();
    let order = rank(question, &searched);
    order.into_iter().map(|at| articles[at]).collect()
}

#[cfg(test)]
mod tests {
    use std::collections::HashSet;

    use matrix_sdk::ruma::events::room::message::FormattedBody;

    use super::{GUIDES, QUESTIONS, all};
    use crate::{
        render::{Language, html},
        view::flow,
    };

    const LANGUAGES: [Language; 2] = [Language::Russian, Language::English];
    /// An article is read while something waits.
    const LONGEST: usize = 1500;
    /// More letters of a title do not fit the pane.
    const WIDEST: usize = 30;

    #[test]
    fn every_article_has_something_to_read_in_both_languages() {
        for article in all() {
            for language in LANGUAGES {
                let page = article.page(language);
                let html = FormattedBody::markdown(page.text).map(|formatted| formatted.body);
                let blocks = flow::items(&html::parse(&html.unwrap_or_default()));
                assert!(blocks.len() > 2, "{}", article.id);
                let length = page.text.chars().count();
                assert!(length <= LONGEST, "{} has {length} letters", article.id);
            }
        }
    }

    #[test]
    fn pictures_are_as_wide_as_the_pane() {
        let pictured = all().filter(|article| article.pictures.is_some());
        let mut count = 0;
        for article in pictured {
            for language in LANGUAGES {
                let size = article.picture(language).map(|picture| picture.size());
                assert_eq!(size.map(|size| size.width), Some(288), "{}", article.id);
            }
            count += 1;
        }
        assert!(count >= 10, "only {count} articles have a picture");
    }

    #[test]
    fn no_two_articles_have_the_same_id_or_title() {
        let mut seen = HashSet::new();
        for article in all() {
            assert!(seen.insert(article.id), "{}", article.id);
            for language in LANGUAGES {
                let title = article.page(language).title;
                assert!((1..=WIDEST).contains(&title.chars().count()), "{title}");
                assert!(seen.insert(title), "{title}");
            }
        }
    }

    #[test]
    fn guides_say_what_they_are_about_and_questions_speak_for_themselves() {
        for language in LANGUAGES {
            for article in GUIDES {
                assert!(!article.page(language).detail.is_empty(), "{}", article.id);
            }
            for article in QUESTIONS {
                assert_eq!(article.page(language).detail, "", "{}", article.id);
            }
        }
    }
}
