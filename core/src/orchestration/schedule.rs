//! What an orchestration can schedule.

use std::panic::Location;
use std::time::{Duration, SystemTime};

use futures_core::FusedFuture;
use serde::Serialize;
use serde::de::DeserializeOwned;

use super::activity_options::ActivityOptions;
use super::combinators::{JoinFuture, SelectFuture};
use super::context::OrchestrationContext;
use super::durable_future::{ContinueAsNewFuture, DurableFuture, MappedFuture};
use super::start_options::StartOptions;
use crate::codec;
use crate::replay::Decision;

/// The text of a typed input.
///
/// # Panics
/// If the value cannot be serialised, which fails the orchestration with this message.
fn encoded<In: Serialize>(name: &str, input: &In) -> String {
    codec::encode(input)
        .unwrap_or_else(|error| panic!("the input of {name:?} cannot be encoded: {error}"))
}

impl OrchestrationContext {
    #[track_caller]
    fn durable(&self, decision: Decision) -> DurableFuture {
        DurableFuture::new(&self.journal, decision, Location::caller())
    }

    /// Runs an activity.
    #[track_caller]
    pub fn schedule_activity(
        &self,
        name: impl Into<String>,
        input: impl Into<String>,
    ) -> DurableFuture {
        self.schedule_activity_with_options(name, input, ActivityOptions::default())
    }

    /// Runs an activity that may take so long.
    #[track_caller]
    pub fn schedule_activity_with_options(
        &self,
        name: impl Into<String>,
        input: impl Into<String>,
        options: ActivityOptions,
    ) -> DurableFuture {
        self.durable(Decision::Activity {
            name: name.into(),
            input: input.into(),
            options,
        })
    }

    /// Runs an activity with a typed input. `Out` only documents what it yields.
    ///
    /// # Panics
    /// If the input cannot be encoded, which fails the orchestration.
    #[track_caller]
    pub fn schedule_activity_typed<In: Serialize, Out: DeserializeOwned>(
        &self,
        name: impl Into<String>,
        input: &In,
    ) -> DurableFuture {
        self.schedule_activity_with_options_typed::<In, Out>(
            name,
            input,
            ActivityOptions::default(),
        )
    }

    /// As [`schedule_activity_with_options`](Self::schedule_activity_with_options), with a typed
    /// input. `Out` only documents what it yields.
    ///
    /// # Panics
    /// If the input cannot be encoded, which fails the orchestration.
    #[track_caller]
    pub fn schedule_activity_with_options_typed<In: Serialize, Out: DeserializeOwned>(
        &self,
        name: impl Into<String>,
        input: &In,
        options: ActivityOptions,
    ) -> DurableFuture {
        let name = name.into();
        let input = encoded(&name, input);
        self.schedule_activity_with_options(name, input, options)
    }

    /// Waits for this long, across restarts. The time that the code sees from then on is not before
    /// that for which the timer was set, where the clocks of the machines agree within
    /// [`CLOCK_SKEW_MAX`](crate::limits::CLOCK_SKEW_MAX).
    #[track_caller]
    pub fn schedule_timer(&self, delay: Duration) -> DurableFuture {
        self.durable(Decision::Timer { delay })
    }

    /// Waits for an external event of this name. Events that came before are kept, in order.
    #[track_caller]
    pub fn schedule_wait(&self, name: impl Into<String>) -> DurableFuture {
        self.durable(Decision::Wait { name: name.into() })
    }

    /// As [`schedule_wait`](Self::schedule_wait); `T` only documents what the event carries.
    #[track_caller]
    pub fn schedule_wait_typed<T: DeserializeOwned>(
        &self,
        name: impl Into<String>,
    ) -> DurableFuture {
        self.schedule_wait(name)
    }

    /// Takes an event of this name if one lies in the mailbox now, the oldest first, and waits for none. The
    /// answer is recorded, `None` as well, and is the same in replay.
    ///
    /// Each call is two events of history. Code that looks again and again waits for a timer in between.
    #[track_caller]
    pub fn try_wait(&self, name: impl Into<String>) -> MappedFuture<Option<String>> {
        let name = name.into();
        self.durable(Decision::TryWait { name }).into_event_if_any()
    }

