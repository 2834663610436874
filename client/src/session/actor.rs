//! Takes commands one by one and hands each to what carries it out.

use std::sync::Arc;

use tokio::sync::{Notify, mpsc};

use super::{
    Config,
    account::SignedIn,
    account_store::{Account, AccountStore, Keys},
    certificates::extra_roots,
    devices, encryption,
    ending::{self, SessionEnded},
    find_servers, games, join_file, notices,
    outbox::Outbox,
    people, presence, profile, server, sign_in, storage, verification,
};
use crate::bridge::{
    command::{
        AccountCommand, Command, Envelope, PeopleCommand, RequestId, TimelineCommand,
        VerificationCommand,
    },
    trouble::Trouble,
    update::{Answer, SessionState, Update},
};

/// Runs the session until it is told to shut down or the views are gone.
pub async fn run(
    config: Config,
    mut commands: mpsc::UnboundedReceiver<Envelope>,
    updates: mpsc::Sender<Update>,
) {
    let (ended, mut endings) = mpsc::unbounded_channel();
    let profile_changed = Arc::new(Notify::new());
    let outbox = Outbox::new(updates);
    let mut actor = Actor {
        store: AccountStore::new(&config),
        config,
        outbox,
        signed_in: None,
        expired: None,
        ended,
        profile_changed: profile_changed.clone(),
    };
    loop {
        tokio::select! {
            envelope = commands.recv() => match envelope {
                Some(Envelope { request, command: Command::Account(AccountCommand::Shutdown) }) => {
                    actor.shut_down().await;
                    return actor.outbox.answer(request, Ok(Answer::Done)).await;
                }
                Some(Envelope { request, command }) => actor.carry_out(request, command).await,
                None => return actor.shut_down().await,
            },
            Some(ending) = endings.recv() => actor.end(ending).await,
            () = profile_changed.notified() => actor.refresh_profile(),
        }
    }
}

struct Actor {
    config: Config,
    store: AccountStore,
    outbox: Outbox,
    signed_in: Option<SignedIn>,
    /// The account whose session has expired: all of it waits for the person to sign in again.
    expired: Option<(Account, Keys)>,
    ended: mpsc::UnboundedSender<SessionEnded>,
    /// The server has another name or picture of the person.
    profile_changed: Arc<Notify>,
}

impl Actor {
    async fn carry_out(&mut self, request: RequestId, command: Command) {
        match command {
            Command::Account(command) => self.account(request, command).await,
            other => match &mut self.signed_in {
                Some(signed_in) => hand_over(signed_in, &self.outbox, request, other).await,
                // The open room was closed with the session.
                None if matches!(other, Command::Timeline(_, TimelineCommand::Close)) => {
                    self.outbox.answer(request, Ok(Answer::Done)).await;
                }
                None => self.refuse(request).await,
            },
        }
    }

    async fn refuse(&self, request: RequestId) {
        let refusal = Err(Trouble::SessionEnded);
        self.outbox.answer(request, refusal).await;
    }

    async fn account(&mut self, request: RequestId, command: AccountCommand) {
        let result = match command {
            AccountCommand::CheckServer { address } => {
                let roots = extra_roots(&self.config);
                let check =
                    async move { Ok(Answer::Server(server::check(&address, roots).await?)) };
                return self.outbox.answer_later(request, check);
            }
            AccountCommand::FindServers => {
                let roots = extra_roots(&self.config);
                return self
                    .outbox
                    .answer_later(request, async move { Ok(find_servers::find(roots).await) });
            }
            AccountCommand::OpenJoinFile { file } => {
                let config = self.config.clone();
                let open = async move { join_file::open(&config, &file).await };
                return self.outbox.answer_later(request, open);
            }
            AccountCommand::SignIn {
                server,
                user,
                password,
                shared_computer,
            } => {
                let form = sign_in::SignIn {
                    server,
                    user,
                    password,
                    shared_computer,
                };
                self.sign_in(form).await
            }
            AccountCommand::Register(form) => {
                let opened = Box::pin(sign_in::register(&self.config, &self.store, form)).await;
                self.enter(opened).await
            }
            AccountCommand::Restore => self.restore().await,
            AccountCommand::SignOut => self.sign_out().await,
            AccountCommand::SetSharedComputer { shared } => self.set_shared_computer(shared).await,
            AccountCommand::SetDisplayName { .. }
            | AccountCommand::SetAvatar { .. }
            | AccountCommand::LoadDevices
            | AccountCommand::EndDevices { .. }
            | AccountCommand::ChangePassword { .. }
            | AccountCommand::UnlockKeys { .. } => {
                return self.about_account(request, command).await;
            }
            AccountCommand::MeasureStorage | AccountCommand::ClearStorage => {
                return self.about_storage(request, command);
            }
            AccountCommand::Reconnect => {
                if let Some(signed_in) = &self.signed_in {
                    signed_in.reconnect().await;
                }
                Ok(())
            }
            AccountCommand::Shutdown => Ok(()),
        };
        self.outbox
            .answer(request, result.map(|()| Answer::Done))
            .await;
    }

