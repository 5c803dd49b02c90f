//! The tests, as often and under as much load as is asked for.

use crate::conformance;
use crate::examples;
use crate::load::Load;
use crate::programs::{Pace, Tests};
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
    let tests = Tests {
        name: "unit and integration tests",
        packages: &["--workspace"],
        targets: "--all-targets",
        arguments: &[],
        env: &[],
        pace: Pace::SideBySide,
    };
    tests.run(steps);
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
    conformance::in_short(steps);
    Torture::short().kill_processes(steps);
    on_servers(steps, &mut Servers::new(no_install));
    examples::run(steps);
}

/// What needs a server.
pub(crate) fn on_servers(steps: &mut Steps, servers: &mut Servers) {
    servers.test_packages(steps);
    conformance::in_short_on_servers(steps, servers);
    Torture::short().kill_processes_on_servers(steps, servers);
}
