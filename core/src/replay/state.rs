//! What the engine knows of an execution between and during steps.

use std::collections::{BTreeMap, VecDeque};
use std::panic::Location;
use std::task::Waker;

use uuid::Uuid;

use super::copying::Adapted;
use super::external::{ExternalEvents, Received};
use super::failure::{Failure, Mismatch};
use super::input::Moment;
use super::journal::{Identity, TraceLevel, TraceLine};
use super::matching::{adopted, describe_decision, describe_event};
use super::refusal::{REFUSAL, Refusal, Shortage};
use super::token::{Answer, Decided, Decision, DurableOutput, TokenKind, TokenState};
use super::tokens::Tokens;
use super::values::Values;
use crate::event::{CancelAnnouncement, Entry, EventKind, FIRST_RULES, RULES};
use crate::limits::{CONTINUE_AS_NEW_BYTES, DECISIONS_PER_STEP_MAX, HISTORY_EVENTS_MAX_DEFAULT};
use crate::orchestration::{ActivityOptions, StartOptions};
use crate::unfit_input::UnfitInput;

/// The handing over to a next execution, as the code asked for it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Continuation {
    pub(super) input: String,
    pub(super) version: Option<String>,
}

/// The announcement of a cancellation, and the event that brought it.
#[derive(Debug)]
pub(super) struct Announced {
    at: u64,
    pub(super) announcement: CancelAnnouncement,
}

impl Announced {
    pub(super) fn at(at: u64, announcement: CancelAnnouncement) -> Self {
        Self { at, announcement }
    }

    fn answer(&self) -> Answer {
        let reason = self.announcement.reason.clone();
        Answer::at(self.at, DurableOutput::External(reason))
    }
}

#[derive(Debug)]
pub(super) struct State {
    pub(super) identity: Identity,
    pub(super) events_max: u64,
    pub(super) next_event_id: u64,
    pub(super) moment: Moment,
    /// In replay, the decisions that history has up to the next input.
    pub(super) recorded: Option<VecDeque<Entry>>,
    /// What live steps appended since the last harvest.
    pub(super) entries: Vec<Entry>,
    /// The options of the starts among them that have some.
    pub(super) start_options: BTreeMap<u64, StartOptions>,
    /// The options of the activities among them that have some.
    pub(super) activity_options: BTreeMap<u64, ActivityOptions>,
    pub(super) withdrawn: BTreeMap<u64, TokenKind>,
    pub(super) traces: Vec<TraceLine>,
    pub(super) tokens: Tokens,
    /// Whom to wake once the lock on this is released: a waker may run or drop the code's futures,
    /// which come back here.
    pub(super) woken: Vec<Waker>,
    pub(super) external: ExternalEvents,
    /// The cancellation that is to come, if that has been said.
    pub(super) announced: Option<Announced>,
    /// Those that the code has set, in this execution or in one before.
    pub(super) values: Values,
    pub(super) continuation: Option<Continuation>,
    pub(super) failure: Option<Failure>,
    /// Why code does not take the input.
    pub(super) unfit_input: Option<UnfitInput>,
    /// The run has ended or was evicted: what is dropped now has no meaning.
    pub(super) closed: bool,
    /// How many random values this step has drawn.
    draws: u64,
    /// How many decisions this step has made.
    pub(super) decisions: usize,
    /// How many refusals this step has recorded.
    pub(super) refusals: usize,
    /// Whether this execution has recorded any.
    pub(super) was_refused: bool,
    /// Where the round began: it reaches from an input, or from the refusal before it, to where the
    /// code is quiet.
    pub(super) round_began_at: u64,
    /// What this round is refused, if it is.
    pub(super) refusal: Option<Refusal>,
    /// Whether a replay compares inputs and outputs as well.
    pub(super) compares_inputs: bool,
    /// The cap that held when the execution began, whatever it is now.
    pub(super) first_events_max: u64,
    /// By which rules the execution decides, whatever those of today are.
    pub(super) rules: u8,
    /// Whether the step that is replayed has ended with `continue_as_new`.
    pub(super) replays_hand_over: bool,
    /// When the code goes on within the step that is replayed, if it does.
    pub(super) goes_on: Option<Moment>,
    /// Whether a replay keeps what the code says beside its decisions.
    pub(super) notes_beside: bool,
    /// What a copy has to say otherwise that is led through, if one is.
    pub(super) adapted: Option<Box<Adapted>>,
    /// The bytes of all texts in the history so far.
    pub(super) history_bytes: usize,
}

