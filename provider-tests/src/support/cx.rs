//! One case's store, and the handle on it that the case works with.

use std::fmt;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, AtomicUsize, Ordering};
use std::time::Duration;

use duroxide_core::clock::Clock;
use duroxide_core::providers::{CommitId, Limits, Provider, ProviderAdmin};
use uuid::Uuid;

use crate::decorators::{Recorded, Scaled};
use crate::ending::Ending;
use crate::fixture::{Pace, Store, Unavailable};
use crate::suite::{RunOptions, Subject};
use crate::transcript::{Begun, Transcript};
use crate::under_way::UnderWay;

/// What is given to a case.
#[derive(Clone)]
pub(crate) struct Setting {
    pub(crate) subject: Subject,
    pub(crate) options: RunOptions,
    pub(crate) transcript: Transcript,
}

/// What a case works with: a store that is its own, and one handle on it.
#[derive(Clone)]
pub struct Cx {
    setting: Setting,
    store: Arc<dyn Store>,
    provider: Arc<dyn Provider>,
    handles: Arc<AtomicUsize>,
    ids: Arc<AtomicU64>,
}

impl Cx {
    pub(crate) async fn open(setting: Setting) -> Result<Self, Unavailable> {
        let store: Arc<dyn Store> = Arc::from(setting.subject.fixture.create().await?);
        let handles = Arc::new(AtomicUsize::new(0));
        let provider = connect(&*store, &handles, &setting.transcript).await?;
        Ok(Self {
            setting,
            store,
            provider,
            handles,
            ids: Arc::new(AtomicU64::new(1)),
        })
    }

    /// A store like this one was at first, whose ids repeat those of this one: doing the same there
    /// shows what should have happened here.
    pub(crate) async fn twin(&self) -> Self {
        let twin = Self::open(self.setting.clone()).await;
        twin.expect("a further store can be had")
    }

    /// A store like this one was at first, but of the reference.
    pub(crate) async fn reference(&self) -> Self {
        let mut setting = self.setting.clone();
        let reference = setting.subject.reference.take();
        setting.subject.fixture = reference.expect("the harness skips the case without one");
        let opened = Self::open(setting).await;
        opened.expect("the reference needs no server")
    }

    /// How the case is run: its seed, and how much it draws.
    pub(crate) fn options(&self) -> &RunOptions {
        &self.setting.options
    }

    /// Leaves the calls made so far out of the report of a failure.
    pub(crate) fn forget_calls(&self) {
        self.setting.transcript.clear();
    }

    /// A further handle on the same data.
    pub(crate) async fn connect(&self) -> Self {
        let provider = connect(&*self.store, &self.handles, &self.setting.transcript).await;
        Self {
            provider: provider.expect("the store can be opened again"),
            ..self.clone()
        }
    }

    /// Kills the process that has this handle, and all others of the store, and opens the store that
    /// they leave. Where the fixture cannot kill, the handle is dropped without being closed.
    pub(crate) async fn crash(self) -> Self {
        let under_way = self.under_way().begin();
        let ending = self.store.crash().await;
        drop(under_way);
        let ending = ending.expect("a process can end");
        if ending == Ending::HandleDropped {
            return self.reconnect().await;
        }
        self.setting.subject.endings.note(ending);
        // The dead handle goes only when the next one is there: what it does at its end is too late.
        self.connect().await
    }

    /// Drops this handle without closing it, and opens another.
    pub(crate) async fn reconnect(self) -> Self {
        let Self {
            setting,
            store,
            provider,
            handles,
            ids,
        } = self;
        drop(provider);
        setting.subject.endings.note(Ending::HandleDropped);
        let provider = connect(&*store, &handles, &setting.transcript).await;
        Self {
            provider: provider.expect("the store can be opened again"),
            setting,
            store,
            handles,
            ids,
        }
    }

    /// Drops this handle, and opens the store where it promises less, if it ever does.
    pub(crate) async fn weakened(self) -> Option<Arc<dyn Provider>> {
        let Self {
            store, provider, ..
        } = self;
        drop(provider);
        let weakened = store.connect_weakened().await;
        weakened.expect("the store can be opened with another setting")
    }

    /// The handle, to share with what outlives a borrow.
    pub(crate) fn shared_provider(&self) -> Arc<dyn Provider> {
        Arc::clone(&self.provider)
    }

    pub(crate) fn provider(&self) -> &dyn Provider {
        &*self.provider
    }

    pub(crate) fn admin(&self) -> &dyn ProviderAdmin {
        self.provider.admin()
    }

    pub(crate) fn limits(&self) -> Limits {
        self.provider.capabilities().limits
    }

    /// Lets time pass for the store.
    pub(crate) async fn elapse(&self, by: Duration) {
        if by.is_zero() {
            return;
        }
        let passage = self.begin_passage(format_args!("{by:?}"));
        self.store.clock().elapse(by).await;
        self.end_passage(passage);
    }

    /// Writes into the transcript that time begins to pass.
    pub(super) fn begin_passage(&self, time: fmt::Arguments<'_>) -> Begun {
        self.setting.transcript.begin_passage(time)
    }

    /// Writes into the transcript what the store's clock shows by now.
    pub(super) fn end_passage(&self, passage: Begun) {
        passage.answered(format_args!("it is {} ms", self.clock().now_ms()));
    }

    /// How the store's time passes.
    pub(crate) fn pace(&self) -> Pace {
        self.store.clock().pace()
    }

    /// A time that is short and can be told from none.
    pub(crate) fn tick(&self) -> Duration {
        const REAL_TICK: Duration = Duration::from_millis(3);
        match self.pace() {
            Pace::Virtual => Duration::from_millis(1),
            Pace::Real { speedup } => REAL_TICK * speedup,
        }
    }

    /// Lets most of a time pass: all but a millisecond, or two thirds of it on real time, where
    /// nobody knows how late the machine looks again. Returns the rest.
    pub(crate) async fn elapse_most_of(&self, time: Duration) -> Duration {
        let most = match self.pace() {
            Pace::Virtual => time - Duration::from_millis(1),
            Pace::Real { .. } => time * 2 / 3,
        };
        self.elapse(most).await;
        time - most
    }

    /// The clock that a runtime on the store goes by.
    pub(crate) fn clock(&self) -> Arc<dyn Clock> {
        self.store.clock().clock()
    }

    /// The calls that the store is at work on.
    pub(crate) fn under_way(&self) -> &UnderWay {
        self.setting.transcript.under_way()
    }

    /// The store, for what goes on while its handles come and go.
    pub(crate) fn store(&self) -> Arc<dyn Store> {
        Arc::clone(&self.store)
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
) -> Result<Arc<dyn Provider>, Unavailable> {
    let handle = handles.fetch_add(1, Ordering::Relaxed) + 1;
    let opening = transcript.under_way().begin();
    let mut provider = store.connect().await?;
    drop(opening);
    if let Pace::Real { speedup } = store.clock().pace() {
        provider = Arc::new(Scaled::new(provider, speedup));
    }
    Ok(Arc::new(Recorded::new(
        provider,
        handle,
        transcript.clone(),
    )))
}
