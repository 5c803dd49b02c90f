//! A store, the nodes at work on it and a client, in one place.

use std::time::Duration;

use duroxide_core::providers::Durability;
use duroxide_core::{Client, ErrorDetails, Event, EventKind, OrchestrationStatus};

use super::code::{Code, Registered};
use super::flow::{self, Flow};
use super::node::{Habits, Node};
use super::{history, until, within};
use crate::fixture::Pace;
use crate::support::Cx;

/// Longer than the store's time that any scenario takes: what ends a wait in vain is real time.
const FOR_EVER: Duration = Duration::from_hours(24);

/// Through how many handles two processes reach one store.
#[derive(Debug, Clone, Copy)]
pub(crate) enum Handles {
    /// They share one, as two runtimes within one program do.
    One,
    /// Each has its own.
    Two,
}

impl Handles {
    /// What the store offers: one always, two where several processes may work on it.
    pub(crate) fn offered_by(cx: &Cx) -> &'static [Self] {
        if cx.provider().capabilities().multi_process {
            &[Self::One, Self::Two]
        } else {
            &[Self::One]
        }
    }
}

/// A store, the code that its nodes run, and a client. Time passes while it lives.
pub(crate) struct World {
    pub(crate) client: Client,
    cx: Cx,
    code: Registered,
    flow: Flow,
}

impl World {
    /// A store on which no node works yet.
    pub(crate) fn open(cx: &Cx, code: Code) -> Self {
        Self::on(cx.clone(), code.register(), Flow::of(cx))
    }

    /// A store with one node.
    pub(crate) async fn with_node(cx: &Cx, code: Code) -> (Self, Node) {
        let world = Self::open(cx, code);
        let node = world.node().await;
        (world, node)
    }

    fn on(cx: Cx, code: Registered, flow: Flow) -> Self {
        Self {
            client: Client::with_clock(cx.shared_provider(), cx.clock()),
            cx,
            code,
            flow,
        }
    }

    /// Starts a node.
    pub(crate) async fn node(&self) -> Node {
        self.node_with(|_| {}).await
    }

    /// Starts a node with other habits.
    pub(crate) async fn node_with(&self, change: impl FnOnce(&mut Habits)) -> Node {
        let mut habits = Habits::of(&self.cx);
        change(&mut habits);
        Node::start(&self.cx, self.code.clone(), habits).await
    }

    /// Starts a node that runs other code than the world's, through the world's own handle.
    pub(crate) async fn node_of(&self, code: Code, change: impl FnOnce(&mut Habits)) -> Node {
        let mut habits = Habits::of(&self.cx);
        change(&mut habits);
        Node::start(&self.cx, code.register(), habits).await
    }

    /// Starts a node beside another.
    pub(crate) async fn further_node(
        &self,
        handles: Handles,
        change: impl FnOnce(&mut Habits),
    ) -> Node {
        let cx = match handles {
            Handles::One => self.cx.clone(),
            Handles::Two => self.cx.connect().await,
        };
        let mut habits = Habits::of(&cx);
        change(&mut habits);
        Node::start(&cx, self.code.clone(), habits).await
    }

    /// What is left after the end of the only process, whose nodes were killed: a durable store is
    /// opened again; what is volatile can only be shared by the next node.
    ///
    /// The handle must be this world's own, which that of a twin is.
    pub(crate) async fn after_a_crash(self) -> Self {
        let Self {
            client,
            cx,
            code,
            flow,
        } = self;
        drop(client);
        let durability = cx.provider().capabilities().durability;
        let cx = if durability > Durability::Volatile {
            cx.crash().await
        } else {
            cx
        };
        Self::on(cx, code, flow)
    }

    /// Lets this much of the store's time pass.
    pub(crate) async fn pass(&self, time: Duration) {
        flow::pass(&self.cx, time).await;
    }

    /// Starts an instance.
    pub(crate) async fn begin(&self, instance: &str, orchestration: &str, input: &str) {
        let started = self
            .client
            .start_orchestration(instance, orchestration, input)
            .await;
        started.expect("the store takes the start");
    }

