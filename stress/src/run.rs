//! Runs of workloads on backends, one after another.

use std::path::Path;
use std::process::ExitCode;
use std::time::Duration;

use duroxide_core::clock::{Clock as _, SystemClock};
use tokio::runtime::{Builder, Handle, Runtime};

use crate::arguments::{Arguments, Plan, Topology, list};
use crate::console::{mention, say};
use crate::deployment::{BESIDE, NOT_SHARED, Setting};
use crate::experiment::{Experiment, GENERATOR};
use crate::failure::Failure;
use crate::interrupt::{INTERRUPTED, Interrupt};
use crate::limit::Search;
use crate::load::{Shape, Times};
use crate::progress::Progress;
use crate::report::table::table;
use crate::report::{KIND, Machine, Outcome, Report, Run, SCHEMA, write};
use crate::target::Target;
use crate::workers::{Order, work};
use crate::workload::{Kind, Scale};

/// The exit code of a command line that is not understood.
pub(crate) const USAGE: u8 = 2;

/// How much longer an operation may take for each of its size.
const PATIENCE_EACH: Duration = Duration::from_millis(20);

/// Measures each backend by each workload, and reports on standard output; progress goes to standard error.
#[must_use]
pub fn stress(targets: &[Target], arguments: Arguments) -> ExitCode {
    if let Some(order) = Order::given() {
        return work(targets, order);
    }
    if arguments.only_lists() {
        say(&list());
        return ExitCode::SUCCESS;
    }
    let targets = &told_apart(targets);
    let plan = match arguments.plan() {
        Ok(plan) => plan,
        Err(wrong) => {
            mention(&format!("error: {wrong}\n"));
            return ExitCode::from(USAGE);
        }
    };
    match run(targets, &plan) {
        Ok(report) => {
            say(&table(&report));
            match () {
                () if report.is_interrupted => ExitCode::from(INTERRUPTED),
                () if report.is_good() => ExitCode::SUCCESS,
                () => ExitCode::FAILURE,
            }
        }
        Err(Failure::Usage(wrong)) => {
            mention(&format!("error: {wrong}\n"));
            ExitCode::from(USAGE)
        }
        Err(failure) => {
            mention(&format!("{failure}\n"));
            ExitCode::FAILURE
        }
    }
}

/// Gives a second backend of one name another one, so that reports tell them apart.
fn told_apart(targets: &[Target]) -> Vec<Target> {
    let mut apart: Vec<Target> = Vec::new();
    for target in targets {
        let same = |it: &&Target| it.name == target.name;
        let mut target = target.clone();
        let count = targets.iter().take(apart.len()).filter(same).count();
        if count > 0 {
            target.name += &format!("-{}", count + 1);
        }
        apart.push(target);
    }
    apart
}

/// The threads of a command.
struct Threads {
    /// Those of runtimes and providers.
    work: Runtime,
    /// That of the load generator.
    generator: Runtime,
}

impl Threads {
    fn start() -> Result<Self, Failure> {
        let cannot = || Failure::machine("no threads can be started");
        let work = Builder::new_multi_thread().enable_all().build();
        let generator = Builder::new_multi_thread()
            .worker_threads(1)
            .thread_name(GENERATOR)
            .enable_all()
            .build();
        Ok(Self {
            work: work.map_err(cannot())?,
            generator: generator.map_err(cannot())?,
        })
    }
}

fn run(targets: &[Target], plan: &Plan) -> Result<Report, Failure> {
    let threads = Threads::start()?;
    let began_ms = SystemClock.now_ms();
    let mut report = Report {
        kind: KIND.to_owned(),
        schema: SCHEMA,
        version: env!("CARGO_PKG_VERSION").to_owned(),
        began_ms,
        machine: Machine::this(Path::new(BESIDE)),
        is_interrupted: false,
        backends: Vec::new(),
        runs: Vec::new(),
    };
    // Whether it can be written is known before anything is measured.
    keep(&report, plan)?;
    for target in targets {
        let (info, is_shared) = threads.work.block_on(target.look());
        let Topology {
            processes, chaos, ..
        } = plan.topology;
        if processes > 0 && !chaos && is_shared == Some(false) {
            return Err(Failure::Usage(format!("{}: {NOT_SHARED}", target.name)));
        }
        report.backends.push(info);
    }
    let interrupt = threads.work.block_on(async { Interrupt::listen() });
    for kind in &plan.kinds {
        for size in plan.sizes(kind) {
            for (place, target) in targets.iter().enumerate() {
                // What was measured so far is reported all the same.
                if interrupt.is_wanted() {
                    continue;
                }
                let progress = Progress::begin(&format!("{} on {}", kind.name, target.name));
                let case = Case {
                    target,
                    place,
                    kind,
                    size,
                    plan,
                    generator: threads.generator.handle(),
                    interrupt: &interrupt,
                    progress: &progress,
                };
                report.runs.push(threads.work.block_on(case.run()));
                report.is_interrupted = interrupt.is_wanted();
                // What was measured is told of even if it cannot be written any more.
                if let Err(failure) = keep(&report, plan) {
                    mention(&format!("{failure}\n"));
                }
            }
        }
    }
    report.is_interrupted = interrupt.is_wanted();
    keep(&report, plan)?;
    Ok(report)
}

