//! Gives a turn's messages to the code, and collects what it decides.

use super::code::Code;
use super::draft::{Draft, refused, within};
use super::inbox::{Letter, started};
use super::occasion::turn_bytes_max;
use super::scope::Scope;
use crate::event::{ErrorDetails, EventKind};
use crate::limits::{
    AWAITED_BYTES_MAX, AWAITED_TOPICS_MAX, CLOCK_SKEW_MAX, EXECUTIONS_PER_TURN_MAX,
    PARTS_PER_TURN_MAX, VALUES_PER_TURN_MAX,
};
use crate::message::{CarriedEvent, MessageBody, Output, Start};
use crate::providers::{InstanceHead, Limits, Topic};
use crate::replay::{End, Engine, Failure, Input, Moment};
use crate::runtime::node::Node;

/// An execution with its code, in the middle of a turn.
pub(super) struct Feeder<'a> {
    pub(super) node: &'a Node,
    pub(super) limits: &'a Limits,
    pub(super) scope: Box<Scope>,
    pub(super) engine: Engine,
    pub(super) draft: Draft,
    pub(super) history_bytes: usize,
    executions: usize,
    /// The events that were handed to an execution which ended before it received them.
    not_begun: Vec<CarriedEvent>,
    /// The time that the code has seen last, in this execution or the one before.
    latest_ms: u64,
}

/// Why a feeder's work cannot be committed.
pub(super) struct Unfit(pub(super) ErrorDetails);

impl<'a> Feeder<'a> {
    pub(super) fn new(
        node: &'a Node,
        head: &InstanceHead,
        scope: Box<Scope>,
        engine: Engine,
        history_bytes: usize,
    ) -> Self {
        let limits = &node.limits;
        let draft = Draft::from(head);
        let latest_ms = engine.latest_ms();
        Self {
            node,
            limits,
            scope,
            engine,
            draft,
            history_bytes,
            executions: 1,
            not_begun: Vec::new(),
            latest_ms,
        }
    }

    /// Begins an execution: the start, and the events that came along.
    pub(super) fn begin(&mut self, start: &Start) -> Result<(), Unfit> {
        self.open(start);
        self.settle()
    }

    /// Gives the code what came after a cut and holds all the same.
    pub(super) fn repeat(&mut self, kept: &[Input]) -> Result<(), Unfit> {
        for (index, input) in kept.iter().enumerate() {
            if self.engine.end().is_some() {
                // The next execution has the events.
                self.not_begun = kept.iter().skip(index).filter_map(carried).collect();
                break;
            }
            self.step(input);
        }
        self.settle()
    }

    fn open(&mut self, start: &Start) {
        self.step(&started(start, self.scope.version.clone()));
        for (index, event) in start.carried.iter().enumerate() {
            if self.engine.end().is_some() {
                // It goes on without them, and hands them on.
                self.not_begun = start.carried.iter().skip(index).cloned().collect();
                return;
            }
            let kind = EventKind::ExternalEvent {
                name: event.name.clone(),
                data: event.data.clone(),
            };
            self.step(&Input::new(kind).brought_by(event.message_id));
        }
    }

    /// Takes in a letter. False if the turn is full and the letter must stay in the inbox.
    pub(super) fn take_in(&mut self, letter: &Letter) -> Result<bool, Unfit> {
        // The execution's own start has been taken in already: it only leaves the inbox.
        let is_start = matches!(
            letter.body,
            MessageBody::Start(_) | MessageBody::StartAgain(_) | MessageBody::Fork(_)
        );
        if !is_start && (self.is_full() || self.is_handed_on()) {
            return Ok(false);
        }
        match letter.input_for(self.scope.execution) {
            Some(input) => {
                self.draft.bytes += letter.bytes;
                self.step(&input);
            }
            None => {
                if let MessageBody::Nudge {
                    notice: Some(notice),
                } = &letter.body
                {
                    self.draft.notice = Some(notice.clone());
                }
                let moment = self.moment();
                self.engine.examine(moment);
                self.collect(moment);
            }
        }
        self.settle()?;
        self.draft.consumed.push(letter.id);
        Ok(true)
    }

    /// Takes in mail that the code waits for. False if the turn is full and it must stay where it is.
    pub(super) fn take_mail(&mut self, letter: &Letter, topic: &Topic) -> Result<bool, Unfit> {
        if self.is_full() {
            return Ok(false);
        }
        if let Some(input) = letter.input_for(self.scope.execution) {
            self.draft.bytes += letter.bytes;
            self.step(&input.taken_by(self.engine.first_wait(topic.as_str())));
        }
        self.settle()?;
        self.draft.consumed.push(letter.id);
        Ok(true)
    }

