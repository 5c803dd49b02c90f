//! A bench to run code on: live, replayed from any prefix, and compared.

use std::future::Future;
use std::sync::Arc;

use uuid::Uuid;

use crate::event::{Entry, ErrorDetails, EventKind, Started};
use crate::orchestration::OrchestrationContext;
use crate::replay::{End, Engine, Failure, Harvest, Identity, Input, Journal, Moment, Root};

pub(super) const EVENTS_MAX: u64 = 1_024;
const INCARNATION: Uuid = Uuid::from_u128(0x0011_2233_4455_6677_8899_aabb_ccdd_eeff);

type Code = Arc<dyn Fn(OrchestrationContext) -> Root + Send + Sync>;

/// One execution of some code, with the history that it wrote.
pub(super) struct Bench {
    code: Code,
    pub(super) engine: Engine,
    pub(super) history: Vec<Entry>,
    pub(super) last: Harvest,
    now_ms: u64,
    events_max: u64,
}

/// The start of the code that is run here, without anything of its own.
pub(super) fn start_of_code() -> Started {
    Started {
        name: "Code",
        version: "1.0.0",
        ..Started::default()
    }
}

impl Bench {
    /// Starts the code.
    pub(super) fn start<F, Fut>(code: F) -> Self
    where
        F: Fn(OrchestrationContext) -> Fut + Send + Sync + 'static,
        Fut: Future<Output = Result<String, String>> + Send + 'static,
    {
        Self::start_capped(EVENTS_MAX, code)
    }

    /// Starts the code with another cap on its history.
    pub(super) fn start_capped<F, Fut>(events_max: u64, code: F) -> Self
    where
        F: Fn(OrchestrationContext) -> Fut + Send + Sync + 'static,
        Fut: Future<Output = Result<String, String>> + Send + 'static,
    {
        let code: Code = Arc::new(move |ctx| Box::pin(code(ctx)));
        let engine = fresh(&code, events_max);
        let mut bench = Self {
            code,
            engine,
            history: Vec::new(),
            last: Harvest::default(),
            now_ms: 1_000,
            events_max,
        };
        bench.input(Input::new(EventKind::from(start_of_code())));
        bench
    }

    /// Goes on with an execution that another node has begun: its events, each with the one that it
    /// answers, or 0.
    pub(super) fn resume<F, Fut>(events: Vec<(u64, EventKind)>, code: F) -> Self
    where
        F: Fn(OrchestrationContext) -> Fut + Send + Sync + 'static,
        Fut: Future<Output = Result<String, String>> + Send + 'static,
    {
        Self::try_resume(events, code).expect("the code does what history says")
    }

    /// The same, unless the code does not do what the history says.
    pub(super) fn try_resume<F, Fut>(
        events: Vec<(u64, EventKind)>,
        code: F,
    ) -> Result<Self, Failure>
    where
        F: Fn(OrchestrationContext) -> Fut + Send + Sync + 'static,
        Fut: Future<Output = Result<String, String>> + Send + 'static,
    {
        let code: Code = Arc::new(move |ctx| Box::pin(code(ctx)));
        let entry = |(event_id, (source, kind)): (u64, (u64, EventKind))| Entry {
            event_id,
            source_event_id: (source > 0).then_some(source),
            timestamp_ms: 1_000,
            message_id: None,
            kind,
        };
        let mut bench = Self {
            engine: fresh(&code, EVENTS_MAX),
            code,
            history: (1..).zip(events).map(entry).collect(),
            last: Harvest::default(),
            now_ms: 1_000,
            events_max: EVENTS_MAX,
        };
        bench.engine = bench.replayed()?;
        Ok(bench)
    }

    /// Takes one live step, and checks that a replay of all that is recorded agrees.
    pub(super) fn input(&mut self, input: Input) -> &mut Self {
        self.now_ms += 10;
        let seed = u128::from(self.now_ms);
        self.engine.step(
            &input,
            Moment {
                now_ms: self.now_ms,
                seed,
            },
        );
        self.last = self.engine.harvest();
        self.history.extend(self.last.entries.iter().cloned());
        let repeats =
            |failure: &Failure| !failure.is_from_outside() && !failure.is_nondeterminism();
        if self.engine.failure().is_none_or(repeats) {
            self.replayed()
                .expect("a replay does what the live run did");
        }
        self
    }

