//! The future of one durable operation.

use std::fmt;
use std::future::Future;
use std::panic::Location;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll};

use futures_core::FusedFuture;
use serde::de::DeserializeOwned;

use crate::codec;
use crate::replay::{Answer, Decided, Decision, DurableOutput, Journal};

/// An operation whose outcome is recorded in history.
///
/// It is scheduled when it is first polled, and cancelled when it is dropped before its outcome
/// was taken. `into_activity` and its siblings give the outcome its type.
#[must_use = "a durable operation is scheduled when it is awaited"]
pub struct DurableFuture {
    journal: Arc<Journal>,
    stage: Stage,
    location: &'static Location<'static>,
}

#[derive(Debug)]
enum Stage {
    Unscheduled(Decision),
    Scheduled(u64),
    /// The run has ended or failed; nothing comes any more.
    Stopped,
    Taken,
}

impl fmt::Debug for DurableFuture {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("DurableFuture")
            .field("stage", &self.stage)
            .finish_non_exhaustive()
    }
}

impl DurableFuture {
    pub(super) fn new(
        journal: &Arc<Journal>,
        decision: Decision,
        location: &'static Location<'static>,
    ) -> Self {
        Self {
            journal: Arc::clone(journal),
            stage: Stage::Unscheduled(decision),
            location,
        }
    }

    /// What yields the reason of a cancellation once that is announced.
    pub(super) fn listening(journal: &Arc<Journal>, location: &'static Location<'static>) -> Self {
        let stage = match journal.listen_for_cancellation() {
            Decided::Scheduled(id) => Stage::Scheduled(id),
            Decided::Postponed | Decided::Stopped => Stage::Stopped,
        };
        Self {
            journal: Arc::clone(journal),
            stage,
            location,
        }
    }

    /// Schedules the operation if that has not been done and can be done now.
    fn schedule(&mut self, cx: &Context<'_>) {
        if let Stage::Unscheduled(decision) = &self.stage {
            self.stage = match self.journal.decide(decision, self.location) {
                Decided::Scheduled(event_id) => Stage::Scheduled(event_id),
                Decided::Postponed => return self.journal.poll_postponed(cx),
                Decided::Stopped => Stage::Stopped,
            };
        }
    }

    /// Whether the operation has still to be scheduled.
    pub(super) fn is_unscheduled(&self) -> bool {
        matches!(self.stage, Stage::Unscheduled(_))
    }

    /// The event that answered the operation, if there is one; the outcome is left in place.
    pub(super) fn poll_resolved_at(&mut self, cx: &Context<'_>) -> Option<u64> {
        self.schedule(cx);
        let Stage::Scheduled(event_id) = self.stage else {
            return None;
        };
        self.journal.poll_resolved_at(event_id, cx)
    }

    /// The outcome of an operation that was answered.
    pub(super) fn take(&mut self) -> Option<DurableOutput> {
        self.take_answer().map(|answer| answer.output)
    }

    /// The same with what only the engine knows of it.
    pub(super) fn take_answer(&mut self) -> Option<Answer> {
        let Stage::Scheduled(event_id) = self.stage else {
            return None;
        };
        let answer = self.journal.take(event_id)?;
        self.stage = Stage::Taken;
        Some(answer)
    }

    fn map<T>(self, map: fn(DurableOutput) -> T) -> MappedFuture<T> {
        MappedFuture { inner: self, map }
    }

    /// The result of an activity, or the text of its error.
    ///
    /// # Panics
    /// The returned future panics if this is another operation.
    pub fn into_activity(self) -> MappedFuture<Result<String, String>> {
        self.map(activity)
    }

    /// The decoded result of an activity.
    ///
    /// # Panics
    /// The returned future panics if this is another operation.
    pub fn into_activity_typed<Out: DeserializeOwned>(self) -> MappedFuture<Result<Out, String>> {
        self.map(|output| activity(output).and_then(|text| codec::decode(&text)))
    }

    /// The firing of a timer.
    ///
    /// # Panics
    /// The returned future panics if this is another operation.
    pub fn into_timer(self) -> MappedFuture<()> {
        self.map(|output| {
            let DurableOutput::Timer = output else {
                wrong_kind("into_timer", &output)
            };
        })
    }

    /// The data of an external event.
    ///
    /// # Panics
    /// The returned future panics if this is another operation.
    pub fn into_event(self) -> MappedFuture<String> {
        self.map(event)
    }

    /// The decoded data of an external event.
    ///
    /// # Panics
    /// The returned future panics if this is another operation, or if the data cannot be decoded,
    /// which fails the orchestration: an orchestration that is to outlive a malformed event uses
    /// [`into_event_result_typed`](Self::into_event_result_typed).
    pub fn into_event_typed<T: DeserializeOwned>(self) -> MappedFuture<T> {
        self.map(|output| {
            codec::decode(&event(output))
                .unwrap_or_else(|error| panic!("the event's data cannot be decoded: {error}"))
        })
    }

    /// The decoded data of an external event, or why it cannot be decoded. The event is used up
    /// either way.
    ///
    /// # Panics
    /// The returned future panics if this is another operation.
    pub fn into_event_result_typed<T: DeserializeOwned>(self) -> MappedFuture<Result<T, String>> {
        self.map(|output| codec::decode(&event(output)))
    }

    /// The result of a sub-orchestration, or the text of its error.
    ///
    /// # Panics
    /// The returned future panics if this is another operation.
    pub fn into_sub_orchestration(self) -> MappedFuture<Result<String, String>> {
        self.map(child)
    }

    /// The decoded result of a sub-orchestration.
    ///
    /// # Panics
    /// The returned future panics if this is another operation.
    pub fn into_sub_orchestration_typed<Out: DeserializeOwned>(
        self,
    ) -> MappedFuture<Result<Out, String>> {
        self.map(|output| child(output).and_then(|text| codec::decode(&text)))
    }