    /// Tells the code that there is no mail for its try. False if the turn is full.
    pub(super) fn note_absence(&mut self, try_id: u64, topic: &Topic) -> Result<bool, Unfit> {
        if self.is_full() {
            return Ok(false);
        }
        let name = topic.as_str().to_owned();
        self.step(&Input::answering(
            try_id,
            EventKind::ExternalAbsent { name },
        ));
        self.settle()?;
        Ok(true)
    }

    /// The first of the tries for mail that have no answer, and its topic.
    pub(super) fn first_try(&self) -> Option<(u64, Topic)> {
        let (try_id, name) = self.engine.first_try()?;
        Some((try_id, Topic::from(name.as_str())))
    }

    /// The topics of which the code waits for mail.
    pub(super) fn open_topics(&self) -> Vec<Topic> {
        let names = self.engine.open_topics().into_iter();
        names.map(|name| Topic::from(name.as_str())).collect()
    }

    fn is_full(&self) -> bool {
        let bytes = self.draft.bytes + self.draft.values.bytes();
        self.draft.parts() >= PARTS_PER_TURN_MAX
            || self.draft.values.len() >= VALUES_PER_TURN_MAX
            || bytes >= self.limits.commit_bytes_max / 4
    }

    /// Whether the current execution is left to the next turn, which its events have to wait for.
    fn is_handed_on(&self) -> bool {
        self.executions > EXECUTIONS_PER_TURN_MAX
    }

    pub(super) fn moment(&self) -> Moment {
        Moment {
            now_ms: not_before(self.latest_ms, self.node.clock.now_ms()),
            seed: self.node.entropy.seed(),
        }
    }

    fn step(&mut self, input: &Input) {
        let mut moment = self.moment();
        // The clock of the store, or of the node that asked for the timer, may be ahead of this
        // one's, and code that a timer has woken must not see a time before it.
        if let EventKind::TimerFired { fire_at_ms } = input.kind {
            moment.now_ms = not_before(fire_at_ms, moment.now_ms);
        }
        self.latest_ms = moment.now_ms;
        self.engine.step(input, moment);
        self.collect(moment);
    }

    fn collect(&mut self, moment: Moment) {
        let harvest = self.engine.harvest();
        self.draft
            .absorb(&self.scope, self.limits, moment.now_ms, harvest);
    }

    /// Ends the run if it waits for more than its record can say.
    fn check_awaited(&mut self) {
        let names = self.engine.open_topics();
        let bytes: usize = names.iter().map(String::len).sum();
        if names.len() > AWAITED_TOPICS_MAX || bytes > AWAITED_BYTES_MAX {
            self.draft.refused.get_or_insert(refused(format!(
                "an orchestration waits for events of at most {AWAITED_TOPICS_MAX} names with \
                 {AWAITED_BYTES_MAX} bytes together, this one for {} with {bytes}; put several \
                 kinds of events under one name",
                names.len()
            )));
        }
    }

    /// Ends the run if the store takes fewer values than code may set.
    fn check_values(&mut self) {
        if self.draft.values.len() == 0 {
            return;
        }
        let kept = self.engine.values_kept();
        if let Err(details) = self.draft.values.check(self.limits, kept) {
            self.draft.refused.get_or_insert(details);
        }
    }

    /// Follows a chain of executions until one waits for something or ends the instance.
    fn settle(&mut self) -> Result<(), Unfit> {
        while !self.is_handed_on()
            && let Some(End::ContinuedAsNew {
                input,
                version,
                mut carried,
                taken,
                announced,
                values,
            }) = self.engine.end().cloned()
        {
            carried.append(&mut self.not_begun);
            self.open_next(Start {
                orchestration: self.scope.orchestration.clone(),
                version,
                input,
                parent: self.scope.core_state.parent.clone(),
                carried,
                taken,
                announced,
                values,
            })?;
        }
        self.check_awaited();
        self.check_values();
        self.draft
            .refused
            .take()
            .map_or(Ok(()), |details| Err(Unfit(details)))
    }

