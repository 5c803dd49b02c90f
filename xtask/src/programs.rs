//! The programs that tests are built into, run beside one another.
//!
//! `cargo test` runs one program after another, and many of them mostly wait: for a lease to end, for a
//! limit of time, for a process that is killed. So there are as many at a time as there are processors.

use std::fs::{self, File};
use std::path::{Path, PathBuf};
use std::process::{Command, ExitStatus, Stdio};
use std::sync::{Mutex, PoisonError};
use std::thread;
use std::time::{Duration, Instant};

use serde_json::Value;

use crate::steps::{Steps, cargo, failures, line};

/// Those that take longest are begun first, so that none of them is left alone at the end. It is only
/// a matter of time what is not named here.
const LONGEST: [&str; 7] = [
    "conformance",
    "faults",
    "mutants",
    "torture",
    "workers",
    "recovery",
    "runner",
];
/// How many of the programs are shown that took longest.
const LONGEST_SHOWN: usize = 12;

/// Which tests are built, and how they are run.
#[derive(Debug)]
pub(crate) struct Tests<'a> {
    pub(crate) name: &'a str,
    /// What tells cargo of which packages they are.
    pub(crate) packages: &'a [&'a str],
    /// What tells cargo of which of their parts.
    pub(crate) targets: &'a str,
    /// What each program is given.
    pub(crate) arguments: &'a [&'a str],
    pub(crate) env: &'a [(&'a str, &'a str)],
    pub(crate) pace: Pace,
}

/// How many programs run at a time.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Pace {
    /// As many as there are processors.
    SideBySide,
    /// One: it has the servers to itself, which are at work too.
    OneByOne,
}

/// A program with tests in it.
#[derive(Debug, PartialEq, Eq)]
struct Program {
    /// The file of its source, from the root.
    source: String,
    /// What cargo calls it.
    target: String,
    path: PathBuf,
    /// The folder of its package, where cargo starts it.
    folder: PathBuf,
}

/// What became of the programs so far.
#[derive(Debug, Default)]
struct Ended {
    failed: Vec<String>,
    took: Vec<(Duration, String)>,
}

impl Tests<'_> {
    /// Builds them, then runs them all, whether some fail or not.
    pub(crate) fn run(&self, steps: &mut Steps) {
        let mut programs = Vec::new();
        let is_built = steps.run(&format!("build the {}", self.name), || {
            programs = self.build()?;
            Ok(())
        });
        if is_built {
            steps.run(self.name, || self.run_all(programs));
        }
    }

    fn build(&self) -> Result<Vec<Program>, String> {
        let rest = ["--all-features", self.targets, "--no-run"];
        let arguments = [&["test"], self.packages, &rest].concat();
        println!("{}", line(&arguments, &[]));
        let output = cargo()
            .args(&arguments)
            .arg("--message-format=json-render-diagnostics")
            .stderr(Stdio::inherit())
            .output()
            .map_err(|error| format!("cargo cannot be run: {error}"))?;
        if !output.status.success() {
            return Err(format!("cargo ended with {}", output.status));
        }
        let programs = programs(&String::from_utf8_lossy(&output.stdout))?;
        if programs.is_empty() {
            return Err("cargo has built no tests".to_owned());
        }
        Ok(programs)
    }

    fn run_all(&self, programs: Vec<Program>) -> Result<(), String> {
        let at_once = match self.pace {
            Pace::SideBySide => thread::available_parallelism().map_or(1, usize::from),
            Pace::OneByOne => 1,
        };
        let waiting = Mutex::new(programs.into_iter());
        let ended = Mutex::new(Ended::default());
        let next = || {
            let mut waiting = waiting.lock().unwrap_or_else(PoisonError::into_inner);
            waiting.next()
        };
        thread::scope(|scope| {
            for _ in 0..at_once {
                scope.spawn(|| {
                    while let Some(program) = next() {
                        #[expect(
                            clippy::disallowed_methods,
                            reason = "nobody moves the time of a chore"
                        )]
                        let begun = Instant::now();
                        let result = program.run(self.arguments, self.env);
                        let took = begun.elapsed();
                        let mut ended = ended.lock().unwrap_or_else(PoisonError::into_inner);
                        ended.add(&program, took, result);
                    }
                });
            }
        });
        let ended = ended.into_inner().unwrap_or_else(PoisonError::into_inner);
        ended.result()
    }
}

/// The programs with tests that cargo says it has built, the longest first.
fn programs(messages: &str) -> Result<Vec<Program>, String> {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("..");
    let root = root.canonicalize().map_err(|error| error.to_string())?;
    let mut programs = Vec::new();
    for message in messages.lines().filter(|line| line.starts_with('{')) {
        let message: Value = serde_json::from_str(message).map_err(|error| error.to_string())?;
        let text = |pointer| message.pointer(pointer).and_then(Value::as_str);
        let is_test = message.pointer("/profile/test") == Some(&Value::Bool(true));
        let Some(path) = text("/executable").filter(|_| is_test) else {
            continue;
        };
        let parts = text("/target/name").zip(text("/target/src_path"));
        let parts = parts.zip(text("/manifest_path"));
        let ((target, source), manifest) = parts.ok_or("cargo names a program without a source")?;
        let source = Path::new(source);
        let source = source.strip_prefix(&root).unwrap_or(source);
        let folder = Path::new(manifest).parent();
        programs.push(Program {
            source: source.display().to_string(),
            target: target.to_owned(),
            path: path.into(),
            folder: folder.ok_or("a manifest is in no folder")?.into(),
        });
    }
    programs.sort_by_cached_key(|program| {
        let place = LONGEST.iter().position(|name| *name == program.target);
        (place.unwrap_or(LONGEST.len()), program.source.clone())
    });
    Ok(programs)
}

