//! Choosing an emoji: for the text being written, or as a reaction.

use std::{cell::RefCell, rc::Rc};

use slint::{ComponentHandle, Image, Model, ModelNotify, ModelRc, ModelTracker, VecModel};

use super::{
    ComposerAdapter, EmojiAdapter, EmojiCell, EmojiLine, composer::Composer, context::Context,
    emoji as pictures, timeline::Timeline,
};
use crate::{
    bridge::command::TimelineCommand,
    render::{
        Language,
        emoji::{self, Emoji, GROUPS},
    },
    rows::RowId,
};

/// Emoji in a line.
const COLUMNS: usize = 9;
/// Emoji chosen lately that are kept.
const RECENT: usize = 2 * COLUMNS;
/// How many of them the menu of a message offers.
const QUICK: usize = 6;
/// Until somebody has chosen some.
const USUAL: [&str; COLUMNS] = ["👍", "❤️", "😂", "😮", "😢", "🙏", "🔥", "🎉", "👀"];
/// Emoji shown for a word.
const FOUND: usize = 90;
/// What stands for each group in the bar.
const SIGNS: [&str; 10] = ["🕒", "😀", "👋", "🐻", "🍎", "🚗", "⚽", "💡", "🔣", "🏁"];

/// The picker.
pub(super) struct EmojiPicker {
    context: Rc<Context>,
    composer: Rc<Composer>,
    timeline: Rc<Timeline>,
    /// The message to react to; otherwise the emoji goes into the composer.
    target: RefCell<Option<RowId>>,
    lines: Rc<Lines>,
}

/// A line of the list, without its pictures.
#[derive(Debug, Clone)]
enum Line {
    Title(String),
    Cells(Vec<Cell>),
}

#[derive(Debug, Clone)]
struct Cell {
    text: String,
    name: &'static str,
}

/// Makes the pictures of a line when it comes into view: all of them at once would take megabytes.
#[derive(Default)]
struct Lines {
    lines: RefCell<Vec<Line>>,
    notify: ModelNotify,
}

impl Lines {
    fn set(&self, lines: Vec<Line>) {
        *self.lines.borrow_mut() = lines;
        self.notify.reset();
    }
}

impl Model for Lines {
    type Data = EmojiLine;

    fn row_count(&self) -> usize {
        self.lines.borrow().len()
    }

    fn row_data(&self, row: usize) -> Option<EmojiLine> {
        Some(match self.lines.borrow().get(row)? {
            Line::Title(title) => EmojiLine {
                title: title.as_str().into(),
                ..EmojiLine::default()
            },
            Line::Cells(cells) => EmojiLine {
                cells: ModelRc::from(Rc::new(VecModel::from_iter(cells.iter().map(item)))),
                ..EmojiLine::default()
            },
        })
    }

    fn model_tracker(&self) -> &dyn ModelTracker {
        &self.notify
    }
}

fn item(cell: &Cell) -> EmojiCell {
    EmojiCell {
        text: cell.text.as_str().into(),
        name: cell.name.into(),
        image: pictures::image(&cell.text).unwrap_or_default(),
    }
}

impl EmojiPicker {
    pub(super) fn new(
        context: &Rc<Context>,
        composer: &Rc<Composer>,
        timeline: &Rc<Timeline>,
    ) -> Rc<Self> {
        let picker = Rc::new(Self {
            context: context.clone(),
            composer: composer.clone(),
            timeline: timeline.clone(),
            target: RefCell::default(),
            lines: Rc::default(),
        });
        picker.bind();
        picker
    }

    fn bind(self: &Rc<Self>) {
        self.context.with_window(|window| {
            let adapter = window.global::<EmojiAdapter>();
            adapter.set_lines(ModelRc::from(self.lines.clone()));
            let picker = self.clone();
            adapter.on_edited(move |term| picker.search(&term));
            let picker = self.clone();
            adapter.on_accepted(move || picker.choose_first());
            let picker = self.clone();
            adapter.on_group_chosen(move |group| picker.scroll_to(group));
            let picker = self.clone();
            adapter.on_scrolled(move |line| picker.show_group(line));
            let picker = self.clone();
            adapter.on_chosen(move |text| picker.choose(&text));
            let picker = self.clone();
            adapter.on_closed(move || picker.close());
            let picker = self.clone();
            window
                .global::<ComposerAdapter>()
                .on_emoji_toggled(move || picker.toggle());
            let picker = self.clone();
            window
                .global::<super::TimelineAdapter>()
                .on_react_requested(move |row| {
                    if picker.timeline.answerable(&row).is_some() {
                        picker.open(Some(RowId::new(&row)));
                    }
                });
            let picker = self.clone();
            window
                .global::<super::Menus>()
                .on_quick_wanted(move || picker.show_quick());
        });
    }

    /// The emoji in a message's menu: those chosen last, then the usual ones.
    fn show_quick(&self) {
        let cells = self.recent().into_iter().take(QUICK);
        let cells = cells.map(|cell| item(&cell)).collect::<Vec<_>>();
        self.context.with_window(|window| {
            window
                .global::<super::Menus>()
                .set_quick(ModelRc::from(Rc::new(VecModel::from(cells))));
        });
    }

    fn toggle(&self) {
        let mut open = false;
        self.context
            .with_window(|window| open = window.global::<EmojiAdapter>().get_open());
        if open {
            self.close();
        } else {
            self.open(None);
        }
    }

