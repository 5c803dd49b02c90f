//! Lists of what several partitions have, in one order.

use std::collections::VecDeque;
use std::sync::Arc;

use duroxide_core::providers::{PageCursor, ProviderError};
use futures_util::future::try_join_all;
use serde::Serialize;
use serde::de::DeserializeOwned;

use crate::error;
use crate::partition::{Partition, Partitions};

/// A list that each partition has a part of.
pub(crate) trait Listing: Send + Sync + Sized {
    const OPERATION: &'static str;

    type Item: Send + Sync;
    /// Behind what a partition's part goes on.
    type Place: Clone + Serialize + DeserializeOwned + Send + Sync;
    /// What the list is ordered by, over all partitions.
    type Key: Ord;

    /// What is listed. A cursor of something else is refused.
    fn subject(&self) -> &str;

    fn key(&self, item: &Self::Item) -> Self::Key;

    /// Fetches what one partition has behind a place.
    fn fetch(
        &self,
        partition: &Partition,
        behind: &Self::Place,
        size: Size,
    ) -> impl Future<Output = Result<Fetched<Self>, ProviderError>> + Send;
}

/// How much to fetch at most.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Size {
    /// How many items to look at.
    pub(crate) rows: usize,
    /// How many of them to bring.
    pub(crate) wanted: usize,
}

/// What was fetched of one partition.
pub(crate) struct Fetched<L: Listing> {
    /// Each with the place behind it.
    pub(crate) items: Vec<(L::Place, L::Item)>,
    /// How many were looked at.
    pub(crate) looked_at: usize,
    /// Behind what there is more, if there is.
    pub(crate) more: Option<L::Place>,
}

/// What one partition has, as far as it was fetched.
struct Source<'a, L: Listing> {
    partition: &'a Arc<Partition>,
    fetched: VecDeque<(L::Place, L::Item)>,
    /// Behind what was taken.
    taken: L::Place,
    /// Behind what there is more.
    more: Option<L::Place>,
}

impl<L: Listing> Source<'_, L> {
    fn must_fetch(&self) -> bool {
        self.fetched.is_empty() && self.more.is_some()
    }

    /// Behind what a page goes on that ends here.
    fn place(&self) -> L::Place {
        match &self.more {
            Some(more) if self.fetched.is_empty() => more.clone(),
            _ => self.taken.clone(),
        }
    }
}

/// The list, item by item.
pub(crate) struct Merged<'a, L: Listing> {
    listing: L,
    sources: Vec<Source<'a, L>>,
}

/// How many items more than its share a partition is asked for: they are not spread evenly.
const SHARE_MORE: usize = 8;

impl<'a, L: Listing> Merged<'a, L> {
    /// The list behind a cursor, or from its first place in each partition on.
    pub(crate) fn new(
        partitions: &'a Partitions,
        listing: L,
        after: Option<&PageCursor>,
        first: &L::Place,
    ) -> Result<Self, ProviderError> {
        let count = partitions.count();
        let (subject, places): (String, Vec<L::Place>) = match after {
            Some(cursor) => cursor.place(L::OPERATION)?,
            None => (listing.subject().to_owned(), vec![first.clone(); count]),
        };
        if places.len() != count || subject != listing.subject() {
            return Err(error::foreign_cursor(L::OPERATION));
        }
        let sources = partitions.iter().zip(places);
        let sources = sources.map(|(partition, place)| Source {
            partition,
            fetched: VecDeque::new(),
            taken: place.clone(),
            more: Some(place),
        });
        Ok(Self {
            listing,
            sources: sources.collect(),
        })
    }

    /// Fetches what is missing to say which item is the next one, within a size for all partitions together,
    /// and answers how many were looked at; `None` where the size does not suffice.
    pub(crate) async fn fetch(&mut self, size: Size) -> Result<Option<usize>, ProviderError> {
        let count = self.sources.iter().filter(|it| it.must_fetch()).count();
        if count > size.rows {
            return Ok(None);
        }
        let share = Size {
            rows: size.rows / count.max(1),
            wanted: (size.wanted / count.max(1) + SHARE_MORE).min(size.wanted),
        };
        let listing = &self.listing;
        let missing = self.sources.iter_mut().filter(|it| it.must_fetch());
        let missing = missing.map(|source| async move {
            let place = source.place();
            let fetched = listing.fetch(source.partition, &place, share).await?;
            source.fetched = fetched.items.into();
            source.taken = place;
            source.more = fetched.more;
            Ok(fetched.looked_at)
        });
        let looked_at = try_join_all(missing).await?;
        Ok(Some(looked_at.into_iter().sum()))
    }

    /// Whether something has to be fetched before it is known which item is the next one.
    pub(crate) fn must_fetch(&self) -> bool {
        self.sources.iter().any(Source::must_fetch)
    }

    /// The next item of those that were fetched.
    pub(crate) fn peek(&self) -> Option<&L::Item> {
        self.sources
            .get(self.next()?)?
            .fetched
            .front()
            .map(|(_, item)| item)
    }

    /// Takes the next item.
    pub(crate) fn take(&mut self) -> Option<L::Item> {
        let next = self.next()?;
        let source = self.sources.get_mut(next)?;
        let (place, item) = source.fetched.pop_front()?;
        source.taken = place;
        Some(item)
    }

    fn next(&self) -> Option<usize> {
        let fronts = self.sources.iter().enumerate();
        let fronts = fronts.filter_map(|(index, source)| {
            let (_, item) = source.fetched.front()?;
            Some((self.listing.key(item), index))
        });
        fronts.min().map(|(_, index)| index)
    }

    /// Where the next page goes on, if there is more.
    pub(crate) fn cursor(&self) -> PageCursor {
        let places: Vec<L::Place> = self.sources.iter().map(Source::place).collect();
        PageCursor::of(&(self.listing.subject(), places))
    }

    /// Whether everything was taken.
    pub(crate) fn is_over(&self) -> bool {
        let mut sources = self.sources.iter();
        sources.all(|it| it.fetched.is_empty() && it.more.is_none())
    }
}
