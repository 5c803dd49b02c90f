//! One case's store, and the handle on it that the case works with.

use std::fmt;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, AtomicUsize, Ordering};
use std::time::Duration;

use duroxide_core::providers::{CommitId, Limits, Provider, ProviderAdmin};
use uuid::Uuid;

use crate::fixture::{Fixture, Store};
use crate::recorder::Recorded;
use crate::transcript::Transcript;

/// What a case works with: a store that is its own, and one handle on it.
#[derive(Clone)]
pub struct Cx {
    fixture: Arc<dyn Fixture>,
    store: Arc<dyn Store>,
    provider: Arc<dyn Provider>,
    transcript: Transcript,
    handles: Arc<AtomicUsize>,
    ids: Arc<AtomicU64>,
}

impl Cx {
    pub(crate) async fn open(fixture: Arc<dyn Fixture>, transcript: Transcript) -> Self {
        let store: Arc<dyn Store> = Arc::from(fixture.create().await);
        let handles = Arc::new(AtomicUsize::new(0));
        let provider = connect(&*store, &handles, &transcript).await;
        Self {
            fixture,
            store,
            provider,
            transcript,
            handles,
            ids: Arc::new(AtomicU64::new(1)),
        }
    }

    /// A store like this one was at first, whose ids repeat those of this one: doing the same there
    /// shows what should have happened here.
    pub(crate) async fn twin(&self) -> Self {
        Self::open(Arc::clone(&self.fixture), self.transcript.clone()).await
    }

    /// A further handle on the same data.
    pub(crate) async fn connect(&self) -> Self {
        Self {
            provider: connect(&*self.store, &self.handles, &self.transcript).await,
            ..self.clone()
        }
    }

    /// Drops this handle without closing it, as the end of a process does, and opens another.
    pub(crate) async fn crash(self) -> Self {
        let Self {
            fixture,
            store,
            provider,
            transcript,
            handles,
            ids,
        } = self;
        drop(provider);
        let provider = connect(&*store, &handles, &transcript).await;
        Self {
            fixture,
            store,
            provider,
            transcript,
            handles,
            ids,
        }
    }

    pub(crate) fn provider(&self) -> &dyn Provider {
        &*self.provider
    }

    pub(crate) fn admin(&self) -> &dyn ProviderAdmin {
        self.provider
            .admin()
            .expect("the profile `management` is for providers that have `admin`")
    }

    pub(crate) fn limits(&self) -> Limits {
        self.provider.capabilities().limits
    }

    pub(crate) async fn elapse(&self, by: Duration) {
        self.store.clock().elapse(by).await;
    }

    /// Lets what was committed become visible, where that takes time.
    pub(crate) async fn settle(&self) {
        let bound = self.provider.capabilities().visibility_bound;
        if !bound.is_zero() {
            self.elapse(bound).await;
        }
    }

    /// An id that was not used in this store, the same one in a twin that does the same.
    pub(crate) fn unique(&self) -> Uuid {
        Uuid::from_u128(u128::from(self.ids.fetch_add(1, Ordering::Relaxed)))
    }

    pub(crate) fn commit_id(&self) -> CommitId {
        CommitId(self.unique())
    }
}

impl fmt::Debug for Cx {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("Cx").field(&self.provider).finish()
    }
}

async fn connect(
    store: &dyn Store,
    handles: &AtomicUsize,
    transcript: &Transcript,
) -> Arc<dyn Provider> {
    let handle = handles.fetch_add(1, Ordering::Relaxed) + 1;
    let provider = store.connect().await;
    Arc::new(Recorded::new(provider, handle, transcript.clone()))
}
