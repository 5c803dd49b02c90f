//! One workload on one backend.

use std::sync::Arc;

use duroxide_provider_tests::Costs;
use tokio::runtime::Handle;

use crate::deployment::{Deployment, Setting};
use crate::failure::Failure;
use crate::interrupt::Interrupt;
use crate::load::{Load, Loaded, Shape, Times};
use crate::process::{Usage, cpu_seconds_of_threads, forget_peak_memory};
use crate::progress::Progress;
use crate::report::{ChaosFigures, ClientCosts, Figures, StoreCosts};
use crate::verdict::judge;
use crate::workers::chaos::kill_now_and_then;
use crate::workload::{Tally, Workload};

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
            usage: Usage::now(),
            generator_s: cpu_seconds_of_threads(GENERATOR),
        }
    }
}

/// What there is to say of a run once it is over.
struct Observed {
    empty: Costs,
    prepared: Tally,
    before: Reading,
    after: Reading,
    loaded: Loaded,
    wrong: Vec<String>,
}

impl Experiment<'_> {
    /// Runs it once. The store is removed whatever comes.
    pub(crate) async fn run(&self, shape: Shape) -> Result<Figures, Failure> {
        let workload = self.setting.kind.make(self.setting.scale);
        forget_peak_memory();
        let mut deployment = Deployment::open(self.setting, &*workload).await?;
        let observed = self.observe(&mut deployment, &workload, shape).await;
        let closed = deployment.close().await;
        let (observed, used) = (observed?, closed?);
        Ok(figures(observed, &used, self.setting.topology.chaos))
    }

    async fn observe(
        &self,
        deployment: &mut Deployment,
        workload: &Arc<dyn Workload>,
        shape: Shape,
    ) -> Result<Observed, Failure> {
        let topology = self.setting.topology;
        let empty = deployment.costs().await;
        let prepared = workload.prepare(&deployment.client).await?;
        let before = Reading::take(deployment).await;
        let (client, interrupt) = (deployment.client.clone(), self.interrupt);
        let load = Load::new(client, Arc::clone(workload), self.times, interrupt)?;
        let _following = self.progress.follow(&load);
        let running = self.generator.spawn(Arc::clone(&load).run(shape));
        if topology.chaos {
            kill_now_and_then(&mut deployment.workers, &load, topology.seed).await?;
        }
        let ended = running.await;
        let loaded = ended.map_err(|_| Failure::Unavailable("the load has panicked".to_owned()))?;
        let loaded = loaded?;
        let after = Reading::take(deployment).await;
        let wrong = judge(deployment, (prepared, &loaded), topology.chaos).await?;
        Ok(Observed {
            empty,
            prepared,
            before,
            after,
            loaded,
            wrong,
        })
    }
}

fn figures(observed: Observed, used: &[Usage], chaos: bool) -> Figures {
    let Observed {
        empty,
        prepared,
        before,
        after,
        loaded,
        wrong,
    } = observed;
    let all_operations = loaded.begun - loaded.failed;
    let operations = all_operations.max(1) as f64;
    let lasted_s = loaded.lasted.as_secs_f64();
    let instances = prepared.completed + prepared.waiting + loaded.tally.completed;
    let millis = |recovery: &std::time::Duration| recovery.as_secs_f64() * 1_000.0;
    Figures {
        all_operations,
        steps: loaded.tally.steps as f64 / operations,
        processes: used.len(),
        drain_s: loaded.drain.as_secs_f64(),
        client: client_costs((&before, &after), used, lasted_s),
        store: store_costs([empty, before.costs, after.costs], operations, instances),
        chaos: chaos.then(|| ChaosFigures {
            kills: loaded.recoveries.len() as u64,
            recovery_ms: loaded.recoveries.iter().map(millis).collect(),
        }),
        measured: loaded.measured,
        wrong,
    }
}

/// Of this process and of worker processes that ended in good order, which have worked for this load alone.
fn client_costs(
    (before, after): (&Reading, &Reading),
    used: &[Usage],
    lasted_s: f64,
) -> ClientCosts {
    let here = after.usage.cpu_s.zip(before.usage.cpu_s);
    let elsewhere: f64 = used.iter().filter_map(|it| it.cpu_s).sum();
    let generator = after.generator_s.zip(before.generator_s);
    let peaks = used.iter().map(|it| it.peak_memory_mib);
    let peaks = peaks.chain([after.usage.peak_memory_mib]).flatten();
    ClientCosts {
        cpu_s: here.map(|(after, before)| after - before + elsewhere),
        peak_memory_mib: peaks.max(),
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
