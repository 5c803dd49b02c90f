//! Runs of workloads on backends, one after another.

use std::fs;
use std::path::Path;
use std::process::ExitCode;
use std::sync::Arc;
use std::time::Duration;

use duroxide_provider_tests::Fixture;
use tokio::runtime::Builder;

use crate::arguments::{Arguments, Plan, list};
use crate::console::{mention, say};
use crate::failure::Failure;
use crate::interrupt::Interrupt;
use crate::limit::{Search, Tried};
use crate::load::{Load, Shape};
use crate::process;
use crate::report::html::page;
use crate::report::plot::{latencies, over_time, throughput};
use crate::report::table::table;
use crate::report::{Figures, KIND, Machine, Outcome, Report, Run, SCHEMA};
use crate::stage::Stage;
use crate::verdict::judge;
use crate::workload::Kind;

/// The exit code of a command line that is not understood.
const USAGE: u8 = 2;

/// A backend that is measured.
#[derive(Clone)]
pub struct Target {
    name: String,
    fixture: Arc<dyn Fixture>,
}

impl Target {
    /// A backend by its fixture, under a name for reports, which must hold no password.
    #[must_use]
    pub fn new(name: &str, fixture: Arc<dyn Fixture>) -> Self {
        Self {
            name: name.to_owned(),
            fixture,
        }
    }
}

impl std::fmt::Debug for Target {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Target")
            .field("name", &self.name)
            .finish_non_exhaustive()
    }
}

/// Measures each backend by each workload, and reports on standard output; progress goes to standard error.
#[must_use]
pub fn stress(targets: &[Target], arguments: Arguments) -> ExitCode {
    if arguments.only_lists() {
        say(&list());
        return ExitCode::SUCCESS;
    }
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
            if report.is_good() {
                ExitCode::SUCCESS
            } else {
                ExitCode::FAILURE
            }
        }
        Err(failure) => {
            mention(&format!("{failure}\n"));
            ExitCode::FAILURE
        }
    }
}

fn run(targets: &[Target], plan: &Plan) -> Result<Report, Failure> {
    let runtime = Builder::new_multi_thread().enable_all().build();
    let runtime = runtime.map_err(Failure::machine("no threads can be started"))?;
    let mut runs = Vec::new();
    let interrupt = runtime.block_on(async { Interrupt::listen() });
    for kind in &plan.kinds {
        for target in targets {
            // What was measured so far is reported all the same.
            if interrupt.is_wanted() {
                continue;
            }
            mention(&format!("{} on {} ...\n", kind.name, target.name));
            let case = Case {
                target,
                kind,
                plan,
                interrupt: &interrupt,
            };
            runs.push(runtime.block_on(case.run()));
        }
    }
    let report = Report {
        kind: KIND.to_owned(),
        schema: SCHEMA,
        version: env!("CARGO_PKG_VERSION").to_owned(),
        machine: Machine::this(),
        runs,
    };
    if let Some(folder) = &plan.output {
        write(&report, folder)?;
    }
    Ok(report)
}

/// One workload on one backend.
struct Case<'a> {
    target: &'a Target,
    kind: &'a Kind,
    plan: &'a Plan,
    interrupt: &'a Interrupt,
}

impl Case<'_> {
    /// Runs it. What stands in its way is its outcome.
    async fn run(&self) -> Run {
        let plan = self.plan;
        let (shape, outcome) = match plan.find_limit {
            Some(p99_max) => {
                let shape = format!("p99 within {} ms", p99_max.as_millis());
                (shape, self.limit(p99_max).await.map(Outcome::Limit))
            }
            None => {
                let shape = match plan.shape(self.kind) {
                    Shape::Closed { in_flight } => format!("{in_flight} in flight"),
                    Shape::Open { per_second } => format!("{per_second} a second"),
                };
                let figures = self.measure().await;
                (shape, figures.map(|it| Outcome::Measured(Box::new(it))))
            }
        };
        Run {
            backend: self.target.name.clone(),
            workload: self.kind.name.to_owned(),
            shape,
            workers: plan.workers,
            warm_up_s: plan.warm_up.as_secs_f64(),
            duration_s: plan.duration.as_secs_f64(),
            outcome: outcome.unwrap_or_else(|failure| Outcome::Unavailable(failure.to_string())),
        }
    }

    async fn limit(&self, p99_max: Duration) -> Result<Vec<Tried>, Failure> {
        let search = Search {
            fixture: &self.target.fixture,
            kind: self.kind,
            payload: self.plan.payload,
            workers: self.plan.workers,
            times: (self.plan.warm_up, self.plan.duration),
            p99_max,
            interrupt: self.interrupt,
        };
        search.run().await
    }

    async fn measure(&self) -> Result<Figures, Failure> {
        let plan = self.plan;
        let workload = (self.kind.make)(plan.payload);
        let stage = Stage::open(&self.target.fixture, &*workload, plan.workers).await?;
        let stage = Arc::new(stage);
        let cpu_before = process::cpu_seconds();
        let times = (plan.warm_up, plan.duration);
        let shape = plan.shape(self.kind);
        let loaded = Load::put(&stage, &workload, shape, times, self.interrupt).await;
        let cpu_after = process::cpu_seconds();
        let judged = match &loaded {
            Ok(loaded) => judge(&stage, &*workload, loaded).await,
            Err(_) => Ok(Vec::new()),
        };
        let about = stage.store.about();
        let durability = stage.store.capabilities().durability;
        if let Some(stage) = Arc::into_inner(stage)
            && let Err(why) = stage.close().await
        {
            mention(&format!("{}: {why}\n", self.target.name));
        }
        let (loaded, wrong) = (loaded?, judged?);
        let cpu = cpu_after.zip(cpu_before);
        Ok(Figures {
            implementation: format!("{} {}", about.name, about.version),
            durability: format!("{durability:?}"),
            measured: loaded.measured,
            drain_s: loaded.drain.as_secs_f64(),
            client_cpu_s: cpu.map(|(after, before)| after - before),
            client_peak_memory_mib: process::peak_memory_mib(),
            wrong,
        })
    }
}

fn write(report: &Report, folder: &Path) -> Result<(), Failure> {
    let cannot = || Failure::machine("the report cannot be written");
    fs::create_dir_all(folder).map_err(cannot())?;
    let mut text = serde_json::to_string_pretty(report).map_err(|error| cannot()(error.into()))?;
    text.push('\n');
    let mut files = vec![
        ("stress.json".to_owned(), text),
        ("stress.html".to_owned(), page(report)),
        ("throughput.svg".to_owned(), throughput(report)),
        ("latency.svg".to_owned(), latencies(report)),
    ];
    for workload in report.workloads() {
        files.push((
            format!("over-time-{workload}.svg"),
            over_time(report, workload),
        ));
    }
    for (name, text) in files {
        fs::write(folder.join(name), text).map_err(cannot())?;
    }
    Ok(())
}
