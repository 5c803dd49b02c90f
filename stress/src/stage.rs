//! A store with what works on it.

use std::path::PathBuf;
use std::sync::Arc;

use duroxide_core::Client;
use duroxide_core::providers::Provider;
use duroxide_core::runtime::{Runtime, RuntimeOptions};
use duroxide_provider_tests::{CostMeter, Fixture, MeteredStore};
use tempfile::TempDir;

use crate::failure::Failure;
use crate::workload::{Ran, Workload};

/// A store, the runtimes on it, and a client.
pub(crate) struct Stage {
    pub(crate) store: Arc<dyn Provider>,
    pub(crate) meter: Option<Arc<dyn CostMeter>>,
    pub(crate) client: Client,
    /// How often activities ran.
    pub(crate) ran: Ran,
    runtimes: Vec<Arc<Runtime>>,
    folder: TempDir,
    fixture: Arc<dyn Fixture>,
}

impl Stage {
    /// An empty store with so many runtimes, which know the workload.
    pub(crate) async fn open(
        fixture: &Arc<dyn Fixture>,
        workload: &dyn Workload,
        workers: usize,
    ) -> Result<Self, Failure> {
        let folder = tempfile::Builder::new()
            .prefix("duroxide-stress-")
            .tempdir_in(beside())
            .map_err(Failure::machine("no folder can be made for the store"))?;
        let unavailable =
            |error: duroxide_provider_tests::Unavailable| Failure::Unavailable(error.to_string());
        let store = fixture.open_to_measure(folder.path()).await;
        let MeteredStore {
            provider: store,
            meter,
        } = store.map_err(unavailable)?;
        let ran = Ran::default();
        let mut runtimes = Vec::new();
        for _ in 0..workers {
            let code = workload.code(&ran);
            let runtime = Runtime::start_with_options(
                Arc::clone(&store),
                Arc::new(code.activities),
                code.orchestrations,
                RuntimeOptions::default(),
            );
            runtimes.push(runtime.await);
        }
        Ok(Self {
            client: Client::new(Arc::clone(&store)),
            store,
            meter,
            ran,
            runtimes,
            folder,
            fixture: Arc::clone(fixture),
        })
    }

    /// Ends everything and removes the store. Answers why something of it is left behind.
    pub(crate) async fn close(self) -> Result<(), String> {
        for runtime in self.runtimes {
            runtime.shutdown(None).await;
        }
        self.store.close().await;
        self.fixture.remove_from(self.folder.path()).await
    }
}

/// Where stores in files are measured: in the current folder, since the system's one for temporary files may be
/// no disk at all.
fn beside() -> PathBuf {
    PathBuf::from(".")
}
