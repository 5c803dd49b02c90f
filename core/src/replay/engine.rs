//! The engine: takes steps, live or from history.

use std::collections::{BTreeMap, BTreeSet, VecDeque};
use std::fmt;
use std::future::Future;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll, Waker};

use uuid::Uuid;

use super::accept::Accepted;
use super::failure::{Failure, Mismatch, panic_text};
use super::input::{Input, Moment};
use super::journal::{Journal, TraceLine};
use super::matching::describe_event;
use super::token::TokenKind;
use crate::event::{AppErrorKind, CancelAnnouncement, Entry, ErrorDetails, EventKind};
use crate::limits::POLLS_PER_STEP_MAX;
use crate::message::CarriedEvent;
use crate::orchestration::{ActivityOptions, StartOptions};

/// An orchestration's code, running.
pub(crate) type Root = Pin<Box<dyn Future<Output = Result<String, String>> + Send>>;

/// What code does that returns an error where history goes on. The error itself may hold data, and
/// this is logged.
const ENDS_WITH_AN_ERROR: &str = "end with an error, as it does if it cannot decode an input: what a \
                                  type has gained since needs a default (`#[serde(default)]`)";

/// How a run ended.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum End {
    Completed {
        output: String,
    },
    Failed {
        details: ErrorDetails,
    },
    ContinuedAsNew {
        input: String,
        version: Option<String>,
        /// The events that were taken and never seen by the code.
        carried: Vec<CarriedEvent>,
        /// The messages that brought the last events.
        taken: Vec<Uuid>,
        /// The cancellation that is to come.
        announced: Option<Box<CancelAnnouncement>>,
        /// The values that the code has set.
        values: BTreeMap<String, String>,
    },
}

/// How many values an instance keeps, and how many bytes they have, encoded and without their keys.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct ValuesKept {
    pub(crate) count: usize,
    pub(crate) bytes: usize,
}

/// What became of the input of a step.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum StepResult {
    Recorded,
    Ignored,
}

/// What live steps brought forth since the last harvest.
#[derive(Debug, Default, PartialEq, Eq)]
pub(crate) struct Harvest {
    /// The events to append.
    pub(crate) entries: Vec<Entry>,
    /// The options of the starts among them that have some.
    pub(crate) start_options: BTreeMap<u64, StartOptions>,
    /// The options of the activities among them that have some.
    pub(crate) activity_options: BTreeMap<u64, ActivityOptions>,
    /// The operations that are of no use any more, by the event that scheduled them. One that is
    /// among the entries was scheduled and dropped at once, and is never sent.
    pub(crate) withdrawn: BTreeMap<u64, TokenKind>,
    /// What to log once the entries are committed.
    pub(crate) traces: Vec<TraceLine>,
}

/// One execution, between two steps.
pub(crate) struct Engine {
    pub(super) journal: Arc<Journal>,
    /// Gone once the run has ended.
    root: Option<Root>,
    end: Option<End>,
    failure: Option<Failure>,
}

impl fmt::Debug for Engine {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Engine")
            .field("journal", &self.journal)
            .field("end", &self.end)
            .finish()
    }
}

impl Engine {
    /// An execution that has had no input yet. The code's context must rest on the same journal.
    pub(crate) fn new(journal: Arc<Journal>, root: Root) -> Self {
        Self {
            journal,
            root: Some(root),
            end: None,
            failure: None,
        }
    }

    /// How the run ended, if it has.
    pub(crate) fn end(&self) -> Option<&End> {
        self.end.as_ref()
    }

    /// Why the run ended, if it did not end by itself.
    pub(crate) fn failure(&self) -> Option<&Failure> {
        self.failure.as_ref()
    }

    /// Whether this activity and timers are all that the code waits for.
    pub(crate) fn waits_only_for(&self, activity_id: u64) -> bool {
        self.journal.state().waits_only_for(activity_id)
    }

    /// Whether this operation has been scheduled and not answered.
    pub(crate) fn is_open(&self, event_id: u64) -> bool {
        self.journal.state().is_open(event_id)
    }