    /// Raises an event.
    pub(crate) async fn raise(&self, instance: &str, name: &str, data: &str) {
        let raised = self.client.raise_event(instance, name, data).await;
        raised.expect("the instance is there");
    }

    /// Cancels an instance.
    pub(crate) async fn cancel(&self, instance: &str) {
        let cancelled = self.client.cancel_instance(instance, "enough").await;
        cancelled.expect("the instance is there");
    }

    /// Starts an instance and answers what it returned.
    pub(crate) async fn run(&self, instance: &str, orchestration: &str, input: &str) -> String {
        self.begin(instance, orchestration, input).await;
        self.output(instance).await
    }

    /// How an instance ended. Its history is checked.
    pub(crate) async fn end(&self, instance: &str) -> OrchestrationStatus {
        let ended = self.client.wait_for_orchestration(instance, FOR_EVER);
        let ended = within(instance, ended).await.expect("the wait succeeds");
        let history = self.history(instance).await;
        let is_over = history.last().is_some_and(Event::is_terminal);
        assert!(is_over, "{instance} ended without an event that says so");
        ended
    }

    /// What an instance returned.
    pub(crate) async fn output(&self, instance: &str) -> String {
        let ended = self.end(instance).await;
        if let OrchestrationStatus::Completed { output } = ended {
            return output;
        }
        panic!("{instance} did not complete: {ended:?}")
    }

    /// Why an instance failed.
    pub(crate) async fn failure(&self, instance: &str) -> ErrorDetails {
        let ended = self.end(instance).await;
        if let OrchestrationStatus::Failed { details } = ended {
            return details;
        }
        panic!("{instance} did not fail: {ended:?}")
    }

    /// The history of an instance's current execution, checked.
    pub(crate) async fn history(&self, instance: &str) -> Vec<Event> {
        let info = self.client.get_instance_info(instance).await;
        let execution = info.expect("the instance is there").current_execution_id;
        self.history_of(instance, execution).await
    }

    /// The history of one execution, checked.
    pub(crate) async fn history_of(&self, instance: &str, execution: u64) -> Vec<Event> {
        let history = self.client.read_execution_history(instance, execution);
        let history = history.await.expect("a history can be read");
        let speedup = match self.cx.pace() {
            Pace::Virtual => 0,
            Pace::Real { speedup } => speedup,
        };
        history::check(&history, speedup);
        history
    }

    /// How an instance stands.
    pub(crate) async fn status(&self, instance: &str) -> OrchestrationStatus {
        let status = self.client.get_orchestration_status(instance).await;
        status.expect("the store answers")
    }

    /// Waits until an instance has decided or learnt something.
    pub(crate) async fn reaches(&self, instance: &str, is_it: impl Fn(&EventKind) -> bool + Sync) {
        let look = async || {
            let history = self.history(instance).await;
            history.iter().any(|event| is_it(&event.kind)).then_some(())
        };
        until(instance, look).await;
    }

    /// The id of the child that an instance scheduled first.
    pub(crate) async fn child_of(&self, instance: &str) -> String {
        let look = async || {
            let history = self.history(instance).await;
            history.into_iter().find_map(|event| {
                let EventKind::SubOrchestrationScheduled { instance, .. } = event.kind else {
                    return None;
                };
                Some(instance)
            })
        };
        let child = until("a child", look).await;
        self.is_there(&child).await;
        child
    }

    /// Waits until an instance is there: the start of a child may arrive after the turn that sends it.
    pub(crate) async fn is_there(&self, instance: &str) {
        let look = async || self.client.get_instance_info(instance).await.ok();
        until(instance, look).await;
    }

    /// Waits until an instance is in this execution.
    pub(crate) async fn is_in_execution(&self, instance: &str, execution: u64) {
        let look = async || {
            let info = self.client.get_instance_info(instance).await;
            let current = info.expect("it is there").current_execution_id;
            (current == execution).then_some(())
        };
        until(instance, look).await;
    }

    /// Waits until an instance waits for this event.
    pub(crate) async fn waits_for(&self, instance: &str, event: &str) {
        let is_wait = |kind: &EventKind| matches!(kind, EventKind::ExternalSubscribed { name } if name == event);
        self.reaches(instance, is_wait).await;
    }
}
