//! The short way: a process that has committed knows what it has sent, and where the target stands if it has
//! brought something there before. Then it brings that by one call.

use std::collections::{HashMap, HashSet, VecDeque};
use std::mem;
use std::sync::Arc;

use parking_lot::Mutex;
use tokio::sync::oneshot;

use super::brought::Brought;
use super::place::{Link, Place};
use super::way::Way;
use super::wire::{Batch, Entry, Seen};
use crate::error::Failure;

/// How many entries one call brings, and how many bytes of them: the server does nothing else meanwhile.
const ENTRIES_AT_ONCE: usize = 512;
const BYTES_AT_ONCE: usize = 1024 * 1024;
/// Of how many dropped entries a way knows, for those who have sent them and ask late.
const DROPPED_KNOWN_MAX: usize = 1_024;

/// The entries of which it is known that nobody was there to receive them.
pub(crate) type Dropped = Arc<HashSet<Link>>;

/// What a commit has sent to a partition.
pub(crate) struct Posted {
    /// The place behind which it stands.
    pub(crate) before: Place,
    pub(crate) entries: Vec<Entry>,
}

/// What is on its way in this process, by source and target: at most one for each pair of partitions.
#[derive(Default)]
pub(crate) struct Ways(Mutex<HashMap<(usize, usize), SharedTraffic>>);

type SharedTraffic = Arc<Mutex<Traffic>>;

/// What is to be brought from one partition to another.
#[derive(Default)]
struct Traffic {
    waiting: Vec<Waiting>,
    /// How many bytes those have that wait.
    bytes: usize,
    /// Whether somebody brings what waits.
    is_served: bool,
    /// Whether the last attempt has failed.
    is_failing: bool,
    /// Where the target was seen last.
    seen: Option<Seen>,
    dropped: VecDeque<Link>,
}

struct Waiting {
    /// What is to be brought; `None` where so much waits that it is taken from the source instead.
    posted: Option<Posted>,
    /// `None` where nobody is to wait: the target could not be reached before.
    reply: Option<oneshot::Sender<Dropped>>,
}

impl Ways {
    /// Has what was sent brought to its target; where it is not known what that is, all that is there. Whoever waits for the answer hears when that is done; if it
    /// fails, others will bring it.
    pub(crate) fn post(&self, way: Way, posted: Option<Posted>) -> oneshot::Receiver<Dropped> {
        let key = (way.source.index, way.target.index);
        let traffic = Arc::clone(self.0.lock().entry(key).or_default());
        let (reply, answer) = oneshot::channel();
        let must_serve = traffic.lock().add(posted, reply);
        if must_serve {
            tokio::spawn(serve(way, traffic));
        }
        answer
    }
}

impl Ways {
    /// A round has brought something there: whoever sends more waits for that again.
    pub(crate) fn recover(&self, way: &Way) {
        let key = (way.source.index, way.target.index);
        let traffic = self.0.lock().get(&key).cloned();
        if let Some(traffic) = traffic {
            traffic.lock().is_failing = false;
        }
    }
}

impl Traffic {
    /// Adds something, and answers whether nobody brings it yet.
    fn add(&mut self, posted: Option<Posted>, reply: oneshot::Sender<Dropped>) -> bool {
        let entries = posted.iter().flat_map(|it| &it.entries);
        let bytes: usize = entries.map(|entry| entry.2.len()).sum();
        self.bytes = self.bytes.saturating_add(bytes);
        let posted = posted.filter(|_| self.bytes <= BYTES_AT_ONCE);
        let reply = (!self.is_failing).then_some(reply);
        self.waiting.push(Waiting { posted, reply });
        !mem::replace(&mut self.is_served, true)
    }

    /// Takes what waits; if nothing does, nobody brings anything from now on.
    fn next(&mut self) -> Option<(Vec<Waiting>, Option<Seen>)> {
        if self.waiting.is_empty() {
            self.is_served = false;
            return None;
        }
        self.bytes = 0;
        Some((mem::take(&mut self.waiting), self.seen.take()))
    }

    /// Takes in what was brought, and answers what was dropped of late.
    fn learn(&mut self, brought: Brought) -> Dropped {
        self.is_failing = false;
        self.seen = brought.seen;
        self.dropped.extend(brought.dropped);
        let too_many = self.dropped.len().saturating_sub(DROPPED_KNOWN_MAX);
        let known = self.dropped.iter().copied().collect();
        self.dropped.drain(..too_many);
        Arc::new(known)
    }
}

/// Brings what waits, until nothing does.
async fn serve(way: Way, traffic: SharedTraffic) {
    loop {
        let next = traffic.lock().next();
        let Some((mut waiting, seen)) = next else {
            return;
        };
        let posted = waiting.iter_mut().map(|it| it.posted.take());
        let posted = posted.collect::<Option<Vec<_>>>();
        match bring(&way, seen, posted.unwrap_or_default()).await {
            Ok(brought) => {
                let dropped = traffic.lock().learn(brought);
                for reply in waiting.into_iter().filter_map(|it| it.reply) {
                    // A caller who has gone away wants no answer.
                    reply.send(Arc::clone(&dropped)).ok();
                }
            }
            Err(failure) => {
                traffic.lock().is_failing = true;
                let rounds = &way.setup.rounds;
                rounds.soon(way.source.index, way.setup.access.options.clock.elapsed());
                tracing::debug!(
                    target: "duroxide::redis", source = way.source.index, target = way.target.index,
                    error = ?failure, "messages cannot be brought now, and will be later"
                );
            }
        }
    }
}

/// Brings what was sent, by one call if it stands where the target does, and all there is otherwise.
async fn bring(way: &Way, seen: Option<Seen>, posted: Vec<Posted>) -> Result<Brought, Failure> {
    let Some(seen) = seen else {
        return way.bring(None).await;
    };
    let position = seen.position();
    let Some(entries) = joined(position.place, posted) else {
        return way.bring(Some(seen)).await;
    };
    let batch = Batch::behind(way.target.index, position.place, entries);
    let delivered = way.deliver(position, &batch).await?;
    if !delivered.fits {
        return way.bring(Some(delivered.seen)).await;
    }
    let mut brought = Brought::default();
    brought.add(way, position, &batch, &delivered);
    brought.seen = Some(delivered.seen);
    Ok(brought)
}

/// The entries of all, if each stands behind the one before, the first one behind this place, and one call can
/// bring them.
fn joined(place: Place, posted: Vec<Posted>) -> Option<Vec<Entry>> {
    let (mut end, mut entries) = (place, Vec::new());
    for it in posted {
        if it.before != end {
            return None;
        }
        entries.extend(it.entries);
        let link = entries.last().map_or(place.1, |entry: &Entry| entry.1);
        end = Place(place.0 + entries.len() as u64, link);
    }
    (1..=ENTRIES_AT_ONCE)
        .contains(&entries.len())
        .then_some(entries)
}