impl State {
    pub(super) fn new(identity: Identity, events_max: u64) -> Self {
        Self {
            identity,
            events_max,
            next_event_id: 1,
            moment: Moment::default(),
            recorded: None,
            entries: Vec::new(),
            start_options: BTreeMap::new(),
            activity_options: BTreeMap::new(),
            withdrawn: BTreeMap::new(),
            traces: Vec::new(),
            tokens: Tokens::default(),
            woken: Vec::new(),
            external: ExternalEvents::default(),
            announced: None,
            values: Values::default(),
            continuation: None,
            failure: None,
            unfit_input: None,
            closed: false,
            draws: 0,
            decisions: 0,
            refusals: 0,
            was_refused: false,
            round_began_at: 1,
            refusal: None,
            compares_inputs: false,
            first_events_max: HISTORY_EVENTS_MAX_DEFAULT,
            rules: RULES,
            replays_hand_over: false,
            goes_on: None,
            notes_beside: false,
            adapted: None,
            history_bytes: 0,
        }
    }

    pub(super) fn begin(&mut self, moment: Moment, recorded: Option<VecDeque<Entry>>) {
        self.moment = moment;
        self.recorded = recorded;
        self.draws = 0;
        self.decisions = 0;
        self.refusals = 0;
        self.round_began_at = self.next_event_id;
    }

    pub(super) fn is_replaying(&self) -> bool {
        self.recorded.is_some()
    }

    /// Ends the replay within a step, if its history ends there and all of it has been repeated.
    fn go_on(&mut self) {
        let is_repeated = self.recorded.as_ref().is_some_and(VecDeque::is_empty);
        if is_repeated && let Some(moment) = self.goes_on.take() {
            self.recorded = None;
            self.moment = moment;
        }
    }

    /// Whether the code may decide anything more.
    pub(super) fn is_stopped(&self) -> bool {
        self.closed || self.failure.is_some() || self.continuation.is_some()
    }

    /// Whether the code may make this decision. What is done at once is done even beside a
    /// `continue_as_new`, which does not stop code that does not await it.
    pub(super) fn may_decide(&self, decision: &Decision) -> bool {
        !self.closed
            && self.failure.is_none()
            && (self.continuation.is_none() || !decision.is_awaited())
    }

    /// Whether the execution began before there were other rules.
    pub(super) fn follows_first_rules(&self) -> bool {
        self.rules == FIRST_RULES
    }

    /// How many events there are.
    pub(super) fn history_len(&self) -> u64 {
        self.next_event_id - 1
    }

    /// Whether the history is long enough to begin a new one. It goes by the cap that held when the
    /// execution began, so that a replay under another cap says the same.
    pub(super) fn is_long(&self) -> bool {
        self.history_len() >= self.first_events_max / 4
            || self.history_bytes >= CONTINUE_AS_NEW_BYTES
    }

    /// Whether this operation is not answered yet.
    pub(super) fn is_open(&self, event_id: u64) -> bool {
        self.tokens
            .get(event_id)
            .is_some_and(|token| token.is_open())
    }

    /// Whether this activity and timers are all that is open.
    pub(super) fn waits_only_for(&self, activity_id: u64) -> bool {
        self.tokens.open().all(|(event_id, kind)| match kind {
            TokenKind::Activity => event_id == activity_id,
            TokenKind::Timer | TokenKind::Cancellation => true,
            TokenKind::Wait { .. }
            | TokenKind::TryWait { .. }
            | TokenKind::Child { .. }
            | TokenKind::System => false,
        })
    }

