//! Steps that are run one after another, and what became of them.

use std::io::{self, BufRead as _, BufReader, IsTerminal as _};
use std::process::{Command, ExitCode, ExitStatus, Stdio};
use std::time::{Duration, Instant};

/// The steps that were run. A step that fails does not keep the others from running, so that one
/// run tells everything.
#[derive(Debug, Default)]
pub(crate) struct Steps {
    passed: usize,
    failed: Vec<String>,
    /// Why, said again at the end.
    reasons: Vec<String>,
    not_run: Vec<String>,
    /// How long each step took.
    took: Vec<(Duration, String)>,
    /// What is added to the names of steps that are run again.
    round: Option<String>,
}

impl Steps {
    /// Runs cargo with these arguments and environment variables; answers whether it succeeded.
    pub(crate) fn cargo(&mut self, name: &str, args: &[&str], env: &[(&str, &str)]) -> bool {
        self.run(name, || {
            println!("{}", line(args, env));
            let mut cargo = cargo();
            cargo.args(args).envs(env.iter().copied());
            let (status, failed) =
                watched(&mut cargo).map_err(|error| format!("cargo cannot be run: {error}"))?;
            if status.success() {
                Ok(())
            } else if failed.is_empty() {
                Err(format!("cargo ended with {status}"))
            } else {
                let failed = failed.join("\n  ");
                Err(format!("cargo ended with {status}:\n  {failed}"))
            }
        })
    }

    /// Runs anything; answers whether it succeeded.
    pub(crate) fn run(&mut self, name: &str, step: impl FnOnce() -> Result<(), String>) -> bool {
        let name = self.named(name);
        println!("\n== {name}");
        #[expect(
            clippy::disallowed_methods,
            reason = "nobody moves the time of a chore"
        )]
        let begun = Instant::now();
        let result = step();
        self.took.push((begun.elapsed(), name.clone()));
        match &result {
            Ok(()) => self.passed += 1,
            Err(why) => {
                let reason = format!("FAILED {name}: {why}");
                println!("{reason}");
                self.reasons.push(reason);
                self.failed.push(name);
            }
        }
        result.is_ok()
    }

    /// Says loudly that something was not run, which is not the same as passed.
    pub(crate) fn not_run(&mut self, name: &str, why: &str) {
        let name = self.named(name);
        println!("\nNOT RUN {name}: {why}");
        self.not_run.push(name);
    }

    /// Which round of the same steps comes now, where there are several.
    pub(crate) fn set_round(&mut self, round: Option<String>) {
        self.round = round;
    }

    fn named(&self, name: &str) -> String {
        match &self.round {
            Some(round) => format!("{name}, {round}"),
            None => name.to_owned(),
        }
    }

    /// Counts what was not run as failed.
    pub(crate) fn insist(&mut self) {
        self.failed.append(&mut self.not_run);
    }

    /// Says what took longest, and in one last line what became of everything.
    pub(crate) fn summary(&self, command: &str) -> ExitCode {
        self.say_what_took_longest();
        let (passed, failed) = (self.passed, self.failed.len());
        if self.failed.is_empty() {
            let steps = passed + self.not_run.len();
            print!("\nxtask {command}: PASSED, {passed} of {steps} steps");
            if self.not_run.is_empty() {
                println!();
            } else {
                println!(", NOT RUN: {}", self.not_run.join(", "));
            }
            ExitCode::SUCCESS
        } else {
            let names = self.failed.join(", ");
            println!("\n{}", self.reasons.join("\n"));
            println!(
                "\nxtask {command}: FAILED, {failed} of {} steps: {names}",
                passed + failed
            );
            ExitCode::FAILURE
        }
    }

    fn say_what_took_longest(&self) {
        let mut took = self.took.clone();
        took.sort_by(|a, b| b.cmp(a));
        let all: Duration = took.iter().map(|(time, _)| *time).sum();
        println!("\n{} s in all, of which", all.as_secs());
        for (time, name) in took.iter().take(LONGEST_SHOWN) {
            println!("{:5} s  {name}", time.as_secs());
        }
    }
}

