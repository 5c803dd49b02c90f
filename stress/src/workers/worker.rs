//! A worker process: runtimes on the store until its input ends.

use std::process::ExitCode;
use std::sync::Arc;

use duroxide_core::providers::Provider;
use duroxide_core::runtime::{Runtime, RuntimeOptions};
use tokio::io::{AsyncReadExt as _, stdin};
use tokio::runtime::Builder;

use super::chaos;
use super::order::Order;
use crate::console::{mention, say};
use crate::failure::Failure;
use crate::target::Target;
use crate::workload::{Ran, Workload, find};

/// What it says once it works.
pub(super) const READY: &str = "ready";

/// Works as it is told.
pub(crate) fn work(targets: &[Target], order: Result<Order, String>) -> ExitCode {
    let order = order.map_err(Failure::Unavailable);
    match order.and_then(|order| try_to_work(targets, &order)) {
        Ok(()) => ExitCode::SUCCESS,
        Err(failure) => {
            mention(&format!("a worker process has failed: {failure}\n"));
            ExitCode::FAILURE
        }
    }
}

fn try_to_work(targets: &[Target], order: &Order) -> Result<(), Failure> {
    let unknown = || Failure::Unavailable("it is told to do what there is not".to_owned());
    let target = targets.get(order.target).ok_or_else(unknown)?;
    let kind = find(&order.workload).ok_or_else(unknown)?;
    let workload = kind.make(order.scale);
    let threads = Builder::new_multi_thread().enable_all().build();
    let threads = threads.map_err(Failure::machine("no threads can be started"))?;
    threads.block_on(async {
        let opened = target.fixture.open_to_measure(&order.folder).await;
        let opened = opened.map_err(|error| Failure::Unavailable(error.to_string()))?;
        let ran = Ran::in_file(&order.folder).map_err(Failure::machine(
            "no file can be made in the store's folder",
        ))?;
        let store = chaos::around(Arc::clone(&opened.provider), order.chaos);
        let runtimes = start(&store, &*workload, &ran, order.workers).await;
        say(&format!("{READY}\n"));
        // Nothing is ever written to it: it ends when the parent wants this to end, or is gone.
        stdin().read_to_end(&mut Vec::new()).await.ok();
        for runtime in runtimes {
            runtime.shutdown(None).await;
        }
        store.close().await;
        Ok(())
    })
}

/// Starts so many runtimes that know the workload.
pub(crate) async fn start(
    store: &Arc<dyn Provider>,
    workload: &dyn Workload,
    ran: &Ran,
    count: usize,
) -> Vec<Arc<Runtime>> {
    let mut runtimes = Vec::new();
    for _ in 0..count {
        let code = workload.code(ran);
        let runtime = Runtime::start_with_options(
            Arc::clone(store),
            Arc::new(code.activities),
            code.orchestrations,
            RuntimeOptions::default(),
        );
        runtimes.push(runtime.await);
    }
    runtimes
}