    /// As [`try_wait`](Self::try_wait), with the decoded data of the event, or why it cannot be decoded.
    /// The event is used up either way.
    #[track_caller]
    pub fn try_wait_typed<T: DeserializeOwned>(
        &self,
        name: impl Into<String>,
    ) -> MappedFuture<Option<Result<T, String>>> {
        let name = name.into();
        self.durable(Decision::TryWait { name })
            .into_event_result_if_any()
    }

    /// Waits until somebody cancels the instance with a grace, and yields the reason
    /// ([`DurableOutput::External`](super::DurableOutput::External)): the code may clean up, and is
    /// cancelled for good when the grace is over. An execution that begins after that knows it from the
    /// start.
    ///
    /// It is no event of history, so that code may begin to listen in any version. Code that ends with
    /// the error `canceled: REASON` is recorded as cancelled for that reason, and any other end as what
    /// it is.
    #[track_caller]
    pub fn cancellation_requested(&self) -> DurableFuture {
        DurableFuture::listening(&self.journal, Location::caller())
    }

    /// Whether somebody has cancelled the instance with a grace that is not over; see
    /// [`cancellation_requested`](Self::cancellation_requested).
    #[must_use]
    pub fn is_cancellation_requested(&self) -> bool {
        self.journal.is_cancel_announced()
    }

    /// Runs another orchestration and waits for it. Its id follows from this one's.
    #[track_caller]
    pub fn schedule_sub_orchestration(
        &self,
        name: impl Into<String>,
        input: impl Into<String>,
    ) -> DurableFuture {
        self.schedule_sub_orchestration_versioned(name, None, input)
    }

    /// As [`schedule_sub_orchestration`](Self::schedule_sub_orchestration), with a typed input.
    ///
    /// # Panics
    /// If the input cannot be encoded, which fails the orchestration.
    #[track_caller]
    pub fn schedule_sub_orchestration_typed<In: Serialize, Out: DeserializeOwned>(
        &self,
        name: impl Into<String>,
        input: &In,
    ) -> DurableFuture {
        self.schedule_sub_orchestration_versioned_typed::<In, Out>(name, None, input)
    }

    /// As [`schedule_sub_orchestration`](Self::schedule_sub_orchestration), in this version.
    #[track_caller]
    pub fn schedule_sub_orchestration_versioned(
        &self,
        name: impl Into<String>,
        version: Option<String>,
        input: impl Into<String>,
    ) -> DurableFuture {
        let options = StartOptions::of_version(version);
        self.schedule_sub_orchestration_with_options(name, input, options)
    }

    /// As [`schedule_sub_orchestration`](Self::schedule_sub_orchestration), with a version or a queue.
    #[track_caller]
    pub fn schedule_sub_orchestration_with_options(
        &self,
        name: impl Into<String>,
        input: impl Into<String>,
        options: StartOptions,
    ) -> DurableFuture {
        self.durable(Decision::Child {
            name: name.into(),
            input: input.into(),
            options,
        })
    }

    /// As
    /// [`schedule_sub_orchestration_with_options`](Self::schedule_sub_orchestration_with_options),
    /// with a typed input. `Out` only documents what it yields.
    ///
    /// # Panics
    /// If the input cannot be encoded, which fails the orchestration.
    #[track_caller]
    pub fn schedule_sub_orchestration_with_options_typed<In: Serialize, Out: DeserializeOwned>(
        &self,
        name: impl Into<String>,
        input: &In,
        options: StartOptions,
    ) -> DurableFuture {
        let name = name.into();
        let input = encoded(&name, input);
        self.schedule_sub_orchestration_with_options(name, input, options)
    }