    /// Keeps the first failure; later ones follow from it.
    pub(super) fn fail(&mut self, failure: Failure) {
        self.failure.get_or_insert(failure);
    }

    /// Records a decision, or finds it in history.
    pub(super) fn decide(
        &mut self,
        decision: &Decision,
        location: &'static Location<'static>,
    ) -> Decided {
        self.go_on();
        if self.refusal.is_some() && decision.is_awaited() {
            return self.refuse(decision);
        }
        let event_id = self.next_event_id;
        let kind = match self.decided(event_id, decision, location) {
            Ok(kind) => kind,
            Err(Shortage::Refused(text)) => {
                self.begin_refusal(text);
                return self.refuse(decision);
            }
            Err(Shortage::Failed(failure)) => {
                self.fail(failure);
                return Decided::Stopped;
            }
        };
        self.next_event_id += 1;
        self.history_bytes += kind.text_bytes();
        self.open_token(event_id, &kind);
        if !self.is_replaying() || self.notes_beside {
            self.note_beside(event_id, decision);
        }
        if !self.is_replaying() {
            self.append(event_id, None, None, kind);
        }
        Decided::Scheduled(event_id)
    }

    /// Keeps what a decision says and its event does not.
    fn note_beside(&mut self, event_id: u64, decision: &Decision) {
        match decision {
            Decision::Child { options, .. } | Decision::Detached { options, .. } => {
                if *options != StartOptions::default() {
                    self.start_options.insert(event_id, options.clone());
                }
            }
            Decision::Activity { options, .. } => {
                if *options != ActivityOptions::default() {
                    self.activity_options.insert(event_id, options.clone());
                }
            }
            Decision::Timer { .. }
            | Decision::Wait { .. }
            | Decision::TryWait { .. }
            | Decision::Raise { .. }
            | Decision::SetValue { .. }
            | Decision::Guid
            | Decision::UtcNow => {}
        }
    }

    fn decided(
        &mut self,
        event_id: u64,
        decision: &Decision,
        location: &'static Location<'static>,
    ) -> Result<EventKind, Shortage> {
        let is_live = self.recorded.is_none();
        let mut entry = self.recorded.as_mut().and_then(VecDeque::pop_front);
        if let Some(entry) = &mut entry {
            self.adapt(event_id, decision, &mut entry.kind);
        }
        match &entry {
            Some(entry) => {
                if let EventKind::SystemCall { op, value } = &entry.kind
                    && op == REFUSAL
                    && decision.is_awaited()
                {
                    return Err(Shortage::Refused(value.clone()));
                }
            }
            // What is recorded was within the limits of its time.
            None => match self.check_room(decision) {
                // A refusal would be on record.
                Err(Shortage::Refused(_)) if !is_live => {}
                checked => checked?,
            },
        }
        self.decisions += 1;
        if is_live {
            return Ok(self.live(event_id, decision));
        }
        match entry {
            Some(entry) if adopted(&entry.kind, decision, self.compares_inputs) => Ok(entry.kind),
            other => Err(Shortage::Failed(Failure::Nondeterminism(Mismatch {
                event_id,
                recorded: other.as_ref().map_or_else(
                    || "no decision".to_owned(),
                    |entry| describe_event(&entry.kind),
                ),
                code: describe_decision(decision, other.as_ref().map(|entry| &entry.kind)),
                location: Some(location),
            }))),
        }
    }

