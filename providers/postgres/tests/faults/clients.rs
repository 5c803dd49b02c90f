//! Clients that do not give up.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::time::Duration;

use duroxide_core::providers::{ErrorKind, Provider};
use duroxide_core::{Client, ClientError, OrchestrationStatus};
use tokio::task::JoinSet;

use super::store::{now_ms, sleep};

/// How long a client tries.
const PATIENCE_MS: u64 = 90_000;

/// Repeats a call while the store cannot be reached, or is not sure; answers how often it was made.
async fn persist<T, F>(what: &str, mut call: impl FnMut() -> F) -> (Result<T, ClientError>, u64)
where
    F: Future<Output = Result<T, ClientError>>,
{
    let until_ms = now_ms() + PATIENCE_MS;
    for calls in 1.. {
        match call().await {
            Err(error) if is_transient(&error) => {
                assert!(now_ms() < until_ms, "{what}: {error}");
                sleep(Duration::from_millis(20)).await;
            }
            answer => return (answer, calls),
        }
    }
    unreachable!("it is called without end");
}

fn is_transient(error: &ClientError) -> bool {
    let ClientError::Provider(error) = error else {
        return false;
    };
    matches!(
        error.kind(),
        ErrorKind::Unavailable | ErrorKind::CommitUnknown
    )
}

/// What clients have asked for: how often each event was raised, at most.
pub(crate) type Asked = BTreeMap<String, u64>;

/// Starts an instance, raises its event and waits for its end, whatever it takes.
async fn drive(client: Client, instance: String) -> (String, u64) {
    let starting = || client.start_orchestration(&instance, "Work", "");
    let (started, calls) = persist("start", starting).await;
    if let Err(error) = started {
        // One that was not sure has started it.
        let is_there =
            matches!(&error, ClientError::Provider(it) if it.kind() == ErrorKind::AlreadyExists);
        assert!(is_there && calls > 1, "{instance}: {error}");
    }
    let raising = || client.raise_event(&instance, "go", &instance);
    let (raised, raises) = persist("raise", raising).await;
    raised.unwrap();
    let waiting = || client.wait_for_orchestration(&instance, Duration::from_secs(60));
    let status = persist("wait", waiting).await.0.unwrap();
    assert_eq!(status, expected(&instance), "{instance}");
    (instance, raises)
}

fn expected(instance: &str) -> OrchestrationStatus {
    OrchestrationStatus::Completed {
        output: format!("1 2 child {instance} 3"),
    }
}

/// Clients that work until they are told to stop, each at one instance at a time.
pub(crate) struct Clients {
    stop: Arc<AtomicBool>,
    done: Arc<AtomicU64>,
    tasks: JoinSet<Vec<(String, u64)>>,
}

impl Clients {
    pub(crate) fn start(provider: &Arc<dyn Provider>, count: usize) -> Self {
        let mut clients = Self {
            stop: Arc::default(),
            done: Arc::default(),
            tasks: JoinSet::new(),
        };
        for number in 0..count {
            let client = Client::new(Arc::clone(provider));
            let (stop, done) = (Arc::clone(&clients.stop), Arc::clone(&clients.done));
            clients.tasks.spawn(async move {
                let mut asked = Vec::new();
                while !stop.load(Ordering::Relaxed) {
                    let instance = format!("{number}-{}", asked.len());
                    asked.push(drive(client.clone(), instance).await);
                    done.fetch_add(1, Ordering::Relaxed);
                }
                asked
            });
        }
        clients
    }

    /// How many instances have ended by now.
    pub(crate) fn done(&self) -> u64 {
        self.done.load(Ordering::Relaxed)
    }

    /// Lets each bring its last instance to an end.
    pub(crate) async fn stop(self) -> Asked {
        self.stop.store(true, Ordering::Relaxed);
        self.tasks.join_all().await.into_iter().flatten().collect()
    }
}
