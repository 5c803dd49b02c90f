//! How much torture.

use std::ops::Range;
use std::time::Duration;

use crate::scene::Mode;

/// How much torture, and of which kind.
pub(crate) struct Plan {
    pub(crate) name: &'static str,
    pub(crate) processes: usize,
    pub(crate) mode: Mode,
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
        let mut seed = fastrand::u64(..);
        let mut rest = rest.iter();
        while let Some(flag) = rest.next() {
            match flag.as_str() {
                "--short" => is_short = true,
                "--keep" => keep = true,
                "--seed" => seed = rest.next()?.parse().ok()?,
                _ => return None,
            }
        }
        let choose = |short, full| if is_short { short } else { full };
        match command.as_str() {
            "kill" => Some(Self {
                name: "kill",
                processes: 1,
                mode: Mode::SingleProcess,
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
                mode: Mode::MultiProcess,
                in_flight: 50,
                instances_min: choose(200, 1_000),
                kills: choose(3, 15),
                kill_after: Duration::from_millis(900)..Duration::from_millis(1_100),
                seed,
                is_short,
                keep,
            }),
            _ => None,
        }
    }
}