    async fn enter(&mut self, opened: Result<sign_in::Opened, Trouble>) -> Result<(), Trouble> {
        let started = SignedIn::start(
            opened?,
            &self.config,
            &self.store,
            self.outbox.clone(),
            self.ended.clone(),
        );
        self.signed_in = Some(Box::pin(started).await?);
        self.expired = None;
        Ok(())
    }

    /// Goes on with the account whose session has expired, if it is the same person.
    async fn sign_in(&mut self, form: sign_in::SignIn) -> Result<(), Trouble> {
        let kept = self.expired.clone().filter(|(kept, _)| form.is_for(kept));
        let opened = match kept {
            Some((account, keys)) => {
                Box::pin(sign_in::again(
                    &self.config,
                    &self.store,
                    account,
                    keys,
                    form,
                ))
                .await
            }
            None => Box::pin(sign_in::sign_in(&self.config, &self.store, form)).await,
        };
        self.enter(opened).await
    }

    async fn restore(&mut self) -> Result<(), Trouble> {
        let found = self.store.blocking(AccountStore::find).await?;
        let Some((account, keys)) = found else {
            self.show_signed_out(None).await;
            return Ok(());
        };
        let opened = Box::pin(sign_in::restore(&self.config, &self.store, account, keys)).await;
        let entered = self.enter(opened).await;
        if let Err(trouble) = &entered {
            self.show_signed_out(Some(trouble.clone())).await;
        }
        entered
    }

    async fn set_shared_computer(&mut self, shared: bool) -> Result<(), Trouble> {
        let signed_in = self.signed_in.as_mut().ok_or(Trouble::SessionEnded)?;
        signed_in.account.shared_computer = shared;
        let (account, keys) = (signed_in.account.clone(), signed_in.current_keys());
        self.store
            .blocking(move |store| store.set_shared(&account, &keys))
            .await?;
        self.refresh_profile();
        Ok(())
    }

    fn refresh_profile(&mut self) {
        if let Some(signed_in) = &mut self.signed_in {
            signed_in.refresh_profile();
        }
    }

    /// Questions to the server that hold up nothing else.
    async fn about_account(&self, request: RequestId, command: AccountCommand) {
        let Some(signed_in) = &self.signed_in else {
            return self.refuse(request).await;
        };
        let (client, changed) = (signed_in.client.clone(), self.profile_changed.clone());
        self.outbox.answer_later(request, async move {
            match command {
                AccountCommand::EndDevices { devices, password } => {
                    devices::end(&client, &devices, &password).await
                }
                AccountCommand::ChangePassword { old, new } => {
                    devices::change_password(&client, &old, &new).await
                }
                AccountCommand::UnlockKeys { secret } => encryption::unlock(&client, &secret).await,
                AccountCommand::SetDisplayName { name } => {
                    let set = profile::set_name(&client, &name).await;
                    changed.notify_one();
                    set
                }
                AccountCommand::SetAvatar { file } => {
                    let set = profile::set_avatar(&client, file).await;
                    changed.notify_one();
                    set
                }
                _ => devices::load(&client).await,
            }
        });
    }

    /// Questions to the disk.
    fn about_storage(&self, request: RequestId, command: AccountCommand) {
        let signed_in = self.signed_in.as_ref();
        let (account, client) = signed_in
            .map(|signed_in| (signed_in.account.id.clone(), signed_in.client.clone()))
            .unzip();
        let store = self.store.clone();
        self.outbox.answer_later(request, async move {
            let (Some(account), Some(client)) = (account, client) else {
                return Err(Trouble::SessionEnded);
            };
            match command {
                AccountCommand::ClearStorage => storage::clear(&client, &store, &account).await,
                _ => storage::measure(&store, &account).await,
            }
        });
    }

