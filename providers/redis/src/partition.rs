//! The parts of a store, each of which one script can work on.

use std::num::NonZeroUsize;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use duroxide_core::providers::InstanceId;
use parking_lot::Mutex;

use crate::claim::ClaimJob;
use crate::commit::CommitJob;
use crate::lane::{Call, Lane, LaneEnds, Lanes};
use crate::read_lane::ReadJob;
use crate::slot;

/// A part of a store. All keys of one have the same tag in braces, which puts them into one slot of a Cluster.
pub(crate) struct Partition {
    /// Its number, from 0.
    pub(crate) index: usize,
    /// What all its keys begin with.
    pub(crate) key_tag: String,
    /// By which channel the processes on the store tell one another what they do there. Channels know
    /// nothing of databases, so that it names its own.
    pub(crate) bell: String,
    /// In which slot of a Cluster it is.
    pub(crate) slot: u16,
    /// Whether it has not answered of late: others are not to wait for it.
    is_absent: AtomicBool,
    /// Where calls are brought to; empty once everything is closed.
    lanes: Mutex<Option<Lanes>>,
}

impl Partition {
    pub(crate) fn is_absent(&self) -> bool {
        self.is_absent.load(Ordering::Relaxed)
    }

    pub(crate) fn set_absent(&self, is_absent: bool) {
        self.is_absent.store(is_absent, Ordering::Relaxed);
    }

    fn new(prefix: &str, (index, count): (usize, usize), database: i64, lanes: Lanes) -> Self {
        let key_tag = key_tag(prefix, index, count);
        Self {
            index,
            bell: format!("{key_tag}bell:{database}"),
            slot: slot::of(&key_tag),
            key_tag,
            is_absent: AtomicBool::new(false),
            lanes: Mutex::new(Some(lanes)),
        }
    }

    /// The number of a partition, if it is another one.
    pub(crate) fn other(&self, index: usize) -> Option<usize> {
        (index != self.index).then_some(index)
    }

    /// Has a script called; false once everything is closed.
    pub(crate) fn call(&self, lane: Lane, call: Call) -> bool {
        self.bring(|lanes| match lane {
            Lane::Looks => lanes.looks.send(call).is_ok(),
            Lane::Fronts => lanes.fronts.send(call).is_ok(),
            Lane::Leases => lanes.leases.send(call).is_ok(),
            Lane::Relay => lanes.relay.send(call).is_ok(),
        })
    }

    /// Has something claimed; false once everything is closed.
    pub(crate) fn claim(&self, job: ClaimJob) -> bool {
        self.bring(|lanes| lanes.claims.send(job).is_ok())
    }

    /// Has something read; false once everything is closed.
    pub(crate) fn read(&self, job: ReadJob) -> bool {
        self.bring(|lanes| lanes.reads.send(job).is_ok())
    }

    /// Has operations committed; false once everything is closed.
    pub(crate) fn commit(&self, job: CommitJob) -> bool {
        self.bring(|lanes| lanes.commits.send(job).is_ok())
    }

    fn bring(&self, send: impl FnOnce(&Lanes) -> bool) -> bool {
        self.lanes.lock().as_ref().is_some_and(send)
    }

    /// Takes on nothing more.
    fn close(&self) {
        *self.lanes.lock() = None;
    }
}

/// What the keys of the first partition begin with, however many there are.
pub(crate) fn first_key_tag(prefix: &str) -> String {
    format!("{{{prefix}:0}}:")
}

/// What all keys of a partition begin with: the prefix and its number, and behind that whatever puts it at its
/// distance from the first one, so that the slots of a store are spread evenly over those of a Cluster. Hashes of
/// short names would lie together. It is a part of what is stored.
pub(crate) fn key_tag(prefix: &str, index: usize, count: usize) -> String {
    let first = first_key_tag(prefix);
    if index == 0 {
        return first;
    }
    let slots = usize::from(slot::COUNT);
    // A quarter of the distance to the next one, to either side.
    let reach = (slots / count / 4).max(1);
    let wanted = usize::from(slot::of(&first)) + index * slots / count;
    let tags = (0..).map(|number: u32| format!("{{{prefix}:{index}.{number}}}:"));
    let mut near = tags.filter(|tag| {
        let distance = (usize::from(slot::of(tag)) + slots + reach - wanted % slots) % slots;
        distance <= 2 * reach
    });
    near.next().unwrap_or(first)
}

/// What all keys of this prefix match, and no others.
pub(crate) fn pattern(prefix: &str) -> String {
    let mut pattern = "{".to_owned();
    for letter in prefix.chars() {
        if matches!(letter, '*' | '?' | '[' | ']' | '^' | '\\') {
            pattern.push('\\');
        }
        pattern.push(letter);
    }
    // No prefix has a brace.
    pattern + ":*"
}

/// All parts of a store: one at least.
pub(crate) struct Partitions {
    first: Arc<Partition>,
    others: Vec<Arc<Partition>>,
}

impl Partitions {
    /// So many, and the ends of their lanes that are to be served, in their order.
    pub(crate) fn new(prefix: &str, database: i64, count: NonZeroUsize) -> (Self, Vec<LaneEnds>) {
        let make = |index| {
            let (lanes, ends) = Lanes::new();
            let partition = Partition::new(prefix, (index, count.get()), database, lanes);
            (Arc::new(partition), ends)
        };
        let (first, ends_of_first) = make(0);
        let (others, mut ends): (_, Vec<LaneEnds>) = (1..count.get()).map(make).unzip();
        ends.insert(0, ends_of_first);
        (Self { first, others }, ends)
    }

