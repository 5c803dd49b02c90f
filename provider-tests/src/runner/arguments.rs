//! The command line.

use std::path::PathBuf;
use std::time::Duration;

use clap::builder::{PossibleValuesParser, TypedValueParser as _};
use clap::error::ErrorKind;
use clap::{Args, CommandFactory as _, Parser, ValueEnum, value_parser};

use super::selection::{self, Filters, NamedCases};
use crate::case::Profile;
use crate::suite::{RunOptions, Seed};

/// More seeds than anybody waits for.
const REPEAT_MAX: u64 = 1_000_000;
/// More threads than anything gains from.
const JOBS_MAX: i64 = 256;
/// A day.
const TIME_LIMIT_SECONDS_MAX: f64 = 86_400.0;
/// What the exit code says, and what else there is.
const AFTER_HELP: &str = "\
Exit code: 0 passed; 1 something failed, was skipped or had no store; 2 a wrong argument.

The same program kills processes: `torture --help` says how.";

const WHICH: &str = "Which cases (several of a flag widen the choice, different flags narrow it)";
const HOW: &str = "How they are run";
const REPORT: &str = "The report";

/// What can be said to [`main`](crate::main), for a program that has arguments of its own: it
/// takes these in with `#[command(flatten)]`, and gives them to [`run_suite`](crate::run_suite).
#[derive(Debug, Args)]
pub struct Arguments {
    /// Whether to run the cases and report, or to list them
    #[arg(value_enum, value_name = "COMMAND", default_value_t = Verb::Run)]
    verb: Verb,
    /// The cases of this profile
    #[arg(long = "profile", value_name = "NAME", help_heading = WHICH, value_parser = profiles())]
    profiles: Vec<Profile>,
    /// The case of this id, or those whose id has this in it
    #[arg(long = "case", value_name = "ID", help_heading = WHICH,
        value_parser = selection::cases_named)]
    cases: Vec<NamedCases>,
    /// The cases that show this clause, for example LEA-03
    #[arg(long = "clause", value_name = "ID", help_heading = WHICH,
        value_parser = selection::clause)]
    clauses: Vec<&'static str>,
    /// What everything random is drawn from [default: 1, or DUROXIDE_TEST_SEED]
    #[arg(long, value_name = "NUMBER", help_heading = HOW)]
    seed: Option<u64>,
    /// Run with this many seeds, from --seed on
    #[arg(long, value_name = "NUMBER", help_heading = HOW, default_value_t = 1,
        value_parser = value_parser!(u64).range(1..=REPEAT_MAX))]
    repeat: u64,
    /// How much a random case draws [default: its own number, or DUROXIDE_TEST_ROUNDS]
    #[arg(long, value_name = "NUMBER", help_heading = HOW,
        value_parser = value_parser!(u32).range(1..))]
    rounds: Option<u32>,
    /// Cases at a time [default: one for each processor]
    #[arg(long, value_name = "NUMBER", help_heading = HOW,
        value_parser = value_parser!(u16).range(1..=JOBS_MAX))]
    jobs: Option<u16>,
    /// What one case may take before it fails [default: as its profile has it]
    #[arg(long, value_name = "SECONDS", help_heading = HOW, value_parser = time_limit)]
    time_limit: Option<Duration>,
    /// How the report is written
    #[arg(long, value_enum, value_name = "NAME", help_heading = REPORT,
        default_value_t = Format::Terminal)]
    format: Format,
    /// Write the report there, and the terminal's to standard output
    #[arg(long, value_name = "FILE", help_heading = REPORT)]
    output: Option<PathBuf>,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
enum Verb {
    /// Run the cases and report
    Run,
    /// List the cases with the clauses they show
    List,
}

/// The renderings of a report.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub(super) enum Format {
    Terminal,
    Json,
    Markdown,
    Junit,
}

/// The whole command line of a program that has no other arguments.
#[derive(Debug, Parser)]
#[command(
    name = "conformance",
    no_binary_name = true,
    about = "Checks a duroxide provider against the provider contract",
    after_help = AFTER_HELP
)]
struct Conformance {
    #[command(flatten)]
    arguments: Arguments,
}

/// The whole help.
pub(super) fn help() -> String {
    Conformance::command().render_help().to_string()
}

/// What is to be done.
#[derive(Debug)]
pub(super) enum Command {
    Help,
    List(Filters),
    Run(Options),
}

/// How to run, and how to report.
#[derive(Debug)]
pub(super) struct Options {
    pub(super) filters: Filters,
    pub(super) run: RunOptions,
    pub(super) repeat: u64,
    pub(super) jobs: usize,
    pub(super) format: Format,
    pub(super) output: Option<PathBuf>,
}

impl Command {
    /// Reads a command line; the error says what is wrong with it.
    pub(super) fn parse(arguments: impl IntoIterator<Item = String>) -> Result<Self, String> {
        match Conformance::try_parse_from(arguments) {
            Ok(read) => read.arguments.into_command(),
            Err(error) if error.kind() == ErrorKind::DisplayHelp => Ok(Self::Help),
            Err(error) => Err(error.render().to_string().trim_end().to_owned()),
        }
    }
}

impl Arguments {
    /// Whether the cases are only listed, for which no provider is needed.
    #[must_use]
    pub fn only_lists(&self) -> bool {
        self.verb == Verb::List
    }

    /// What is to be done. The environment says what the arguments leave open, and the error what
    /// is wrong with that.
    pub(super) fn into_command(self) -> Result<Command, String> {
        let filters = Filters::new(self.profiles, self.cases, self.clauses);
        if self.verb == Verb::List {
            return Ok(Command::List(filters));
        }
        let mut run = RunOptions::from_env()?;
        if let Some(seed) = self.seed {
            run.seed = Seed(seed);
        }
        run.rounds = self.rounds.or(run.rounds);
        run.time_limit = self.time_limit.or(run.time_limit);
        let processors = || std::thread::available_parallelism().map_or(1, usize::from);
        Ok(Command::Run(Options {
            filters,
            run,
            repeat: self.repeat,
            jobs: self.jobs.map_or_else(processors, usize::from),
            format: self.format,
            output: self.output,
        }))
    }
}

/// Reads the name of a profile.
fn profiles() -> impl clap::builder::TypedValueParser<Value = Profile> {
    let names = Profile::ALL.iter().map(|profile| profile.name());
    PossibleValuesParser::new(names).try_map(|name| {
        let named = |profile: &&Profile| profile.name() == name;
        let profile = Profile::ALL.iter().copied().find(|it| named(&it));
        profile.ok_or("there is no such profile")
    })
}

fn time_limit(text: &str) -> Result<Duration, String> {
    match text.parse::<f64>() {
        Ok(seconds) if (0.001..=TIME_LIMIT_SECONDS_MAX).contains(&seconds) => {
            Ok(Duration::from_secs_f64(seconds))
        }
        _ => Err(format!(
            "it takes a number from 0.001 to {TIME_LIMIT_SECONDS_MAX}"
        )),
    }
}
