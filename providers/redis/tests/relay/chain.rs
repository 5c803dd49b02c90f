//! What both sides know of the entries between them.

/// The identity of one entry: it implies every entry before it, and none gets it a second time.
///
/// The provider makes it of the link before, and of what tells one appending script from all others. Here
/// it is drawn from a counter, which gives the same: no two appends share a link.
pub(super) type Link = usize;

/// An entry by its number and its link. The beginning is number 0.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Hash)]
pub(super) struct Place {
    pub(super) number: usize,
    pub(super) link: Link,
}

/// The links behind a place.
#[derive(Debug, Clone, Default, PartialEq, Eq, Hash)]
pub(super) struct Chain {
    /// The last place that was forgotten.
    pub(super) base: Place,
    /// The links of the numbers that follow.
    pub(super) links: Vec<Link>,
}

impl Chain {
    pub(super) fn last(&self) -> Place {
        let number = self.base.number + self.links.len();
        let link = self.links.last().copied().unwrap_or(self.base.link);
        Place { number, link }
    }

    /// The place with this number, unless it was forgotten or is not there yet.
    pub(super) fn at(&self, number: usize) -> Option<Place> {
        let behind = number.checked_sub(self.base.number)?;
        let link = match behind.checked_sub(1) {
            None => self.base.link,
            Some(index) => *self.links.get(index)?,
        };
        Some(Place { number, link })
    }

    pub(super) fn holds(&self, place: Place) -> bool {
        self.at(place.number) == Some(place)
    }

    /// The last place that both have.
    pub(super) fn common(&self, other: &Self) -> Option<Place> {
        let numbers = self.base.number..=self.last().number;
        let mut places = numbers.rev().filter_map(|number| self.at(number));
        places.find(|place| other.holds(*place))
    }

    pub(super) fn after(&self, place: Place) -> &[Link] {
        let behind = place.number.saturating_sub(self.base.number);
        self.links.get(behind..).unwrap_or_default()
    }

    pub(super) fn push(&mut self, link: Link) {
        self.links.push(link);
    }

    /// Forgets what lies before a place.
    pub(super) fn forget(&mut self, place: Place) {
        if let Some(count) = place.number.checked_sub(self.base.number) {
            self.links.drain(..count.min(self.links.len()));
            self.base = place;
        }
    }

    /// Gives up what lies behind a place.
    pub(super) fn cut(&mut self, place: Place) {
        let behind = place.number.saturating_sub(self.base.number);
        self.links.truncate(behind);
    }
}

/// What a partition can no longer lose: where it was one window ago, by its own clock and in its own
/// past. Once true, this stays true, so that it may be told late.
#[derive(Debug, Clone, Default, PartialEq, Eq, Hash)]
pub(super) struct Settled {
    pub(super) place: Place,
    next: Place,
    since: u8,
}

impl Settled {
    /// Notes where the partition is.
    pub(super) fn note(&mut self, last: Place, now: u8) {
        if self.since < now {
            self.place = self.next;
            self.next = last;
            self.since = now;
        }
    }

    /// Gives up what lies behind a place.
    pub(super) fn cut(&mut self, place: Place) {
        for settled in [&mut self.place, &mut self.next] {
            if settled.number > place.number {
                *settled = place;
            }
        }
    }
}
