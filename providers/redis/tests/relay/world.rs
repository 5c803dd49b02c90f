//! Two partitions, two relays, and what can happen to them.

use super::mutants::Defect;
use super::protocol::{Batch, Seen, Source, Target};
use super::shared::Shared;
use super::truth::{Truth, Violation};

/// How much happens at most.
#[derive(Debug, Clone, Copy)]
pub(super) struct Bounds {
    pub(super) messages: usize,
    pub(super) source_rollbacks: u8,
    pub(super) target_rollbacks: u8,
    pub(super) windows: u8,
    pub(super) relays: usize,
    /// Whether a failover loses at most one window, as it is assumed.
    pub(super) is_window_kept: bool,
}

/// What a relay has in its hands. It may keep it for as long as it likes and use it as often: so calls are
/// late, repeated and reordered.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub(super) enum Relay {
    /// It was just started.
    New,
    /// It has asked the target, or has its answer to a batch.
    Knowing(Seen),
    /// It has asked the source.
    Holding(Batch),
}

/// What happens.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Action {
    /// A commit in the source sends a message.
    Append,
    /// A relay asks the target where it stands, whatever it had before: also a new process.
    Ask(usize),
    /// A relay takes entries from the source.
    Take(usize),
    /// The same, and the answer is lost.
    TakeUnheard(usize),
    /// A relay brings what it holds to the target.
    Deliver(usize),
    /// The same, and the answer is lost.
    DeliverUnheard(usize),
    /// A failover takes the source back to an earlier state of this window.
    RollBackSource(usize),
    /// A failover takes the target back to an earlier state of this window.
    RollBackTarget(usize),
    /// A window passes: what is there now can no longer be lost.
    Window,
}

/// A state of everything.
#[derive(Debug, Clone, Hash)]
pub(super) struct World {
    /// What may come back by a failover; the last one is how the source is now.
    pub(super) sources: Vec<Shared<Source>>,
    pub(super) targets: Vec<Shared<Target>>,
    pub(super) relays: Vec<Shared<Relay>>,
    pub(super) truth: Truth,
    now: u8,
    source_rollbacks: u8,
    target_rollbacks: u8,
    is_window_kept: bool,
}

impl World {
    pub(super) fn new(bounds: &Bounds) -> Self {
        Self {
            sources: vec![Shared::new(Source::default())],
            targets: vec![Shared::new(Target::default())],
            relays: vec![Shared::new(Relay::New); bounds.relays],
            truth: Truth::default(),
            now: 0,
            source_rollbacks: 0,
            target_rollbacks: 0,
            is_window_kept: bounds.is_window_kept,
        }
    }

    /// How many windows have passed.
    pub(super) fn now(&self) -> u8 {
        self.now
    }

    pub(super) fn source(&self) -> &Shared<Source> {
        &self.sources[self.sources.len() - 1]
    }

    pub(super) fn target(&self) -> &Shared<Target> {
        &self.targets[self.targets.len() - 1]
    }

    /// What can happen next.
    pub(super) fn actions(&self, bounds: &Bounds) -> Vec<Action> {
        let mut actions = Vec::new();
        if self.truth.count() < bounds.messages {
            actions.push(Action::Append);
        }
        for (relay, state) in self.relays.iter().enumerate() {
            actions.push(Action::Ask(relay));
            match &**state {
                Relay::New => {}
                Relay::Knowing(_) => {
                    actions.extend([Action::Take(relay), Action::TakeUnheard(relay)]);
                }
                Relay::Holding(_) => {
                    actions.extend([Action::Deliver(relay), Action::DeliverUnheard(relay)]);
                }
            }
        }
        if self.source_rollbacks < bounds.source_rollbacks {
            actions.extend((1..self.sources.len()).map(Action::RollBackSource));
        }
        if self.target_rollbacks < bounds.target_rollbacks {
            actions.extend((1..self.targets.len()).map(Action::RollBackTarget));
        }
        if self.now < bounds.windows {
            actions.push(Action::Window);
        }
        actions
    }

