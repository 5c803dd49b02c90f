//! Backends under load.

use std::path::PathBuf;
use std::process::ExitCode;

use clap::{Args, Subcommand};
use duroxide_stress::{Arguments, Format, Target};

use super::refuse;
use crate::measured;

/// Measure backends under load, side by side
#[derive(Debug, Args)]
#[command(
    args_conflicts_with_subcommands = true,
    after_help = "\
Backends:
  memory           a store in this process
  sqlite           a file in a new folder in the current one, which is removed afterwards
  postgres, redis, redis-cluster
                   a server that is started for this, from a container or from the programs of this
                   machine, and ended afterwards
  postgres://USER:PASSWORD@HOST:PORT/DATABASE
                   a schema of its own in this database, which is removed afterwards
  redis://USER:PASSWORD@HOST:PORT/DATABASE, or of a Cluster redis://HOST:PORT,HOST:PORT
                   keys of their own on this server, which are removed afterwards

Exit code: 0 everything was measured, done, and done once; 1 something was not; 2 a wrong argument."
)]
pub(super) struct Stress {
    /// A backend, for example memory; may be repeated
    #[arg(
        long = "backend",
        value_name = "NAME|URL",
        help_heading = "The backends"
    )]
    backends: Vec<String>,
    #[command(flatten)]
    arguments: Arguments,
    #[command(subcommand)]
    action: Option<Action>,
}

#[derive(Debug, Subcommand)]
enum Action {
    /// Show a report again
    Show {
        /// The report, stress.json
        report: PathBuf,
        /// As Markdown, for a document
        #[arg(long)]
        markdown: bool,
    },
    /// Compare the figures of two reports: ratios, with their spread
    Diff {
        /// The report of before, stress.json
        before: PathBuf,
        /// The report of now
        after: PathBuf,
        /// Fail if a figure is worse than this part of what it was, and by more than the seconds of the runs differ
        #[arg(long, value_name = "PART", default_value_t = 0.8)]
        part_min: f64,
    },
    /// Write a report anew, with the page and the plots of this version
    Render {
        /// The report, stress.json
        report: PathBuf,
        /// A folder for it, which is made if it is not there
        folder: PathBuf,
    },
}

impl Stress {
    pub(super) fn run(self) -> ExitCode {
        match &self.action {
            Some(Action::Show { report, markdown }) => {
                let format = if *markdown {
                    Format::Markdown
                } else {
                    Format::Text
                };
                return duroxide_stress::show(report, format);
            }
            Some(Action::Diff {
                before,
                after,
                part_min,
            }) => return duroxide_stress::diff(before, after, *part_min),
            Some(Action::Render { report, folder }) => {
                return duroxide_stress::render(report, folder);
            }
            None => {}
        }
        if self.backends.is_empty() && !self.arguments.only_lists() {
            return refuse("say which backends to measure, for example --backend memory");
        }
        let is_shared = self.arguments.shares_stores();
        let backends = self.backends.iter();
        let targets = backends.map(|backend| measured::target(backend, is_shared));
        match targets.collect::<Result<Vec<Target>, _>>() {
            Ok(targets) => duroxide_stress::stress(&targets, self.arguments),
            Err(wrong) => refuse(&wrong),
        }
    }
}