    pub(crate) fn count(&self) -> usize {
        self.others.len() + 1
    }

    pub(crate) fn iter(&self) -> impl Iterator<Item = &Arc<Partition>> {
        std::iter::once(&self.first).chain(&self.others)
    }

    pub(crate) fn first(&self) -> &Arc<Partition> {
        &self.first
    }

    /// Those that have answered of late; all where none has.
    pub(crate) fn present(&self) -> Vec<&Arc<Partition>> {
        let present: Vec<_> = self.iter().filter(|it| !it.is_absent()).collect();
        if present.is_empty() {
            return self.iter().collect();
        }
        present
    }

    /// The one with this number.
    pub(crate) fn get(&self, index: usize) -> Option<&Arc<Partition>> {
        match index.checked_sub(1) {
            None => Some(&self.first),
            Some(index) => self.others.get(index),
        }
    }

    /// The one to which an instance belongs, for ever.
    pub(crate) fn of(&self, instance: &InstanceId) -> &Arc<Partition> {
        self.get(self.index_of(instance)).unwrap_or(&self.first)
    }

    /// The number of the one to which an instance belongs.
    pub(crate) fn index_of(&self, instance: &str) -> usize {
        if self.others.is_empty() {
            return 0;
        }
        let index = hash(instance.as_bytes()) % self.count() as u64;
        usize::try_from(index).unwrap_or(0)
    }

    /// Items by where their instances are.
    pub(crate) fn group<T>(
        &self,
        items: impl IntoIterator<Item = T>,
        instance: impl Fn(&T) -> &InstanceId,
    ) -> Vec<Group<'_, T>> {
        let mut groups: Vec<Group<'_, T>> = Vec::new();
        for (place, item) in items.into_iter().enumerate() {
            let partition = self.of(instance(&item));
            let known = groups.iter_mut();
            let mut known = known.filter(|it| it.partition.index == partition.index);
            if let Some(group) = known.next() {
                group.places.push(place);
                group.items.push(item);
            } else {
                groups.push(Group {
                    partition,
                    places: vec![place],
                    items: vec![item],
                });
            }
        }
        groups
    }

    pub(crate) fn close(&self) {
        self.iter().for_each(|partition| partition.close());
    }
}

/// What concerns one partition, of a list of things.
pub(crate) struct Group<'a, T> {
    pub(crate) partition: &'a Arc<Partition>,
    /// The place of each in the list.
    pub(crate) places: Vec<usize>,
    pub(crate) items: Vec<T>,
}

/// The answers to all items of a list, in their places.
pub(crate) fn in_places<A>(groups: Vec<(Vec<usize>, Vec<A>)>) -> Vec<A> {
    let each = groups.into_iter();
    let each = each.flat_map(|(places, answers)| places.into_iter().zip(answers));
    let mut each: Vec<(usize, A)> = each.collect();
    each.sort_by_key(|(place, _)| *place);
    each.into_iter().map(|(_, answer)| answer).collect()
}

/// FNV-1a of 64 bits, with its high bits mixed into the low ones. It is a part of what is stored: an
/// instance is looked for where it was put.
fn hash(bytes: &[u8]) -> u64 {
    let hash = bytes.iter().fold(0xcbf2_9ce4_8422_2325, |hash: u64, byte| {
        (hash ^ u64::from(*byte)).wrapping_mul(0x0100_0000_01b3)
    });
    hash ^ (hash >> 32)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_prefix_is_matched_as_it_is() {
        assert_eq!(pattern("a*[b]"), r"{a\*\[b\]:*");
    }

    #[test]
    fn an_instance_stays_where_it_was_put() {
        // Published values of FNV-1a, mixed. They are never edited.
        let known = [
            ("", 0xcbf2_9ce4_8422_2325_u64),
            ("a", 0xaf63_dc4c_8601_ec8c),
            ("foobar", 0x8594_4171_f739_67e8),
        ];
        for (text, fnv) in known {
            assert_eq!(hash(text.as_bytes()), fnv ^ (fnv >> 32), "{text}");
        }
    }

    #[test]
    fn partitions_are_spread_evenly_over_the_slots() {
        for (count, servers, least) in [(16, 3, 4), (16, 5, 2), (5, 3, 1), (256, 7, 34)] {
            let mut held = vec![0; servers];
            for index in 0..count {
                let slot = usize::from(slot::of(&key_tag("duroxide", index, count)));
                held[slot * servers / usize::from(slot::COUNT)] += 1;
            }
            assert!(held.iter().all(|it| *it >= least), "{count}: {held:?}");
        }
    }

    #[test]
    fn the_tags_of_partitions_stay() {
        // They are never edited: what is stored is under them.
        assert_eq!(key_tag("duroxide", 0, 16), "{duroxide:0}:");
        assert_eq!(key_tag("duroxide", 1, 16), "{duroxide:1.2}:");
        assert_eq!(key_tag("duroxide", 15, 16), "{duroxide:15.42}:");
    }

    #[test]
    fn instances_are_spread_evenly() {
        let mut counts = [0_u32; 16];
        for number in 0..16_000 {
            let place = hash(format!("order-{number}").as_bytes()) % 16;
            counts[usize::try_from(place).unwrap()] += 1;
        }
        assert!(
            counts.iter().all(|it| (800..1_200).contains(it)),
            "{counts:?}"
        );
    }
}
