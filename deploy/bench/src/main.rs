//! Puts the same load on several homeservers in turn and prints what it cost each of them.
//!
//! `cargo xtask bench` starts the servers: ours twice, so that the difference between equals shows how far the numbers
//! can be trusted, and Synapse. Every row runs on every server before it runs again, so that a disturbance of the
//! machine hits all of them. The load comes from one thread.

mod meter;
mod report;
mod rows;
mod stage;

use std::{path::PathBuf, time::Duration};

use anyhow::Result;
use clap::Parser;
use fialka_bench::{connection, usage, user};

use crate::{
    report::Report,
    stage::{Server, Stage},
};

#[derive(Parser)]
struct Arguments {
    /// A server as `NAME=ADDRESS=PROCESS[,PROCESS…]`: first ours, then the one to compare with, then ours again.
    #[arg(long = "server", required = true, num_args = 1)]
    servers: Vec<Server>,
    /// How often every row is repeated.
    #[arg(long, default_value_t = 3)]
    rounds: usize,
    /// How long one row loads one server, in seconds.
    #[arg(long, default_value_t = 3.0)]
    seconds: f64,
    /// Only rows whose names contain this.
    #[arg(long)]
    only: Option<String>,
    /// Write the table to this file too.
    #[arg(long)]
    write: Option<PathBuf>,
}

#[tokio::main(flavor = "current_thread")]
async fn main() -> Result<()> {
    let arguments = Arguments::parse();
    let mut report = Report::new(&arguments.servers);
    let duration = Duration::from_secs_f64(arguments.seconds);
    report.fresh_memory()?;
    let mut stages = Vec::new();
    for server in &arguments.servers {
        eprintln!("{}: registering users", server.name);
        stages.push(Stage::new(server.clone(), duration).await?);
    }
    for round in 1..=arguments.rounds {
        for row in rows::ALL {
            if arguments
                .only
                .as_ref()
                .is_some_and(|part| !row.name.contains(part.as_str()))
            {
                continue;
            }
            for (index, stage) in stages.iter_mut().enumerate() {
                eprint!("round {round}, {}, {}: ", row.name, stage.server.name);
                match (row.run)(stage).await {
                    Ok(sample) => {
                        eprintln!("{sample}");
                        report.add(row, index, sample);
                    }
                    // One missing endpoint must not hide what the other rows say.
                    Err(error) => eprintln!("failed: {error:#}"),
                }
            }
        }
    }
    report.used_memory()?;
    let table = report.table();
    print!("{table}");
    if let Some(path) = arguments.write {
        report.write(&path, &table)?;
    }
    Ok(())
}
