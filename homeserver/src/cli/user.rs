//! `fialka-server user …`

use anyhow::{Context, ensure};
use clap::{Args, Subcommand};

use super::{ConfigFile, admin_client::AdminClient, show_time};
use crate::users::routes::admin::{AddUser, ChangeUser, DeactivateUser, Done, ShownUser, UserRef};

/// Accounts of a running server.
#[derive(Args)]
pub(super) struct User {
    #[command(flatten)]
    pub(super) file: ConfigFile,
    #[command(subcommand)]
    action: Action,
}

#[derive(Subcommand)]
enum Action {
    /// Make an account. The password is read from the standard input.
    Add {
        /// The name without the server.
        name: String,
        /// The name others see.
        #[arg(long)]
        display_name: Option<String>,
        /// Let it administer the server.
        #[arg(long)]
        admin: bool,
    },
    /// List all accounts.
    List,
    /// Show an account and its devices.
    Show {
        /// The user.
        name: String,
    },
    /// Set a password, read from the standard input, and sign all devices out.
    Password {
        /// The user.
        name: String,
        /// Leave the user's devices signed in.
        #[arg(long)]
        keep_devices: bool,
    },
    /// Shut a user out until they are unlocked.
    Lock {
        /// The user.
        name: String,
    },
    /// Let a locked user in again.
    Unlock {
        /// The user.
        name: String,
    },
    /// Let a user read but not write.
    Suspend {
        /// The user.
        name: String,
        /// Let them write again.
        #[arg(long)]
        lift: bool,
    },
    /// Close an account for good.
    Deactivate {
        /// The user.
        name: String,
        /// Hide its messages from people who join later.
        #[arg(long)]
        erase: bool,
    },
    /// Let a user administer the server.
    Admin {
        /// The user.
        name: String,
        /// Take the right away.
        #[arg(long)]
        revoke: bool,
    },
}

impl User {
    pub(super) fn run(self) -> anyhow::Result<()> {
        let client = AdminClient::new(&self.file.load()?)?;
        super::block_on(self.action.run(&client))
    }
}

impl Action {
    async fn run(self, client: &AdminClient) -> anyhow::Result<()> {
        match self {
            Self::Add {
                name,
                display_name,
                admin,
            } => {
                let request = AddUser {
                    name,
                    password: read_password()?,
                    display_name,
                    admin,
                };
                let added: UserRef = client.post("/users/add", &request).await?;
                println!("{}", added.name);
            }
            Self::List => list(&client.get::<Vec<ShownUser>>("/users").await?),
            Self::Show { name } => {
                let user: ShownUser = client.post("/users/show", &UserRef { name }).await?;
                show(&user);
            }
            Self::Deactivate { name, erase } => {
                let request = DeactivateUser { name, erase };
                client.post::<Done>("/users/deactivate", &request).await?;
            }
            change => {
                let request = change.into_change()?;
                client.post::<Done>("/users/change", &request).await?;
            }
        }
        Ok(())
    }

    fn into_change(self) -> anyhow::Result<ChangeUser> {
        let mut change = ChangeUser::default();
        match self {
            Self::Password { name, keep_devices } => {
                change.name = name;
                change.password = Some(read_password()?);
                change.logout = !keep_devices;
            }
            Self::Lock { name } => (change.name, change.locked) = (name, Some(true)),
            Self::Unlock { name } => (change.name, change.locked) = (name, Some(false)),
            Self::Suspend { name, lift } => {
                (change.name, change.suspended) = (name, Some(!lift));
            }
            Self::Admin { name, revoke } => (change.name, change.admin) = (name, Some(!revoke)),
            Self::Add { name, .. } | Self::Show { name } | Self::Deactivate { name, .. } => {
                change.name = name;
            }
            Self::List => {}
        }
        Ok(change)
    }
}

/// Passwords do not come as arguments, which every user of the machine can see.
fn read_password() -> anyhow::Result<String> {
    use std::io::IsTerminal;
    if std::io::stdin().is_terminal() {
        eprint!("Password: ");
    }
    let mut line = String::new();
    std::io::stdin()
        .read_line(&mut line)
        .context("cannot read the password")?;
    let password = line.trim_end_matches(['\r', '\n']);
    ensure!(!password.is_empty(), "the password is empty");
    Ok(password.to_owned())
}

fn list(users: &[ShownUser]) {
    for user in users {
        println!("{}{}", user.user_id, remarks(user));
    }
}

fn remarks(user: &ShownUser) -> String {
    let remarks = [
        (user.admin, "admin"),
        (user.locked, "locked"),
        (user.suspended, "suspended"),
        (user.deactivated, "deactivated"),
    ];
    let set = remarks.iter().filter(|(is_set, _)| *is_set);
    set.map(|(_, remark)| format!("  {remark}")).collect()
}

fn show(user: &ShownUser) {
    println!("{}{}", user.user_id, remarks(user));
    println!("since {}", show_time(user.created));
    for device in &user.devices {
        let name = device.display_name.as_deref().unwrap_or("(no name)");
        let ip = device.last_seen_ip.as_deref().unwrap_or("unknown address");
        let seen = device
            .last_seen
            .map_or_else(|| "never seen".to_owned(), show_time);
        println!("  {}  {name}  {seen}  {ip}", device.device_id);
    }
}