    /// As [`schedule_sub_orchestration`](Self::schedule_sub_orchestration), in this version and
    /// with a typed input.
    ///
    /// # Panics
    /// If the input cannot be encoded, which fails the orchestration.
    #[track_caller]
    pub fn schedule_sub_orchestration_versioned_typed<In: Serialize, Out: DeserializeOwned>(
        &self,
        name: impl Into<String>,
        version: Option<String>,
        input: &In,
    ) -> DurableFuture {
        let options = StartOptions::of_version(version);
        self.schedule_sub_orchestration_with_options_typed::<In, Out>(name, input, options)
    }

    /// Starts another orchestration and does not wait for it.
    #[track_caller]
    pub fn schedule_orchestration(
        &self,
        name: impl Into<String>,
        instance: impl Into<String>,
        input: impl Into<String>,
    ) {
        self.schedule_orchestration_versioned(name, None, instance, input);
    }

    /// As [`schedule_orchestration`](Self::schedule_orchestration), with a typed input.
    ///
    /// # Panics
    /// If the input cannot be encoded, which fails the orchestration.
    #[track_caller]
    pub fn schedule_orchestration_typed<In: Serialize>(
        &self,
        name: impl Into<String>,
        instance: impl Into<String>,
        input: &In,
    ) {
        self.schedule_orchestration_versioned_typed(name, None, instance, input);
    }

    /// As [`schedule_orchestration`](Self::schedule_orchestration), in this version.
    #[track_caller]
    pub fn schedule_orchestration_versioned(
        &self,
        name: impl Into<String>,
        version: Option<String>,
        instance: impl Into<String>,
        input: impl Into<String>,
    ) {
        let options = StartOptions::of_version(version);
        self.schedule_orchestration_with_options(name, instance, input, options);
    }

    /// As [`schedule_orchestration`](Self::schedule_orchestration), with a version, a queue or a delay.
    #[track_caller]
    pub fn schedule_orchestration_with_options(
        &self,
        name: impl Into<String>,
        instance: impl Into<String>,
        input: impl Into<String>,
        options: StartOptions,
    ) {
        let decision = Decision::Detached {
            name: name.into(),
            instance: instance.into(),
            input: input.into(),
            options,
        };
        // If the run cannot go on, the next await does not return.
        self.journal.decide(&decision, Location::caller());
    }

    /// As [`schedule_orchestration`](Self::schedule_orchestration), in this version and with a
    /// typed input.
    ///
    /// # Panics
    /// If the input cannot be encoded, which fails the orchestration.
    #[track_caller]
    pub fn schedule_orchestration_versioned_typed<In: Serialize>(
        &self,
        name: impl Into<String>,
        version: Option<String>,
        instance: impl Into<String>,
        input: &In,
    ) {
        let name = name.into();
        let input = encoded(&name, input);
        self.schedule_orchestration_versioned(name, version, instance, input);
    }

    /// As [`schedule_orchestration_with_options`](Self::schedule_orchestration_with_options), with a
    /// typed input.
    ///
    /// # Panics
    /// If the input cannot be encoded, which fails the orchestration.
    #[track_caller]
    pub fn schedule_orchestration_with_options_typed<In: Serialize>(
        &self,
        name: impl Into<String>,
        instance: impl Into<String>,
        input: &In,
        options: StartOptions,
    ) {
        let name = name.into();
        let input = encoded(&name, input);
        self.schedule_orchestration_with_options(name, instance, input, options);
    }

    /// Raises an event for another instance, as [`Client::raise_event`](crate::Client::raise_event)
    /// does, exactly once: it is sent by the commit of the turn, in whichever execution the other one is
    /// by then, and a replay does not send it again.
    ///
    /// It takes effect when it is called. Nobody tells the code whether there is such an instance: an
    /// event for one that does not exist, or has ended, is dropped, and the runtime logs how many
    /// were. A full mailbox takes it all the same.
    #[track_caller]
    pub fn raise_event(
        &self,
        instance: impl Into<String>,
        name: impl Into<String>,
        data: impl Into<String>,
    ) {
        let decision = Decision::Raise {
            instance: instance.into(),
            name: name.into(),
            data: data.into(),
        };
        // If the run cannot go on, the next await does not return.
        self.journal.decide(&decision, Location::caller());
    }

