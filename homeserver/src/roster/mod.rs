//! The academy's list of classes, students and teachers, and what follows from it.
//!
//! The list is *reconciled*, not merely imported: a file says who is there now, [`plan`] compares it with what was there,
//! and [`apply`] makes the difference true. Classes are rooms inside a space; members follow; whoever is in the list no
//! more is locked and leaves the classes, and nothing is ever deleted. Everything that is applied can be applied again, so
//! a server that is killed in the middle is mended by the same file.

mod apply;
mod csv;
mod logins;
pub mod plan;
mod rooms;
pub mod routes;
pub mod store;

use std::{collections::HashSet, sync::Arc};

use ruma::{OwnedUserId, RoomVersionId, UserId};
use tokio::sync::Mutex;

pub use self::{
    apply::{Applied, PrintedCode},
    plan::{Change, Person},
    store::{ClassRow, PersonRow, Role},
};
use self::{plan::Present, rooms::ClassRooms};
use crate::{
    ApiError, ApiResult, Config, config,
    rooms::Rooms,
    storage::Storage,
    users::{NewAccount, Users},
};

/// The service. Clones share it.
#[derive(Clone)]
pub struct Roster {
    inner: Arc<Inner>,
}

struct Inner {
    storage: Storage,
    users: Users,
    rooms: Rooms,
    config: config::Campus,
    room_version: RoomVersionId,
    /// Held while the list is applied.
    turn: Mutex<()>,
}

/// Somebody in the list, and whether they have been here yet.
#[derive(Clone, Debug)]
pub struct Entry {
    /// They.
    pub person: Person,
    /// Whether they have left.
    pub gone: bool,
    /// Whether they have signed in.
    pub claimed: bool,
}

impl Roster {
    /// The list in a database.
    pub fn new(storage: Storage, users: Users, rooms: Rooms, config: &Config) -> Self {
        Self {
            inner: Arc::new(Inner {
                storage,
                users,
                rooms,
                config: config.campus.clone(),
                room_version: config.rooms.default_version.clone(),
                turn: Mutex::default(),
            }),
        }
    }

    /// What a file would change.
    pub async fn compare(&self, text: &str) -> ApiResult<Vec<Change>> {
        Ok(self.plan(text).await?.changes)
    }

    /// Everybody in the list, and who was.
    pub async fn entries(&self) -> ApiResult<Vec<Entry>> {
        let people = self.inner.storage.read(store::people).await?;
        let accounts = self.inner.users.accounts().await?;
        let entries = people.into_iter().map(|(user, row)| {
            let account = accounts.iter().find(|account| account.user == user);
            let password = account.and_then(|account| account.row.password.clone());
            Entry {
                gone: row.gone,
                claimed: row.printed.is_none() || row.printed != password,
                person: Person::from(&row),
            }
        });
        Ok(entries.collect())
    }

    async fn plan(&self, text: &str) -> ApiResult<plan::Plan> {
        let lines = csv::read(text).map_err(wrong_file)?;
        let present = self.present().await?;
        plan::plan(&lines, &present).map_err(wrong_file)
    }

    async fn present(&self) -> ApiResult<Present> {
        let (people, classes) = self
            .inner
            .storage
            .read(|snapshot| ApiResult::Ok((store::people(snapshot)?, store::classes(snapshot)?)))
            .await?;
        let accounts = self.inner.users.accounts().await?;
        let accounts: HashSet<String> = accounts
            .iter()
            .map(|account| account.user_id.localpart().to_owned())
            .collect();
        Ok(Present {
            people: people.into_iter().map(|(_, row)| row).collect(),
            classes: classes
                .into_iter()
                .map(|(class, row)| (class, row.archived))
                .collect(),
            accounts,
        })
    }

    fn class_rooms(&self, account: OwnedUserId) -> ClassRooms<'_> {
        ClassRooms {
            inner: &self.inner,
            account,
        }
    }

    /// The account that owns the rooms, made when it is first needed.
    async fn account(&self) -> ApiResult<OwnedUserId> {
        let Inner { users, config, .. } = &*self.inner;
        let user_id = UserId::parse(format!("@{}:{}", config.account, users.server_name()))
            .map_err(ApiError::internal)?;
        match users.account(&user_id).await? {
            Some(account) if account.row.password.is_some() => Err(ApiError::forbidden(format!(
                "{user_id} belongs to somebody, so it cannot own the rooms of classes: set campus.account in the configuration."
            ))),
            Some(_) => Ok(user_id),
            None => {
                let new = NewAccount {
                    user_id: user_id.clone(),
                    password: None,
                    admin: false,
                    display_name: config.name.clone(),
                    registration_token: None,
                    accepted_terms: Vec::new(),
                };
                users.create_account(new, None).await?;
                Ok(user_id)
            }
        }
    }
}

/// A file that cannot be used, with every line that is wrong.
fn wrong_file(complaints: Vec<String>) -> ApiError {
    ApiError::invalid_param(format!(
        "The roster cannot be used:\n{}",
        complaints.join("\n")
    ))
}