    pub(super) fn live(&mut self, event_id: u64, decision: &Decision) -> EventKind {
        match decision.clone() {
            Decision::Activity {
                name,
                input,
                options,
            } => EventKind::ActivityScheduled {
                name,
                input,
                queue: options.queue,
            },
            Decision::Timer { delay } => EventKind::TimerCreated {
                fire_at_ms: self
                    .moment
                    .now_ms
                    .saturating_add(crate::clock::millis_ceil(delay)),
            },
            Decision::Wait { name } => EventKind::ExternalSubscribed { name },
            Decision::TryWait { name } => EventKind::ExternalTried { name },
            Decision::Child {
                name,
                input,
                options,
            } => EventKind::SubOrchestrationScheduled {
                name,
                instance: self.identity.child_instance(event_id),
                input,
                queue: options.queue,
            },
            Decision::Detached {
                name,
                instance,
                input,
                options,
            } => EventKind::OrchestrationChained {
                name,
                instance,
                input,
                queue: options.queue,
            },
            Decision::Raise {
                instance,
                name,
                data,
            } => EventKind::ExternalEventRaised {
                instance,
                name,
                data,
            },
            Decision::SetValue { key, value } => EventKind::ValueSet { key, value },
            Decision::Guid => EventKind::SystemCall {
                op: "guid".to_owned(),
                value: self.draw().to_string(),
            },
            Decision::UtcNow => EventKind::SystemCall {
                op: "utcnow_ms".to_owned(),
                value: self.moment.now_ms.to_string(),
            },
        }
    }

    fn draw(&mut self) -> Uuid {
        let namespace = Uuid::from_u128(self.moment.seed);
        let drawn = Uuid::new_v5(&namespace, &self.draws.to_le_bytes());
        self.draws += 1;
        uuid::Builder::from_random_bytes(drawn.into_bytes()).into_uuid()
    }

    fn open_token(&mut self, event_id: u64, kind: &EventKind) {
        let kind = match kind {
            EventKind::ActivityScheduled { .. } => TokenKind::Activity,
            EventKind::TimerCreated { .. } => TokenKind::Timer,
            EventKind::ExternalSubscribed { name } => TokenKind::Wait {
                name: name.as_str().into(),
            },
            EventKind::ExternalTried { name } => TokenKind::TryWait {
                name: name.as_str().into(),
            },
            EventKind::SubOrchestrationScheduled { instance, .. } => TokenKind::Child {
                instance: instance.as_str().into(),
            },
            EventKind::SystemCall { value, .. } => {
                self.tokens.insert(event_id, TokenKind::System);
                let output = DurableOutput::Activity(Ok(value.clone()));
                return self.resolve(event_id, Answer::at(event_id, output));
            }
            EventKind::ValueSet { key, value } => return self.values.put(key, value.clone()),
            // A detached start and an event for somebody else are never answered.
            EventKind::OrchestrationChained { .. } | EventKind::ExternalEventRaised { .. } => {
                return;
            }
            // The others are no decisions.
            EventKind::OrchestrationStarted { .. }
            | EventKind::OrchestrationCompleted { .. }
            | EventKind::OrchestrationFailed { .. }
            | EventKind::OrchestrationContinuedAsNew { .. }
            | EventKind::OrchestrationCancelRequested { .. }
            | EventKind::OrchestrationCancelAnnounced { .. }
            | EventKind::ExternalAbsent { .. }
            | EventKind::ActivityCompleted { .. }
            | EventKind::ActivityFailed { .. }
            | EventKind::TimerFired { .. }
            | EventKind::ExternalEvent { .. }
            | EventKind::SubOrchestrationCompleted { .. }
            | EventKind::SubOrchestrationFailed { .. } => return,
        };
        let received = match &kind {
            TokenKind::Wait { name } => self.external.subscribe(name, event_id),
            TokenKind::TryWait { name } => self.external.subscribe_at_once(name, event_id),
            TokenKind::Activity
            | TokenKind::Timer
            | TokenKind::Child { .. }
            | TokenKind::Cancellation
            | TokenKind::System => None,
        };
        self.tokens.insert(event_id, kind);
        if let Some(Received {
            event_id: at, data, ..
        }) = received
        {
            self.resolve(event_id, Answer::at(at, DurableOutput::External(data)));
        }
    }

