//! The tests that need a server: the servers are made ready, then these tests are run.
//!
//! A package says in its manifest which servers its ignored tests need:
//! `[package.metadata.duroxide] servers = ["postgres"]`. A browser, `chromium`, counts as one.

pub(crate) mod install;
mod ready;

use std::collections::{BTreeMap, BTreeSet};

use serde_json::Value;

use self::install::{MayInstall, packages_of};
use self::ready::Ready;
use crate::programs::{Pace, Tests};
use crate::steps::{Steps, cargo};

/// The servers that each package asks for.
type Wanted = BTreeMap<String, Vec<String>>;

/// What is done about a server.
#[derive(Debug, PartialEq, Eq)]
enum Decision {
    Use,
    Install(&'static [&'static str]),
    NotRun(String),
}

/// The servers that were looked for, each once. They end with this.
#[derive(Debug)]
pub(crate) struct Servers {
    may_install: MayInstall,
    /// Whether the program that finds and starts them was built, once that was tried.
    is_built: Option<bool>,
    ready: BTreeMap<String, Result<Ready, String>>,
}

impl Servers {
    pub(crate) fn new(no_install: bool) -> Self {
        Self {
            may_install: MayInstall::here(no_install),
            is_built: None,
            ready: BTreeMap::new(),
        }
    }

    /// The environment variable by which tests find a server of this kind, and its value; or why
    /// there is no server.
    pub(crate) fn variable(
        &mut self,
        steps: &mut Steps,
        kind: &str,
    ) -> Result<(&str, &str), String> {
        let is_built = *self.is_built.get_or_insert_with(|| {
            let build = [
                "build",
                "--workspace",
                "--all-features",
                "--bin",
                "test-server",
            ];
            steps.cargo("build test-server", &build, &[])
        });
        if !is_built {
            return Err("test-server was not built".to_owned());
        }
        let may_install = &self.may_install;
        let ready = self.ready.entry(kind.to_owned()).or_insert_with(|| {
            println!("\n== server {kind}");
            make_ready(kind, may_install)
        });
        match ready {
            Ok(server) => Ok(server.variable()),
            Err(why) => Err(why.clone()),
        }
    }

    /// Runs the tests of every package that asks for servers. Where all servers are there, in one
    /// run of the whole workspace: a package alone is built with other features of what it depends
    /// on, which takes minutes. Where one is missing, the packages that do without it.
    pub(crate) fn test_packages(&mut self, steps: &mut Steps) {
        let mut wanted = Wanted::new();
        steps.run("the servers that packages ask for", || {
            wanted = wanted_by(&metadata()?)?;
            println!("{wanted:?}");
            Ok(())
        });
        let kinds: BTreeSet<&String> = wanted.values().flatten().collect();
        if let Ok(urls) = self.variables(steps, kinds) {
            test(steps, "tests with servers", &["--workspace"], &urls);
            return;
        }
        for (package, kinds) in &wanted {
            let name = format!("tests of {package} with {}", kinds.join(" and "));
            match self.variables(steps, kinds) {
                Ok(urls) => test(steps, &name, &["--package", package], &urls),
                Err(why) => steps.not_run(&name, &why),
            }
        }
    }

    /// The environment variables of all these servers, or why there is not one of them.
    fn variables<'a>(
        &mut self,
        steps: &mut Steps,
        kinds: impl IntoIterator<Item = &'a String>,
    ) -> Result<Vec<(String, String)>, String> {
        let mut urls = Vec::new();
        for kind in kinds {
            let (variable, url) = self.variable(steps, kind)?;
            urls.push((variable.to_owned(), url.to_owned()));
        }
        Ok(urls)
    }
}

/// Runs the ignored tests of these packages.
fn test(steps: &mut Steps, name: &str, packages: &[&str], urls: &[(String, String)]) {
    let urls: Vec<_> = urls.iter().map(|(name, url)| (&**name, &**url)).collect();
    let tests = Tests {
        name,
        packages,
        // Neither measurements nor examples are among those that need servers.
        targets: "--tests",
        arguments: &["--ignored"],
        env: &urls,
        pace: Pace::OneByOne,
    };
    tests.run(steps);
}

