//! A store with what works on it.

use std::path::Path;
use std::sync::Arc;

use duroxide_core::Client;
use duroxide_core::providers::Provider;
use duroxide_provider_tests::{CostMeter, CostScope, Costs, Fixture, MeteredStore};
use tempfile::TempDir;

use crate::arguments::Topology;
use crate::console::mention;
use crate::failure::Failure;
use crate::process::Usage;
use crate::workers::{Order, Workers, chaos};
use crate::workload::{Kind, Ran, Scale, Workload};

/// What is deployed where.
#[derive(Clone, Copy)]
pub(crate) struct Setting<'a> {
    pub(crate) fixture: &'a Arc<dyn Fixture>,
    /// The place of the backend among the targets.
    pub(crate) target: usize,
    pub(crate) kind: &'a Kind,
    pub(crate) scale: Scale,
    pub(crate) topology: Topology,
}

/// A store, what works on it, and a client.
pub(crate) struct Deployment {
    pub(crate) store: Arc<dyn Provider>,
    pub(crate) client: Client,
    /// How often activities ran.
    pub(crate) ran: Ran,
    pub(crate) workers: Workers,
    meter: Option<Arc<dyn CostMeter>>,
    folder: TempDir,
    fixture: Arc<dyn Fixture>,
}

impl Deployment {
    /// An empty store with runtimes, which know the workload.
    pub(crate) async fn open(
        setting: Setting<'_>,
        workload: &dyn Workload,
    ) -> Result<Self, Failure> {
        let folder = store_folder()?;
        let opened = setting.fixture.open_to_measure(folder.path()).await;
        let opened = opened.map_err(|error| Failure::Unavailable(error.to_string()))?;
        let MeteredStore { provider, meter } = opened;
        let Topology {
            runtimes,
            processes,
            ..
        } = setting.topology;
        let is_shared = provider.capabilities().multi_process;
        let (ran, workers) = if processes > 0 && is_shared {
            let order = order(setting, folder.path());
            let workers = Workers::processes(order, processes).await?;
            (Ran::InFolder(folder.path().to_owned()), workers)
        } else if processes > 0 && !setting.topology.chaos {
            return Err(Failure::Unavailable(
                "a store of this backend is one process's: leave out --processes".to_owned(),
            ));
        } else {
            let ran = Ran::here();
            let store = chaos::around(Arc::clone(&provider), setting.topology.chaos);
            let workers = Workers::here(&store, workload, &ran, runtimes).await;
            (ran, workers)
        };
        Ok(Self {
            client: Client::new(Arc::clone(&provider)),
            store: provider,
            ran,
            workers,
            meter: meter.filter(|it| it.scope() == CostScope::Server || processes == 0),
            folder,
            fixture: Arc::clone(setting.fixture),
        })
    }

    /// What the store has cost so far. A meter that fails is no reason not to measure.
    pub(crate) async fn costs(&self) -> Costs {
        let Some(meter) = &self.meter else {
            return Costs::default();
        };
        match meter.read().await {
            Ok(costs) => costs,
            Err(why) => {
                mention(&format!("costs are not counted: {why}\n"));
                Costs::default()
            }
        }
    }

    /// Ends everything and removes the store. Answers what worker processes used.
    pub(crate) async fn close(self) -> Result<Vec<Usage>, Failure> {
        let used = self.workers.end().await;
        self.store.close().await;
        let removed = self.fixture.remove_from(self.folder.path()).await;
        removed.map_err(Failure::Unavailable)?;
        used
    }
}

fn order(setting: Setting<'_>, folder: &Path) -> Order {
    Order {
        target: setting.target,
        workload: setting.kind.name.to_owned(),
        scale: setting.scale,
        folder: folder.to_owned(),
        workers: setting.topology.runtimes,
        chaos: setting.topology.chaos,
    }
}

/// A new folder for a store.
pub(crate) fn store_folder() -> Result<TempDir, Failure> {
    let folder = tempfile::Builder::new()
        .prefix("duroxide-stress-")
        .tempdir_in(BESIDE);
    folder.map_err(Failure::machine("no folder can be made for the store"))
}

/// Where stores in files are measured: in the current folder, since the system's one for temporary files may be
/// no disk at all.
pub(crate) const BESIDE: &str = ".";
