//! `fialka-server invite …`

use clap::{Args, Subcommand};

use super::{ConfigFile, admin_client::AdminClient, show_time};
use crate::{
    config::Period,
    users::routes::admin::{CreateInvite, Done, Invite as Shown, RevokeInvite},
};

/// Registration tokens of a running server.
#[derive(Args)]
pub(super) struct Invite {
    #[command(flatten)]
    config: ConfigFile,
    #[command(subcommand)]
    action: Action,
}

#[derive(Subcommand)]
enum Action {
    /// Make a token with which people can register, and print it.
    Create {
        /// The token; a random one if left out.
        #[arg(long)]
        token: Option<String>,
        /// How many accounts can be made with it; any number if left out.
        #[arg(long)]
        uses: Option<u32>,
        /// How long it is good, such as "7d"; for ever if left out.
        #[arg(long, value_name = "PERIOD")]
        valid_for: Option<Period>,
    },
    /// List all tokens.
    List,
    /// Make a token worthless.
    Revoke {
        /// The token.
        token: String,
    },
}

impl Invite {
    pub(super) fn run(self) -> anyhow::Result<()> {
        let client = AdminClient::new(&self.config.load()?)?;
        super::block_on(self.action.run(&client))
    }
}

impl Action {
    async fn run(self, client: &AdminClient) -> anyhow::Result<()> {
        match self {
            Self::Create {
                token,
                uses,
                valid_for,
            } => {
                let request = CreateInvite {
                    token,
                    uses,
                    valid_seconds: valid_for.map(|period| period.0.as_secs()),
                };
                let made: Shown = client.post("/invites/create", &request).await?;
                println!("{}", made.token);
            }
            Self::List => {
                for invite in client.get::<Vec<Shown>>("/invites").await? {
                    println!("{}", line(&invite));
                }
            }
            Self::Revoke { token } => {
                let request = RevokeInvite { token };
                client.post::<Done>("/invites/revoke", &request).await?;
            }
        }
        Ok(())
    }
}

fn line(invite: &Shown) -> String {
    let uses = match invite.uses_allowed {
        Some(allowed) => format!("{} of {allowed} used", invite.used),
        None => format!("{} used", invite.used),
    };
    let until = match invite.expires {
        Some(expires) => format!("until {}", show_time(expires)),
        None => "for ever".to_owned(),
    };
    format!("{}  {uses}  {until}", invite.token)
}