/// Writes what was measured so far, if it is to be written.
fn keep(report: &Report, plan: &Plan) -> Result<(), Failure> {
    match &plan.output {
        Some(folder) => write(report, folder),
        None => Ok(()),
    }
}

/// A count as people read it: `1,000,000`.
fn grouped(count: u64) -> String {
    match count / 1_000 {
        0 => count.to_string(),
        thousands => format!("{},{:03}", grouped(thousands), count % 1_000),
    }
}

/// One workload on one backend, in one size.
struct Case<'a> {
    target: &'a Target,
    place: usize,
    kind: &'a Kind,
    size: u64,
    plan: &'a Plan,
    generator: &'a Handle,
    interrupt: &'a Interrupt,
    progress: &'a Progress,
}

impl Case<'_> {
    /// Runs it. What stands in its way is its outcome.
    async fn run(&self) -> Run {
        let plan = self.plan;
        let experiment = self.experiment();
        let (shape, outcome) = match plan.find_limit {
            Some(p99_max) => {
                let shape = format!("p99 within {} ms", p99_max.as_millis());
                let search = Search {
                    experiment,
                    p99_max,
                };
                (shape, search.run().await.map(Outcome::Limit))
            }
            None => {
                let shape = plan.shape(self.kind);
                let said = match shape {
                    Shape::Closed { in_flight } => format!("{in_flight} in flight"),
                    Shape::Open { per_second } => format!("{per_second} a second"),
                };
                let figures = experiment.run(shape).await;
                (said, figures.map(|it| Outcome::Measured(Box::new(it))))
            }
        };
        let unit = self.kind.sizes.unit;
        Run {
            backend: self.target.name.clone(),
            workload: self.kind.name.to_owned(),
            shape: match unit {
                "" => shape,
                unit => format!("{shape}, {} {unit}", grouped(self.size)),
            },
            workers: plan.topology.runtimes,
            processes: plan.topology.processes,
            payload_bytes: plan.payload_bytes.filter(|_| self.kind.has_payload),
            chaos: plan.topology.chaos,
            seed: plan.topology.seed,
            warm_up_s: plan.warm_up.as_secs_f64(),
            duration_s: plan.duration.as_secs_f64(),
            outcome: outcome.unwrap_or_else(|failure| Outcome::Unavailable(failure.to_string())),
        }
    }

    fn experiment(&self) -> Experiment<'_> {
        let plan = self.plan;
        let steps = if self.kind.is_long { self.size } else { 0 };
        let steps = u32::try_from(steps).unwrap_or(u32::MAX);
        Experiment {
            setting: Setting {
                fixture: &self.target.fixture,
                target: self.place,
                kind: self.kind,
                scale: Scale {
                    payload_bytes: plan.payload_bytes,
                    size: self.size,
                },
                topology: plan.topology,
            },
            times: Times {
                warm_up: plan.warm_up,
                lasts: plan.duration,
                patience: plan.patience + PATIENCE_EACH.saturating_mul(steps),
                is_long: self.kind.is_long,
            },
            generator: self.generator,
            interrupt: self.interrupt,
            progress: self.progress,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::grouped;

    #[test]
    fn counts_are_grouped() {
        let counts = [0, 999, 1_000, 20_050, 1_000_000].map(grouped);
        assert_eq!(counts, ["0", "999", "1,000", "20,050", "1,000,000"]);
    }
}