    pub(super) fn apply(
        &mut self,
        action: Action,
        defect: Option<Defect>,
    ) -> Result<(), Violation> {
        match action {
            Action::Append => self.append(defect),
            Action::Ask(relay) => {
                let mut target = Target::clone(self.target());
                let seen = target.ask(self.now, defect);
                self.store_target(target);
                self.relays[relay] = Shared::new(Relay::Knowing(seen));
            }
            Action::Take(relay) => {
                if let Some(batch) = self.take(relay, defect) {
                    self.relays[relay] = Shared::new(Relay::Holding(batch));
                }
            }
            Action::TakeUnheard(relay) => {
                drop(self.take(relay, defect));
            }
            Action::Deliver(relay) => {
                self.deliver(relay, defect)?;
                let mut target = Target::clone(self.target());
                let seen = target.ask(self.now, defect);
                self.store_target(target);
                self.relays[relay] = Shared::new(Relay::Knowing(seen));
            }
            Action::DeliverUnheard(relay) => self.deliver_unheard(relay, defect)?,
            Action::RollBackSource(kept) => {
                self.sources.truncate(kept);
                self.source_rollbacks += 1;
            }
            Action::RollBackTarget(kept) => {
                self.targets.truncate(kept);
                self.target_rollbacks += 1;
            }
            Action::Window => self.let_window_pass(),
        }
        Ok(())
    }

    pub(super) fn let_window_pass(&mut self) {
        self.now += 1;
        if self.is_window_kept {
            self.sources.drain(..self.sources.len() - 1);
            self.targets.drain(..self.targets.len() - 1);
        }
    }

    fn append(&mut self, defect: Option<Defect>) {
        let mut source = Source::clone(self.source());
        let before = source.chain.last().link;
        let repeated = (defect == Some(Defect::LinksRepeat))
            .then(|| self.truth.first_after(before))
            .flatten();
        let link = self.truth.append(before, repeated);
        source.chain.push(link);
        self.store_source(source);
    }

    fn take(&mut self, relay: usize, defect: Option<Defect>) -> Option<Batch> {
        let Relay::Knowing(seen) = &*self.relays[relay] else {
            return None;
        };
        let mut source = Source::clone(self.source());
        let batch = source.take(seen, self.now, defect);
        self.store_source(source);
        Some(batch)
    }

    fn deliver(&mut self, relay: usize, defect: Option<Defect>) -> Result<(), Violation> {
        let Relay::Holding(batch) = &*self.relays[relay] else {
            return Ok(());
        };
        let mut target = Target::clone(self.target());
        target.deliver(batch, defect);
        if self.is_window_kept {
            if target.started_over(batch, self.target()) {
                return Err(Violation::StartedOver);
            }
            self.truth
                .check_step(self.source(), self.target(), &target)?;
        }
        self.store_target(target);
        Ok(())
    }

    fn deliver_unheard(&mut self, relay: usize, defect: Option<Defect>) -> Result<(), Violation> {
        if defect != Some(Defect::ProgressApart) {
            return self.deliver(relay, defect);
        }
        let Relay::Holding(batch) = &*self.relays[relay] else {
            return Ok(());
        };
        let mut target = Target::clone(self.target());
        target.deliver_half(batch);
        self.store_target(target);
        Ok(())
    }

    fn store_source(&mut self, source: Source) {
        let source = Shared::new(source);
        if self.source().hash != source.hash {
            self.sources.push(source);
        }
    }

    fn store_target(&mut self, target: Target) {
        let target = Shared::new(target);
        if self.target().hash != target.hash {
            self.targets.push(target);
        }
    }

    /// What must hold in every state.
    pub(super) fn check(&self) -> Result<(), Violation> {
        if self.is_window_kept {
            self.truth.check(self.source(), &self.targets)?;
        }
        Ok(())
    }

    /// Has one relay run to its end while nothing fails.
    pub(super) fn run(&mut self, relay: usize, defect: Option<Defect>) -> Result<(), Violation> {
        /// More calls than it takes for any state of the model.
        const CALLS_MAX: usize = 16;
        for _ in 0..CALLS_MAX {
            let (action, is_last) = match &*self.relays[relay] {
                Relay::New => (Action::Ask(relay), false),
                Relay::Knowing(_) => (Action::Take(relay), false),
                Relay::Holding(batch) => (Action::Deliver(relay), batch.is_empty()),
            };
            self.apply(action, defect)?;
            self.check()?;
            if is_last && self.has_all() {
                return Ok(());
            }
        }
        Err(Violation::Stuck)
    }

    /// Whether the target has what the source has sent, and nothing else; beyond the window, whether it
    /// stands where the source does, so that the next message will fit.
    fn has_all(&self) -> bool {
        let last = self.source().chain.last();
        if self.is_window_kept {
            return self.target().applied == self.truth.path(last.link);
        }
        self.target().chain.last() == last
    }
}