impl Program {
    /// Runs it to its end; answers how it ended, and what it printed.
    fn run(
        &self,
        arguments: &[&str],
        env: &[(&str, &str)],
    ) -> Result<(ExitStatus, String), String> {
        // A file and not a pipe: a process that outlives the program would hold the pipe open.
        let log = self.path.with_extension("log");
        let cannot = |error: std::io::Error| format!("{} cannot be run: {error}", self.source);
        let out = File::create(&log).map_err(cannot)?;
        let err = out.try_clone().map_err(cannot)?;
        let status = Command::new(&self.path)
            .args(arguments)
            .envs(env.iter().copied())
            .env("CARGO_MANIFEST_DIR", &self.folder)
            .current_dir(&self.folder)
            .stdin(Stdio::null())
            .stdout(out)
            .stderr(err)
            .status()
            .map_err(cannot)?;
        let printed = fs::read(&log).map_err(cannot)?;
        Ok((status, String::from_utf8_lossy(&printed).into_owned()))
    }
}

impl Ended {
    /// Shows what a program printed, and keeps what failed in it.
    fn add(
        &mut self,
        program: &Program,
        took: Duration,
        result: Result<(ExitStatus, String), String>,
    ) {
        let source = &program.source;
        println!("     Ran {source} in {} s", took.as_secs());
        self.took.push((took, source.clone()));
        match result {
            Ok((status, printed)) => {
                print!("{printed}");
                if !status.success() {
                    self.failed.push(format!("{source} ended with {status}"));
                    self.failed.extend(failures(&printed));
                }
            }
            Err(why) => self.failed.push(why),
        }
    }

    /// Says what took longest; fails if anything did.
    fn result(mut self) -> Result<(), String> {
        self.took.sort_by(|a, b| b.cmp(a));
        println!("\nof {} programs", self.took.len());
        for (time, source) in self.took.iter().take(LONGEST_SHOWN) {
            println!("{:5} s  {source}", time.as_secs());
        }
        if self.failed.is_empty() {
            Ok(())
        } else {
            Err(format!("\n  {}", self.failed.join("\n  ")))
        }
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn message(name: &str, is_test: bool) -> String {
        let message = json!({
            "reason": "compiler-artifact",
            "manifest_path": "/a/package/Cargo.toml",
            "target": { "name": name, "src_path": format!("/a/package/tests/{name}.rs") },
            "profile": { "test": is_test },
            "executable": format!("/a/target/{name}"),
        });
        message.to_string()
    }

    #[test]
    fn tests_are_told_from_other_programs_and_the_longest_come_first() {
        let finished = r#"{"reason":"build-finished","success":true}"#;
        let messages = [
            "noise".to_owned(),
            message("a", true),
            message("server", false),
            message("conformance", true),
            finished.to_owned(),
        ];
        let programs = programs(&messages.join("\n")).unwrap();
        let targets: Vec<_> = programs.iter().map(|it| it.target.as_str()).collect();
        assert_eq!(targets, ["conformance", "a"]);
        assert_eq!(programs[1].folder, Path::new("/a/package"));
        assert_eq!(programs[1].source, "/a/package/tests/a.rs");
    }

    #[test]
    fn a_program_that_fails_does_not_keep_others_from_running_and_is_named() {
        let folder = std::env::temp_dir().join(format!("duroxide-programs-{}", std::process::id()));
        fs::create_dir_all(&folder).unwrap();
        let program = |name: &str, path: &str| Program {
            source: name.to_owned(),
            target: name.to_owned(),
            path: path.into(),
            folder: folder.clone(),
        };
        // The log stands beside the program, so that it has to be one that may be written there.
        let sh = folder.join("sh");
        std::os::unix::fs::symlink("/bin/sh", &sh).unwrap();
        let sh = sh.display().to_string();
        let tests = |script| Tests {
            name: "tests",
            packages: &[],
            targets: "",
            arguments: script,
            env: &[("WORD", "b")],
            pace: Pace::SideBySide,
        };
        let script = ["-c", "echo test $WORD ... FAILED; exit 3"];
        let both = || vec![program("gone", "/nowhere/gone"), program("fails", &sh)];
        let failed = tests(&script).run_all(both()).unwrap_err();
        for part in [
            "gone cannot be run",
            "fails ended with exit status: 3",
            "test b ... FAILED",
        ] {
            assert!(failed.contains(part), "{part} in {failed}");
        }
        let passed = tests(&["-c", "true"]).run_all(vec![program("passes", &sh)]);
        fs::remove_dir_all(folder).unwrap();
        assert_eq!(passed, Ok(()));
    }
}
