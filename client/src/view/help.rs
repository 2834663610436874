//! Help beside the work: a few articles in both languages, part of the program.

use std::{cell::RefCell, rc::Rc};

use matrix_sdk::ruma::events::room::message::FormattedBody;
use slint::{ComponentHandle, ModelRc, VecModel};

use super::{
    AppAdapter, ArticleItem, HelpAdapter, Icons, KeysAdapter, Page, RailAdapter, TourAdapter,
    articles::{self, Article},
    context::Context,
    flow,
};
use crate::render::{Language, html};

/// Answers to a question that are shown.
const ANSWERS: usize = 6;

/// The help page of the right pane.
pub(super) struct Help {
    context: Rc<Context>,
    open: RefCell<Option<&'static Article>>,
}

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
            let page = help.clone();
            adapter.on_asked(move |question| page.search(&question));
            let weak = window.as_weak();
            adapter.on_tour(move || {
                if let Some(window) = weak.upgrade() {
                    window.global::<AppAdapter>().set_page(Page::Chats);
                    window.global::<RailAdapter>().set_settings_open(false);
                    window.global::<TourAdapter>().set_step(1);
                }
            });
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
            adapter.set_guides(self.list(articles::GUIDES, &icons));
            adapter.set_questions(self.list(articles::QUESTIONS, &icons));
        });
        let mut question = slint::SharedString::default();
        self.context
            .with_window(|window| question = window.global::<HelpAdapter>().get_question());
        self.search(&question);
        let open = self.open.borrow().map(|article| article.id);
        if let Some(id) = open {
            self.show(id);
        }
    }

    /// Shows what fits a question.
    fn search(&self, question: &str) {
        let found = articles::search(self.context.language(), question);
        self.context.with_window(|window| {
            let icons = window.global::<Icons>();
            let answers = self.list(found.into_iter().take(ANSWERS), &icons);
            window.global::<HelpAdapter>().set_answers(answers);
        });
    }

    fn list(
        &self,
        articles: impl IntoIterator<Item = &'static Article>,
        icons: &Icons<'_>,
    ) -> ModelRc<ArticleItem> {
        let language = self.context.language();
        let items = articles.into_iter().map(|article| {
            let page = article.page(language);
            ArticleItem {
                id: article.id.into(),
                title: page.title.into(),
                detail: page.detail.into(),
                icon: (article.icon)(icons),
            }
        });
        ModelRc::from(Rc::new(VecModel::from_iter(items)))
    }

    /// Opens an article, or the list for an id that is none.
    fn show(&self, id: &str) {
        let article = articles::all().find(|article| article.id == id);
        *self.open.borrow_mut() = article;
        let language = self.context.language();
        self.context.with_window(|window| {
            let adapter = window.global::<HelpAdapter>();
            if let Some(article) = article {
                let page = article.page(language);
                let html = FormattedBody::markdown(page.text)
                    .map_or_else(|| page.text.to_owned(), |formatted| formatted.body);
                let blocks = flow::items(&html::parse(&html));
                adapter.set_picture(article.picture(language).unwrap_or_default());
                adapter.set_title(page.title.into());
                adapter.set_blocks(ModelRc::from(Rc::new(VecModel::from(blocks))));
            }
            adapter.set_article(article.map(|article| article.id).unwrap_or_default().into());
        });
    }
}
