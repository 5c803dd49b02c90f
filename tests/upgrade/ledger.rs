//! What the activities did to the world outside.

use std::collections::BTreeMap;
use std::sync::Mutex;

use tokio::sync::Semaphore;

use crate::generation::Generation;
use crate::order::Order;

/// An activity's effect.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Step {
    Reserve,
    Charge,
    GiveBack,
    Pack,
    Send,
    /// New code only.
    Notify,
    /// New code only.
    Bill,
    Archive,
    /// Old code only.
    Audit,
}

/// An effect, once it is there.
#[derive(Debug, Clone)]
pub(crate) struct Entry {
    /// What the activity answers, whoever runs it again.
    pub(crate) receipt: String,
    /// Whose code did it.
    pub(crate) by: Generation,
}

/// The world outside. A step of an order is the key of its effect: whoever runs it again finds it
/// done and gets the same receipt.
#[derive(Debug)]
pub(crate) struct Ledger {
    entries: Mutex<BTreeMap<(u32, Step), Entry>>,
    /// Closed as long as bills are not written.
    bills: Semaphore,
}

impl Ledger {
    pub(crate) fn new() -> Self {
        Self {
            entries: Mutex::default(),
            bills: Semaphore::new(0),
        }
    }

    /// Does a step, unless it is done, and answers its receipt.
    pub(crate) fn take(&self, order: u32, step: Step, by: Generation) -> String {
        let mut entries = self.entries.lock().unwrap();
        let serial = entries.len();
        let entry = entries.entry((order, step)).or_insert_with(|| Entry {
            receipt: format!("{step:?}#{serial}"),
            by,
        });
        entry.receipt.clone()
    }

    /// Waits until bills are written.
    pub(crate) async fn bills_are_written(&self) {
        drop(self.bills.acquire().await.unwrap());
    }

    /// From now on bills are written.
    pub(crate) fn write_bills(&self) {
        self.bills.add_permits(1);
    }

    /// How many of these orders have taken this step.
    pub(crate) fn count(&self, orders: &[Order], step: Step) -> usize {
        let entries = self.entries.lock().unwrap();
        let has_taken = |order: &&Order| entries.contains_key(&(order.number, step));
        orders.iter().filter(has_taken).count()
    }

    /// All that was done.
    pub(crate) fn entries(&self) -> BTreeMap<(u32, Step), Entry> {
        self.entries.lock().unwrap().clone()
    }
}