    /// As [`raise_event`](Self::raise_event), with data that is encoded as JSON.
    ///
    /// # Panics
    /// If the data cannot be encoded, which fails the orchestration.
    #[track_caller]
    pub fn raise_event_typed<T: Serialize>(
        &self,
        instance: impl Into<String>,
        name: impl Into<String>,
        data: &T,
    ) {
        let name = name.into();
        let data = codec::encode(data)
            .unwrap_or_else(|error| panic!("the data of {name:?} cannot be encoded: {error}"));
        self.raise_event(instance, name, data);
    }

    /// A random UUID that stays the same in replay.
    #[track_caller]
    pub fn new_guid(&self) -> impl FusedFuture<Output = Result<String, String>> + Unpin + use<> {
        self.new_guid_future().into_activity()
    }

    /// As [`new_guid`](Self::new_guid), for `select` and `join`; yields
    /// [`DurableOutput::Activity`](super::DurableOutput::Activity).
    #[track_caller]
    pub fn new_guid_future(&self) -> DurableFuture {
        self.durable(Decision::Guid)
    }

    /// The time of the current step, which stays the same in replay.
    #[track_caller]
    pub fn utcnow(&self) -> impl FusedFuture<Output = Result<SystemTime, String>> + Unpin + use<> {
        self.utcnow_future().into_time()
    }

    /// As [`utcnow`](Self::utcnow), for `select` and `join`; yields
    /// [`DurableOutput::Activity`](super::DurableOutput::Activity) with milliseconds since the
    /// Unix epoch as text.
    #[track_caller]
    pub fn utcnow_future(&self) -> DurableFuture {
        self.durable(Decision::UtcNow)
    }

    /// Ends this execution and begins the next with this input and an empty history, in the
    /// version that the registry's policy chooses. External events that were not used go along.
    ///
    /// Return it: `return ctx.continue_as_new(input).await`. It takes effect when it is called: it
    /// wins over whatever the code returns afterwards and over later calls, and what is awaited
    /// after it never resolves. Only a panic undoes it, which fails the orchestration.
    pub fn continue_as_new(&self, input: impl Into<String>) -> ContinueAsNewFuture {
        ContinueAsNewFuture::new(&self.journal, Ok(input.into()), None)
    }

    /// As [`continue_as_new`](Self::continue_as_new), with a typed input. If that cannot be encoded,
    /// it resolves to an error, and fails the orchestration if nobody looks.
    pub fn continue_as_new_typed<In: Serialize>(&self, input: &In) -> ContinueAsNewFuture {
        ContinueAsNewFuture::new(&self.journal, codec::encode(input), None)
    }

    /// As [`continue_as_new`](Self::continue_as_new), in this version.
    pub fn continue_as_new_versioned(
        &self,
        version: impl Into<String>,
        input: impl Into<String>,
    ) -> ContinueAsNewFuture {
        ContinueAsNewFuture::new(&self.journal, Ok(input.into()), Some(version.into()))
    }

    /// The first of two operations, by history; the other is cancelled.
    pub fn select2(&self, a: DurableFuture, b: DurableFuture) -> SelectFuture {
        SelectFuture::new(vec![a, b])
    }

    /// The first of several operations, by history; the others are cancelled. With none, it never
    /// resolves.
    pub fn select(&self, futures: Vec<DurableFuture>) -> SelectFuture {
        SelectFuture::new(futures)
    }

    /// All of several operations, their outcomes in the order of history.
    pub fn join(&self, futures: Vec<DurableFuture>) -> JoinFuture {
        JoinFuture::new(futures)
    }
}

/// A future that an orchestration may hold across its own awaits.
#[expect(dead_code, reason = "checked when it compiles")]
fn durable_futures_are_send_and_unpin(ctx: &OrchestrationContext) {
    fn check(_: impl FusedFuture + Send + Unpin) {}
    check(ctx.schedule_wait("a"));
    check(ctx.schedule_wait("a").into_event());
    check(ctx.select(Vec::new()));
    check(ctx.join(Vec::new()));
    check(ctx.continue_as_new(""));
}
