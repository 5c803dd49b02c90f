//! What the engine knows of an execution between and during steps.

use std::collections::{BTreeMap, VecDeque};
use std::panic::Location;
use std::task::Waker;

use uuid::Uuid;

use super::external::{ExternalEvents, Received};
use super::failure::{Failure, Mismatch};
use super::input::{Input, Moment};
use super::journal::{Identity, TraceLine};
use super::matching::{adopted, describe_decision, describe_event};
use super::token::{Decision, DurableOutput, Token, TokenKind, TokenState};
use crate::event::{Entry, EventKind};
use crate::limits::DECISIONS_PER_STEP_MAX;

/// The handing over to a next execution, as the code asked for it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Continuation {
    pub(super) input: String,
    pub(super) version: Option<String>,
}

/// What became of an input.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Accepted {
    /// It is an event; the code must see it.
    Recorded,
    /// Nobody waits for it (any more).
    Ignored,
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
    /// The versions asked for by the starts among them.
    pub(super) versions: BTreeMap<u64, String>,
    pub(super) withdrawn: BTreeMap<u64, TokenKind>,
    pub(super) traces: Vec<TraceLine>,
    pub(super) tokens: BTreeMap<u64, Token>,
    /// Whom to wake once the lock on this is released: a waker may run or drop the code's futures,
    /// which come back here.
    pub(super) woken: Vec<Waker>,
    pub(super) external: ExternalEvents,
    pub(super) continuation: Option<Continuation>,
    pub(super) failure: Option<Failure>,
    /// The run has ended or was evicted: what is dropped now has no meaning.
    pub(super) closed: bool,
    /// How many random values this step has drawn.
    draws: u64,
    /// How many decisions this step has made.
    decisions: usize,
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
            versions: BTreeMap::new(),
            withdrawn: BTreeMap::new(),
            traces: Vec::new(),
            tokens: BTreeMap::new(),
            woken: Vec::new(),
            external: ExternalEvents::default(),
            continuation: None,
            failure: None,
            closed: false,
            draws: 0,
            decisions: 0,
        }
    }

    pub(super) fn begin(&mut self, moment: Moment, recorded: Option<VecDeque<Entry>>) {
        self.moment = moment;
        self.recorded = recorded;
        self.draws = 0;
        self.decisions = 0;
    }

    pub(super) fn is_replaying(&self) -> bool {
        self.recorded.is_some()
    }

    /// Whether the code may decide anything more.
    pub(super) fn is_stopped(&self) -> bool {
        self.closed || self.failure.is_some() || self.continuation.is_some()
    }

    /// What is not answered yet, the latest first: of many that are answered one after another, that
    /// is where the open ones are.
    pub(super) fn open(&self) -> impl Iterator<Item = (u64, &TokenKind)> {
        let tokens = self.tokens.iter().rev();
        tokens
            .filter(|(_, token)| token.is_open())
            .map(|(event_id, token)| (*event_id, &token.kind))
    }

    /// Whether this operation is not answered yet.
    pub(super) fn is_open(&self, event_id: u64) -> bool {
        self.tokens.get(&event_id).is_some_and(Token::is_open)
    }

    /// Whether this activity and timers are all that is open.
    pub(super) fn waits_only_for(&self, activity_id: u64) -> bool {
        self.open().all(|(event_id, kind)| match kind {
            TokenKind::Activity => event_id == activity_id,
            TokenKind::Timer => true,
            TokenKind::Wait { .. } | TokenKind::Child { .. } | TokenKind::System => false,
        })
    }

    /// Keeps the first failure; later ones follow from it.
    pub(super) fn fail(&mut self, failure: Failure) {
        self.failure.get_or_insert(failure);
    }

    /// Records a decision, or finds it in history. `None` if the run cannot go on.
    pub(super) fn decide(
        &mut self,
        decision: &Decision,
        location: &'static Location<'static>,
    ) -> Option<u64> {
        let event_id = self.next_event_id;
        let kind = match self.decided(event_id, decision, location) {
            Ok(kind) => kind,
            Err(failure) => {
                self.fail(failure);
                return None;
            }
        };
        self.next_event_id += 1;
        self.open_token(event_id, &kind);
        if !self.is_replaying() {
            if let Decision::Child {
                version: Some(version),
                ..
            }
            | Decision::Detached {
                version: Some(version),
                ..
            } = decision
            {
                self.versions.insert(event_id, version.clone());
            }
            self.append(event_id, None, None, kind);
        }
        Some(event_id)
    }

    /// Whether there may be another decision.
    fn check_room(&self, event_id: u64) -> Result<(), Failure> {
        if event_id >= self.events_max {
            return Err(Failure::HistoryFull {
                events_max: self.events_max,
            });
        }
        if self.decisions >= DECISIONS_PER_STEP_MAX {
            return Err(Failure::StepFull {
                decisions_max: DECISIONS_PER_STEP_MAX,
            });
        }
        Ok(())
    }

    fn decided(
        &mut self,
        event_id: u64,
        decision: &Decision,
        location: &'static Location<'static>,
    ) -> Result<EventKind, Failure> {
        let is_live = self.recorded.is_none();
        let entry = self.recorded.as_mut().and_then(VecDeque::pop_front);
        // What is recorded was within the limits of its time.
        if entry.is_none() {
            self.check_room(event_id)?;
        }
        self.decisions += 1;
        if is_live {
            return Ok(self.live(event_id, decision));
        }
        let child_instance = self.identity.child_instance(event_id);
        match entry {
            Some(entry) if adopted(&entry.kind, decision, &child_instance) => Ok(entry.kind),
            other => Err(Failure::Nondeterminism(Mismatch {
                event_id,
                recorded: other.as_ref().map_or_else(
                    || "no decision".to_owned(),
                    |entry| describe_event(&entry.kind),
                ),
                code: describe_decision(decision, other.as_ref().map(|entry| &entry.kind)),
                location: Some(location),
            })),
        }
    }

    fn live(&mut self, event_id: u64, decision: &Decision) -> EventKind {
        match decision.clone() {
            Decision::Activity { name, input } => EventKind::ActivityScheduled { name, input },
            Decision::Timer { delay } => EventKind::TimerCreated {
                fire_at_ms: self
                    .moment
                    .now_ms
                    .saturating_add(crate::clock::millis_ceil(delay)),
            },
            Decision::Wait { name } => EventKind::ExternalSubscribed { name },
            Decision::Child { name, input, .. } => EventKind::SubOrchestrationScheduled {
                name,
                instance: self.identity.child_instance(event_id),
                input,
            },
            Decision::Detached {
                name,
                instance,
                input,
                ..
            } => EventKind::OrchestrationChained {
                name,
                instance,
                input,
            },
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
            EventKind::ExternalSubscribed { name } => TokenKind::Wait { name: name.clone() },
            EventKind::SubOrchestrationScheduled { instance, .. } => TokenKind::Child {
                instance: instance.clone(),
            },
            EventKind::SystemCall { value, .. } => {
                let output = DurableOutput::Activity(Ok(value.clone()));
                self.tokens.insert(event_id, Token::open(TokenKind::System));
                return self.resolve(event_id, event_id, output);
            }
            // A detached start is never answered.
            EventKind::OrchestrationChained { .. } => return,
            // The others are no decisions.
            EventKind::OrchestrationStarted { .. }
            | EventKind::OrchestrationCompleted { .. }
            | EventKind::OrchestrationFailed { .. }
            | EventKind::OrchestrationContinuedAsNew { .. }
            | EventKind::OrchestrationCancelRequested { .. }
            | EventKind::ActivityCompleted { .. }
            | EventKind::ActivityFailed { .. }
            | EventKind::TimerFired { .. }
            | EventKind::ExternalEvent { .. }
            | EventKind::SubOrchestrationCompleted { .. }
            | EventKind::SubOrchestrationFailed { .. } => return,
        };
        let received = if let TokenKind::Wait { name } = &kind {
            self.external.subscribe(name, event_id)
        } else {
            None
        };
        self.tokens.insert(event_id, Token::open(kind));
        if let Some(Received {
            event_id: at, data, ..
        }) = received
        {
            self.resolve(event_id, at, DurableOutput::External(data));
        }
    }

    /// Gives an operation its answer, which the event at this place in history is.
    fn resolve(&mut self, event_id: u64, at: u64, output: DurableOutput) {
        if let Some(token) = self.tokens.get_mut(&event_id) {
            self.woken.extend(token.resolve(at, output));
        }
    }

    /// Takes in an input: live, as a new event; in replay, as the event that history has.
    pub(super) fn accept(&mut self, input: &Input) -> Accepted {
        let event_id = self.next_event_id;
        let accepted = self.resolve_for(event_id, input);
        if accepted == Accepted::Recorded {
            self.next_event_id += 1;
            if !self.is_replaying() {
                self.append(
                    event_id,
                    input.source_event_id,
                    input.message_id,
                    input.kind.clone(),
                );
            }
        }
        accepted
    }

    fn resolve_for(&mut self, event_id: u64, input: &Input) -> Accepted {
        if !self.is_replaying() && !self.is_wanted(input) {
            return Accepted::Ignored;
        }
        if !self.is_replaying() && event_id >= self.events_max {
            self.fail(Failure::HistoryFull {
                events_max: self.events_max,
            });
            return Accepted::Ignored;
        }
        let output = match &input.kind {
            EventKind::ActivityCompleted { result } => DurableOutput::Activity(Ok(result.clone())),
            EventKind::ActivityFailed { details } => {
                DurableOutput::Activity(Err(details.display_message()))
            }
            EventKind::TimerFired { .. } => DurableOutput::Timer,
            EventKind::SubOrchestrationCompleted { result } => {
                DurableOutput::SubOrchestration(Ok(result.clone()))
            }
            EventKind::SubOrchestrationFailed { details } => {
                DurableOutput::SubOrchestration(Err(details.display_message()))
            }
            EventKind::ExternalEvent { name, data } => {
                self.receive(event_id, name, data, input.message_id);
                return Accepted::Recorded;
            }
            EventKind::OrchestrationStarted { .. }
            | EventKind::OrchestrationCancelRequested { .. } => return Accepted::Recorded,
            // The others are no inputs; nobody gives them to the engine.
            EventKind::OrchestrationCompleted { .. }
            | EventKind::OrchestrationFailed { .. }
            | EventKind::OrchestrationContinuedAsNew { .. }
            | EventKind::OrchestrationChained { .. }
            | EventKind::ActivityScheduled { .. }
            | EventKind::TimerCreated { .. }
            | EventKind::ExternalSubscribed { .. }
            | EventKind::SubOrchestrationScheduled { .. }
            | EventKind::SystemCall { .. } => return Accepted::Ignored,
        };
        if self.answers_open_token(input) {
            if let Some(source) = input.source_event_id {
                self.resolve(source, event_id, output);
            }
            return Accepted::Recorded;
        }
        self.fail(Failure::Nondeterminism(Mismatch {
            event_id,
            recorded: describe_event(&input.kind),
            code: "nothing that this answers".to_owned(),
            location: None,
        }));
        Accepted::Ignored
    }

    /// Whether a live input is news: its token is open, or its event was not here before. An
    /// answer to a decision that was never taken is let through, and fails the run.
    fn is_wanted(&mut self, input: &Input) -> bool {
        match (&input.kind, input.source_event_id) {
            (EventKind::ExternalEvent { .. }, _) => self.external.is_new(input.message_id),
            (_, Some(source)) => source >= self.next_event_id || self.answers_open_token(input),
            (_, None) => true,
        }
    }

    fn answers_open_token(&self, input: &Input) -> bool {
        let token = input.source_event_id.and_then(|id| self.tokens.get(&id));
        token.is_some_and(|token| {
            token.is_open()
                && matches!(
                    (&token.kind, &input.kind),
                    (
                        TokenKind::Activity,
                        EventKind::ActivityCompleted { .. } | EventKind::ActivityFailed { .. }
                    ) | (TokenKind::Timer, EventKind::TimerFired { .. })
                        | (
                            TokenKind::Child { .. },
                            EventKind::SubOrchestrationCompleted { .. }
                                | EventKind::SubOrchestrationFailed { .. }
                        )
                )
        })
    }

    fn receive(&mut self, event_id: u64, name: &str, data: &str, message_id: Option<Uuid>) {
        if self.is_replaying() {
            self.external.is_new(message_id);
        }
        let received = Received {
            event_id,
            data: data.to_owned(),
            message_id,
        };
        if let Some(wait) = self.external.receive(name, received) {
            self.resolve(wait, event_id, DurableOutput::External(data.to_owned()));
        }
    }

    /// Gives a resolved operation's answer to its future.
    pub(super) fn take(&mut self, event_id: u64) -> Option<DurableOutput> {
        let token = self.tokens.remove(&event_id)?;
        if let TokenKind::Wait { name } = &token.kind {
            self.external.observe(name, event_id);
        }
        match token.state {
            TokenState::Resolved { output, .. } => Some(output),
            TokenState::Open(_) => None,
        }
    }

    /// The operation's future was dropped.
    pub(super) fn abandon(&mut self, event_id: u64) {
        if self.closed {
            return;
        }
        let Some(token) = self.tokens.remove(&event_id) else {
            return;
        };
        if let TokenKind::Wait { name } = &token.kind {
            if let Some((next, received)) = self.external.abandon(name, event_id) {
                let output = DurableOutput::External(received.data);
                self.resolve(next, received.event_id, output);
            }
        } else if token.is_open() && !self.is_replaying() {
            self.withdrawn.insert(event_id, token.kind);
        }
    }

    /// Appends the terminal event and withdraws all that is still open.
    pub(super) fn close(&mut self, terminal: EventKind) {
        self.closed = true;
        if self.is_replaying() {
            return;
        }
        let event_id = self.next_event_id;
        self.next_event_id += 1;
        self.append(event_id, None, None, terminal);
        for (event_id, token) in std::mem::take(&mut self.tokens) {
            if token.is_open() {
                self.withdrawn.insert(event_id, token.kind);
            }
        }
    }

    fn append(
        &mut self,
        event_id: u64,
        source_event_id: Option<u64>,
        message_id: Option<Uuid>,
        kind: EventKind,
    ) {
        let timestamp_ms = self.moment.now_ms;
        self.entries.push(Entry {
            event_id,
            source_event_id,
            timestamp_ms,
            message_id,
            kind,
        });
    }
}