    /// Opens the next execution, or leaves it to the next turn.
    fn open_next(&mut self, mut next: Start) -> Result<(), Unfit> {
        let bytes = fitted_bytes(&mut next, self.limits.body_bytes_max);
        let what = if next.values.is_empty() {
            "the input of continue_as_new"
        } else {
            "the input of continue_as_new together with the values that go along"
        };
        within(self.limits, bytes, what).map_err(Unfit)?;
        self.draft.hand_over(&self.scope);
        self.scope.execution += 1;
        self.scope.core_state.notice = None;
        // To encode what is large takes its time, which is not the code's.
        let is_long = self.draft.bytes.saturating_add(bytes) > turn_bytes_max(self.limits);
        if is_long || self.executions >= EXECUTIONS_PER_TURN_MAX {
            self.executions = EXECUTIONS_PER_TURN_MAX + 1;
            self.draft.continue_later(&self.scope, next);
            return Ok(());
        }
        self.executions += 1;
        let registry = &self.node.orchestrations;
        let code =
            Code::find(registry, &next.orchestration, next.version.as_deref()).map_err(Unfit)?;
        self.scope.version.clone_from(&code.version);
        let alarm = self
            .node
            .alarm(&self.scope.instance, self.scope.incarnation);
        let events_max = self.limits.history_events_max;
        self.engine = code.engine(&self.scope, next.input.clone(), events_max, Some(alarm));
        self.history_bytes = 0;
        self.open(&next);
        Ok(())
    }

    /// The failure that ended the run, if a deployment of other code may mend it.
    pub(super) fn nondeterminism(&self) -> Option<&Failure> {
        self.engine
            .failure()
            .filter(|failure| failure.is_nondeterminism())
    }

    /// Closes the books of the turn.
    pub(super) fn finish(&mut self) {
        self.renew_notice();
        self.draft.awaited = self.open_topics();
        if let Some((try_id, _)) = self.engine.first_try() {
            self.draft.come_back(&self.scope, try_id);
        }
        if let Some(End::Completed { .. } | End::Failed { .. }) = self.engine.end() {
            self.draft.forget_cancellation(self.engine.announced_by());
        }
        match self.engine.end().cloned() {
            None => self.draft.pause_execution(&self.scope),
            Some(End::Completed { output }) => {
                self.draft
                    .end_instance(&self.scope, self.limits, Output::Completed(output));
            }
            Some(End::Failed { details }) => {
                self.draft
                    .end_instance(&self.scope, self.limits, Output::Failed(details));
            }
            // The chain was too long for this turn: the next execution is open and has no event.
            Some(End::ContinuedAsNew { .. }) => self.draft.pause_execution(&self.scope),
        }
    }

    /// What was said of the orchestration has been overcome, since it runs; what was said of an
    /// activity holds as long as that is open.
    fn renew_notice(&mut self) {
        let kept = self.scope.core_state.notice.take().filter(|notice| {
            notice
                .activity_id
                .is_some_and(|activity_id| self.engine.is_open(activity_id))
        });
        let said = self.draft.notice.take().filter(|notice| {
            notice
                .activity_id
                .is_none_or(|activity_id| self.engine.is_open(activity_id))
        });
        self.scope.core_state.notice = said.or(kept);
    }
}

/// An event as the next execution gets it.
fn carried(input: &Input) -> Option<CarriedEvent> {
    let EventKind::ExternalEvent { name, data } = &input.kind else {
        return None;
    };
    Some(CarriedEvent {
        name: name.clone(),
        data: data.clone(),
        message_id: input.message_id,
    })
}

/// The bytes of a start, encoded. The ids of the events that were taken go where they do not fit: the code's
/// own input has the room.
fn fitted_bytes(start: &mut Start, bytes_max: usize) -> usize {
    let bytes = encoded_bytes(start);
    if bytes <= bytes_max || start.taken.is_empty() {
        return bytes;
    }
    start.taken.clear();
    encoded_bytes(start)
}

fn encoded_bytes(start: &Start) -> usize {
    MessageBody::Start(start.clone()).encode().len()
}

/// The time that the clock shows, or the later one that was seen before, if two clocks may disagree by
/// as much. One that was further ahead was wrong, and nothing is to go by it for longer than it did.
pub(super) fn not_before(seen_ms: u64, now_ms: u64) -> u64 {
    let ahead_ms = seen_ms.saturating_sub(now_ms);
    if u128::from(ahead_ms) <= CLOCK_SKEW_MAX.as_millis() {
        now_ms + ahead_ms
    } else {
        now_ms
    }
}
