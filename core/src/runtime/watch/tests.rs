//! The timeouts of activities, by the node's clock.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use tokio::sync::{Notify, mpsc};

use crate::activity::ActivityContext;
use crate::clock::ManualClock;
use crate::event::ErrorDetails;
use crate::message::MessageBody;
use crate::runtime::one_activity::OneActivity;
use crate::runtime::registry::{ActivityRegistry, OrchestrationRegistry};
use crate::runtime::{Runtime, RuntimeOptions};

const START_TO_CLOSE: Duration = Duration::from_secs(30);
const HEARTBEAT: Duration = Duration::from_secs(10);
const GRACE: Duration = Duration::from_secs(3);
const MS: Duration = Duration::from_millis(1);

fn clock() -> ManualClock {
    ManualClock::at_ms(1_700_000_000_000)
}

async fn start<F, Fut>(store: &Arc<OneActivity>, clock: &ManualClock, work: F) -> Arc<Runtime>
where
    F: Fn(ActivityContext) -> Fut + Send + Sync + 'static,
    Fut: Future<Output = Result<String, String>> + Send + 'static,
{
    let activities = ActivityRegistry::builder()
        .register("Work", move |ctx: ActivityContext, _: String| work(ctx))
        .build();
    let options = RuntimeOptions {
        clock: Arc::new(clock.clone()),
        activity_cancellation_grace: GRACE,
        ..RuntimeOptions::default()
    };
    let provider = Arc::<OneActivity>::clone(store);
    let orchestrations = OrchestrationRegistry::builder().build();
    Runtime::start_with_options(provider, Arc::new(activities), orchestrations, options).await
}

/// What happens on other threads is waited for; what must not happen gets a moment to.
async fn a_moment() {
    use crate::clock::{Clock, SystemClock};
    SystemClock.sleep(Duration::from_millis(50)).await;
}

async fn within<T>(work: impl Future<Output = T>) -> T {
    tokio::time::timeout(Duration::from_secs(20), work)
        .await
        .expect("it comes in time")
}

#[track_caller]
fn assert_failed(outcome: &MessageBody, expected: &str) {
    let MessageBody::ActivityFailed {
        details: ErrorDetails::Application {
            message, retryable, ..
        },
        ..
    } = outcome
    else {
        panic!("{outcome:?}")
    };
    assert_eq!((message.as_str(), *retryable), (expected, true));
}

