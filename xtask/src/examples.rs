//! The examples are run, and what they print is checked.

use std::io::{BufRead, BufReader};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::sync::mpsc;
use std::thread;
use std::time::Duration;

use crate::steps::Steps;

/// How long an example may take; each needs a few seconds.
const TIME_LIMIT: Duration = Duration::from_secs(60);

/// An example and the lines that it must print, in any order.
const EXPECTED: &[(&str, &[&str])] = &[
    ("hello_world", &["The orchestration says: Hello, Rust!"]),
    (
        "fan_out_fan_in",
        &[
            "priced 6 x apple",
            "priced 1 x bread",
            "priced 2 x cheese",
            "3 items cost 1850 cents",
        ],
    ),
    (
        "timers_and_events",
        &[
            "two weeks of holiday: approved",
            "a pay rise: nobody answered in time",
        ],
    ),
    (
        "delays_and_timeouts",
        &[
            "Delay: waited 300 ms",
            "SlowReport: cancelled, cleaning up",
            "Deadline: gave up on the report after 300 ms",
            "Polling: the machine was ready at check 3",
        ],
    ),
    (
        "custom_provider",
        &[
            "first run: has the order ended? false",
            "  duroxide-file 1",
            "second run: a lamp reserved, paid with a card, shipped",
        ],
    ),
    (
        "crash_recovery",
        &[
            "the first child was killed: signal: 9 (SIGKILL)",
            "the second child has ended: exit status: 0",
            "step 5 is recorded 1 time(s)",
            "10 steps done, each recorded exactly once",
        ],
    ),
];

/// Builds and runs every example.
pub(crate) fn run(steps: &mut Steps) {
    steps.run("every example is checked", every_example_is_listed);
    let build = ["build", "--all-features", "--examples"];
    if !steps.cargo("build the examples", &build, &[]) {
        // What an earlier build left behind would only mislead.
        return;
    }
    for (name, expected) in EXPECTED {
        steps.run(&format!("example {name}"), || check(name, &[], expected));
        let usage = format!("Usage: {name} ");
        steps.run(&format!("example {name} --help"), || {
            check(name, &["--help"], &[&usage])
        });
    }
    let stress = ["stress", "--workload", "hello", "--duration", "1s"];
    steps.run("example custom_provider stress", || {
        check("custom_provider", &stress, &["hello     file "])
    });
}

/// An example that nobody runs rots. Those called `measure_…` are for people with time and a quiet
/// machine; they are built like the others and not run.
fn every_example_is_listed() -> Result<(), String> {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("../examples");
    let entries = folder
        .read_dir()
        .map_err(|error| format!("{}: {error}", folder.display()))?;
    for entry in entries {
        let path = entry.map_err(|error| error.to_string())?.path();
        let name = path.file_stem().unwrap_or_default().to_string_lossy();
        let is_file = path.extension().is_some_and(|extension| extension == "rs");
        let is_example = is_file || path.join("main.rs").exists();
        let is_measurement = name.starts_with("measure_");
        let is_listed = EXPECTED.iter().any(|(listed, _)| *listed == name);
        if is_example && !is_measurement && !is_listed {
            return Err(format!("add what {name} prints to xtask/src/examples.rs"));
        }
    }
    Ok(())
}

/// Whether an example prints lines that are these, or that begin like one with a space at its end.
fn check(name: &str, arguments: &[&str], expected: &[&str]) -> Result<(), String> {
    let lines = output(name, arguments)?;
    let is = |printed: &str, line: &str| {
        printed == line || (line.ends_with(' ') && printed.starts_with(line))
    };
    let missing: Vec<_> = expected
        .iter()
        .filter(|line| !lines.iter().any(|printed| is(printed, line)))
        .collect();
    if missing.is_empty() {
        Ok(())
    } else {
        Err(format!("it did not print {missing:?}"))
    }
}

/// Runs an example to its end and returns what it printed.
fn output(name: &str, arguments: &[&str]) -> Result<Vec<String>, String> {
    let program = program(name)?;
    let mut child = Command::new(&program)
        .args(arguments)
        .stdout(Stdio::piped())
        .spawn()
        .map_err(|error| format!("{} cannot be run: {error}", program.display()))?;
    let result = read_lines(&mut child);
    if result.is_err() {
        // It may have ended by itself meanwhile, which is as good.
        child.kill().ok();
    }
    let status = child.wait().map_err(|error| error.to_string())?;
    let lines = result?;
    if status.success() {
        Ok(lines)
    } else {
        Err(format!("it ended with {status}"))
    }
}

fn read_lines(child: &mut Child) -> Result<Vec<String>, String> {
    let stdout = child.stdout.take().ok_or("it has no output")?;
    let (sender, receiver) = mpsc::channel();
    thread::spawn(move || {
        let mut lines = Vec::new();
        for line in BufReader::new(stdout).lines().map_while(Result::ok) {
            println!("  {line}");
            lines.push(line);
        }
        // Nobody listens any more once the time is up.
        sender.send(lines).ok();
    });
    receiver
        .recv_timeout(TIME_LIMIT)
        .map_err(|_| format!("it was still running after {} s", TIME_LIMIT.as_secs()))
}

/// Where cargo puts an example: beside this program, which it built as well.
fn program(name: &str) -> Result<PathBuf, String> {
    let this = std::env::current_exe().map_err(|error| error.to_string())?;
    let folder = this.parent().ok_or("this program is in no folder")?;
    Ok(folder.join("examples").join(name))
}
