//! How much torture.

use std::ops::Range;
use std::path::PathBuf;
use std::time::Duration;

use clap::error::ErrorKind;
use clap::{Parser, Subcommand};

/// What the words of a command line ask for.
#[derive(Debug)]
pub(super) enum Command {
    /// Say this.
    Help(String),
    /// Check what a run left in this folder.
    Check(PathBuf),
    Run(Plans),
}

/// Which kinds of torture, and how much of them.
#[derive(Debug, Clone, Copy)]
pub(super) struct Plans {
    /// `None` for all kinds that the provider's stores allow.
    kind: Option<Kind>,
    pub(super) seed: u64,
    is_short: bool,
    /// Whether the store and the ledger are kept though nothing is wrong.
    pub(super) keep: bool,
}

/// A kind of torture.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Kind {
    /// One process that is killed.
    Kill,
    /// Processes that share a store, of which one is killed.
    Processes,
}

/// How much torture of one kind.
#[derive(Debug)]
pub(super) struct Plan {
    pub(super) name: &'static str,
    pub(super) processes: usize,
    pub(super) in_flight: usize,
    /// New orchestrations are started until there were so many and all kills are done.
    pub(super) instances_min: usize,
    pub(super) kills: usize,
    /// How long after the last kill the next one comes.
    pub(super) kill_after: Range<Duration>,
    pub(super) seed: u64,
    pub(super) keep: bool,
}

/// Kill processes that run orchestrations with `kill -9`, and compare what they left with what they
/// had acknowledged
///
/// The fixture says by its `open_in` where the store of a folder is. Without a command one process
/// is killed, and then one of several if the provider's stores can be shared.
#[derive(Debug, Parser)]
#[command(name = "torture", no_binary_name = true)]
struct CommandLine {
    #[command(subcommand)]
    command: Option<Verb>,
    /// Fewer kills, for every day
    #[arg(long = "short", global = true)]
    is_short: bool,
    /// The moments and the mixture, drawn anew for each run otherwise
    #[arg(long, global = true, value_name = "NUMBER")]
    seed: Option<u64>,
    /// Keep the store and the ledger, as a failure does
    #[arg(long, global = true)]
    keep: bool,
}

#[derive(Debug, Subcommand)]
enum Verb {
    /// One process, killed at 25 random moments with 50 orchestrations in flight
    Kill,
    /// Three processes on one store, one of them killed again and again, every second, with 1,000
    /// orchestrations
    Processes,
    /// Check what a run left in a folder, once more
    Check {
        /// The folder
        folder: PathBuf,
    },
}

impl Command {
    pub(super) fn parse(arguments: &[String]) -> Result<Self, String> {
        let line = match CommandLine::try_parse_from(arguments) {
            Ok(line) => line,
            Err(error) if error.kind() == ErrorKind::DisplayHelp => {
                return Ok(Self::Help(error.render().to_string()));
            }
            Err(error) => return Err(error.render().to_string().trim_end().to_owned()),
        };
        let kind = match line.command {
            None => None,
            Some(Verb::Kill) => Some(Kind::Kill),
            Some(Verb::Processes) => Some(Kind::Processes),
            Some(Verb::Check { folder }) => return Ok(Self::Check(folder)),
        };
        Ok(Self::Run(Plans {
            kind,
            seed: line.seed.unwrap_or_else(|| fastrand::u64(..)),
            is_short: line.is_short,
            keep: line.keep,
        }))
    }
}

impl Plans {
    /// What is done first.
    pub(super) fn first(self) -> Plan {
        self.plan(self.kind.unwrap_or(Kind::Kill))
    }

    /// What is done after that, if the stores can be shared.
    pub(super) fn second(self, can_be_shared: bool) -> Option<Plan> {
        (self.kind.is_none() && can_be_shared).then(|| self.plan(Kind::Processes))
    }

    /// The flags by which the same is drawn again.
    pub(super) fn flags(self) -> String {
        let short = if self.is_short { "--short " } else { "" };
        format!("{short}--seed {}", self.seed)
    }

    fn plan(self, kind: Kind) -> Plan {
        let choose = |short, full| if self.is_short { short } else { full };
        let Self { seed, keep, .. } = self;
        match kind {
            Kind::Kill => Plan {
                name: "kill",
                processes: 1,
                in_flight: 50,
                instances_min: 50,
                kills: choose(5, 25),
                kill_after: Duration::from_millis(20)..Duration::from_millis(300),
                seed,
                keep,
            },
            Kind::Processes => Plan {
                name: "processes",
                processes: 3,
                in_flight: 50,
                instances_min: choose(200, 1_000),
                kills: choose(3, 15),
                kill_after: Duration::from_millis(900)..Duration::from_millis(1_100),
                seed,
                keep,
            },
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn parse(words: &[&str]) -> Result<Command, String> {
        let words: Vec<String> = words.iter().map(|word| (*word).to_owned()).collect();
        Command::parse(&words)
    }

    #[test]
    fn a_run_is_repeated_by_its_flags() {
        let Ok(Command::Run(plans)) = parse(&["kill", "--short", "--seed", "7", "--keep"]) else {
            panic!("these are the words of a run");
        };
        assert_eq!(plans.flags(), "--short --seed 7");
        let plan = plans.first();
        assert_eq!(
            (plan.name, plan.seed, plan.keep, plan.kills),
            ("kill", 7, true, 5)
        );
        assert!(plans.second(true).is_none(), "one kind was asked for");
    }

    #[test]
    fn without_a_kind_there_are_as_many_as_the_stores_allow() {
        let Ok(Command::Run(plans)) = parse(&[]) else {
            panic!("these are the words of a run");
        };
        assert_eq!(plans.first().name, "kill");
        assert_eq!(plans.second(true).map(|plan| plan.name), Some("processes"));
        assert!(plans.second(false).is_none());
    }

    #[test]
    fn what_is_no_word_of_a_run_is_refused() {
        for words in [&["--seed"][..], &["--seed", "x"], &["check"], &["kil"]] {
            assert!(parse(words).is_err(), "{words:?}");
        }
    }
}
