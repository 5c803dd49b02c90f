//! The tests, as often and under as much load as is asked for.

use crate::examples;
use crate::load::Load;
use crate::servers::Servers;
use crate::steps::Steps;
use crate::torture::Torture;

/// Runs these tests so many times, with the machine kept busy if that is asked for: a test that
/// fails then depends on how fast the machine is.
pub(crate) fn repeat(
    steps: &mut Steps,
    times: u32,
    under_load: bool,
    mut run: impl FnMut(&mut Steps),
) {
    // The tests are built first: it is they who are to be slow.
    if under_load && !steps.cargo("build the tests", &BUILD, &[]) {
        return;
    }
    for time in 1..=times {
        if times > 1 {
            steps.set_round(Some(format!("run {time} of {times}")));
        }
        if !under_load {
            run(steps);
            continue;
        }
        let mut load = None;
        let is_loaded = steps.run("load", || {
            load = Some(Load::start()?);
            Ok(())
        });
        if is_loaded {
            run(steps);
        }
        drop(load);
    }
    steps.set_round(None);
}

const BUILD: [&str; 6] = [
    "test",
    "--workspace",
    "--all-features",
    "--all-targets",
    "--no-run",
    "--quiet",
];

/// Everything that is tested, as far as servers can be had.
pub(crate) fn everything(steps: &mut Steps, no_install: bool) {
    steps.cargo(
        "unit and integration tests",
        &[
            "test",
            "--workspace",
            "--all-features",
            "--all-targets",
            "--no-fail-fast",
        ],
        &[],
    );
    steps.cargo(
        "documentation tests",
        &[
            "test",
            "--workspace",
            "--all-features",
            "--doc",
            "--no-fail-fast",
        ],
        &[],
    );
    conformance(steps);
    Torture::short().kill_processes(steps);
    on_servers(steps, &mut Servers::new(no_install));
    examples::run(steps);
}

/// What needs a server.
pub(crate) fn on_servers(steps: &mut Steps, servers: &mut Servers) {
    servers.test_packages(steps);
    for (server, backend, mode) in [
        ("postgres", "Postgres", "listening"),
        ("postgres", "Postgres", "polling"),
        ("redis", "Redis", "single"),
        ("redis-cluster", "Redis", "cluster"),
    ] {
        let name = format!("conformance of {backend}, {mode}");
        match servers.variable(steps, server) {
            Ok((variable, url)) => {
                let (variable, url) = (variable.to_owned(), url.to_owned());
                // Its own tests have run every case in every mode, which takes minutes on a server.
                let part = [url.as_str(), "--mode", mode, "--profile", "required"];
                let arguments = [&CONFORMANCE[..], &part].concat();
                steps.cargo(&name, &arguments, &[(&variable, &url)]);
            }
            Err(why) => steps.not_run(&name, &why),
        }
    }
    Torture::short().kill_processes_on_servers(steps, servers);
}

/// What runs the suite through the command line, up to the URL.
const CONFORMANCE: [&str; 7] = [
    "run",
    "--quiet",
    "--package",
    "duroxide-cli",
    "--",
    "conformance",
    "--backend",
];

/// The suite through the command line, as those who choose a backend run it.
fn conformance(steps: &mut Steps) {
    let file = std::env::temp_dir().join("duroxide.db");
    let sqlite = format!("sqlite:{}", file.display());
    for (name, url) in [("memory", "memory:"), ("SQLite", &sqlite)] {
        let name = format!("conformance of {name}");
        steps.cargo(&name, &[&CONFORMANCE[..], &[url]].concat(), &[]);
    }
}