    pub(super) fn activity(&mut self, id: u64, result: &str) -> &mut Self {
        let result = result.to_owned();
        self.input(Input::answering(
            id,
            EventKind::ActivityCompleted { result },
        ))
    }

    pub(super) fn timer(&mut self, id: u64) -> &mut Self {
        self.input(Input::answering(
            id,
            EventKind::TimerFired { fire_at_ms: 0 },
        ))
    }

    pub(super) fn child(&mut self, id: u64, result: &str) -> &mut Self {
        let result = result.to_owned();
        self.input(Input::answering(
            id,
            EventKind::SubOrchestrationCompleted { result },
        ))
    }

    pub(super) fn event(&mut self, name: &str, data: &str) -> &mut Self {
        let kind = EventKind::ExternalEvent {
            name: name.to_owned(),
            data: data.to_owned(),
        };
        self.input(Input::new(kind))
    }

    pub(super) fn activity_failed(&mut self, id: u64, details: ErrorDetails) -> &mut Self {
        self.input(Input::answering(id, EventKind::ActivityFailed { details }))
    }

    /// A fresh engine that has replayed the history so far, inputs and outputs compared.
    pub(super) fn replayed(&self) -> Result<Engine, Failure> {
        self.replayed_under(self.events_max)
    }

    /// The same under another cap.
    pub(super) fn replayed_under(&self, events_max: u64) -> Result<Engine, Failure> {
        let mut engine = fresh(&self.code, events_max);
        engine.compare_inputs();
        engine.replay(self.history.clone())?;
        Ok(engine)
    }

    /// Goes on with an engine that was replayed, as a node does that has it cold.
    pub(super) fn go_cold(&mut self) -> &mut Self {
        self.engine = self
            .replayed()
            .expect("a replay does what the live run did");
        self
    }

    /// Goes on under another cap, as after a deployment.
    pub(super) fn go_cold_under(&mut self, events_max: u64) -> &mut Self {
        self.events_max = events_max;
        self.go_cold()
    }

    /// A replay of this history by other code.
    pub(super) fn replayed_by<F, Fut>(&self, code: F) -> Result<Engine, Failure>
    where
        F: Fn(OrchestrationContext) -> Fut + Send + Sync + 'static,
        Fut: Future<Output = Result<String, String>> + Send + 'static,
    {
        self.compared_with(code, false)
    }

    /// The same, with inputs and outputs compared if that is asked for.
    pub(super) fn compared_with<F, Fut>(
        &self,
        code: F,
        compares_inputs: bool,
    ) -> Result<Engine, Failure>
    where
        F: Fn(OrchestrationContext) -> Fut + Send + Sync + 'static,
        Fut: Future<Output = Result<String, String>> + Send + 'static,
    {
        let code: Code = Arc::new(move |ctx| Box::pin(code(ctx)));
        let mut engine = fresh(&code, self.events_max);
        if compares_inputs {
            engine.compare_inputs();
        }
        engine.replay(self.history.clone())?;
        Ok(engine)
    }

    /// A fresh engine for this code.
    pub(super) fn engine_of<F, Fut>(code: F) -> Engine
    where
        F: Fn(OrchestrationContext) -> Fut + Send + Sync + 'static,
        Fut: Future<Output = Result<String, String>> + Send + 'static,
    {
        let code: Code = Arc::new(move |ctx| Box::pin(code(ctx)));
        fresh(&code, EVENTS_MAX)
    }

    pub(super) fn kinds(&self) -> Vec<&EventKind> {
        self.history.iter().map(|entry| &entry.kind).collect()
    }

    pub(super) fn output(&self) -> &str {
        match self.engine.end() {
            Some(End::Completed { output }) => output,
            other => panic!("not completed: {other:?}"),
        }
    }

    pub(super) fn failure(&self) -> &ErrorDetails {
        match self.engine.end() {
            Some(End::Failed { details }) => details,
            other => panic!("not failed: {other:?}"),
        }
    }
}

fn fresh(code: &Code, events_max: u64) -> Engine {
    let identity = Identity {
        instance: "i".to_owned(),
        incarnation: INCARNATION,
        execution: 1,
        orchestration: "Code".to_owned(),
        version: "1.0.0".to_owned(),
    };
    let journal = Journal::new(identity, events_max);
    let root = code(OrchestrationContext::on(&journal));
    Engine::new(journal, root)
}
