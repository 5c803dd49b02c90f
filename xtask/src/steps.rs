//! Steps that are run one after another, and what became of them.

use std::process::{Command, ExitCode};

/// The steps that were run. A step that fails does not keep the others from running, so that one
/// run tells everything.
#[derive(Debug, Default)]
pub(crate) struct Steps {
    passed: usize,
    failed: Vec<String>,
    not_run: Vec<String>,
    /// What is added to the names of steps that are run again.
    round: Option<String>,
}

impl Steps {
    /// Runs cargo with these arguments and environment variables; answers whether it succeeded.
    pub(crate) fn cargo(&mut self, name: &str, args: &[&str], env: &[(&str, &str)]) -> bool {
        self.run(name, || {
            println!("{}", line(args, env));
            let status = cargo()
                .args(args)
                .envs(env.iter().copied())
                .status()
                .map_err(|error| format!("cargo cannot be run: {error}"))?;
            if status.success() {
                Ok(())
            } else {
                Err(format!("cargo ended with {status}"))
            }
        })
    }

    /// Runs anything; answers whether it succeeded.
    pub(crate) fn run(&mut self, name: &str, step: impl FnOnce() -> Result<(), String>) -> bool {
        let name = self.named(name);
        println!("\n== {name}");
        let result = step();
        match &result {
            Ok(()) => self.passed += 1,
            Err(why) => {
                println!("FAILED {name}: {why}");
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

    /// Says in one last line what became of everything.
    pub(crate) fn summary(&self, command: &str) -> ExitCode {
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
            println!(
                "\nxtask {command}: FAILED, {failed} of {} steps: {names}",
                passed + failed
            );
            ExitCode::FAILURE
        }
    }
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
}
