//! A provider that fails by a script.

mod admin;
mod answer;
mod fault;
mod operation;
mod provider;
mod script;

use std::future::Future;
use std::pin::Pin;
use std::sync::Arc;

use duroxide_core::clock::{Clock, SystemClock};
use duroxide_core::providers::{ErrorKind, Provider, ProviderError};
use parking_lot::Mutex;

use self::answer::Answer;
pub use self::fault::{Effect, Fault, Given, When};
pub use self::operation::Operation;
use self::script::Script;
use crate::support::drop_after_polls;

/// A provider around a provider, with a script of faults.
///
/// It counts the calls of each [`Operation`], so that a test can learn from a run without faults
/// how many there are, and then put a [`Fault`] at each of them.
///
/// ```
/// use std::sync::Arc;
///
/// use duroxide_core::providers::{ErrorKind, InstanceId, Provider};
/// use duroxide_memory::MemoryProvider;
/// use duroxide_provider_tests::{Effect, Fault, Faulty, Operation, When};
///
/// # tokio::runtime::Builder::new_current_thread().build().unwrap().block_on(async {
/// let faulty = Faulty::new(Arc::new(MemoryProvider::new())).with_faults([Fault {
///     operation: Operation::ReadHead,
///     when: When::Nth(2),
///     effect: Effect::FailBefore(ErrorKind::Unavailable),
/// }]);
/// let instance = InstanceId::new("a").unwrap();
///
/// assert!(faulty.read_head(&instance).await.is_ok());
/// assert!(faulty.read_head(&instance).await.is_err());
/// assert!(faulty.read_head(&instance).await.is_ok());
/// assert_eq!(faulty.calls(Operation::ReadHead), 3);
/// assert_eq!(faulty.faults(), 1);
/// # });
/// ```
#[derive(Debug)]
pub struct Faulty<P: ?Sized> {
    clock: Arc<dyn Clock>,
    script: Mutex<Script>,
    inner: Arc<P>,
}

/// One try of a call.
type Call<'a, A> = Pin<Box<dyn Future<Output = A> + Send + 'a>>;

impl<P: Provider + ?Sized> Faulty<P> {
    /// A provider that works: its script is empty, and its delays are those of the machine's
    /// clock.
    #[must_use]
    pub fn new(inner: Arc<P>) -> Self {
        Self {
            clock: SystemClock::shared(),
            script: Mutex::new(Script::default()),
            inner,
        }
    }

    /// Replaces the clock that [`Effect::Delay`] goes by.
    #[must_use]
    pub fn with_clock(self, clock: Arc<dyn Clock>) -> Self {
        Self { clock, ..self }
    }

    /// Replaces the script.
    #[must_use]
    pub fn with_faults(self, faults: impl IntoIterator<Item = Fault>) -> Self {
        self.set_faults(faults);
        self
    }

    /// Replaces the script while the provider is in use. The counts go on.
    pub fn set_faults(&self, faults: impl IntoIterator<Item = Fault>) {
        self.script.lock().set(faults.into_iter().collect());
    }

    /// How many calls of this operation have begun.
    pub fn calls(&self, operation: Operation) -> u64 {
        self.script.lock().calls(operation)
    }

    /// How many faults were put into effect.
    pub fn faults(&self) -> u64 {
        self.script.lock().injected()
    }

    /// Makes a call as the script wants it; `members` is how many answers a batch expects.
    async fn call<'a, A: Answer>(
        &'a self,
        operation: Operation,
        members: usize,
        call: impl Fn() -> Call<'a, A> + Send + Sync,
    ) -> A {
        let effect = self.script.lock().begin(operation);
        match effect {
            None => call().await,
            Some(Effect::FailBefore(kind)) => A::failed(members, || injected(kind, operation)),
            Some(Effect::LoseReply) => {
                drop(call().await);
                lost(operation, members)
            }
            Some(Effect::DropAfterPolls(polls)) => {
                drop(drop_after_polls(call(), polls).await);
                lost(operation, members)
            }
            Some(Effect::Delay(delay)) => {
                self.clock.sleep(delay).await;
                call().await
            }
            Some(Effect::Duplicate(given)) => {
                let first = call().await;
                let second = call().await;
                match given {
                    Given::First => first,
                    Given::Second => second,
                }
            }
        }
    }
}

/// The answer to a call of which nobody knows whether it happened.
fn lost<A: Answer>(operation: Operation, members: usize) -> A {
    let kind = if operation == Operation::Commit {
        ErrorKind::CommitUnknown
    } else {
        ErrorKind::Unavailable
    };
    A::failed(members, || injected(kind, operation))
}

fn injected(kind: ErrorKind, operation: Operation) -> ProviderError {
    ProviderError::new(kind, operation.name(), "a fault of the test's script")
}