    /// The data of an event, if there was one for a wait that is answered at once.
    pub(super) fn into_event_if_any(self) -> MappedFuture<Option<String>> {
        self.map(event_if_any)
    }

    /// The decoded data of an event, if there was one.
    pub(super) fn into_event_result_if_any<T: DeserializeOwned>(
        self,
    ) -> MappedFuture<Option<Result<T, String>>> {
        self.map(|output| event_if_any(output).map(|data| codec::decode(&data)))
    }

    pub(super) fn into_time(self) -> MappedFuture<Result<std::time::SystemTime, String>> {
        self.map(|output| {
            let millis: u64 = activity(output)?
                .parse()
                .map_err(|error| format!("the recorded time is no number: {error}"))?;
            Ok(std::time::UNIX_EPOCH + std::time::Duration::from_millis(millis))
        })
    }
}

fn activity(output: DurableOutput) -> Result<String, String> {
    let DurableOutput::Activity(result) = output else {
        wrong_kind("into_activity", &output)
    };
    result
}

fn child(output: DurableOutput) -> Result<String, String> {
    let DurableOutput::SubOrchestration(result) = output else {
        wrong_kind("into_sub_orchestration", &output)
    };
    result
}

fn event(output: DurableOutput) -> String {
    let DurableOutput::External(data) = output else {
        wrong_kind("into_event", &output)
    };
    data
}

/// The absence of an event is answered as a timer beside the wait would.
fn event_if_any(output: DurableOutput) -> Option<String> {
    match output {
        DurableOutput::External(data) => Some(data),
        DurableOutput::Timer | DurableOutput::Activity(_) | DurableOutput::SubOrchestration(_) => {
            None
        }
    }
}

fn wrong_kind(used: &str, output: &DurableOutput) -> ! {
    let kind = match output {
        DurableOutput::Activity(_) => "an activity or a system call: use into_activity",
        DurableOutput::Timer => "a timer: use into_timer",
        DurableOutput::External(_) => "a wait for an event or a cancellation: use into_event",
        DurableOutput::SubOrchestration(_) => "a sub-orchestration: use into_sub_orchestration",
    };
    panic!("{used} was called on {kind}")
}

impl Future for DurableFuture {
    type Output = DurableOutput;

    fn poll(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<DurableOutput> {
        let this = self.get_mut();
        match this.poll_resolved_at(cx).and_then(|_| this.take()) {
            Some(output) => Poll::Ready(output),
            None => Poll::Pending,
        }
    }
}

impl FusedFuture for DurableFuture {
    fn is_terminated(&self) -> bool {
        matches!(self.stage, Stage::Taken)
    }
}

impl Drop for DurableFuture {
    fn drop(&mut self) {
        if let Stage::Scheduled(event_id) = self.stage {
            self.journal.abandon(event_id);
        }
    }
}

/// A durable operation whose outcome has its type.
#[must_use = "a durable operation is scheduled when it is awaited"]
pub struct MappedFuture<T> {
    inner: DurableFuture,
    map: fn(DurableOutput) -> T,
}

impl<T> fmt::Debug for MappedFuture<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.inner.fmt(f)
    }
}

impl<T> Future for MappedFuture<T> {
    type Output = T;

    fn poll(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<T> {
        let this = self.get_mut();
        Pin::new(&mut this.inner).poll(cx).map(this.map)
    }
}

impl<T> FusedFuture for MappedFuture<T> {
    fn is_terminated(&self) -> bool {
        self.inner.is_terminated()
    }
}

/// The end of this execution and the beginning of the next, which has been asked for. It never
/// resolves, unless the input cannot be encoded: the code after it is not run.
#[must_use = "return it, as in `return ctx.continue_as_new(input).await`: what is awaited after it \
              never resolves"]
pub struct ContinueAsNewFuture {
    journal: Arc<Journal>,
    /// What an await is still needed for: to hand over with this input in this version, or to see
    /// why it cannot be encoded.
    left: Option<(Result<String, String>, Option<String>)>,
    /// Whether it may be overlooked, as it could when this was done first.
    may_be_overlooked: bool,
}

impl fmt::Debug for ContinueAsNewFuture {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        // The input stays out of logs.
        f.write_str("ContinueAsNewFuture")
    }
}

impl ContinueAsNewFuture {
    pub(super) fn new(
        journal: &Arc<Journal>,
        input: Result<String, String>,
        version: Option<String>,
    ) -> Self {
        let may_be_overlooked = journal.hands_over_when_awaited();
        let left = match input {
            Ok(input) if !may_be_overlooked => {
                journal.continue_as_new(input, version);
                None
            }
            input => Some((input, version)),
        };
        Self {
            journal: Arc::clone(journal),
            left,
            may_be_overlooked,
        }
    }
}

impl Future for ContinueAsNewFuture {
    type Output = Result<String, String>;

    fn poll(mut self: Pin<&mut Self>, _: &mut Context<'_>) -> Poll<Result<String, String>> {
        match self.left.take() {
            Some((Ok(input), version)) => self.journal.continue_as_new(input, version),
            // An input that cannot be encoded is the code's error, which it may handle.
            Some((Err(error), _)) => return Poll::Ready(Err(error)),
            None => {}
        }
        Poll::Pending
    }
}

impl FusedFuture for ContinueAsNewFuture {
    fn is_terminated(&self) -> bool {
        false
    }
}

impl Drop for ContinueAsNewFuture {
    fn drop(&mut self) {
        // The code would end as if it had asked for nothing.
        if let Some((Err(error), _)) = self.left.take()
            && !self.may_be_overlooked
        {
            self.journal.refuse_continuation(error);
        }
    }
}