    /// The activities, timers and children that were scheduled and not answered, by their events; none
    /// once the run has ended.
    pub(crate) fn open_operations(&self) -> BTreeSet<u64> {
        if self.end.is_some() {
            return BTreeSet::new();
        }
        let state = self.journal.state();
        let open = state.tokens.open().filter(|(_, kind)| {
            matches!(
                kind,
                TokenKind::Activity | TokenKind::Timer | TokenKind::Child { .. }
            )
        });
        open.map(|(event_id, _)| event_id).collect()
    }

    /// The topics of which the code waits for mail; none once it has ended.
    pub(crate) fn open_topics(&self) -> Vec<String> {
        if self.end.is_some() {
            return Vec::new();
        }
        self.journal.state().external.open_topics()
    }

    /// The first of the tries for mail that have no answer, and its topic; none once it has ended.
    pub(crate) fn first_try(&self) -> Option<(u64, String)> {
        if self.end.is_some() {
            return None;
        }
        self.journal.state().external.first_try()
    }

    /// The message that announced a cancellation.
    pub(crate) fn announced_by(&self) -> Option<Uuid> {
        let state = self.journal.state();
        let announced = state.announced.as_ref();
        announced.map(|it| it.announcement.message_id)
    }

    /// The wait that the next mail of a topic answers.
    pub(crate) fn first_wait(&self, topic: &str) -> Option<u64> {
        self.journal.state().external.first_wait(topic)
    }

    /// What the code keeps of values.
    pub(crate) fn values_kept(&self) -> ValuesKept {
        let state = self.journal.state();
        ValuesKept {
            count: state.values.len(),
            bytes: state.values.value_bytes(),
        }
    }

    /// Has replays compare inputs and outputs as well, which are adopted otherwise.
    pub(crate) fn compare_inputs(&self) {
        self.journal.state().compares_inputs = true;
    }

    /// Sets whom to tell when something outside of a step interferes.
    #[cfg(test)]
    pub(super) fn set_alarm(&self, alarm: super::Alarm) {
        self.journal.set_alarm(alarm);
    }

    /// The time that the code has seen last.
    pub(crate) fn latest_ms(&self) -> u64 {
        self.journal.state().moment.now_ms
    }

    /// The id that the next event will have.
    pub(crate) fn next_event_id(&self) -> u64 {
        self.journal.state().next_event_id
    }

    /// Takes one live step.
    pub(crate) fn step(&mut self, input: &Input, moment: Moment) -> StepResult {
        self.take_step(input, moment, None)
    }

    /// Takes the steps that history recorded. Afterwards the code stands where it stood.
    ///
    /// # Errors
    /// The failure, if the code does not do what it did.
    pub(crate) fn replay(&mut self, history: Vec<Entry>) -> Result<(), Failure> {
        self.replay_and(history, None)
    }

    /// Takes the steps of a history that is cut short, for a run that goes on from there: what the code
    /// says beside its decisions is kept as if they were made now. Where the history ends within a step,
    /// the code goes on with that at this moment.
    ///
    /// # Errors
    /// As [`replay`](Self::replay).
    pub(crate) fn rewind(
        &mut self,
        history: Vec<Entry>,
        within_step: Option<Moment>,
    ) -> Result<(), Failure> {
        self.journal.state().notes_beside = true;
        let replayed = self.replay_and(history, within_step);
        self.journal.state().notes_beside = false;
        replayed
    }

