//! `fialka-server invite …`

use std::{
    fs::{File, OpenOptions},
    io::Write,
    path::PathBuf,
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
    pub(super) file: ConfigFile,
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
        let config = self.file.load()?;
        if let Action::JoinFile { file } = &self.action {
            // Needs no running server.
            return JoinFileTarget::open(file.clone())?.write(&config, None);
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
                // Nobody gets a token that cannot be written where it was wanted.
                let opened = join_file.map(JoinFileTarget::open).transpose()?;
                let made: Shown = client.post("/invites/create", &request).await?;
                println!("{}", made.token);
                if let Some(target) = opened {
                    target.write(config, Some(made.token))?;
                }
            }
            Self::JoinFile { file } => JoinFileTarget::open(file)?.write(config, None)?,
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

/// A file that a join file is to be written into. What it holds so far stays until then.
struct JoinFileTarget {
    path: PathBuf,
    file: File,
}

impl JoinFileTarget {
    fn open(path: PathBuf) -> anyhow::Result<Self> {
        let mut options = OpenOptions::new();
        let file = options.write(true).create(true).truncate(false).open(&path);
        let file = file.with_context(|| format!("cannot write {}", path.display()))?;
        Ok(Self { path, file })
    }

    fn write(mut self, config: &Config, token: Option<String>) -> anyhow::Result<()> {
        let mut join_file = JoinFile::of(config)?;
        join_file.registration_token = token;
        let text = join_file.to_text()?;
        self.file
            .set_len(0)
            .and_then(|()| self.file.write_all(text.as_bytes()))
            .with_context(|| format!("cannot write {}", self.path.display()))
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
