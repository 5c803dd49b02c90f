//! What the shop is asked for, and what must come of it.

use crate::ledger::Step;

/// How many numbers apart the orders are that cannot be paid.
const DECLINED_EVERY: u32 = 10;

/// What is asked for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Kind {
    /// An order, in the version that the node which begins it prefers.
    Order,
    /// An order in the version that both generations have.
    Order1,
    /// An order in the version that only the new code has.
    Order2,
    /// An orchestration that only the new code has.
    Invoice,
    /// An orchestration that only the old code has.
    Legacy,
    /// An orchestration of both, with an activity that only the old code has.
    Review,
}

/// One instance of an orchestration.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Order {
    pub(crate) number: u32,
    pub(crate) kind: Kind,
}

impl Order {
    pub(crate) fn instance(self) -> String {
        format!("{:?}-{}", self.kind, self.number)
    }

    /// Its orchestration, and the version if one is asked for.
    pub(crate) fn orchestration(self) -> (&'static str, Option<&'static str>) {
        match self.kind {
            Kind::Order => ("Order", None),
            Kind::Order1 => ("Order", Some("1.0.0")),
            Kind::Order2 => ("Order", Some("2.0.0")),
            Kind::Invoice => ("Invoice", None),
            Kind::Legacy => ("Legacy", None),
            Kind::Review => ("Review", None),
        }
    }

    /// The event that it waits for, if it waits for one.
    pub(crate) fn event(self) -> Option<&'static str> {
        match self.kind {
            Kind::Order | Kind::Order1 | Kind::Order2 => Some("Paid"),
            Kind::Legacy | Kind::Review => Some("Closed"),
            Kind::Invoice => None,
        }
    }

    /// Whether its own code lets it fail.
    pub(crate) fn fails(self) -> bool {
        self.event() == Some("Paid") && is_declined(self.number)
    }

    /// The steps that are taken, in this version of the orchestration.
    pub(crate) fn steps(self, version: &str) -> Vec<Step> {
        match self.kind {
            Kind::Invoice => vec![Step::Bill],
            Kind::Legacy => vec![Step::Reserve, Step::Archive],
            Kind::Review => vec![Step::Reserve, Step::Audit],
            _ if self.fails() => vec![Step::Reserve, Step::Charge, Step::GiveBack],
            _ if version == "1.0.0" => {
                vec![Step::Reserve, Step::Charge, Step::Pack, Step::Send]
            }
            _ => vec![
                Step::Reserve,
                Step::Charge,
                Step::Pack,
                Step::Send,
                Step::Notify,
                Step::Bill,
            ],
        }
    }

    /// How many children it has in this version.
    pub(crate) fn children(self, version: &str) -> usize {
        match self.event() {
            Some("Paid") if self.fails() => 0,
            Some("Paid") if version == "1.0.0" => 1,
            Some("Paid") => 2,
            _ => 0,
        }
    }
}

/// Whether this order cannot be paid.
pub(crate) fn is_declined(number: u32) -> bool {
    number % DECLINED_EVERY == DECLINED_EVERY - 1
}
