//! The command line.

use std::fmt::Display;
use std::ops::RangeInclusive;
use std::path::PathBuf;
use std::str::FromStr;
use std::time::Duration;

use lexopt::{Arg, Parser, ValueExt};

use super::selection::{Filters, near_matches, suggest};
use crate::suite::{RunOptions, Seed};

/// More seeds than anybody waits for.
const REPEAT_MAX: u64 = 1_000_000;
/// More threads than anything gains from.
const JOBS_MAX: usize = 256;
/// A day.
const TIME_LIMIT_SECONDS_MAX: f64 = 86_400.0;
/// Every flag, for near matches.
const FLAG_NAMES: &[&str] = &[
    "--profile",
    "--case",
    "--clause",
    "--seed",
    "--repeat",
    "--rounds",
    "--jobs",
    "--time-limit",
    "--format",
    "--output",
    "--help",
];

/// What can be said to [`main`](crate::main), for the help of a program that adds flags of its own.
pub const FLAGS: &str = "\
commands:
  run                    run the cases and report (if no command is given)
  list                   list the cases with the clauses they show

which cases (a flag can be repeated; several widen the choice, different ones narrow it):
  --profile NAME         required, management, durable, multi_handle, end_to_end, random
  --case ID              the case of this id, or those whose id has this in it
  --clause ID            the cases that show this clause, for example LEA-03

how they are run:
  --seed NUMBER          what everything random is drawn from (1, or DUROXIDE_TEST_SEED)
  --repeat NUMBER        run with this many seeds, from --seed on
  --rounds NUMBER        how much a random case draws (or DUROXIDE_TEST_ROUNDS)
  --jobs NUMBER          cases at a time (one for each processor)
  --time-limit SECONDS   what one case may take before it fails (its profile's)

the report:
  --format NAME          terminal, json, markdown or junit (terminal)
  --output FILE          write the report there, and the terminal's to standard output
  --help                 this text

exit code: 0 passed; 1 something failed, was skipped or had no store; 2 a wrong argument
";

/// The whole help.
pub(super) fn help() -> String {
    format!("Checks a duroxide provider against the provider contract.\n\n{FLAGS}")
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

/// The renderings of a report.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Format {
    Terminal,
    Json,
    Markdown,
    Junit,
}

impl Command {
    /// Reads a command line; the error says what is wrong with it.
    pub(super) fn parse(arguments: impl IntoIterator<Item = String>) -> Result<Self, String> {
        let mut parser = Parser::from_args(arguments);
        let mut verb = None;
        let mut options = Options {
            filters: Filters::default(),
            run: RunOptions::from_env()?,
            repeat: 1,
            jobs: std::thread::available_parallelism().map_or(1, usize::from),
            format: Format::Terminal,
            output: None,
        };
        while let Some(argument) = parser.next().map_err(text)? {
            match argument {
                Arg::Short('h') | Arg::Long("help") => return Ok(Self::Help),
                Arg::Value(word) if verb.is_none() => verb = Some(word.string().map_err(text)?),
                Arg::Value(word) => {
                    return Err(format!("{} is one word too many", word.to_string_lossy()));
                }
                Arg::Short(flag) => return Err(format!("there is no flag -{flag}")),
                Arg::Long(name) => {
                    let name = name.to_owned();
                    options.set(&name, &mut parser)?;
                }
            }
        }
        match verb.as_deref() {
            None | Some("run") => Ok(Self::Run(options)),
            Some("list") => Ok(Self::List(options.filters)),
            Some(other) => Err(format!(
                "there is no command {other:?}{}",
                near_matches(other, ["run", "list"])
            )),
        }
    }
}

impl Options {
    fn set(&mut self, name: &str, parser: &mut Parser) -> Result<(), String> {
        let flag = format!("--{name}");
        if !FLAG_NAMES.contains(&flag.as_str()) {
            let alike = |known: &&'static str| {
                (
                    strsim::jaro_winkler(name, known.trim_start_matches('-')),
                    *known,
                )
            };
            let near = suggest(FLAG_NAMES.iter().map(alike));
            return Err(format!("there is no flag {flag}{near}"));
        }
        let value = parser
            .value()
            .map_err(|_| format!("{flag} needs a value"))?
            .string()
            .map_err(text)?;
        match name {
            "profile" => self.filters.add_profile(&value)?,
            "case" => self.filters.add_case(&value)?,
            "clause" => self.filters.add_clause(&value)?,
            "seed" => self.run.seed = Seed(number(name, &value, &(0..=u64::MAX))?),
            "repeat" => self.repeat = number(name, &value, &(1..=REPEAT_MAX))?,
            "rounds" => self.run.rounds = Some(number(name, &value, &(1..=u32::MAX))?),
            "jobs" => self.jobs = number(name, &value, &(1..=JOBS_MAX))?,
            "time-limit" => {
                let seconds = number(name, &value, &(0.001..=TIME_LIMIT_SECONDS_MAX))?;
                self.run.time_limit = Some(Duration::from_secs_f64(seconds));
            }
            "format" => self.format = Format::of(&value)?,
            _ => self.output = Some(PathBuf::from(value)),
        }
        Ok(())
    }
}

impl Format {
    fn of(name: &str) -> Result<Self, String> {
        match name {
            "terminal" => Ok(Self::Terminal),
            "json" => Ok(Self::Json),
            "markdown" => Ok(Self::Markdown),
            "junit" => Ok(Self::Junit),
            other => Err(format!(
                "there is no format {other:?}; use terminal, json, markdown or junit"
            )),
        }
    }
}

fn number<N>(name: &str, value: &str, range: &RangeInclusive<N>) -> Result<N, String>
where
    N: FromStr + PartialOrd + Display,
{
    match value.parse::<N>() {
        Ok(number) if range.contains(&number) => Ok(number),
        _ => Err(format!(
            "--{name} takes a number from {} to {}, and not {value:?}",
            range.start(),
            range.end()
        )),
    }
}

#[expect(clippy::needless_pass_by_value, reason = "as `map_err` calls it")]
fn text(error: lexopt::Error) -> String {
    error.to_string()
}