    /// Out of reach or not, after this nothing is left on this computer.
    async fn sign_out(&mut self) -> Result<(), Trouble> {
        if let Some(signed_in) = &self.signed_in {
            ending::log_out(&signed_in.client).await;
        }
        self.forget(None).await;
        Ok(())
    }

    /// The server has ended the session.
    async fn end(&mut self, ending: SessionEnded) {
        match ending {
            SessionEnded::Removed => self.forget(Some(Trouble::SessionEnded)).await,
            SessionEnded::Expired => {
                let Some(signed_in) = self.signed_in.take() else {
                    return;
                };
                self.expired = Some((signed_in.account.clone(), signed_in.keys.clone()));
                signed_in.stop().await;
                self.show_signed_out(Some(Trouble::SessionExpired)).await;
            }
        }
    }

    /// Ends the session here and removes its data.
    async fn forget(&mut self, reason: Option<Trouble>) {
        let Some(signed_in) = self.signed_in.take() else {
            return;
        };
        let id = signed_in.account.id.clone();
        signed_in.stop().await;
        let wiped = self.store.blocking(move |store| store.wipe(&id)).await;
        let left = wiped.err().map(|trouble| {
            tracing::error!(?trouble, "the account's data was not removed");
            Trouble::DataLeft
        });
        self.show_signed_out(reason.or(left)).await;
    }

    async fn shut_down(&mut self) {
        match self.signed_in.take() {
            Some(signed_in) if signed_in.account.shared_computer => {
                self.signed_in = Some(signed_in);
                if let Err(trouble) = self.sign_out().await {
                    tracing::error!(
                        ?trouble,
                        "the session on this shared computer was not ended"
                    );
                }
            }
            Some(signed_in) => signed_in.stop().await,
            None => {}
        }
        if let Some((account, _)) = self.expired.take()
            && account.shared_computer
            && let Err(trouble) = self
                .store
                .blocking(move |store| store.wipe(&account.id))
                .await
        {
            tracing::error!(?trouble, "the expired session was not removed");
        }
    }

    async fn show_signed_out(&self, reason: Option<Trouble>) {
        let last = self
            .store
            .blocking(|store| Ok(store.last_used()))
            .await
            .unwrap_or_default();
        let state = SessionState::SignedOut {
            server: last.server,
            user: last.user,
            reason,
        };
        self.outbox.send(Update::Session(state)).await;
    }
}

async fn hand_over(
    signed_in: &mut SignedIn,
    outbox: &Outbox,
    request: RequestId,
    command: Command,
) {
    match command {
        Command::Timeline(room, command) => signed_in.timeline(room, request, command).await,
        Command::Media(command) => signed_in.media.carry_out(request, command).await,
        Command::Rooms(command) => signed_in.rooms(request, command),
        Command::Games(command) => {
            let client = signed_in.client.clone();
            let answer = async move { games::carry_out(&client, command).await };
            outbox.answer_later(request, answer);
        }
        Command::Feedback(command) => signed_in.report(request, command).await,
        Command::Verification(VerificationCommand::Trust { user }) => {
            let client = signed_in.client.clone();
            outbox.answer_later(
                request,
                async move { verification::trust(&client, user).await },
            );
        }
        Command::Verification(command) => signed_in.verify(request, command).await,
        Command::People(PeopleCommand::Search { term }) => {
            let client = signed_in.client.clone();
            outbox.answer_later(request, async move { people::search(&client, &term).await });
        }
        Command::People(PeopleCommand::Presence { users }) => {
            let client = signed_in.client.clone();
            outbox.answer_later(request, async move {
                Ok(Answer::Presence(presence::load(&client, users).await))
            });
        }
        Command::People(PeopleCommand::Notify { title, text }) => {
            outbox.answer_later(request, async move {
                notices::show(title, text).await.map(|()| Answer::Done)
            });
        }
        // Taken care of by the caller.
        Command::Account(_) => outbox.answer(request, Ok(Answer::Done)).await,
    }
}
