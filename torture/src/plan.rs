//! How much torture.

use std::ops::Range;
use std::time::Duration;

use duroxide::providers::sqlite::SqliteMode;

use crate::backend::Backend;

/// How much torture, and of which kind.
pub(crate) struct Plan {
    pub(crate) name: &'static str,
    pub(crate) processes: usize,
    pub(crate) backend: Backend,
    pub(crate) in_flight: usize,
    /// New orchestrations are started until there were so many and all kills are done.
    pub(crate) instances_min: usize,
    pub(crate) kills: usize,
    /// How long after the last kill the next one comes.
    pub(crate) kill_after: Range<Duration>,
    pub(crate) seed: u64,
    pub(crate) is_short: bool,
    /// Whether the store and the ledger are kept though nothing is wrong.
    pub(crate) keep: bool,
}

impl Plan {
    pub(crate) fn parse(arguments: &[String]) -> Option<Self> {
        let (command, rest) = arguments.split_first()?;
        let mut is_short = false;
        let mut keep = false;
        let mut url = None;
        let mut seed = fastrand::u64(..);
        let mut rest = rest.iter();
        while let Some(flag) = rest.next() {
            match flag.as_str() {
                "--short" => is_short = true,
                "--keep" => keep = true,
                "--backend" => url = Some(rest.next()?.clone()),
                "--seed" => seed = rest.next()?.parse().ok()?,
                _ => return None,
            }
        }
        let postgres = match url {
            Some(url) if !is_postgres(&url) => return None,
            url => url.map(|url| Backend::Postgres { url }),
        };
        let is_on_server = postgres.is_some();
        let backend = |mode| postgres.unwrap_or(Backend::Sqlite(mode));
        let choose = |short, full| if is_short { short } else { full };
        match command.as_str() {
            "kill" => Some(Self {
                name: "kill",
                processes: 1,
                backend: backend(SqliteMode::SingleProcess),
                in_flight: 50,
                instances_min: 50,
                kills: choose(5, 25),
                kill_after: Duration::from_millis(20)..Duration::from_millis(300),
                seed,
                is_short,
                keep,
            }),
            "processes" => Some(Self {
                name: "processes",
                processes: 3,
                backend: backend(SqliteMode::MultiProcess),
                in_flight: 50,
                instances_min: if is_on_server {
                    choose(400, 2_000)
                } else {
                    choose(200, 1_000)
                },
                kills: choose(3, 15),
                kill_after: if is_on_server {
                    Duration::from_millis(1_900)..Duration::from_millis(2_100)
                } else {
                    Duration::from_millis(900)..Duration::from_millis(1_100)
                },
                seed,
                is_short,
                keep,
            }),
            _ => None,
        }
    }
}

fn is_postgres(url: &str) -> bool {
    url.starts_with("postgres://") || url.starts_with("postgresql://")
}
