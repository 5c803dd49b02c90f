//! The conformance suite through the command line, as those who choose a backend run it.
//!
//! The tests of each backend have run every case in each of its modes, so that there is little left to
//! show: that the program does the same, in which the cases run in one process. The short form is
//! therefore the two quickest profiles, and `cargo xtask torture` runs all of them.

use crate::servers::Servers;
use crate::steps::{RUN, Steps};

/// A backend in a mode, on a server of this kind if it needs one.
struct Subject {
    name: &'static str,
    server: Option<&'static str>,
    mode: Option<&'static str>,
    /// What the short form runs.
    short: &'static [&'static str],
}

const MANAGEMENT: &[&str] = &["--profile", "management"];
/// The second kills processes, as well as a suite can.
const MANAGEMENT_AND_DURABLE: &[&str] = &["--profile", "management", "--profile", "durable"];

const MEMORY: &str = "memory";
const PROGRAM: [&str; 3] = ["--bin", "duroxide", "--"];

const SUBJECTS: [Subject; 6] = [
    Subject {
        name: MEMORY,
        server: None,
        mode: None,
        short: MANAGEMENT,
    },
    Subject {
        name: "SQLite",
        server: None,
        mode: None,
        short: MANAGEMENT_AND_DURABLE,
    },
    Subject {
        name: "Postgres, listening",
        server: Some("postgres"),
        mode: Some("listening"),
        short: MANAGEMENT_AND_DURABLE,
    },
    Subject {
        name: "Postgres, polling",
        server: Some("postgres"),
        mode: Some("polling"),
        short: MANAGEMENT_AND_DURABLE,
    },
    Subject {
        name: "Redis, single",
        server: Some("redis"),
        mode: Some("single"),
        short: MANAGEMENT_AND_DURABLE,
    },
    Subject {
        name: "Redis, cluster",
        server: Some("redis-cluster"),
        mode: Some("cluster"),
        short: MANAGEMENT_AND_DURABLE,
    },
];

/// The quickest profiles, on what needs no server.
pub(crate) fn in_short(steps: &mut Steps) {
    for subject in SUBJECTS.iter().filter(|it| it.server.is_none()) {
        let url = subject.local_url();
        subject.run(steps, &url, None, subject.short);
    }
}

/// The same with the store on a server.
pub(crate) fn in_short_on_servers(steps: &mut Steps, servers: &mut Servers) {
    for subject in SUBJECTS.iter().filter(|it| it.server.is_some()) {
        subject.run_on_server(steps, servers, subject.short);
    }
}

/// Every profile.
pub(crate) fn in_full(steps: &mut Steps, servers: &mut Servers) {
    for subject in &SUBJECTS {
        if subject.server.is_some() {
            subject.run_on_server(steps, servers, &[]);
        } else {
            subject.run(steps, &subject.local_url(), None, &[]);
        }
    }
}

impl Subject {
    /// Where its store is, if it is on no server.
    fn local_url(&self) -> String {
        if self.name == MEMORY {
            return "memory:".to_owned();
        }
        let file = std::env::temp_dir().join("duroxide.db");
        format!("sqlite:{}", file.display())
    }

    fn run_on_server(&self, steps: &mut Steps, servers: &mut Servers, part: &[&str]) {
        let found = servers.variable(steps, self.server.unwrap_or_default());
        match found.map(|(variable, url)| (variable.to_owned(), url.to_owned())) {
            Ok((variable, url)) => self.run(steps, &url, Some((&variable, &url)), part),
            Err(why) => steps.not_run(&self.step(part), &why),
        }
    }

    fn run(&self, steps: &mut Steps, url: &str, env: Option<(&str, &str)>, part: &[&str]) {
        let mode = self.mode.map(|mode| ["--mode", mode]);
        let mode = mode.as_ref().map_or(&[][..], |words| &words[..]);
        // Optimised as the rest of what is run in full, and not where nothing else is.
        let profile: &[&str] = if part.is_empty() { &["--release"] } else { &[] };
        let suite = ["conformance", "--backend", url];
        let arguments = [&RUN[..], profile, &PROGRAM, &suite, mode, part].concat();
        steps.cargo(&self.step(part), &arguments, env.as_slice());
    }

    /// What a run of it is called.
    fn step(&self, part: &[&str]) -> String {
        if part.is_empty() {
            format!("the whole suite on {}", self.name)
        } else {
            format!("conformance of {}", self.name)
        }
    }
}
