//! The best players beside the chat: asked of the bot, which answers this window only.

use std::{
    cell::{Cell, RefCell},
    rc::Rc,
};

use matrix_sdk::ruma::OwnedUserId;
use slint::{ComponentHandle, ModelRc, SharedString, VecModel};

use super::{
    LeadersAdapter, MembersAdapter, MenuEntry, StandingItem, avatars::avatar, context::Context,
    emoji, room::Room,
};
use crate::{
    bridge::{
        command::{Command, GamesCommand},
        trouble::Trouble,
        update::Answer,
    },
    render::{games, words},
    rows::{Span, StandingRow, StandingsRow},
};

const MEDALS: [&str; 3] = ["🥇", "🥈", "🥉"];

/// The page with the table.
pub(super) struct Leaders {
    context: Rc<Context>,
    room: Rc<Room>,
    bot: RefCell<Option<OwnedUserId>>,
    own: RefCell<Option<OwnedUserId>>,
    /// Counts the questions, so that a late answer does not replace a newer one.
    asked: Cell<u64>,
}

impl Leaders {
    pub(super) fn new(context: &Rc<Context>, room: &Rc<Room>) -> Rc<Self> {
        let leaders = Rc::new(Self {
            context: context.clone(),
            room: room.clone(),
            bot: RefCell::default(),
            own: RefCell::default(),
            asked: Cell::default(),
        });
        leaders.bind();
        leaders
    }

    fn bind(self: &Rc<Self>) {
        self.context.with_window(|window| {
            let adapter = window.global::<LeadersAdapter>();
            let chosen = |set: fn(&LeadersAdapter<'_>, i32)| {
                let leaders = self.clone();
                move |index| {
                    leaders
                        .context
                        .with_window(|window| set(&window.global::<LeadersAdapter>(), index));
                    leaders.load();
                }
            };
            adapter.on_game_chosen(chosen(|adapter, index| adapter.set_game(index)));
            adapter.on_scope_chosen(chosen(|adapter, index| adapter.set_scope(index)));
            adapter.on_span_chosen(chosen(|adapter, index| adapter.set_span(index)));
            let leaders = self.clone();
            adapter.on_again(move || leaders.load());
            let window = window.as_weak();
            adapter.on_person_chosen(move |user| {
                if let Some(window) = window.upgrade() {
                    let members = window.global::<MembersAdapter>();
                    members.invoke_person_chosen(user);
                }
            });
        });
    }

    /// Whom to ask, and who asks.
    pub(super) fn set_people(&self, bot: Option<OwnedUserId>, own: Option<OwnedUserId>) {
        *self.bot.borrow_mut() = bot;
        *self.own.borrow_mut() = own;
        self.show(&StandingsRow::default());
    }

    /// Writes the names of the games, in another language.
    pub(super) fn refresh_all(&self) {
        let language = self.context.language();
        let all = self.context.say("Все игры", "All games");
        let titles = std::iter::once(all).chain(games::ranked().map(|game| game.title(language)));
        let titles: Vec<SharedString> = titles.map(Into::into).collect();
        let entries = titles.iter().enumerate().map(|(index, title)| MenuEntry {
            action: slint::format!("{index}"),
            text: title.clone(),
            ..MenuEntry::default()
        });
        let entries = ModelRc::from(Rc::new(entries.collect::<VecModel<_>>()));
        self.context.with_window(|window| {
            let adapter = window.global::<LeadersAdapter>();
            adapter.set_games(ModelRc::from(Rc::new(VecModel::from(titles))));
            adapter.set_game_entries(entries);
        });
    }

    /// Asks for the table that is chosen.
    pub(super) fn load(self: &Rc<Self>) {
        let Some(bot) = self.bot.borrow().clone() else {
            return;
        };
        let asked = self.asked.get() + 1;
        self.asked.set(asked);
        let mut command = None;
        self.context.with_window(|window| {
            let adapter = window.global::<LeadersAdapter>();
            adapter.set_loading(true);
            adapter.set_error("".into());
            let game = usize::try_from(adapter.get_game() - 1).ok();
            command = Some(GamesCommand::Standings {
                bot,
                room: (adapter.get_scope() == 0)
                    .then(|| self.room.timeline.room())
                    .flatten(),
                game: game.and_then(|game| Some(games::ranked().nth(game)?.id)),
                span: match adapter.get_span() {
                    0 => Span::Week,
                    1 => Span::Month,
                    _ => Span::Always,
                },
            });
        });
        let Some(command) = command else { return };
        let leaders = self.clone();
        self.context.ask(Command::Games(command), move |answer| {
            if leaders.asked.get() == asked {
                leaders.answered(answer);
            }
        });
    }

    fn answered(&self, answer: Result<Answer, Trouble>) {
        let error = match answer {
            Ok(Answer::Standings(standings)) => {
                self.show(&standings);
                String::new()
            }
            Ok(_) => String::new(),
            Err(trouble) => {
                self.show(&StandingsRow::default());
                words::trouble(self.context.language(), &trouble)
            }
        };
        self.context.with_window(|window| {
            let adapter = window.global::<LeadersAdapter>();
            adapter.set_loading(false);
            adapter.set_error(error.as_str().into());
        });
    }

    fn show(&self, standings: &StandingsRow) {
        let items = |rows: &mut dyn Iterator<Item = &StandingRow>| {
            let items: Vec<_> = rows.map(|row| self.item(row)).collect();
            ModelRc::from(Rc::new(VecModel::from(items)))
        };
        self.context.with_window(|window| {
            let adapter = window.global::<LeadersAdapter>();
            adapter.set_rows(items(&mut standings.best.iter()));
            adapter.set_own(items(&mut standings.own.iter()));
        });
    }

    fn item(&self, row: &StandingRow) -> StandingItem {
        let id = row.user_id.as_str();
        let medal = usize::try_from(row.place)
            .ok()
            .and_then(|place| MEDALS.get(place.checked_sub(1)?))
            .and_then(|medal| emoji::image(medal));
        StandingItem {
            place: row.place.to_string().as_str().into(),
            medaled: medal.is_some(),
            medal: medal.unwrap_or_default(),
            id: id.into(),
            name: row.name.as_str().into(),
            score: row.score.to_string().as_str().into(),
            own: self.own.borrow().as_ref() == Some(&row.user_id),
            avatar: avatar(&self.context, id, &row.name, None),
        }
    }
}
