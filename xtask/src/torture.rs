//! Every test with faults, in full: processes that are killed, histories drawn from a seed,
//! bytes that libFuzzer makes, and disks that fail. The whole suite through the command line is run as
//! well, of which `ci` runs the quickest profiles.
//!
//! `cargo test` holds the faults that can be enumerated; here are those that are drawn, so that each
//! run tries others. The seed is new each time and printed first.

use clap::Args;

use crate::conformance;
use crate::fuzz;
use crate::servers::Servers;
use crate::steps::{RUN, Steps, line};
use crate::storage;

/// A backend for the random profile, and the draws of each case, in full and in short. Together the
/// full ones take a few minutes.
struct Drawn {
    name: &'static str,
    url: String,
    rounds_full: u32,
    rounds_short: u32,
}

/// The commands that kill processes, and what they do.
const KILLED: [(&str, &str); 2] = [
    ("kill", "a process that is killed"),
    ("processes", "processes that share a store and are killed"),
];

/// The servers that a store is on, with the names of the backends.
const SERVERS: [(&str, &str); 3] = [
    ("postgres", "Postgres"),
    ("redis", "Redis"),
    ("redis-cluster", "Redis Cluster"),
];

/// What one random case may take, in seconds.
const CASE_SECONDS_MAX: u32 = 600;

/// What the full form spends on each fuzz target.
const FUZZ_SECONDS: u32 = 60;

/// How much, and from which seed.
#[derive(Debug, Clone, Copy, Args)]
pub(crate) struct Torture {
    /// Repeat the run of this seed; drawn anew for each run otherwise
    #[arg(long, value_name = "NUMBER", default_value_t = fastrand::u64(..),
        hide_default_value = true)]
    seed: u64,
    /// Only a look: fewer of everything
    #[arg(long = "short")]
    is_short: bool,
}

impl Torture {
    /// The short form, with a new seed.
    pub(crate) fn short() -> Self {
        Self {
            seed: fastrand::u64(..),
            is_short: true,
        }
    }

    #[cfg(test)]
    pub(crate) fn seed(self) -> u64 {
        self.seed
    }

    #[cfg(test)]
    pub(crate) fn is_short(self) -> bool {
        self.is_short
    }

    /// Everything. Each kind of fault has a function of its own; a further kind is a further line.
    pub(crate) fn run(self, steps: &mut Steps, no_install: bool) {
        println!("torture: seed {}", self.seed);
        let mut servers = Servers::new(no_install);
        self.kill_processes(steps);
        self.kill_processes_on_servers(steps, &mut servers);
        self.draw_histories(steps);
        self.draw_histories_on_servers(steps, &mut servers);
        if !self.is_short {
            conformance::in_full(steps, &mut servers);
        }
        let seconds = if self.is_short {
            fuzz::SECONDS_IN_CI
        } else {
            FUZZ_SECONDS
        };
        fuzz::run(steps, no_install, seconds);
        self.fail_disks(steps, no_install);
    }

    /// Power is lost and disks fail under the SQLite provider.
    pub(crate) fn fail_disks(self, steps: &mut Steps, no_install: bool) {
        let seed = self.seed.to_string();
        let mut arguments = vec!["--seed", &seed];
        if self.is_short {
            arguments.push("--short");
        }
        storage::run(steps, no_install, &arguments);
    }

    /// Processes are killed while they work, and what they left is checked.
    pub(crate) fn kill_processes(self, steps: &mut Steps) {
        for (command, name) in KILLED {
            self.step(steps, name, self.kill_arguments(command), None);
        }
    }

    /// The same with the store on a server.
    pub(crate) fn kill_processes_on_servers(self, steps: &mut Steps, servers: &mut Servers) {
        for (server, backend) in SERVERS {
            for (command, name) in KILLED {
                let name = format!("{name}, on {backend}");
                let arguments = self.kill_arguments(command);
                self.step_on_server(steps, servers, server, &name, arguments);
            }
        }
    }

    fn kill_arguments(self, command: &str) -> Vec<String> {
        let mut arguments = self.program("duroxide-torture");
        arguments.push(command.to_owned());
        if self.is_short {
            arguments.push("--short".to_owned());
        }
        arguments
    }

    /// The conformance suite's random profile, which compares a backend with the reference.
    fn draw_histories(self, steps: &mut Steps) {
        let file = std::env::temp_dir().join("duroxide.db");
        let memory = Drawn {
            name: "memory",
            url: "memory:".to_owned(),
            rounds_full: 2_000,
            rounds_short: 20,
        };
        let sqlite_in_memory = Drawn {
            name: "SQLite in memory",
            url: "sqlite::memory:".to_owned(),
            rounds_full: 500,
            rounds_short: 5,
        };
        let sqlite = Drawn {
            name: "SQLite",
            url: format!("sqlite:{}", file.display()),
            // Each commit waits for the disk.
            rounds_full: 40,
            rounds_short: 1,
        };
        for drawn in [memory, sqlite_in_memory, sqlite] {
            let mut arguments = self.draw_arguments(drawn.rounds_full, drawn.rounds_short);
            arguments.extend(["--backend".to_owned(), drawn.url]);
            let name = format!("histories drawn on {}", drawn.name);
            self.step(steps, &name, arguments, None);
        }
    }

    /// The same with the store on a server, where each call is a round trip and, on some, each commit
    /// waits for the disk.
    fn draw_histories_on_servers(self, steps: &mut Steps, servers: &mut Servers) {
        for (server, backend) in SERVERS {
            let arguments = self.draw_arguments(5, 1);
            let name = format!("histories drawn on {backend}");
            self.step_on_server(steps, servers, server, &name, arguments);
        }
    }

    fn draw_arguments(self, rounds_full: u32, rounds_short: u32) -> Vec<String> {
        let rounds = if self.is_short {
            rounds_short
        } else {
            rounds_full
        };
        let mut arguments = self.program("duroxide");
        arguments.extend(["conformance", "--profile", "random"].map(str::to_owned));
        arguments.extend(["--rounds".to_owned(), rounds.to_string()]);
        arguments.extend(["--time-limit".to_owned(), CASE_SECONDS_MAX.to_string()]);
        arguments
    }

    /// What runs a program of this workspace. The short form does without a release build.
    fn program(self, name: &str) -> Vec<String> {
        let mut arguments: Vec<_> = RUN.map(str::to_owned).into();
        if !self.is_short {
            arguments.push("--release".to_owned());
        }
        arguments.extend(["--bin", name, "--"].map(str::to_owned));
        arguments
    }

    fn step_on_server(
        self,
        steps: &mut Steps,
        servers: &mut Servers,
        server: &str,
        name: &str,
        mut arguments: Vec<String>,
    ) {
        match servers.variable(steps, server) {
            Ok((variable, url)) => {
                let (variable, url) = (variable.to_owned(), url.to_owned());
                arguments.extend(["--backend".to_owned(), url.clone()]);
                self.step(steps, name, arguments, Some((&variable, &url)));
            }
            Err(why) => steps.not_run(name, &why),
        }
    }

    /// Runs a step with the seed, and says how to repeat it if it fails.
    fn step(
        self,
        steps: &mut Steps,
        name: &str,
        mut arguments: Vec<String>,
        env: Option<(&str, &str)>,
    ) {
        arguments.extend(["--seed".to_owned(), self.seed.to_string()]);
        let arguments: Vec<&str> = arguments.iter().map(String::as_str).collect();
        let env = env.as_slice();
        if !steps.cargo(name, &arguments, env) {
            println!("to repeat it: {}", line(&arguments, env));
        }
    }
}
