//! What an implementer writes: how to get an empty store, and how its time passes.

use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use async_trait::async_trait;
use duroxide_core::clock::{Clock, ManualClock};
use duroxide_core::providers::Provider;

use crate::ending::Ending;
use crate::metered::MeteredStore;

/// A maker of empty stores.
#[async_trait]
pub trait Fixture: Send + Sync + 'static {
    /// Which of its settings or modes the provider runs with, for reports; `default` if it has
    /// only one.
    fn mode(&self) -> &str {
        "default"
    }

    /// An empty store that nobody else can see.
    ///
    /// # Errors
    /// [`Unavailable`] when there is no store to be had, for example since no server answers.
    async fn create(&self) -> Result<Box<dyn Store>, Unavailable>;

    /// Opens the store that belongs to this folder, and makes it if there is none: in the folder, or
    /// on a server under the folder's name. It lives by the real clock, and it stays.
    ///
    /// The torture run calls this in processes that it kills, see [`main`](crate::main). The folder
    /// exists, and the run keeps a file of its own in it, `ledger.txt`.
    ///
    /// # Errors
    /// [`Unavailable`] when the store cannot be opened, which is what a fixture says that does not
    /// offer this.
    async fn open_in(&self, folder: &Path) -> Result<Arc<dyn Provider>, Unavailable> {
        Err(Unavailable::new(format!(
            "the fixture opens no store for {}; write its `open_in`, by which processes that are \
             killed share a store",
            folder.display()
        )))
    }

    /// Opens a store to measure, by the real clock, with what tells its costs: that of [`open_in`](Self::open_in), unmetered,
    /// unless the fixture says otherwise. One does whose stores live in one process alone, or count what they cost.
    ///
    /// # Errors
    /// [`Unavailable`] when the store cannot be opened.
    async fn open_to_measure(&self, folder: &Path) -> Result<MeteredStore, Unavailable> {
        self.open_in(folder).await.map(MeteredStore::from)
    }

    /// Checks the files of [`open_in`](Self::open_in) with the tools of the store itself, while
    /// nobody has them open; nothing by default.
    ///
    /// # Errors
    /// What is wrong with them.
    fn check_files_in(&self, _folder: &Path) -> Result<(), String> {
        Ok(())
    }

    /// Removes what [`open_in`](Self::open_in) has made outside the folder; nothing by default.
    ///
    /// # Errors
    /// Why it could not be removed.
    async fn remove_from(&self, _folder: &Path) -> Result<(), String> {
        Ok(())
    }
}

/// One store; what it holds goes away when it is dropped.
#[async_trait]
pub trait Store: Send + Sync {
    /// Opens a handle on the store's data.
    ///
    /// The harness opens one for each case. A second one at the same time is asked for by the
    /// cases of `multi_handle` alone, one after the earlier ones were closed, dropped or killed by
    /// [`crash`](Self::crash) by those of `durable`.
    ///
    /// # Errors
    /// [`Unavailable`] when the store cannot be opened.
    async fn connect(&self) -> Result<Arc<dyn Provider>, Unavailable>;

    /// Kills every process that has the store open: what [`connect`](Self::connect) opens from now
    /// on is the store as they left it at this moment.
    ///
    /// The handles of the case are still alive, and are dropped later. So nothing that a destructor
    /// or `close` would do has been done, and whatever they do from now on must not reach what is
    /// opened next. A store in files goes on with a copy of them, made by
    /// [`copy_as_killed`](crate::copy_as_killed). On a server, the connections of the handles are
    /// cut, or the server itself is killed and started again.
    ///
    /// The default says that this fixture can only have a handle dropped. A provider that keeps
    /// things until then passes the cases of `durable` like that, and its report says no more than
    /// that handles were dropped.
    ///
    /// # Errors
    /// [`Unavailable`] when the store cannot be had any more.
    async fn crash(&self) -> Result<Ending, Unavailable> {
        Ok(Ending::HandleDropped)
    }

    /// Opens a handle on the data where a setting of the store makes it promise less than by
    /// [`connect`](Self::connect): a server or a file that does not flush, for example. DUR-02 is
    /// shown by it.
    ///
    /// The default says that there is no such setting, so that nothing could be read back.
    ///
    /// # Errors
    /// [`Unavailable`] when the store cannot be opened.
    async fn connect_weakened(&self) -> Result<Option<Arc<dyn Provider>>, Unavailable> {
        Ok(None)
    }

    /// How time passes for this store.
    fn clock(&self) -> &dyn TestClock;
}

/// How a case lets the store's time pass.
#[async_trait]
pub trait TestClock: Send + Sync {
    /// Returns when this much time has passed for the store.
    async fn elapse(&self, by: Duration);

    /// How the store's time passes.
    fn pace(&self) -> Pace;

    /// The clock that a runtime on this store goes by.
    fn clock(&self) -> Arc<dyn Clock>;
}

/// How a store's time passes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Pace {
    /// When a case says so and not otherwise, to the millisecond.
    Virtual,
    /// As everybody's does; a second of a case takes this part of a real one. The harness makes the
    /// provider's times as short, see [`RealTime`](crate::RealTime).
    Real {
        /// By how much every time of a case is divided.
        speedup: u32,
    },
}

#[async_trait]
impl TestClock for ManualClock {
    async fn elapse(&self, by: Duration) {
        self.advance(by);
    }

    fn pace(&self) -> Pace {
        Pace::Virtual
    }

    fn clock(&self) -> Arc<dyn Clock> {
        Arc::new(self.clone())
    }
}

/// There is no store to test: the text says what to install or to set.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{0}")]
pub struct Unavailable(String);

impl Unavailable {
    /// Says why there is no store, and what to install or to set.
    #[must_use]
    pub fn new(remedy: impl Into<String>) -> Self {
        Self(remedy.into())
    }
}