/// What runs a program of this workspace, up to its name. With `--package` it would be built once
/// more, with other features of what it depends on.
pub(crate) const RUN: [&str; 3] = ["run", "--quiet", "--all-features"];

/// How many of the steps are shown that took longest.
const LONGEST_SHOWN: usize = 8;

/// How many lines are kept of what a failed test says.
const LINES_OF_A_FAILURE: usize = 12;
/// How much is kept of such a line, in characters.
const CHARS_OF_A_LINE: usize = 300;

/// Runs a command and shows what it prints. Where nobody looks on, also answers which tests failed
/// and what they said: in a log of tens of thousands of lines they are hard to find.
fn watched(command: &mut Command) -> io::Result<(ExitStatus, Vec<String>)> {
    if io::stdout().is_terminal() {
        return Ok((command.status()?, Vec::new()));
    }
    let mut child = command.stdout(Stdio::piped()).spawn()?;
    let mut failures = Failures::default();
    if let Some(output) = child.stdout.take() {
        for line in BufReader::new(output).split(b'\n') {
            let line = String::from_utf8_lossy(&line?).into_owned();
            println!("{line}");
            failures.read(&line);
        }
    }
    Ok((child.wait()?, failures.lines))
}

/// What is kept of the output of `cargo test`.
#[derive(Debug, Default)]
struct Failures {
    lines: Vec<String>,
    /// How many more lines of the failure that is being read are kept.
    left: usize,
}

impl Failures {
    fn read(&mut self, line: &str) {
        if line.starts_with("---- ") && line.ends_with(" stdout ----") {
            self.left = LINES_OF_A_FAILURE;
        } else if line.starts_with("stack backtrace:") || line == "failures:" {
            self.left = 0;
        }
        let is_verdict = line.starts_with("test ") && line.ends_with("FAILED");
        if is_verdict || self.left > 0 && !line.is_empty() {
            self.lines
                .push(line.chars().take(CHARS_OF_A_LINE).collect());
            self.left = self.left.saturating_sub(1);
        }
    }
}

/// Which tests failed and what they said, of what a program with tests has printed.
pub(crate) fn failures(printed: &str) -> Vec<String> {
    let mut failures = Failures::default();
    printed.lines().for_each(|line| failures.read(line));
    failures.lines
}

/// A call of cargo for people. An argument that an environment variable holds is shown as that
/// variable: the URL of a server may hold a password.
pub(crate) fn line(args: &[&str], env: &[(&str, &str)]) -> String {
    let shown = args.iter().map(|argument| {
        let variable = env.iter().find(|(_, value)| value == argument);
        variable.map_or((*argument).to_owned(), |(name, _)| format!("\"${name}\""))
    });
    format!("cargo {}", shown.collect::<Vec<_>>().join(" "))
}

/// The cargo that runs this program.
pub(crate) fn cargo() -> Command {
    Command::new(std::env::var_os("CARGO").unwrap_or_else(|| "cargo".into()))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_the_environment_holds_is_not_shown() {
        let args = ["run", "--backend", "postgres://user:hunter2@host/db"];
        let shown = line(&args, &[("URL", "postgres://user:hunter2@host/db")]);
        assert_eq!(shown, "cargo run --backend \"$URL\"");
        assert_eq!(line(&args[..1], &[]), "cargo run");
    }

    #[test]
    fn the_tests_that_failed_are_named() {
        let printed = "printf 'test a ... ok\ntest b ... FAILED\nFAILED\nfailures:\n\n\
                       ---- b stdout ----\npanicked\nstack backtrace:\n 0: main\n'; exit 3";
        let (status, failed) = watched(Command::new("sh").args(["-c", printed])).unwrap();
        assert_eq!(status.code(), Some(3));
        // On a terminal whoever runs it sees it.
        let is_seen = io::stdout().is_terminal();
        assert_eq!(failed.is_empty(), is_seen, "{failed:?}");
        let kept = ["test b ... FAILED", "---- b stdout ----", "panicked"];
        assert!(is_seen || failed == kept, "{failed:?}");
    }
}