    fn replay_and(
        &mut self,
        history: Vec<Entry>,
        within_step: Option<Moment>,
    ) -> Result<(), Failure> {
        let mut history = VecDeque::from(history);
        while let Some(entry) = history.pop_front() {
            if entry.kind.is_terminal() {
                self.check_end(&entry)?;
                continue;
            }
            let decisions = history
                .iter()
                .take_while(|entry| entry.kind.is_decision())
                .count();
            let recorded: VecDeque<Entry> = history.drain(..decisions).collect();
            let next = history.front().map(|next| &next.kind);
            let ends = next.is_some_and(EventKind::is_terminal);
            if let Some(EventKind::OrchestrationContinuedAsNew { .. }) = next {
                self.journal.state().replays_hand_over = true;
            }
            let goes_on = within_step.filter(|_| history.is_empty());
            self.journal.state().goes_on = goes_on;
            self.replay_step(entry, recorded, ends || goes_on.is_some())?;
            if self.end.is_some()
                && goes_on.is_none()
                && history.front().is_none_or(|next| !next.kind.is_terminal())
            {
                return Err(self.ended_early(history.front()));
            }
        }
        let mut state = self.journal.state();
        state.recorded = None;
        state.goes_on = None;
        drop(state);
        Ok(())
    }

    fn replay_step(
        &mut self,
        entry: Entry,
        recorded: VecDeque<Entry>,
        ends: bool,
    ) -> Result<(), Failure> {
        let Entry {
            event_id,
            source_event_id,
            timestamp_ms,
            message_id,
            kind,
        } = entry;
        let moment = Moment {
            now_ms: timestamp_ms,
            seed: 0,
        };
        let what = describe_event(&kind);
        let input = Input {
            kind,
            source_event_id,
            message_id,
        };
        let result = if event_id == self.next_event_id() {
            self.take_step(&input, moment, Some(recorded))
        } else {
            StepResult::Ignored
        };
        // Code that failed by itself fails so again; how it failed is compared at the end.
        if let Some(failure) = &self.failure
            && (failure.is_nondeterminism() || !ends)
        {
            return Err(failure.clone());
        }
        let left = self
            .journal
            .state()
            .recorded
            .as_mut()
            .and_then(VecDeque::pop_front);
        let mismatch = |recorded: String, code: &str| {
            let code = code.to_owned();
            Err(Failure::Nondeterminism(Mismatch {
                event_id,
                recorded,
                code,
                location: None,
            }))
        };
        match (result, left) {
            (StepResult::Ignored, _) => mismatch(what, "not expect it"),
            (_, Some(left)) => mismatch(
                format!("{} after it", describe_event(&left.kind)),
                if self.has_failed_by_itself() {
                    ENDS_WITH_AN_ERROR
                } else {
                    "no such thing"
                },
            ),
            _ => Ok(()),
        }
    }

    /// A shadow replay reaches the end of a run: the code must have ended in the same way. What it
    /// says is compared as inputs are.
    fn check_end(&self, terminal: &Entry) -> Result<(), Failure> {
        let compares = self.journal.state().compares_inputs;
        let same = match (&terminal.kind, &self.end) {
            (
                EventKind::OrchestrationCompleted { output: recorded },
                Some(End::Completed { output }),
            ) => !compares || recorded == output,
            (
                EventKind::OrchestrationFailed { details: recorded },
                Some(End::Failed { details }),
            ) => recorded == details || (!compares && recorded.category() == details.category()),
            (
                EventKind::OrchestrationContinuedAsNew { input: recorded },
                Some(End::ContinuedAsNew { input, .. }),
            ) => !compares || recorded == input,
            // These end a run from outside, whatever the code does.
            (EventKind::OrchestrationFailed { details }, None) => !matches!(
                details,
                ErrorDetails::Application {
                    kind: AppErrorKind::OrchestrationFailed,
                    ..
                }
            ),
            _ => false,
        };
        if same {
            return Ok(());
        }
        Err(Failure::Nondeterminism(Mismatch {
            event_id: terminal.event_id,
            recorded: describe_event(&terminal.kind),
            code: "not end so".to_owned(),
            location: None,
        }))
    }

    /// Whether the code has returned an error.
    fn has_failed_by_itself(&self) -> bool {
        self.failure.is_none() && matches!(self.end, Some(End::Failed { .. }))
    }