    fn open(&self, target: Option<RowId>) {
        let language = self.context.language();
        let names: Vec<slint::SharedString> = std::iter::once(recent_title(language))
            .chain(GROUPS.iter().map(|names| pick(language, names)))
            .map(Into::into)
            .collect();
        let signs: Vec<Image> = SIGNS
            .iter()
            .map(|sign| pictures::image(sign).unwrap_or_default())
            .collect();
        let reacting = target.is_some();
        *self.target.borrow_mut() = target;
        self.show_all();
        self.context.with_window(|window| {
            let adapter = window.global::<EmojiAdapter>();
            adapter.set_groups(ModelRc::from(Rc::new(VecModel::from(signs))));
            adapter.set_group_names(ModelRc::from(Rc::new(VecModel::from(names))));
            adapter.set_group(0);
            adapter.set_term("".into());
            adapter.set_reacting(reacting);
            adapter.set_open(true);
            window.global::<ComposerAdapter>().set_emoji_open(!reacting);
        });
    }

    /// Closes the picker, e.g. because another room opens.
    pub(super) fn close(&self) {
        self.hide();
        self.composer.focus();
    }

    /// Closes it where nobody goes on writing.
    pub(super) fn hide(&self) {
        self.context.with_window(|window| {
            window.global::<EmojiAdapter>().set_open(false);
            window.global::<ComposerAdapter>().set_emoji_open(false);
        });
    }

    fn show_all(&self) {
        let language = self.context.language();
        let mut lines = vec![Line::Title(recent_title(language).to_owned())];
        push_cells(self.recent().into_iter(), &mut lines);
        for (group, names) in GROUPS.iter().enumerate() {
            lines.push(Line::Title(pick(language, names).to_owned()));
            let members = emoji::all().iter().filter(|emoji| emoji.group == group);
            push_cells(members.map(|emoji| cell(language, emoji)), &mut lines);
        }
        self.lines.set(lines);
    }

    fn recent(&self) -> Vec<Cell> {
        let language = self.context.language();
        let settings = self.context.settings.get();
        let chosen = settings.recent_emoji.iter().map(String::as_str);
        let usual = USUAL
            .into_iter()
            .filter(|usual| !settings.recent_emoji.iter().any(|text| text == usual));
        let cells = chosen.chain(usual).take(RECENT).map(|text| Cell {
            text: text.to_owned(),
            name: emoji::find(text).map_or("", |emoji| emoji.name(language)),
        });
        cells.collect()
    }

    fn search(&self, term: &str) {
        if term.trim().is_empty() {
            return self.show_all();
        }
        let language = self.context.language();
        let mut lines = Vec::new();
        let found = emoji::search(term, FOUND);
        push_cells(found.iter().map(|emoji| cell(language, emoji)), &mut lines);
        self.lines.set(lines);
        self.context.with_window(|window| {
            let adapter = window.global::<EmojiAdapter>();
            adapter.set_scroll_line(0);
            adapter.set_scroll_epoch(adapter.get_scroll_epoch().wrapping_add(1));
        });
    }

    fn scroll_to(&self, group: i32) {
        let wanted = usize::try_from(group).unwrap_or(0);
        let mut clear = false;
        self.context
            .with_window(|window| clear = window.global::<EmojiAdapter>().get_term() != "");
        if clear {
            self.show_all();
        }
        let line = self.titles().get(wanted).copied().unwrap_or(0);
        self.context.with_window(|window| {
            let adapter = window.global::<EmojiAdapter>();
            adapter.set_term("".into());
            adapter.set_group(group);
            adapter.set_scroll_line(i32::try_from(line).unwrap_or(0));
            adapter.set_scroll_epoch(adapter.get_scroll_epoch().wrapping_add(1));
        });
    }

    fn show_group(&self, line: i32) {
        let line = usize::try_from(line).unwrap_or(0);
        let group = self
            .titles()
            .iter()
            .rposition(|title| *title <= line)
            .unwrap_or(0);
        self.context.with_window(|window| {
            window
                .global::<EmojiAdapter>()
                .set_group(i32::try_from(group).unwrap_or(0));
        });
    }

    fn titles(&self) -> Vec<usize> {
        let lines = self.lines.lines.borrow();
        let titles = lines
            .iter()
            .enumerate()
            .filter(|(_, line)| matches!(line, Line::Title(_)));
        titles.map(|(index, _)| index).collect()
    }

    fn choose_first(&self) {
        let first = self
            .lines
            .lines
            .borrow()
            .iter()
            .find_map(|line| match line {
                Line::Cells(cells) => cells.first().map(|cell| cell.text.clone()),
                Line::Title(_) => None,
            });
        if let Some(text) = first {
            self.choose(&text);
        }
    }

    fn choose(&self, text: &str) {
        self.context.settings.change(|choices| {
            choices.recent_emoji.retain(|other| other != text);
            choices.recent_emoji.insert(0, text.to_owned());
            choices.recent_emoji.truncate(RECENT);
        });
        let target = self.target.borrow().clone();
        match target {
            Some(row) => {
                self.timeline.send(TimelineCommand::ToggleReaction {
                    row,
                    key: text.to_owned(),
                });
                self.close();
            }
            None => {
                self.composer.insert(text);
                self.close();
            }
        }
    }
}

fn cell(language: Language, emoji: &Emoji) -> Cell {
    Cell {
        text: emoji.text.to_owned(),
        name: emoji.name(language),
    }
}

fn push_cells(cells: impl Iterator<Item = Cell>, lines: &mut Vec<Line>) {
    let cells: Vec<_> = cells.collect();
    lines.extend(cells.chunks(COLUMNS).map(|line| Line::Cells(line.to_vec())));
}

fn recent_title(language: Language) -> &'static str {
    pick(language, &["Недавние", "Recent"])
}

fn pick(language: Language, names: &[&'static str; 2]) -> &'static str {
    match language {
        Language::Russian => names[0],
        Language::English => names[1],
    }
}