    /// A token for whoever wants to hear of a cancellation that is announced, which is answered by that
    /// event, whether it has been or is yet to come.
    pub(super) fn listen_for_cancellation(&mut self) -> Decided {
        // It is no event, so that no cap would stop code that asks without an end.
        self.decisions += 1;
        if self.decisions > DECISIONS_PER_STEP_MAX {
            self.fail(Failure::StepFull {
                decisions_max: DECISIONS_PER_STEP_MAX,
            });
            return Decided::Stopped;
        }
        let id = self.tokens.insert_without_event(TokenKind::Cancellation);
        if let Some(answer) = self.announced.as_ref().map(Announced::answer) {
            self.resolve(id, answer);
        }
        Decided::Scheduled(id)
    }

    /// A cancellation is announced, if it is: tells whoever listens.
    pub(super) fn announce(&mut self, announced: Option<Announced>) {
        let Some(announced) = announced else { return };
        let listening: Vec<u64> = self
            .tokens
            .open()
            .filter(|(_, kind)| **kind == TokenKind::Cancellation)
            .map(|(id, _)| id)
            .collect();
        for id in listening {
            self.resolve(id, announced.answer());
        }
        self.announced = Some(announced);
    }

    /// Gives an operation its answer.
    pub(super) fn resolve(&mut self, event_id: u64, answer: Answer) {
        self.woken.extend(self.tokens.resolve(event_id, answer));
    }

    /// Gives a resolved operation's answer to its future.
    pub(super) fn take(&mut self, event_id: u64) -> Option<Answer> {
        let token = self.tokens.remove(event_id)?;
        if let TokenKind::Wait { name } | TokenKind::TryWait { name } = &token.kind {
            self.external.observe(name, event_id);
        }
        match token.state {
            TokenState::Resolved(answer) => Some(answer),
            TokenState::Open(_) => None,
        }
    }

    /// The operation's future was dropped.
    pub(super) fn abandon(&mut self, event_id: u64) {
        if self.closed {
            return;
        }
        let Some(token) = self.tokens.remove(event_id) else {
            return;
        };
        if let TokenKind::Wait { name } | TokenKind::TryWait { name } = &token.kind {
            if let Some((next, received)) = self.external.abandon(name, event_id) {
                let output = DurableOutput::External(received.data);
                self.resolve(next, Answer::at(received.event_id, output));
            }
        } else if token.is_open() && token.kind.is_withdrawn() && !self.is_replaying() {
            self.withdrawn.insert(event_id, token.kind);
        }
    }

    /// Appends the terminal event and withdraws all that is still open.
    pub(super) fn close(&mut self, terminal: EventKind) {
        self.closed = true;
        self.go_on();
        if self.is_replaying() {
            return;
        }
        let event_id = self.next_event_id;
        self.next_event_id += 1;
        self.append(event_id, None, None, terminal);
        let open = self.tokens.take_open();
        // The engine has withdrawn what it answers by itself.
        self.withdrawn
            .extend(open.filter(|(_, kind)| kind.is_withdrawn()));
    }

    pub(super) fn append(
        &mut self,
        event_id: u64,
        source_event_id: Option<u64>,
        message_id: Option<Uuid>,
        kind: EventKind,
    ) {
        let timestamp_ms = self.moment.now_ms;
        if event_id == nearly_full_at(self.events_max) && !kind.is_terminal() {
            self.traces.push(nearly_full(event_id, self.events_max));
        }
        self.entries.push(Entry {
            event_id,
            source_event_id,
            timestamp_ms,
            message_id,
            kind,
        });
    }
}

/// The event that fills four fifths of a history. It is recorded once in an execution, so the
/// warning comes once.
fn nearly_full_at(events_max: u64) -> u64 {
    events_max - events_max / 5
}

fn nearly_full(event_id: u64, events_max: u64) -> TraceLine {
    TraceLine {
        level: TraceLevel::Warn,
        message: format!(
            "the history has {event_id} of at most {events_max} events; use continue_as_new, as \
             ctx.should_continue_as_new() suggests, before it is full"
        ),
    }
}
