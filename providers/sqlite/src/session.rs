//! What an operation works with inside the writer's transaction.

use std::sync::Arc;

use duroxide_core::providers::Limits;
use duroxide_core::providers::watchers::Watchers;

use crate::clock::StoreClock;
use crate::hub::{Effect, Queue, UNKNOWN_MS};
use crate::options::SqliteMode;
use crate::sql::Sql;
use crate::writer::Setup;
use crate::written;

/// A connection, the time, and the effects to make known once the transaction is committed.
#[derive(Debug)]
pub(crate) struct Session {
    pub(crate) sql: Sql,
    pub(crate) limits: Limits,
    /// The time of the current operation.
    pub(crate) now_ms: u64,
    /// Whether other processes may have the database open.
    pub(crate) is_shared: bool,
    clock: Arc<StoreClock>,
    claim_order: i64,
    /// Before when no value expires, as far as this process knows; [`UNKNOWN_MS`] has to be asked.
    pub(crate) next_expiry_ms: u64,
    effects: Vec<Effect>,
    /// Who is told of the effects.
    pub(crate) watchers: Arc<Watchers>,
}

impl Session {
    pub(crate) fn new(sql: Sql, setup: &Setup) -> Self {
        let options = &setup.options;
        let clock = Arc::clone(&setup.clock);
        let now_ms = clock.now_ms();
        Self {
            sql,
            limits: options.limits,
            now_ms,
            is_shared: options.mode == SqliteMode::MultiProcess,
            clock,
            claim_order: 0,
            next_expiry_ms: UNKNOWN_MS,
            effects: Vec::new(),
            watchers: Arc::clone(&setup.hub.watchers),
        }
    }

    /// Begins an operation: one after another, each at its time.
    pub(crate) fn enter(&mut self) {
        self.now_ms = self.clock.now_ms();
    }

    /// The next place among those who become claimable at the same time. It grows with the clock,
    /// so that it goes on from where a former process stopped, and tells when it was given out.
    pub(crate) fn next_claim_order(&mut self) -> i64 {
        let floor = written::claim_order_at(self.now_ms);
        self.claim_order = self.claim_order.saturating_add(1).max(floor);
        self.claim_order
    }

    pub(crate) fn note(&mut self, effect: Effect) {
        self.effects.push(effect);
    }

    /// Notes that an instance may be claimed at this time.
    pub(crate) fn note_turn_due(&mut self, queue: &Arc<str>, at_ms: u64) {
        self.note(Effect::DueBy(Queue::Turns(Arc::clone(queue)), at_ms));
    }

    /// What is to be made known if the transaction is committed, and forgotten otherwise.
    pub(crate) fn effects(&mut self) -> &mut Vec<Effect> {
        &mut self.effects
    }
}