fn make_ready(kind: &str, may_install: &MayInstall) -> Result<Ready, String> {
    let mut found = Ready::find(kind);
    if let Decision::Install(packages) = decide(kind, why_not(&found), may_install, false) {
        println!(
            "{kind} is not there: {}",
            why_not(&found).unwrap_or_default()
        );
        install::install(packages)?;
        found = Ready::find(kind);
    }
    match decide(kind, why_not(&found), may_install, true) {
        Decision::NotRun(why) => Err(why),
        Decision::Use | Decision::Install(_) => found,
    }
}

fn why_not(found: &Result<Ready, String>) -> Option<&str> {
    found.as_ref().err().map(String::as_str)
}

/// From what is found to what is done. `missing` is why there is no server.
fn decide(
    kind: &str,
    missing: Option<&str>,
    may_install: &MayInstall,
    was_installed: bool,
) -> Decision {
    let Some(missing) = missing else {
        return Decision::Use;
    };
    match (packages_of(kind), may_install) {
        (Some(packages), MayInstall::Yes) if !was_installed => Decision::Install(packages),
        (Some(_), MayInstall::Yes) => Decision::NotRun(missing.to_owned()),
        (Some(_), MayInstall::No(why)) => {
            Decision::NotRun(format!("{missing} (not installed here, since {why})"))
        }
        (None, _) => Decision::NotRun(format!("{missing} (this program cannot install it)")),
    }
}

fn metadata() -> Result<Value, String> {
    let output = cargo()
        .args(["metadata", "--no-deps", "--format-version", "1"])
        .output()
        .map_err(|error| format!("cargo metadata cannot be run: {error}"))?;
    if !output.status.success() {
        return Err(String::from_utf8_lossy(&output.stderr).into_owned());
    }
    serde_json::from_slice(&output.stdout).map_err(|error| error.to_string())
}

/// What the manifests say. A mistake in one is an error, or its tests would silently not run.
fn wanted_by(metadata: &Value) -> Result<Wanted, String> {
    let packages = metadata.get("packages").and_then(Value::as_array);
    let mut wanted = Wanted::new();
    for package in packages.ok_or("cargo metadata names no packages")? {
        let name = package.get("name").and_then(Value::as_str);
        let name = name.ok_or("cargo metadata has a package without a name")?;
        let Some(servers) = package.pointer("/metadata/duroxide/servers") else {
            continue;
        };
        let servers: Vec<String> = serde_json::from_value(servers.clone())
            .map_err(|error| format!("metadata.duroxide.servers of {name}: {error}"))?;
        wanted.insert(name.to_owned(), servers);
    }
    Ok(wanted)
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    const NO: MayInstall = MayInstall::No("this is not root");

    #[test]
    fn what_is_there_is_used_whatever_may_be_installed() {
        for may_install in [NO, MayInstall::Yes] {
            assert_eq!(decide("postgres", None, &may_install, false), Decision::Use);
            assert_eq!(decide("dynamodb", None, &may_install, true), Decision::Use);
        }
    }

    #[test]
    fn what_is_missing_is_installed_once_and_only_where_that_is_allowed() {
        let decision = |may_install, was_installed| {
            decide("postgres", Some("no initdb"), may_install, was_installed)
        };
        assert_eq!(
            decision(&MayInstall::Yes, false),
            Decision::Install(&["postgresql"])
        );
        let failed = Decision::NotRun("no initdb".to_owned());
        assert_eq!(decision(&MayInstall::Yes, true), failed);
        for was_installed in [false, true] {
            let Decision::NotRun(why) = decision(&NO, was_installed) else {
                panic!("it must not be installed");
            };
            assert!(
                why.contains("no initdb") && why.contains("not root"),
                "{why}"
            );
        }
    }

    #[test]
    fn what_no_package_has_is_not_run() {
        let decision = decide("dynamodb", Some("no jar"), &MayInstall::Yes, false);
        assert!(matches!(decision, Decision::NotRun(why) if why.starts_with("no jar")));
    }

    #[test]
    fn manifests_say_which_servers_their_tests_need() {
        let metadata = json!({ "packages": [
            { "name": "a", "metadata": { "duroxide": { "servers": ["redis"] } } },
            { "name": "b", "metadata": null },
        ]});
        let wanted = wanted_by(&metadata).unwrap();
        assert_eq!(
            wanted,
            Wanted::from([("a".to_owned(), vec!["redis".to_owned()])])
        );
        let mistake = json!({ "packages": [
            { "name": "a", "metadata": { "duroxide": { "servers": "redis" } } },
        ]});
        assert!(wanted_by(&mistake).unwrap_err().contains("servers of a"));
    }
}
