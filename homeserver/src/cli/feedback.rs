//! `fialka-server feedback …`

use clap::{ArgGroup, Args, Subcommand, ValueEnum};

use super::{ConfigFile, admin_client::AdminClient, show_time};
use crate::{
    feedback::{
        Category, ProblemId, Status,
        routes::admin::{
            ListFeedback, Replied, ReplyToFeedback, SetFeedback, ShowFeedback, ShownDetails,
            ShownProblem,
        },
    },
    users::routes::admin::Done,
};

/// What people report about Fialka, kept by the running server.
#[derive(Args)]
pub(super) struct Feedback {
    #[command(flatten)]
    pub(super) file: ConfigFile,
    #[command(subcommand)]
    action: Action,
}

#[derive(Subcommand)]
enum Action {
    /// List problems, those of most people first.
    List {
        /// Only those that are dealt with so far.
        #[arg(long)]
        status: Option<Status>,
        /// Only those of this kind.
        #[arg(long)]
        category: Option<Category>,
        /// How many at most.
        #[arg(long, default_value_t = 50)]
        limit: usize,
    },
    /// Show a problem with everything that people wrote about it.
    Show {
        /// Its number.
        id: u64,
    },
    /// Say how far a problem is dealt with, give it a title, or make it one with another.
    #[command(group(ArgGroup::new("change").required(true).multiple(true)))]
    Set {
        /// Its number.
        id: u64,
        /// How far it is dealt with.
        #[arg(long, group = "change")]
        status: Option<Status>,
        /// The version in which it is solved.
        #[arg(long, value_name = "VERSION", group = "change")]
        fixed_in: Option<String>,
        /// What it is called. Everybody who reports something similar sees it.
        #[arg(long, group = "change")]
        title: Option<String>,
        /// The problem it turned out to be the same as.
        #[arg(long, value_name = "ID", group = "change")]
        same_as: Option<u64>,
    },
    /// Answer everybody who reported a problem, with a message of the server.
    Reply {
        /// Its number.
        id: u64,
        /// The answer.
        text: String,
    },
}

impl ValueEnum for Status {
    fn value_variants<'a>() -> &'a [Self] {
        &[Self::New, Self::Confirmed, Self::Fixed, Self::Told]
    }

    fn to_possible_value(&self) -> Option<clap::builder::PossibleValue> {
        Some(status(*self).into())
    }
}

impl ValueEnum for Category {
    fn value_variants<'a>() -> &'a [Self] {
        &[Self::Broken, Self::Awkward, Self::Unclear, Self::Idea]
    }

    fn to_possible_value(&self) -> Option<clap::builder::PossibleValue> {
        Some(category(*self).into())
    }
}

impl Feedback {
    pub(super) fn run(self) -> anyhow::Result<()> {
        let client = AdminClient::new(&self.file.load()?)?;
        super::block_on(self.action.run(&client))
    }
}

impl Action {
    async fn run(self, client: &AdminClient) -> anyhow::Result<()> {
        match self {
            Self::List {
                status,
                category,
                limit,
            } => {
                let request = ListFeedback {
                    status,
                    category,
                    limit,
                };
                let problems: Vec<ShownProblem> = client.post("/feedback/list", &request).await?;
                for problem in problems {
                    println!("{}", line(&problem));
                }
            }
            Self::Show { id } => {
                let request = ShowFeedback { id: ProblemId(id) };
                let details: ShownDetails = client.post("/feedback/show", &request).await?;
                show(&details);
            }
            Self::Set {
                id,
                status,
                fixed_in,
                title,
                same_as,
            } => {
                let request = SetFeedback {
                    id: ProblemId(id),
                    status,
                    fixed_in,
                    title,
                    same_as: same_as.map(ProblemId),
                };
                client.post::<Done>("/feedback/set", &request).await?;
            }
            Self::Reply { id, text } => {
                let request = ReplyToFeedback {
                    id: ProblemId(id),
                    text,
                };
                let replied: Replied = client.post("/feedback/reply", &request).await?;
                println!("to {}", people(replied.people));
            }
        }
        Ok(())
    }
}

fn status(status: Status) -> &'static str {
    match status {
        Status::New => "new",
        Status::Confirmed => "confirmed",
        Status::Fixed => "fixed",
        Status::Told => "told",
    }
}

fn category(category: Category) -> &'static str {
    match category {
        Category::Broken => "broken",
        Category::Awkward => "awkward",
        Category::Unclear => "unclear",
        Category::Idea => "idea",
    }
}

fn people(count: u32) -> String {
    match count {
        1 => "1 person".to_owned(),
        count => format!("{count} people"),
    }
}

fn line(problem: &ShownProblem) -> String {
    let version = problem.fixed_in.as_ref();
    let version = version.map_or_else(String::new, |version| format!(" in {version}"));
    format!(
        "{}  {}, {} of them in 30 days  {}{version}  {}  {}",
        problem.id.0,
        people(problem.people),
        problem.people_recently,
        status(problem.status),
        category(problem.category),
        problem.title,
    )
}

fn show(details: &ShownDetails) {
    let problem = &details.problem;
    println!("{}", line(problem));
    println!(
        "{} reports, from {} to {}",
        problem.reports,
        show_time(problem.first_at),
        show_time(problem.last_at)
    );
    for report in &details.reports {
        println!("\n{}  {}", show_time(report.at), report.reporter);
        if let Some(written) = report.written_at {
            println!("written {}", show_time(written));
        }
        println!("{}", report.text);
        if let Some(picture) = &report.screenshot {
            println!("screenshot: {picture}");
        }
        if let Some(diagnostics) = &report.diagnostics {
            println!("{diagnostics}");
        }
    }
    for reply in &details.replies {
        println!(
            "\nanswered {} to {}:\n{}",
            show_time(reply.at),
            people(reply.people),
            reply.text
        );
    }
    if details.untold > 0 {
        println!("\n{} answers are still to be sent", details.untold);
    }
}