    fn ended_early(&self, next: Option<&Entry>) -> Failure {
        let code = if self.has_failed_by_itself() {
            ENDS_WITH_AN_ERROR
        } else {
            "end"
        };
        Failure::Nondeterminism(Mismatch {
            event_id: self.next_event_id(),
            recorded: next.map_or_else(|| "no end".to_owned(), |entry| describe_event(&entry.kind)),
            code: code.to_owned(),
            location: None,
        })
    }

    fn take_step(
        &mut self,
        input: &Input,
        moment: Moment,
        recorded: Option<VecDeque<Entry>>,
    ) -> StepResult {
        if self.end.is_some() {
            return StepResult::Ignored;
        }
        let waker = Arc::clone(&self.journal.waker);
        waker.enter();
        let (accepted, woken) = {
            let mut state = self.journal.state();
            state.begin(moment, recorded);
            (state.accept(input), std::mem::take(&mut state.woken))
        };
        woken.into_iter().for_each(Waker::wake);
        if let Some(details) = ends_the_run(&input.kind)
            && accepted == Accepted::Recorded
        {
            self.finish(End::Failed { details });
        } else if accepted == Accepted::Recorded {
            self.poll_until_quiet();
        } else if let Some(failure) = self.pending_failure() {
            self.fail(failure);
        }
        waker.leave();
        match accepted {
            Accepted::Recorded => StepResult::Recorded,
            Accepted::Ignored => StepResult::Ignored,
        }
    }

    /// Looks whether something outside of a step has interfered, and ends the run if so.
    pub(crate) fn examine(&mut self, moment: Moment) {
        if self.end.is_some() {
            return;
        }
        let waker = Arc::clone(&self.journal.waker);
        waker.enter();
        self.journal.state().begin(moment, None);
        if let Some(failure) = self.pending_failure() {
            self.fail(failure);
        }
        waker.leave();
    }

    /// Polls until the code has nothing to do: always once, then as long as it wakes itself. One
    /// poll is not enough: `join_all` over many futures yields to itself in between.
    fn poll_until_quiet(&mut self) {
        let waker = Waker::from(Arc::clone(&self.journal.waker));
        let mut cx = Context::from_waker(&waker);
        for _ in 0..POLLS_PER_STEP_MAX {
            self.journal.waker.take_signal();
            let Some(root) = &mut self.root else { return };
            let polled = catch_unwind(AssertUnwindSafe(|| root.as_mut().poll(&mut cx)));
            if let Some(failure) = self.pending_failure() {
                return self.fail(failure);
            }
            let polled = match polled {
                Err(panic) => return self.fail(Failure::Panicked(panic_text(&*panic))),
                Ok(polled) => polled,
            };
            let (hands_over, is_refusing) = {
                let state = self.journal.state();
                (state.continuation.is_some(), state.refusal.is_some())
            };
            // It was asked for before, and wins over what the code returned afterwards.
            if hands_over {
                return self.hand_over();
            }
            match polled {
                Poll::Ready(Ok(output)) => return self.finish(End::Completed { output }),
                Poll::Ready(Err(message)) => return self.fail_with(message),
                Poll::Pending => {}
            }
            if self.journal.waker.take_signal() {
                continue;
            }
            if !is_refusing {
                return self.check_durable();
            }
            self.tell_refused();
        }
        self.fail(Failure::PollLimit {
            polls_max: POLLS_PER_STEP_MAX,
        });
    }

    /// The code is quiet, and hears of what was refused.
    fn tell_refused(&self) {
        let woken = {
            let mut state = self.journal.state();
            state.end_round();
            std::mem::take(&mut state.woken)
        };
        woken.into_iter().for_each(Waker::wake);
    }

    fn pending_failure(&self) -> Option<Failure> {
        let failure = self.journal.state().failure.clone();
        failure.or_else(|| {
            self.journal
                .waker
                .saw_foreign_wake()
                .then_some(Failure::ForeignWake)
        })
    }

    /// Quiet code must wait for something that a later input can answer.
    fn check_durable(&mut self) {
        let is_waiting = self.journal.state().tokens.open().next().is_some();
        if !is_waiting {
            self.fail(Failure::NotDurable);
        }
    }

