//! Lists of instances.

use std::collections::BTreeMap;

use super::cursor::PageCursor;
use super::head::{InstanceHead, InstanceStatus};
use super::id::{InstanceId, TaskQueue};
use crate::limits::PAGE_ROWS_MAX;

/// What an instance is found by: values by keys, given at its start and never changed (STA-10). Both are
/// UTF-8 of any characters, a key of up to 64 bytes and a value of up to 256 (LIM-07).
pub type Labels = BTreeMap<String, String>;

/// Which instances to list, and what of them. All conditions must hold; an empty one always does.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct InstanceFilter {
    /// Only those with one of these statuses; none of them is every one.
    pub statuses: Vec<InstanceStatus>,
    /// Only those that are suspended, or that are not.
    pub suspended: Option<bool>,
    /// Only those of this orchestration.
    pub orchestration: Option<String>,
    /// Only those whose turns are in this queue.
    pub queue: Option<TaskQueue>,
    /// Only the children of this instance, of whichever life of it.
    pub parent: Option<InstanceId>,
    /// Only those whose id begins with this.
    pub id_prefix: String,
    /// Only those that have all of these labels. A store whose capabilities say that it does not filter
    /// by labels answers `Unsupported` to any (ADM-06).
    pub labels: Labels,
    /// In which order.
    pub order: ListOrder,
    /// Whether the outputs are wanted, which may be large. The heads have none otherwise.
    pub with_outputs: bool,
    /// Where the page before has ended; `None` begins anew.
    pub after: Option<PageCursor>,
    /// At most so many, and at most [`PAGE_ROWS_MAX`].
    pub instances_max: usize,
}

impl Default for InstanceFilter {
    /// All instances by their ids, without outputs.
    fn default() -> Self {
        Self {
            statuses: Vec::new(),
            suspended: None,
            orchestration: None,
            queue: None,
            parent: None,
            id_prefix: String::new(),
            labels: Labels::new(),
            order: ListOrder::ById,
            with_outputs: false,
            after: None,
            instances_max: PAGE_ROWS_MAX,
        }
    }
}

impl InstanceFilter {
    /// The children of an instance, of whichever life of it.
    #[must_use]
    pub fn children_of(parent: InstanceId) -> Self {
        Self {
            parent: Some(parent),
            ..Self::default()
        }
    }

    /// Whether an instance meets the conditions.
    #[must_use]
    pub fn is_met_by(&self, head: &InstanceHead, labels: &Labels) -> bool {
        let is_of = |it: &Option<String>, name: &str| it.as_ref().is_none_or(|it| it == name);
        (self.statuses.is_empty() || self.statuses.contains(&head.status))
            && self.suspended.is_none_or(|it| it == head.suspended)
            && is_of(&self.orchestration, &head.orchestration)
            && self.queue.as_ref().is_none_or(|it| *it == head.queue)
            && self.is_parent_of(head)
            && head.instance.starts_with(&self.id_prefix)
            && self
                .labels
                .iter()
                .all(|(key, value)| labels.get(key) == Some(value))
    }

    fn is_parent_of(&self, head: &InstanceHead) -> bool {
        let parent = head.parent.as_ref().map(|parent| &parent.instance);
        self.parent.is_none() || self.parent.as_ref() == parent
    }
}

/// In which order instances are listed.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub enum ListOrder {
    /// In the order of the bytes of their ids.
    #[default]
    ById,
    /// Those that were created last come first, as far as one clock tells.
    NewestFirst,
}

/// A page of instances. It may be short, or empty, and yet not the last one (ADM-05).
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct InstancePage {
    /// The instances, in the order that was asked for.
    pub instances: Vec<InstanceRecord>,
    /// Where the next page begins; `None` if this is the last one.
    pub next: Option<PageCursor>,
}

/// An instance, as a list has it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct InstanceRecord {
    /// Its head; without the output, unless that was asked for.
    pub head: InstanceHead,
    /// Its labels.
    pub labels: Labels,
}

/// The first text that comes after all those that begin with this one, in the order of their bytes;
/// `None` if there is none. A range of ids is found by an index, and a prefix is such a range.
#[must_use]
pub fn prefix_end(prefix: &str) -> Option<String> {
    let mut end = prefix.to_owned();
    while let Some(last) = end.pop() {
        // The order of characters is that of their bytes; between some there are none.
        let next = match last {
            char::MAX => None,
            '\u{d7ff}' => Some('\u{e000}'),
            _ => char::from_u32(u32::from(last) + 1),
        };
        if let Some(next) = next {
            end.push(next);
            return Some(end);
        }
    }
    None
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_prefix_ends_before_the_next_character() {
        for (prefix, end) in [
            ("", None),
            ("a", Some("b")),
            ("az", Some("a{")),
            ("\u{d7ff}", Some("\u{e000}")),
            ("a\u{10ffff}", Some("b")),
            ("\u{10ffff}\u{10ffff}", None),
            ("\u{7f}", Some("\u{80}")),
        ] {
            assert_eq!(prefix_end(prefix).as_deref(), end, "{prefix:?}");
            if let Some(end) = end {
                assert!(prefix < end && *format!("{prefix}\u{10ffff}") < *end);
            }
        }
    }
}
