//! `fialka-server stats`

use super::{ConfigFile, admin_client::AdminClient};
use crate::ops::stats::Stats;

pub(super) fn run(file: &ConfigFile) -> anyhow::Result<()> {
    let client = AdminClient::new(&file.load()?)?;
    super::block_on(async {
        print!("{}", table(&client.get("/stats").await?));
        Ok(())
    })
}

fn table(stats: &Stats) -> String {
    let rows = [
        ("server", stats.server_name.clone()),
        ("version", stats.version.clone()),
        ("running for", period(stats.uptime_seconds)),
        ("users", stats.users.to_string()),
        ("rooms", stats.rooms.to_string()),
        ("events", format!("about {}", stats.events)),
        (
            "files",
            format!("{}, {}", stats.files, bytes(stats.file_bytes)),
        ),
        ("database", bytes(stats.database_bytes)),
    ];
    let lines = rows.map(|(name, value)| format!("{name:<12} {value}\n"));
    lines.concat()
}

fn period(seconds: u64) -> String {
    let (days, hours, minutes) = (seconds / 86_400, seconds / 3_600 % 24, seconds / 60 % 60);
    match days {
        0 => format!("{hours} h {minutes} min"),
        days => format!("{days} d {hours} h"),
    }
}

fn bytes(count: u64) -> String {
    format!("{:.1} MiB", count as f64 / f64::from(1 << 20))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_table_is_for_people() {
        let stats = Stats {
            version: "0.1.0".to_owned(),
            server_name: "campus.example".to_owned(),
            uptime_seconds: 90_061,
            users: 2,
            rooms: 3,
            events: 40,
            files: 5,
            file_bytes: 3 << 19,
            database_bytes: 0,
        };
        let expected = "server       campus.example\nversion      0.1.0\nrunning for  1 d 1 h\nusers        2\n\
                        rooms        3\nevents       about 40\nfiles        5, 1.5 MiB\ndatabase     0.0 MiB\n";
        assert_eq!(table(&stats), expected);
        assert_eq!(period(3_725), "1 h 2 min");
    }
}
