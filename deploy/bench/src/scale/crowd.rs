//! A room that everybody is in.

use std::time::{Duration, Instant};

use anyhow::{Context as _, Result, ensure};
use futures::{StreamExt as _, TryStreamExt as _, stream};

use crate::{Arguments, table::Table, user::User};

/// How many people do something at the same time.
const AT_ONCE: usize = 16;
/// How many of them are measured where it need not be everybody.
const SOME: usize = 200;

/// People without a room.
pub(crate) struct Crowd {
    pub(crate) users: Vec<User>,
}

impl Crowd {
    pub(crate) async fn gather(arguments: &Arguments) -> Result<Self> {
        eprintln!("registering {} people", arguments.members);
        let users = stream::iter(0..arguments.members)
            .map(|number| async move {
                User::register(arguments.server, &format!("member{number}")).await
            })
            .buffered(AT_ONCE)
            .try_collect()
            .await?;
        Ok(Self { users })
    }

    pub(crate) async fn measure(&mut self, table: &mut Table) -> Result<()> {
        let all = self.users.len();
        let (creator, others) = self.users.split_first_mut().context("nobody is there")?;
        let room = creator.create_public_room("Academy").await?;
        let (first, last) = others.split_at_mut(all.saturating_sub(SOME + 1));
        each(first, async |user: &mut User| user.join(&room).await).await?;
        let work = table.begin()?;
        let joins = each(last, async |user: &mut User| user.join(&room).await).await?;
        table.end(&work, &format!("the last joins of {all}"), &joins)?;

        let work = table.begin()?;
        let sent = each(last, async |user: &mut User| {
            user.send(&room).await.map(drop)
        })
        .await?;
        table.end(&work, &format!("send to {all} members"), &sent)?;

        let members = format!("/_matrix/client/v3/rooms/{room}/members");
        let some = &mut last[..SOME / 10];
        let work = table.begin()?;
        let lists = each(some, async |user: &mut User| {
            let list = user.connection.get(&members).await?;
            ensure!(
                list.len() > 100 * all,
                "a list of members has {} bytes",
                list.len()
            );
            Ok(())
        })
        .await?;
        table.end(&work, &format!("list of {all} members"), &lists)?;

        let work = table.begin()?;
        let syncs = each(some, async |user: &mut User| {
            user.first_sync().await.map(drop)
        })
        .await?;
        table.end(
            &work,
            &format!("first sync, one room of {all} members"),
            &syncs,
        )
    }
}

/// Has users do something, some of them at a time, and returns how long it took each.
async fn each(
    users: &mut [User],
    action: impl AsyncFn(&mut User) -> Result<()>,
) -> Result<Vec<Duration>> {
    let action = &action;
    stream::iter(users)
        .map(|user| async move {
            let start = Instant::now();
            action(user).await?;
            Ok(start.elapsed())
        })
        .buffer_unordered(AT_ONCE)
        .try_collect()
        .await
}
