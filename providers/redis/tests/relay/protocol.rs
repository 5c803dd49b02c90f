//! The scripts of the two sides.

use super::chain::{Chain, Link, Place, Settled};
use super::mutants::Defect;

/// How many entries are taken at once: fewer than there may be.
const BATCH_MAX: usize = 2;

/// How many are given up at once: fewer than there may be.
const GHOSTS_MAX: usize = 2;

/// Where a target stands.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Hash)]
pub(super) struct Position {
    pub(super) place: Place,
    /// The link that was given up last. Without it a batch that was taken before would fit again.
    pub(super) lost: Link,
}

/// What a target answers.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub(super) struct Seen {
    position: Position,
    chain: Chain,
    settled: Place,
}

/// What a source answers.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub(super) struct Batch {
    expected: Position,
    pub(super) start: Start,
    pub(super) entries: Vec<Link>,
    settled: Place,
}

/// Where the entries of a batch begin.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub(super) enum Start {
    /// Where the target stands.
    Here,
    /// At the last place that both have: the source has lost what the target has beyond it.
    Back(Place),
    /// At the first place that the source still knows: they have none in common, since a failover has lost
    /// more than a window. What was between is lost, or comes twice.
    Over(Place),
}

impl Batch {
    /// Whether it brings nothing.
    pub(super) fn is_empty(&self) -> bool {
        self.entries.is_empty() && self.start == Start::Here
    }
}

/// The partition that sends.
#[derive(Debug, Clone, Default, PartialEq, Eq, Hash)]
pub(super) struct Source {
    pub(super) chain: Chain,
    settled: Settled,
    /// What a relay has confirmed, and when; for a defect only.
    confirmed: Settled,
}

impl Source {
    /// Entries for a target that stands where it was seen.
    pub(super) fn take(&mut self, seen: &Seen, now: u8, defect: Option<Defect>) -> Batch {
        self.settled.note(self.chain.last(), now);
        self.forget(seen, now, defect);
        let position = seen.position;
        let is_known = match defect {
            Some(Defect::RollbackSeenByCounter) => {
                position.place.number <= self.chain.last().number
            }
            _ => self.chain.holds(position.place),
        };
        let (start, place) = if is_known {
            (Start::Here, position.place)
        } else if let Some(common) = self.common(seen, defect) {
            (Start::Back(common), common)
        } else {
            (Start::Over(self.chain.base), self.chain.base)
        };
        let entries = self.chain.after(place).iter().take(BATCH_MAX);
        Batch {
            expected: position,
            start,
            entries: entries.copied().collect(),
            settled: self.settled.place,
        }
    }

    fn common(&self, seen: &Seen, defect: Option<Defect>) -> Option<Place> {
        if defect == Some(Defect::GoesBackToTheStart) && seen.chain.holds(self.chain.base) {
            return Some(self.chain.base);
        }
        seen.chain.common(&self.chain)
    }

    fn forget(&mut self, seen: &Seen, now: u8, defect: Option<Defect>) {
        let place = match defect {
            Some(Defect::ForgetsWhatIsDelivered) => seen.position.place,
            Some(Defect::SourceMeasuresWindow) => {
                if self.chain.holds(seen.position.place) {
                    self.confirmed.note(seen.position.place, now);
                }
                self.confirmed.place
            }
            Some(Defect::ForgetsByNumber) => match self.chain.at(seen.settled.number) {
                Some(place) => place,
                None => return,
            },
            _ => seen.settled,
        };
        if self.chain.holds(place) {
            self.chain.forget(place);
        }
    }
}

/// The partition that receives.
#[derive(Debug, Clone, Default, PartialEq, Eq, Hash)]
pub(super) struct Target {
    pub(super) chain: Chain,
    lost: Link,
    settled: Settled,
    /// The messages that it has, in the order in which they came. Not part of the protocol: inboxes.
    pub(super) applied: Vec<Link>,
    /// The messages that it has given up. Not part of the protocol: what must not come again.
    pub(super) given_up: Vec<Link>,
}

impl Target {
    fn position(&self, defect: Option<Defect>) -> Position {
        Position {
            place: self.chain.last(),
            lost: match defect {
                Some(Defect::NoLostLink) => 0,
                _ => self.lost,
            },
        }
    }

    pub(super) fn ask(&mut self, now: u8, defect: Option<Defect>) -> Seen {
        self.settled.note(self.chain.last(), now);
        if defect == Some(Defect::TargetMeasuresWindow) {
            let place = self.settled.place;
            self.chain.forget(place);
        }
        Seen {
            position: self.position(defect),
            chain: self.chain.clone(),
            settled: self.settled.place,
        }
    }

    /// Applies a batch and remembers how far it is, or does nothing.
    pub(super) fn deliver(&mut self, batch: &Batch, defect: Option<Defect>) {
        let entries = if self.position(defect) == batch.expected {
            batch.entries.as_slice()
        } else {
            match self.fitting(batch, defect) {
                Some(entries) => entries,
                None => return,
            }
        };
        let is_there = match batch.start {
            Start::Here => true,
            Start::Back(place) => self.go_back(place, defect),
            Start::Over(place) => {
                self.start_over(place);
                true
            }
        };
        for link in entries.iter().filter(|_| is_there) {
            self.chain.push(*link);
            self.applied.push(*link);
        }
        if self.chain.holds(batch.settled) {
            self.chain.forget(batch.settled);
        }
        if defect == Some(Defect::OneLinkKept) {
            let last = self.chain.last();
            self.chain.forget(last);
        }
    }

    /// Applies a batch and dies before it remembers how far it is.
    pub(super) fn deliver_half(&mut self, batch: &Batch) {
        if self.position(None) == batch.expected && batch.start == Start::Here {
            self.applied.extend_from_slice(&batch.entries);
        }
    }

    /// What a defective target takes of a batch that is not for the place where it stands.
    fn fitting<'a>(&self, batch: &'a Batch, defect: Option<Defect>) -> Option<&'a [Link]> {
        match defect {
            Some(Defect::SkipsByNumber) if batch.start == Start::Here => {
                let known = self.chain.last().number;
                let count = known.checked_sub(batch.expected.place.number)?;
                batch.entries.get(count..)
            }
            Some(Defect::GoesBackUnasked) if matches!(batch.start, Start::Back(_)) => {
                Some(&batch.entries)
            }
            _ => None,
        }
    }

    /// Goes back towards a place, and answers whether it has come there. A place in between is left as the
    /// last one was, by the next batch.
    fn go_back(&mut self, place: Place, defect: Option<Defect>) -> bool {
        let last = self.chain.last();
        let between = last.number.saturating_sub(GHOSTS_MAX);
        let between = self.chain.at(between).filter(|it| it.number > place.number);
        let is_there = between.is_none();
        let place = between.unwrap_or(place);
        self.lost = last.link;
        self.chain.cut(place);
        self.settled.cut(place);
        if defect != Some(Defect::GhostsStay) {
            let ghosts = self.applied.split_off(place.number.min(self.applied.len()));
            self.given_up.extend(ghosts);
        }
        is_there
    }

    fn start_over(&mut self, place: Place) {
        self.lost = self.chain.last().link;
        self.chain = Chain {
            base: place,
            links: Vec::new(),
        };
        self.settled.cut(Place::default());
    }

    /// Whether it has just started over.
    pub(super) fn started_over(&self, batch: &Batch, before: &Self) -> bool {
        matches!(batch.start, Start::Over(_)) && self != before
    }
}
