//! What works on a store: runtimes in this process, or worker processes.

pub(crate) mod chaos;
mod order;
mod process;
mod worker;

use std::sync::Arc;

use duroxide_core::providers::Provider;
use duroxide_core::runtime::Runtime;

pub(crate) use self::order::Order;
use self::process::WorkerProcess;
pub(crate) use self::worker::work;
use crate::failure::Failure;
use crate::process::Usage;
use crate::workload::{Ran, Workload};

/// What works on a store.
pub(crate) enum Workers {
    /// Runtimes of this process.
    Here(Vec<Arc<Runtime>>),
    /// Processes, and what each new one is told.
    Processes {
        order: Order,
        running: Vec<WorkerProcess>,
        /// What those used that were killed.
        dead: Usage,
    },
}

impl Workers {
    pub(crate) fn none() -> Self {
        Self::Here(Vec::new())
    }

    /// Starts so many runtimes in this process.
    pub(crate) async fn here(
        store: &Arc<dyn Provider>,
        workload: &dyn Workload,
        ran: &Ran,
        count: usize,
    ) -> Self {
        Self::Here(worker::start(store, workload, ran, count).await)
    }

    /// Starts so many processes.
    pub(crate) async fn processes(order: Order, count: usize) -> Result<Self, Failure> {
        let mut running = Vec::new();
        for _ in 0..count {
            running.push(WorkerProcess::start(&order).await?);
        }
        Ok(Self::Processes {
            order,
            running,
            dead: Usage::default(),
        })
    }

    /// What worker processes have used so far.
    pub(crate) fn usage(&self) -> Usage {
        match self {
            Self::Here(_) => Usage::default(),
            Self::Processes { running, dead, .. } => {
                let used = running.iter().map(WorkerProcess::usage);
                used.fold(*dead, Usage::and)
            }
        }
    }

    /// How many of them can be killed.
    pub(crate) fn count_processes(&self) -> usize {
        match self {
            Self::Here(_) => 0,
            Self::Processes { running, .. } => running.len(),
        }
    }

    /// Kills a worker process, and starts another one.
    pub(crate) async fn replace(&mut self, place: usize) -> Result<(), Failure> {
        let Self::Processes {
            order,
            running,
            dead,
        } = self
        else {
            return Ok(());
        };
        if place < running.len() {
            let victim = running.swap_remove(place);
            *dead = dead.and(victim.usage());
            victim.kill().await?;
            running.push(WorkerProcess::start(order).await?);
        }
        Ok(())
    }

    /// Ends them in good order, all of them whatever comes.
    pub(crate) async fn end(self) -> Result<(), Failure> {
        let mut ended = Ok(());
        match self {
            Self::Here(runtimes) => {
                for runtime in runtimes {
                    runtime.shutdown(None).await;
                }
            }
            Self::Processes { running, .. } => {
                for worker in running {
                    ended = ended.and(worker.end().await);
                }
            }
        }
        ended
    }
}
