//! What a whole academy costs one server: a room with everybody in it, an account with very many rooms, and the
//! morning on which everybody signs in.
//!
//! `cargo xtask bench scale` starts the server.

mod account;
mod crowd;
mod morning;
mod table;

use std::net::SocketAddr;

use anyhow::Result;
use clap::Parser;
use fialka_bench::{connection, usage, user};

use crate::{crowd::Crowd, table::Table};

#[derive(Parser)]
pub(crate) struct Arguments {
    /// The homeserver: empty, with open registration and without limits.
    #[arg(long)]
    server: SocketAddr,
    /// Its process.
    #[arg(long)]
    process: u32,
    /// How many people are in the large room.
    #[arg(long, default_value_t = 5000)]
    members: usize,
    /// How many rooms the large account is in.
    #[arg(long, default_value_t = 2000)]
    rooms: usize,
    /// How many people sign in on the morning.
    #[arg(long, default_value_t = 600)]
    people: usize,
}

#[tokio::main(flavor = "current_thread")]
async fn main() -> Result<()> {
    let arguments = Arguments::parse();
    let mut table = Table::new(arguments.process);
    let mut crowd = Crowd::gather(&arguments).await?;
    crowd.measure(&mut table).await?;
    account::measure(&arguments, &mut table).await?;
    morning::measure(&arguments, &mut crowd, &mut table).await?;
    table.memory()?;
    table.print();
    Ok(())
}
