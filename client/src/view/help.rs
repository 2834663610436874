//! Help beside the work: a few articles in both languages, part of the program.

use std::{cell::RefCell, rc::Rc};

use matrix_sdk::ruma::events::room::message::FormattedBody;
use slint::{ComponentHandle, Image, ModelRc, VecModel};

use super::{ArticleItem, HelpAdapter, Icons, KeysAdapter, context::Context, flow};
use crate::render::{Language, html};

/// An article: its id, and title, line below it and text in Russian and in English.
struct Article {
    id: &'static str,
    icon: fn(&Icons<'_>) -> Image,
    title: [&'static str; 2],
    detail: [&'static str; 2],
    text: [&'static str; 2],
}

const GUIDES: [Article; 3] = [
    Article {
        id: "start",
        icon: |icons| icons.get_book(),
        title: ["Памятка новичка", "First steps"],
        detail: ["Первые пять минут", "The first five minutes"],
        text: [
            include_str!("../../help/start.ru.md"),
            include_str!("../../help/start.en.md"),
        ],
    },
    Article {
        id: "writing",
        icon: |icons| icons.get_edit(),
        title: ["Как писать красиво", "Writing well"],
        detail: [
            "Жирный, код, списки, упоминания",
            "Bold, code, lists, mentions",
        ],
        text: [
            include_str!("../../help/writing.ru.md"),
            include_str!("../../help/writing.en.md"),
        ],
    },
    Article {
        id: "leading",
        icon: |icons| icons.get_shield(),
        title: ["Тому, кто ведёт чат", "Leading a chat"],
        detail: ["Права, порядок, объявления", "Rights, order, announcements"],
        text: [
            include_str!("../../help/leading.ru.md"),
            include_str!("../../help/leading.en.md"),
        ],
    },
];

const QUESTIONS: [Article; 6] = [
    Article {
        id: "who-sees",
        icon: |icons| icons.get_lock(),
        title: ["Кто видит мою переписку?", "Who sees what I write?"],
        detail: ["", ""],
        text: [
            include_str!("../../help/who-sees.ru.md"),
            include_str!("../../help/who-sees.en.md"),
        ],
    },
    Article {
        id: "files",
        icon: |icons| icons.get_file(),
        title: ["Как отправить файл?", "How do I send a file?"],
        detail: ["", ""],
        text: [
            include_str!("../../help/files.ru.md"),
            include_str!("../../help/files.en.md"),
        ],
    },
    Article {
        id: "sign-out",
        icon: |icons| icons.get_logout(),
        title: ["Почему важно выходить?", "Why should I sign out?"],
        detail: ["", ""],
        text: [
            include_str!("../../help/sign-out.ru.md"),
            include_str!("../../help/sign-out.en.md"),
        ],
    },
    Article {
        id: "old-messages",
        icon: |icons| icons.get_clock(),
        title: [
            "Старые сообщения не читаются",
            "Old messages cannot be read",
        ],
        detail: ["", ""],
        text: [
            include_str!("../../help/old-messages.ru.md"),
            include_str!("../../help/old-messages.en.md"),
        ],
    },
    Article {
        id: "offline",
        icon: |icons| icons.get_offline(),
        title: ["Что будет без сети?", "What happens without a network?"],
        detail: ["", ""],
        text: [
            include_str!("../../help/offline.ru.md"),
            include_str!("../../help/offline.en.md"),
        ],
    },
    Article {
        id: "trouble",
        icon: |icons| icons.get_flag(),
        title: ["Кто-то мешает или обижает", "Somebody disturbs or offends"],
        detail: ["", ""],
        text: [
            include_str!("../../help/trouble.ru.md"),
            include_str!("../../help/trouble.en.md"),
        ],
    },
];

/// The help page of the right pane.
pub(super) struct Help {
    context: Rc<Context>,
    open: RefCell<Option<&'static Article>>,
}

static ARTICLES: [&[Article]; 2] = [&GUIDES, &QUESTIONS];

impl Help {
    pub(super) fn new(context: &Rc<Context>) -> Rc<Self> {
        let help = Rc::new(Self {
            context: context.clone(),
            open: RefCell::default(),
        });
        context.with_window(|window| {
            let adapter = window.global::<HelpAdapter>();
            let page = help.clone();
            adapter.on_open(move |id| page.show(&id));
            let page = help.clone();
            adapter.on_back(move || page.show(""));
            let keys = window.as_weak();
            adapter.on_keys(move || {
                if let Some(window) = keys.upgrade() {
                    window.global::<KeysAdapter>().set_open(true);
                }
            });
        });
        help.refresh_all();
        help
    }

    /// Shows the list with the version and the memory as they are now.
    pub(super) fn prepare(&self, memory: &str) {
        let version = env!("CARGO_PKG_VERSION");
        let line = match (self.context.language(), memory) {
            (Language::Russian, "") => format!("Фиалка {version}"),
            (Language::English, "") => format!("Fialka {version}"),
            (Language::Russian, memory) => format!("Фиалка {version} · память {memory}"),
            (Language::English, memory) => format!("Fialka {version} · memory {memory}"),
        };
        self.context.with_window(|window| {
            window
                .global::<HelpAdapter>()
                .set_version(line.as_str().into());
        });
    }

    /// Draws everything again, in another language.
    pub(super) fn refresh_all(&self) {
        self.context.with_window(|window| {
            let icons = window.global::<Icons>();
            let adapter = window.global::<HelpAdapter>();
            adapter.set_guides(self.list(&GUIDES, &icons));
            adapter.set_questions(self.list(&QUESTIONS, &icons));
        });
        let open = self.open.borrow().map(|article| article.id);
        if let Some(id) = open {
            self.show(id);
        }
    }

    fn list(&self, articles: &'static [Article], icons: &Icons<'_>) -> ModelRc<ArticleItem> {
        let language = self.context.language();
        let items = articles.iter().map(|article| ArticleItem {
            id: article.id.into(),
            title: pick(language, &article.title).into(),
            detail: pick(language, &article.detail).into(),
            icon: (article.icon)(icons),
        });
        ModelRc::from(Rc::new(VecModel::from_iter(items)))
    }

    /// Opens an article, or the list for an id that is none.
    fn show(&self, id: &str) {
        let article = ARTICLES
            .iter()
            .flat_map(|articles| articles.iter())
            .find(|article| article.id == id);
        *self.open.borrow_mut() = article;
        let language = self.context.language();
        self.context.with_window(|window| {
            let adapter = window.global::<HelpAdapter>();
            if let Some(article) = article {
                let source = pick(language, &article.text);
                let html = FormattedBody::markdown(source)
                    .map_or_else(|| source.to_owned(), |formatted| formatted.body);
                let blocks = flow::items(&html::parse(&html));
                adapter.set_title(pick(language, &article.title).into());
                adapter.set_blocks(ModelRc::from(Rc::new(VecModel::from(blocks))));
            }
            adapter.set_article(article.map(|article| article.id).unwrap_or_default().into());
        });
    }
}

fn pick(language: Language, words: &[&'static str; 2]) -> &'static str {
    match language {
        Language::Russian => words[0],
        Language::English => words[1],
    }
}

#[cfg(test)]
mod tests {
    use super::{ARTICLES, flow, html};
    use matrix_sdk::ruma::events::room::message::FormattedBody;

    #[test]
    fn every_article_has_something_to_read_in_both_languages() {
        for article in ARTICLES.iter().flat_map(|articles| articles.iter()) {
            for text in article.text {
                let html = FormattedBody::markdown(text).map(|formatted| formatted.body);
                let blocks = flow::items(&html::parse(&html.unwrap_or_default()));
                assert!(blocks.len() > 2, "{}", article.id);
            }
        }
    }
}
