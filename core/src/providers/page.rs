//! Pages of messages and activities, as every backend fills them.

use super::check;
use super::cursor::PageCursor;
use super::error::ProviderError;
use super::id::{InstanceId, Topic};
use super::listing::{InstanceFilter, ListOrder};
use super::message::Channel;

/// How much room a page has left.
#[derive(Debug)]
pub struct Room {
    items: usize,
    bytes: usize,
    /// `None` where no bodies are wanted, whose bytes take no room then.
    bytes_max: Option<usize>,
    has_some: bool,
}

impl Room {
    /// A page of so many items, and of so many bytes of bodies and details but for the first.
    #[must_use]
    pub fn new(items_max: usize, bytes_max: usize) -> Self {
        Self {
            items: check::page_rows(items_max),
            bytes: 0,
            bytes_max: Some(bytes_max),
            has_some: false,
        }
    }

    /// The same where the bytes count only if the bodies are wanted.
    #[must_use]
    pub fn with_bodies(mut self, with_bodies: bool) -> Self {
        self.bytes_max = self.bytes_max.filter(|_| with_bodies);
        self
    }

    /// Takes room for an item with so many bytes of a body and of details; false if there is none.
    pub fn take(&mut self, body_bytes: usize) -> bool {
        let bytes = self.bytes.saturating_add(body_bytes);
        let is_long = self.has_some && self.bytes_max.is_some_and(|max| bytes > max);
        if self.items == 0 || is_long {
            return false;
        }
        self.items -= 1;
        self.bytes = bytes;
        self.has_some = true;
        true
    }

    /// How many items there is room for.
    #[must_use]
    pub fn items(&self) -> usize {
        self.items
    }
}

/// Where a page of instances begins, for a store that numbers its instances in the order of their creation.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum After {
    /// Behind this id; `None` is before all of them.
    Id(Option<InstanceId>),
    /// Behind the instance with this number, in the order from the newest on.
    Number(u64),
}

impl After {
    /// Where the page begins that a filter asks for.
    ///
    /// # Errors
    /// `InvalidInput` for a cursor of something else.
    pub fn of(filter: &InstanceFilter) -> Result<Self, ProviderError> {
        const OPERATION: &str = "list_instances";
        let after = filter.after.as_ref();
        Ok(match filter.order {
            ListOrder::ById => Self::Id(after.map(|it| it.place(OPERATION)).transpose()?),
            ListOrder::NewestFirst => {
                let number = after.map(|it| it.place(OPERATION)).transpose()?;
                Self::Number(number.unwrap_or(u64::MAX))
            }
        })
    }
}

/// A place among what an instance has: its messages, channel by channel, and its activities after them.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub enum Place {
    /// A message.
    Message {
        /// Where it lies.
        channel: Channel,
        /// When it is due.
        due_at_ms: u64,
        /// The order of arrival among those due at the same time, as the store counts it.
        arrival: u64,
    },
    /// An activity.
    Activity {
        /// Of which execution.
        execution: u64,
        /// The id of its event.
        activity_id: u64,
    },
}

impl Place {
    /// The cursor behind this place.
    #[must_use]
    pub fn cursor(&self) -> PageCursor {
        match self {
            Self::Message {
                channel,
                due_at_ms,
                arrival,
            } => {
                let kind = match channel {
                    Channel::Control => 0,
                    Channel::System => 1,
                    Channel::Topic(_) => 2,
                };
                let topic = channel.topic().map_or("", Topic::as_str);
                PageCursor::of(&(kind, topic, due_at_ms, arrival))
            }
            Self::Activity {
                execution,
                activity_id,
            } => PageCursor::of(&(3, "", execution, activity_id)),
        }
    }

    /// The place that a cursor is behind.
    ///
    /// # Errors
    /// `InvalidInput` for a cursor of something else.
    pub fn of(cursor: &PageCursor, operation: &'static str) -> Result<Self, ProviderError> {
        let (kind, topic, first, second): (u8, String, u64, u64) = cursor.place(operation)?;
        let channel = match kind {
            0 => Channel::Control,
            1 => Channel::System,
            2 => Channel::Topic(Topic::from(topic.as_str())),
            _ => {
                return Ok(Self::Activity {
                    execution: first,
                    activity_id: second,
                });
            }
        };
        Ok(Self::Message {
            channel,
            due_at_ms: first,
            arrival: second,
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_page_has_one_item_at_least_and_no_more_than_fit() {
        let mut room = Room::new(3, 10);
        assert!(room.take(100));
        assert!(!room.take(1));
        let mut room = Room::new(3, 10);
        assert!(room.take(4) && room.take(6));
        assert!(!room.take(1));
        assert!(room.take(0));
        assert!(!room.take(0));
        assert_eq!(Room::new(0, 0).items(), 1);
        let mut room = Room::new(2, 10).with_bodies(false);
        assert!(room.take(100) && room.take(100));
        assert!(!room.take(0));
    }

    #[test]
    fn places_read_back() {
        let message = |channel| Place::Message {
            channel,
            due_at_ms: 7,
            arrival: 9,
        };
        let places = [
            message(Channel::Control),
            message(Channel::System),
            message(Channel::Topic(Topic::from("t\0"))),
            Place::Activity {
                execution: 2,
                activity_id: 5,
            },
        ];
        for place in places {
            assert_eq!(Place::of(&place.cursor(), "inspect").unwrap(), place);
        }
    }
}