    fn hand_over(&mut self) {
        let (continuation, external, announced, values) = {
            let mut state = self.journal.state();
            (
                state.continuation.take(),
                std::mem::take(&mut state.external),
                state.announced.take(),
                std::mem::take(&mut state.values),
            )
        };
        if let Some(continuation) = continuation {
            let mut taken = external.recently_taken();
            let carried = external.into_carried();
            // What goes along is taken in the next execution.
            taken.retain(|id| carried.iter().all(|event| event.message_id != Some(*id)));
            let super::state::Continuation { input, version } = continuation;
            self.finish(End::ContinuedAsNew {
                input,
                version,
                carried,
                taken,
                announced: announced.map(|it| Box::new(it.announcement)),
                values: values.into_map(),
            });
        }
    }

    /// The code has failed by itself, or since it does not take its input and has let that be.
    fn fail_with(&mut self, message: String) {
        let (unfit, announced) = {
            let mut state = self.journal.state();
            let announced = state.announced.as_ref();
            let announced = announced.map(|it| cancelled(&it.announcement.reason));
            (state.unfit_input.take(), announced)
        };
        // Code that has cleaned up says that it ends since it was told to.
        if let Some(details) = announced.filter(|it| it.display_message() == message) {
            return self.finish(End::Failed { details });
        }
        match unfit.filter(|unfit| unfit.to_string() == message) {
            Some(unfit) => self.fail(Failure::UnfitInput(unfit)),
            None => self.finish(End::Failed {
                details: application_failure(message),
            }),
        }
    }

    /// Ends the run from within.
    fn fail(&mut self, failure: Failure) {
        let orchestration = self.journal.identity().orchestration;
        let details = failure.clone().into_details(&orchestration);
        self.failure = Some(failure);
        self.finish(End::Failed { details });
    }

    fn finish(&mut self, end: End) {
        let terminal = match &end {
            End::Completed { output } => EventKind::OrchestrationCompleted {
                output: output.clone(),
            },
            End::Failed { details } => EventKind::OrchestrationFailed {
                details: details.clone(),
            },
            End::ContinuedAsNew { input, .. } => EventKind::OrchestrationContinuedAsNew {
                input: input.clone(),
            },
        };
        self.journal.state().close(terminal);
        self.end = Some(end);
        self.drop_root();
    }

    /// Drops the code. What its futures do when they are dropped has no meaning any more, and a
    /// panic in it is nobody's concern.
    fn drop_root(&mut self) {
        self.journal.state().closed = true;
        self.journal.waker.close();
        let root = self.root.take();
        catch_unwind(AssertUnwindSafe(|| drop(root))).ok();
    }

    /// Takes what live steps brought forth.
    pub(crate) fn harvest(&mut self) -> Harvest {
        let mut state = self.journal.state();
        Harvest {
            entries: std::mem::take(&mut state.entries),
            start_options: std::mem::take(&mut state.start_options),
            activity_options: std::mem::take(&mut state.activity_options),
            withdrawn: std::mem::take(&mut state.withdrawn),
            traces: std::mem::take(&mut state.traces),
        }
    }
}

impl Drop for Engine {
    fn drop(&mut self) {
        self.drop_root();
    }
}

/// A cancellation ends the run without asking the code.
fn ends_the_run(input: &EventKind) -> Option<ErrorDetails> {
    let EventKind::OrchestrationCancelRequested { reason } = input else {
        return None;
    };
    Some(cancelled(reason))
}

/// The recorded error of a cancelled run.
pub(crate) fn cancelled(reason: &str) -> ErrorDetails {
    ErrorDetails::Application {
        kind: AppErrorKind::Cancelled {
            reason: reason.to_owned(),
        },
        message: format!("canceled: {reason}"),
        retryable: false,
    }
}

fn application_failure(message: String) -> ErrorDetails {
    ErrorDetails::Application {
        kind: AppErrorKind::OrchestrationFailed,
        message,
        retryable: false,
    }
}
