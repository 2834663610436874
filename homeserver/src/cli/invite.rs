//! `fialka-server invite …`

use std::{
    fs,
    path::{Path, PathBuf},
};

use anyhow::Context;
use clap::{Args, Subcommand};

use super::{ConfigFile, admin_client::AdminClient, show_time};
use crate::{
    Config,
    config::Period,
    join::JoinFile,
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
        /// Also write a file with the token, with which people join by a double click.
        #[arg(long, value_name = "FILE")]
        join_file: Option<PathBuf>,
    },
    /// Write a file with which people join by a double click, without a token.
    JoinFile {
        /// The file, usually ending in .fialka.
        file: PathBuf,
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
        let config = self.config.load()?;
        if let Action::JoinFile { file } = &self.action {
            // Needs no running server.
            return write_join_file(&config, file, None);
        }
        super::block_on(self.action.run(&config))
    }
}

impl Action {
    async fn run(self, config: &Config) -> anyhow::Result<()> {
        let client = AdminClient::new(config)?;
        match self {
            Self::Create {
                token,
                uses,
                valid_for,
                join_file,
            } => {
                let request = CreateInvite {
                    token,
                    uses,
                    valid_seconds: valid_for.map(|period| period.0.as_secs()),
                };
                let made: Shown = client.post("/invites/create", &request).await?;
                println!("{}", made.token);
                if let Some(file) = join_file {
                    write_join_file(config, &file, Some(made.token))?;
                }
            }
            Self::JoinFile { file } => write_join_file(config, &file, None)?,
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

fn write_join_file(config: &Config, path: &Path, token: Option<String>) -> anyhow::Result<()> {
    let mut file = JoinFile::of(config)?;
    file.registration_token = token;
    fs::write(path, file.to_text()?).with_context(|| format!("cannot write {}", path.display()))
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