/// Tells when it is dropped.
struct Dropped(mpsc::UnboundedSender<&'static str>);

impl Drop for Dropped {
    fn drop(&mut self) {
        self.0.send("dropped").ok();
    }
}

/// The timeout is reported at once; the code hears of it, and has its grace before it is dropped.
#[tokio::test]
async fn an_activity_that_is_out_of_time_is_reported_told_and_dropped() {
    let store = OneActivity::with_limits(Some(30_000), None);
    let clock = clock();
    let (say, mut said) = mpsc::unbounded_channel();
    let runtime = start(&store, &clock, move |ctx| {
        let say = say.clone();
        async move {
            let _dropped = Dropped(say.clone());
            say.send("begun").ok();
            ctx.cancelled().await;
            say.send("told").ok();
            std::future::pending().await
        }
    })
    .await;
    assert_eq!(within(said.recv()).await, Some("begun"));
    clock.advance(START_TO_CLOSE - MS);
    a_moment().await;
    assert!(store.outcomes.lock().is_empty());
    clock.advance(MS);
    let outcome = within(store.first_outcome()).await;
    assert_failed(&outcome, "timeout: activity timed out");
    assert_eq!(within(said.recv()).await, Some("told"));
    a_moment().await;
    assert!(said.try_recv().is_err(), "it has its grace");
    clock.advance(GRACE);
    assert_eq!(within(said.recv()).await, Some("dropped"));
    within(runtime.shutdown(None)).await;
    assert_eq!(store.outcomes.lock().len(), 1);
    assert!(
        store.released.lock().is_empty(),
        "what is reported is not given back"
    );
}

/// An outcome in time is the outcome; one that comes later is thrown away.
#[tokio::test]
async fn an_activity_has_one_outcome() {
    for is_late in [false, true] {
        let store = OneActivity::with_limits(Some(30_000), Some(30_000));
        let clock = clock();
        let (begun, go) = (Arc::new(Notify::new()), Arc::new(Notify::new()));
        let (begins, wait) = (Arc::clone(&begun), Arc::clone(&go));
        let runtime = start(&store, &clock, move |_| {
            let (begins, wait) = (Arc::clone(&begins), Arc::clone(&wait));
            async move {
                begins.notify_one();
                wait.notified().await;
                Ok("done".to_owned())
            }
        })
        .await;
        within(begun.notified()).await;
        if is_late {
            clock.advance(START_TO_CLOSE);
            within(store.first_outcome()).await;
            go.notify_one();
        } else {
            go.notify_one();
            within(store.first_outcome()).await;
            clock.advance(START_TO_CLOSE);
        }
        a_moment().await;
        within(runtime.shutdown(None)).await;
        let outcomes = store.outcomes.lock().clone();
        let [outcome] = outcomes.as_slice() else {
            panic!("{outcomes:?}")
        };
        let has_failed = matches!(outcome, MessageBody::ActivityFailed { .. });
        assert_eq!(has_failed, is_late, "{outcome:?}");
    }
}

/// An activity that beats at first and each time that it is told to go on, and says so.
async fn start_beating(
    store: &Arc<OneActivity>,
    clock: &ManualClock,
) -> (
    Arc<Runtime>,
    mpsc::UnboundedReceiver<&'static str>,
    Arc<Notify>,
) {
    let (say, said) = mpsc::unbounded_channel();
    let go = Arc::new(Notify::new());
    let wait = Arc::clone(&go);
    let runtime = start(store, clock, move |ctx| {
        let (say, wait) = (say.clone(), Arc::clone(&wait));
        async move {
            loop {
                ctx.heartbeat();
                say.send("beat").ok();
                wait.notified().await;
            }
        }
    })
    .await;
    (runtime, said, go)
}

/// Each heartbeat gives it the whole time again.
#[tokio::test]
async fn an_activity_that_falls_silent_misses_its_heartbeat() {
    let store = OneActivity::with_limits(None, Some(10_000));
    let clock = clock();
    let (runtime, mut said, go) = start_beating(&store, &clock).await;
    for _ in 0..5 {
        assert_eq!(within(said.recv()).await, Some("beat"));
        clock.advance(HEARTBEAT - MS);
        go.notify_one();
    }
    assert_eq!(within(said.recv()).await, Some("beat"));
    a_moment().await;
    assert!(store.outcomes.lock().is_empty());
    clock.advance(HEARTBEAT);
    let outcome = within(store.first_outcome()).await;
    assert_failed(&outcome, "timeout: activity missed its heartbeat");
    within(runtime.shutdown(Some(0))).await;
    assert_eq!(store.outcomes.lock().len(), 1);
}

/// Somebody sets the machine's clock, and no time has passed.
#[tokio::test]
async fn a_clock_that_is_set_forward_makes_nobody_miss_a_heartbeat() {
    let store = OneActivity::with_limits(Some(30_000), Some(10_000));
    let clock = clock();
    let (runtime, mut said, go) = start_beating(&store, &clock).await;
    assert_eq!(within(said.recv()).await, Some("beat"));
    a_moment().await;
    clock.advance(HEARTBEAT / 2);
    go.notify_one();
    assert_eq!(within(said.recv()).await, Some("beat"));
    clock.jump(Duration::from_hours(1));
    clock.advance(HEARTBEAT / 2);
    a_moment().await;
    assert!(store.outcomes.lock().is_empty(), "it was heard of");
    clock.advance(HEARTBEAT / 2);
    let outcome = within(store.first_outcome()).await;
    assert_failed(&outcome, "timeout: activity missed its heartbeat");
    within(runtime.shutdown(Some(0))).await;
}

/// The timeouts are the runtime's own thread's business.
#[tokio::test(flavor = "multi_thread", worker_threads = 1)]
async fn an_activity_that_blocks_its_thread_is_out_of_time_as_well() {
    let store = OneActivity::with_limits(Some(30_000), None);
    let clock = clock();
    let begun = Arc::new(Notify::new());
    let begins = Arc::clone(&begun);
    let is_open = Arc::new(AtomicBool::new(false));
    let opened = Arc::clone(&is_open);
    let runtime = start(&store, &clock, move |_| {
        begins.notify_one();
        let opened = Arc::clone(&opened);
        async move {
            while !opened.load(Ordering::SeqCst) {
                std::thread::park_timeout(MS);
            }
            Ok("too late".to_owned())
        }
    })
    .await;
    begun.notified().await;
    clock.advance(START_TO_CLOSE);
    // The executor's timers stand still with its only thread.
    let outcome = store.first_outcome().await;
    is_open.store(true, Ordering::SeqCst);
    assert_failed(&outcome, "timeout: activity timed out");
    within(runtime.shutdown(None)).await;
    assert_eq!(store.outcomes.lock().len(), 1);
}
