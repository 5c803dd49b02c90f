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
use crate::workers::{Order, Workers, chaos};
use crate::workload::{Kind, Ran, Scale, Workload};

/// Why a backend cannot be measured with worker processes.
pub(crate) const NOT_SHARED: &str =
    "a store of this backend is one process's: leave out --processes";

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
            processes, chaos, ..
        } = setting.topology;
        let is_shared = provider.capabilities().multi_process;
        if processes > 0 && !is_shared && !chaos {
            return Err(Failure::Unavailable(NOT_SHARED.to_owned()));
        }
        let has_processes = processes > 0 && is_shared;
        let mut deployment = Self {
            client: Client::new(Arc::clone(&provider)),
            store: provider,
            ran: if has_processes {
                Ran::InFolder(folder.path().to_owned())
            } else {
                Ran::here()
            },
            workers: Workers::none(),
            meter: meter.filter(|it| it.scope() == CostScope::Server || !has_processes),
            folder,
            fixture: Arc::clone(setting.fixture),
        };
        let order = has_processes.then(|| order(setting, deployment.folder.path()));
        match deployment.start(order, setting.topology, workload).await {
            Ok(()) => Ok(deployment),
            Err(failure) => {
                // The first failure is the one to be told.
                deployment.close().await.unwrap_or_default();
                Err(failure)
            }
        }
    }

    /// Starts what works on the store.
    async fn start(
        &mut self,
        order: Option<Order>,
        topology: Topology,
        workload: &dyn Workload,
    ) -> Result<(), Failure> {
        self.workers = match order {
            Some(order) => Workers::processes(order, topology.processes).await?,
            None => {
                let store = chaos::around(Arc::clone(&self.store), topology.chaos);
                Workers::here(&store, workload, &self.ran, topology.runtimes).await
            }
        };
        Ok(())
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

    /// Ends what works on the store.
    pub(crate) async fn end_workers(&mut self) -> Result<(), Failure> {
        std::mem::replace(&mut self.workers, Workers::none())
            .end()
            .await
    }

    /// Ends everything and removes the store.
    pub(crate) async fn close(mut self) -> Result<(), Failure> {
        let ended = self.end_workers().await;
        self.store.close().await;
        let removed = self.fixture.remove_from(self.folder.path()).await;
        ended.and(removed.map_err(Failure::Unavailable))
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
