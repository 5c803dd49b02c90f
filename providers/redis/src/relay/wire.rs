//! What the relay asks the two ends, and what they answer.

use std::collections::BTreeMap;
use std::sync::Arc;

use bytes::Bytes;
use serde::{Deserialize, Serialize};

use super::place::{Link, Place, Position};
use crate::codes::Id;

/// What a target is asked: where it stands with each of these sources.
#[derive(Debug, Serialize)]
pub(crate) struct AskRequest {
    pub(crate) ask: Vec<Asked>,
    /// For how long a partition may lose what it was given, in milliseconds.
    pub(crate) window: u64,
    /// Whether to tell as well for which partitions there is something, unless somebody has looked for that
    /// less than so many milliseconds ago.
    pub(crate) survey: Option<u64>,
}

#[derive(Debug, Serialize)]
pub(crate) struct Asked {
    pub(crate) source: usize,
    /// How many of its last links it is to tell.
    pub(crate) links: u64,
}

#[derive(Debug, Deserialize)]
pub(crate) struct AskAnswer {
    pub(crate) seen: Vec<Seen>,
    #[serde(default)]
    pub(crate) survey: Survey,
}

/// What a partition has for others.
#[derive(Debug, Default, Deserialize)]
pub(crate) struct Survey {
    /// For which partitions there may be something.
    pub(crate) targets: Vec<usize>,
    /// How many entries and links it keeps.
    pub(crate) kept: u64,
    /// Whether somebody has just looked.
    pub(crate) is_done: bool,
}

/// How a target stands with one source.
#[derive(Debug, Clone, Deserialize)]
pub(crate) struct Seen {
    pub(crate) source: usize,
    place: Place,
    lost: Link,
    /// What it can no longer lose.
    pub(crate) settled: Place,
    /// What it has forgotten.
    pub(crate) base: Place,
    #[serde(default)]
    pub(crate) known: Option<Known>,
}

impl Seen {
    pub(crate) fn position(&self) -> Position {
        Position {
            place: self.place,
            lost: self.lost,
        }
    }
}

/// The last links of a target.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub(crate) struct Known {
    /// The place before them.
    first: Place,
    links: Bytes,
    /// Whether it has no others.
    pub(crate) is_all: bool,
}

/// What a source is asked: what it has for each of these targets.
#[derive(Debug, Serialize)]
pub(crate) struct TakeRequest<'a> {
    pub(crate) take: Vec<Taken<'a>>,
    pub(crate) window: u64,
}

#[derive(Debug, Serialize)]
pub(crate) struct Taken<'a> {
    pub(crate) target: usize,
    place: Place,
    settled: Place,
    known: Option<&'a Known>,
}

impl<'a> Taken<'a> {
    pub(crate) fn of(target: usize, seen: &'a Seen) -> Self {
        Self {
            target,
            place: seen.place,
            settled: seen.settled,
            known: seen.known.as_ref(),
        }
    }
}

#[derive(Debug, Deserialize)]
pub(crate) struct TakeAnswer {
    pub(crate) batches: Vec<Batch>,
}

/// What a source has for a target.
#[derive(Debug, Clone, Deserialize)]
pub(crate) struct Batch {
    #[serde(default)]
    pub(crate) target: usize,
    pub(crate) start: Start,
    /// Where the entries begin, unless the target has to tell more of its links.
    #[serde(default)]
    pub(crate) from: Place,
    #[serde(default)]
    pub(crate) entries: Vec<Entry>,
    /// What the source can no longer lose.
    pub(crate) settled: Place,
}

impl Batch {
    /// These entries behind a place where a target stands.
    pub(crate) fn behind(target: usize, place: Place, entries: Vec<Entry>) -> Self {
        Self {
            target,
            start: Start::Here,
            from: place,
            entries,
            settled: Place::default(),
        }
    }

    /// Whether it brings no entry and takes nothing back.
    pub(crate) fn is_empty(&self) -> bool {
        self.entries.is_empty() && self.start == Start::Here
    }

    /// Whether the target gets something from it, or may forget something.
    pub(crate) fn has_something_for(&self, seen: &Seen) -> bool {
        !self.is_empty() || self.settled.0 > seen.base.0
    }
}

/// Where the entries of a batch begin.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub(crate) enum Start {
    /// Where the target stands.
    Here,
    /// At the last place that both have: the source has lost what the target has beyond it.
    Back,
    /// At the first place that the source still knows: they have none in common.
    Over,
    /// The target has to tell more of its links first.
    Unknown,
}

/// A message on its way: how long it still has to wait, its link, and itself, as scripts are given it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Entry(pub(crate) u64, pub(crate) Link, pub(crate) Bytes);

/// What is brought to a target.
#[derive(Debug, Serialize)]
pub(crate) struct DeliverRequest<'a> {
    pub(crate) node: Id,
    pub(crate) bell: &'a str,
    /// The queues whose turns are taken on here.
    pub(crate) taken: BTreeMap<Arc<str>, bool>,
    pub(crate) window: u64,
    pub(crate) deliver: Delivery<'a>,
}

/// What is brought from one source.
#[derive(Debug, Serialize)]
pub(crate) struct Delivery<'a> {
    source: usize,
    place: Place,
    lost: Link,
    start: Start,
    from: Place,
    entries: &'a [Entry],
    settled: Place,
}

impl<'a> Delivery<'a> {
    /// A batch that was taken for this position.
    pub(crate) fn of(source: usize, position: Position, batch: &'a Batch) -> Self {
        Self {
            source,
            place: position.place,
            lost: position.lost,
            start: batch.start,
            from: batch.from,
            entries: &batch.entries,
            settled: batch.settled,
        }
    }
}

#[derive(Debug, Deserialize)]
pub(crate) struct DeliverAnswer {
    pub(crate) now: u64,
    pub(crate) seq: u64,
    pub(crate) answers: Vec<Delivered>,
    pub(crate) turns: Vec<(Arc<str>, u64)>,
    pub(crate) activities: Vec<(Arc<str>, u64)>,
}

/// What became of a delivery.
#[derive(Debug, Deserialize)]
pub(crate) struct Delivered {
    /// Whether the target stood where the batch begins. If not, nothing was done.
    pub(crate) fits: bool,
    /// How many entries were applied.
    #[serde(default)]
    pub(crate) applied: u64,
    /// The places of those that nobody was there to receive.
    pub(crate) dropped: Vec<usize>,
    /// The instances that were created or removed.
    pub(crate) changed: Vec<String>,
    /// What has failed in those of them whose receiver is damaged.
    pub(crate) failed: Vec<String>,
    #[serde(default)]
    pub(crate) ghosts: Ghosts,
    pub(crate) seen: Seen,
}

/// What a target has given up, by instance: it was sent by a past that is gone.
#[derive(Debug, Default, Deserialize)]
#[serde(default)]
pub(crate) struct Ghosts {
    /// Messages that were still there.
    pub(crate) messages: Vec<String>,
    /// Instances that had not begun.
    pub(crate) instances: Vec<String>,
    /// Instances that had begun, and now tell their parents nothing.
    pub(crate) marked: Vec<String>,
    /// What cannot be taken back.
    pub(crate) consumed: Vec<String>,
}
