//! One workload on one backend.

use std::sync::Arc;
use std::time::Duration;

use duroxide_core::runtime::RuntimeOptions;
use duroxide_provider_tests::Costs;
use tokio::runtime::Handle;
use tokio::select;
use tokio::task::JoinHandle;

use crate::arguments::Topology;
use crate::deployment::{Deployment, Setting};
use crate::failure::Failure;
use crate::interrupt::Interrupt;
use crate::load::{Load, Loaded, Shape, Times};
use crate::process::{Usage, cpu_seconds_of_threads, forget_peak_memory};
use crate::progress::Progress;
use crate::report::{ChaosFigures, ClientCosts, Figures, StoreCosts};
use crate::verdict::judge;
use crate::workers::Workers;
use crate::workers::chaos::kill_now_and_then;
use crate::workload::Workload;

/// What the threads of the load generator are called, by which their processor time is told apart.
pub(crate) const GENERATOR: &str = "load-generator";

const MIB: f64 = 1_048_576.0;

/// One workload on one backend, any number of times, each on an empty store.
#[derive(Clone, Copy)]
pub(crate) struct Experiment<'a> {
    pub(crate) setting: Setting<'a>,
    pub(crate) times: Times,
    /// The threads of the load generator, which are its own, so that it is seen what it costs.
    pub(crate) generator: &'a Handle,
    pub(crate) interrupt: &'a Interrupt,
    pub(crate) progress: &'a Progress,
}

/// What has been used until some moment.
struct Reading {
    costs: Costs,
    usage: Usage,
    generator_s: Option<f64>,
}

impl Reading {
    async fn take(deployment: &Deployment) -> Self {
        Self {
            costs: deployment.costs().await,
            usage: Usage::now().and(deployment.workers.usage()),
            generator_s: cpu_seconds_of_threads(GENERATOR),
        }
    }
}

/// A load that is given up when this is dropped.
struct Running(JoinHandle<Result<Loaded, Failure>>);

impl Running {
    async fn ended(&mut self) -> Result<Loaded, Failure> {
        let ended = (&mut self.0).await;
        ended.unwrap_or_else(|_| Err(Failure::Unavailable("the load has panicked".to_owned())))
    }
}

impl Drop for Running {
    fn drop(&mut self) {
        self.0.abort();
    }
}

impl Experiment<'_> {
    /// Runs it once. The store is removed whatever comes, and what was measured is kept whatever goes wrong afterwards.
    pub(crate) async fn run(&self, shape: Shape) -> Result<Figures, Failure> {
        let workload = self.setting.kind.make(self.setting.scale);
        forget_peak_memory();
        let mut deployment = Deployment::open(self.setting, &*workload).await?;
        let figures = self.observe(&mut deployment, &workload, shape).await;
        let closed = deployment.close().await;
        let mut figures = figures?;
        figures.wrong.extend(closed.err().map(|it| it.to_string()));
        Ok(figures)
    }

    async fn observe(
        &self,
        deployment: &mut Deployment,
        workload: &Arc<dyn Workload>,
        shape: Shape,
    ) -> Result<Figures, Failure> {
        let empty = deployment.costs().await;
        let prepared = select! {
            prepared = workload.prepare(&deployment.client) => prepared?,
            () = self.interrupt.wanted() => return Err(Failure::Interrupted),
        };
        let before = Reading::take(deployment).await;
        let client = deployment.client.clone();
        let load = Load::new(client, Arc::clone(workload), self.times, self.interrupt)?;
        let _following = self.progress.follow(&load);
        let running = Running(self.generator.spawn(Arc::clone(&load).run(shape)));
        let (loaded, mut wrong) = self.load(&mut deployment.workers, &load, running).await?;
        let after = Reading::take(deployment).await;
        let processes = deployment.workers.count_processes();
        let repeats_max = self.repeats_max(&loaded);
        match judge(deployment, (prepared, &loaded), repeats_max).await {
            Ok(found) => wrong.extend(found),
            Err(failure) => wrong.push(format!("it cannot be looked at: {failure}")),
        }
        let operations = (loaded.begun - loaded.failed).max(1) as f64;
        let instances = prepared.completed + prepared.waiting + loaded.tally.completed;
        let millis = |recovery: &Duration| recovery.as_secs_f64() * 1_000.0;
        Ok(Figures {
            all_operations: loaded.begun - loaded.failed,
            steps: loaded.tally.steps as f64 / operations,
            processes,
            drain_s: loaded.drain.as_secs_f64(),
            client: client_costs((&before, &after), loaded.lasted),
            store: store_costs([empty, before.costs, after.costs], operations, instances),
            chaos: self.setting.topology.chaos.then(|| ChaosFigures {
                kills: loaded.recoveries.len() as u64,
                recovery_ms: loaded.recoveries.iter().map(millis).collect(),
            }),
            measured: loaded.measured,
            wrong,
        })
    }

    /// Waits for the end of a load, under chaos if there is to be some. A worker that ended by itself is what is wrong,
    /// and no reason to lose what was measured.
    async fn load(
        &self,
        workers: &mut Workers,
        load: &Load,
        mut running: Running,
    ) -> Result<(Loaded, Vec<String>), Failure> {
        let Topology { chaos, seed, .. } = self.setting.topology;
        let mut wrong = Vec::new();
        let loaded = loop {
            let is_chaotic = chaos && wrong.is_empty();
            select! {
                loaded = running.ended() => break loaded?,
                failure = kill_now_and_then(workers, load, seed), if is_chaotic => {
                    wrong.push(failure.to_string());
                }
                () = self.interrupt.is_over() => return Err(Failure::Interrupted),
            }
        };
        Ok((loaded, wrong))
    }

    /// How many activities may run again: those that processes had when they were killed.
    fn repeats_max(&self, loaded: &Loaded) -> u64 {
        let slots = RuntimeOptions::default().worker_concurrency * self.setting.topology.runtimes;
        loaded.recoveries.len() as u64 * slots as u64
    }
}

/// Of this process and of worker processes.
fn client_costs((before, after): (&Reading, &Reading), lasted: Duration) -> ClientCosts {
    let cpu_s = after.usage.cpu_s.zip(before.usage.cpu_s);
    let generator = after.generator_s.zip(before.generator_s);
    let lasted_s = lasted.as_secs_f64();
    ClientCosts {
        cpu_s: cpu_s.map(|(after, before)| after - before),
        peak_memory_mib: after.usage.peak_memory_mib,
        generator_share: generator.map(|(after, before)| (after - before) / lasted_s),
    }
}

fn store_costs([empty, before, after]: [Costs; 3], operations: f64, instances: u64) -> StoreCosts {
    let each = |count: fn(&Costs) -> Option<u64>| {
        let counts = count(&after).zip(count(&before));
        counts.map(|(after, before)| after.saturating_sub(before) as f64 / operations)
    };
    let grown = after.stored_bytes.zip(empty.stored_bytes);
    let cpu = after.server_cpu.zip(before.server_cpu);
    StoreCosts {
        round_trips: each(|it| it.round_trips),
        statements: each(|it| it.statements),
        durable_commits: each(|it| it.durable_commits),
        written_bytes: each(|it| it.written_bytes),
        stored_bytes: grown
            .filter(|_| instances > 0)
            .map(|(after, empty)| after.saturating_sub(empty) as f64 / instances as f64),
        server_cpu_s: cpu.map(|(after, before)| after.saturating_sub(before).as_secs_f64()),
        server_peak_memory_mib: after.server_peak_memory_bytes.map(|it| it as f64 / MIB),
    }
}
