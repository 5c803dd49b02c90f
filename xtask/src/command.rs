//! The command line.

use std::process::ExitCode;

use clap::{Args, Parser, Subcommand};

use crate::servers::Servers;
use crate::steps::Steps;
use crate::torture::Torture;
use crate::{benchmarks, certify, checks, fuzz, test};

/// Chores of this repository
///
/// What is missing (servers, a browser, a C++ compiler for libFuzzer, libclang for the failing disk)
/// is installed with apt-get by root on Debian and Ubuntu, but not with --no-install.
#[derive(Debug, Parser)]
#[command(name = "cargo xtask", bin_name = "cargo xtask")]
pub(crate) struct CommandLine {
    /// Install nothing
    #[arg(long, global = true)]
    no_install: bool,
    #[command(subcommand)]
    command: Command,
}

#[derive(Debug, Subcommand)]
enum Command {
    /// Unit and integration tests, documentation tests, the conformance of the backends, examples,
    /// a short torture, and the tests that need servers, as far as these can be had
    Test(Test),
    /// Format, clippy, documentation, then `test --all`, a failing disk, and half a minute of
    /// fuzzing: what CI runs
    Ci,
    /// Everything with faults that are drawn anew each time, a longer fuzzing, and the whole suite
    /// through the command line, in about forty minutes
    Torture(Torture),
    /// Call everything that is decoded with bytes that libFuzzer makes
    Fuzz {
        /// For how long, on each of the targets in fuzz/
        #[arg(value_parser = clap::value_parser!(u32).range(1..))]
        seconds: u32,
    },
    /// Run the conformance suite on every backend, or on some, and write docs/conformance and the
    /// table of backends in README.md; fails if a server cannot be had
    Certify {
        /// Only these certificates, such as `redis-single`
        #[arg(value_parser = certify::names())]
        names: Vec<String>,
    },
    /// Measure every backend, or some parts of it, and write docs/benchmarks.md and the table of figures in
    /// README.md, in about half an hour; for a quiet machine
    Benchmarks {
        /// Only these parts, such as `in-flight`
        #[arg(value_parser = benchmarks::names())]
        names: Vec<String>,
        /// Measure nothing, and fail if the pages are not as the reports are
        #[arg(long)]
        check: bool,
    },
}

#[derive(Debug, Args)]
pub(crate) struct Test {
    #[command(subcommand)]
    part: Option<Part>,
    /// Fail if a server cannot be had
    #[arg(long)]
    all: bool,
    /// Keep the processors and the disk busy meanwhile, to find what depends on how fast the
    /// machine is
    #[arg(long, global = true)]
    under_load: bool,
    /// So many times, one after another
    #[arg(long, global = true, value_name = "NUMBER", default_value_t = 1,
        value_parser = clap::value_parser!(u32).range(1..=1_000))]
    times: u32,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Subcommand)]
enum Part {
    /// Only the tests that need servers, with the conformance and a short torture of the backends
    /// on them; fails if a server cannot be had
    Servers,
}

impl CommandLine {
    /// Does what is asked for, and says in one last line what became of it.
    pub(crate) fn run(self) -> ExitCode {
        let no_install = self.no_install;
        let mut steps = Steps::default();
        let name = match self.command {
            Command::Test(test) => {
                test.run(&mut steps, no_install);
                test.name()
            }
            Command::Ci => {
                ci(&mut steps, no_install);
                "ci"
            }
            Command::Torture(torture) => {
                torture.run(&mut steps, no_install);
                steps.insist();
                "torture"
            }
            Command::Fuzz { seconds } => {
                fuzz::run(&mut steps, no_install, seconds);
                steps.insist();
                "fuzz"
            }
            Command::Certify { names } => {
                let mut servers = Servers::new(no_install);
                certify::run(&mut steps, &mut servers, &names, no_install);
                "certify"
            }
            Command::Benchmarks { check: true, .. } => {
                benchmarks::check(&mut steps);
                "benchmarks"
            }
            Command::Benchmarks { names, .. } => {
                benchmarks::run(&mut steps, &mut Servers::new(no_install), &names);
                "benchmarks"
            }
        };
        steps.summary(name)
    }
}

impl Test {
    fn name(&self) -> &'static str {
        match (self.part, self.under_load) {
            (None, false) => "test",
            (None, true) => "test under load",
            (Some(Part::Servers), false) => "test servers",
            (Some(Part::Servers), true) => "test servers under load",
        }
    }

    fn run(&self, steps: &mut Steps, no_install: bool) {
        test::repeat(steps, self.times, self.under_load, |steps| {
            match self.part {
                None => test::everything(steps, no_install),
                Some(Part::Servers) => {
                    test::on_servers(steps, &mut Servers::new(no_install));
                    steps.insist();
                }
            }
        });
        if self.all {
            steps.insist();
        }
    }
}

/// Everything that must hold before a change is merged.
fn ci(steps: &mut Steps, no_install: bool) {
    checks::run(steps);
    test::everything(steps, no_install);
    Torture::short().fail_disks(steps, no_install);
    fuzz::run(steps, no_install, fuzz::SECONDS_IN_CI);
    steps.insist();
}

#[cfg(test)]
mod tests {
    use clap::CommandFactory as _;

    use super::*;

    fn read(line: &str) -> Option<Command> {
        let words = line.split(' ').filter(|word| !word.is_empty());
        let read = CommandLine::try_parse_from(std::iter::once("xtask").chain(words));
        read.ok().map(|line| line.command)
    }

    #[test]
    fn the_description_of_the_command_line_is_sound() {
        CommandLine::command().debug_assert();
    }

    #[test]
    fn the_seed_and_the_size_are_read_and_anything_else_is_refused() {
        let Some(Command::Torture(torture)) = read("torture --seed 7 --short") else {
            panic!("it is a torture");
        };
        assert_eq!((torture.seed(), torture.is_short()), (7, true));
        for line in [
            "",
            "torture --seed",
            "torture --seed x",
            "torture --long",
            "torture kill",
        ] {
            assert!(read(line).is_none(), "{line}");
        }
        for line in [
            "fuzz",
            "fuzz 0",
            "fuzz -1",
            "test --times 0",
            "test --times",
            "tset",
            "ci all",
        ] {
            assert!(read(line).is_none(), "{line}");
        }
    }

    #[test]
    fn the_tests_are_repeated_and_loaded_as_asked_for() {
        for (line, part, under_load, times) in [
            ("test", None, false, 1),
            ("test --under-load --times 10", None, true, 10),
            ("test servers --under-load", Some(Part::Servers), true, 1),
            (
                "test --times 3 servers --no-install",
                Some(Part::Servers),
                false,
                3,
            ),
        ] {
            let Some(Command::Test(test)) = read(line) else {
                panic!("{line} is a test");
            };
            let is_read = (test.part, test.under_load, test.times);
            assert_eq!(is_read, (part, under_load, times), "{line}");
        }
    }
}
