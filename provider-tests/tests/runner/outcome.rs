//! A run, and what is in its report.

use std::process::ExitCode;

use duroxide_provider_tests::{Console, Subject, main_on};
use serde_json::Value;

/// What a run came to.
pub(crate) struct Run {
    pub(crate) code: ExitCode,
    pub(crate) report: Value,
    pub(crate) out: String,
    pub(crate) err: String,
}

/// How a run ended, and what it said.
pub(crate) struct Said {
    pub(crate) code: ExitCode,
    pub(crate) out: String,
    pub(crate) err: String,
}

/// Runs the suite with these arguments and reads its report.
pub(crate) fn run(subject: Subject, arguments: &[&str]) -> Run {
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("report.json");
    let output = format!("--output={}", file.display());
    let all = arguments.iter().copied().chain(["--format=json", &output]);
    let Said { code, out, err } = say(subject, &all.collect::<Vec<_>>());
    let report = std::fs::read(file).expect("there is a report");
    Run {
        code,
        out,
        err,
        report: serde_json::from_slice(&report).unwrap(),
    }
}

/// Runs the suite with these arguments and listens.
pub(crate) fn say(subject: Subject, arguments: &[&str]) -> Said {
    let (mut out, mut err) = (Vec::new(), Vec::new());
    let console = Console::plain(&mut out, &mut err);
    let code = main_on(
        console,
        subject,
        arguments.iter().copied().map(str::to_owned),
    );
    Said {
        code,
        out: String::from_utf8(out).unwrap(),
        err: String::from_utf8(err).unwrap(),
    }
}

impl Run {
    pub(crate) fn passed(&self) -> bool {
        self.code == ExitCode::SUCCESS
    }

    pub(crate) fn case(&self, id: &str) -> &Value {
        let cases = self.report["cases"].as_array().unwrap();
        let found = cases.iter().find(|case| case["id"] == id);
        found.unwrap_or_else(|| panic!("{id} is not in the report"))
    }

    pub(crate) fn profile(&self, name: &str) -> &Value {
        let profiles = self.report["profiles"].as_array().unwrap();
        let found = profiles.iter().find(|profile| profile["name"] == name);
        found.unwrap_or_else(|| panic!("{name} is not in the report"))
    }

    /// The outcomes of all cases, each once.
    pub(crate) fn outcomes(&self) -> Vec<&str> {
        let cases = self.report["cases"].as_array().unwrap();
        let mut outcomes: Vec<_> = cases
            .iter()
            .map(|case| case["outcome"].as_str().unwrap())
            .collect();
        outcomes.sort_unstable();
        outcomes.dedup();
        outcomes
    }
}
