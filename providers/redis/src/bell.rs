//! What other processes tell.

use std::collections::HashMap;
use std::sync::Arc;
use std::time::Duration;

use duroxide_core::clock::{Clock as _, SystemClock};
use duroxide_core::providers::InstanceId;
use serde::Deserialize;
use tokio::sync::mpsc::error::SendError;
use tokio::sync::{mpsc, oneshot};
use tokio::task::JoinSet;

use crate::codes::Id;
use crate::hub::{By, News};
use crate::partition::Partition;
use crate::setup::Setup;
use crate::{codec, ear};

/// How long to wait before the next attempt to listen.
const PAUSE: Duration = Duration::from_millis(500);

/// What one process tells the others.
#[derive(Deserialize)]
struct Bell {
    from: Id,
    #[serde(default)]
    now: u64,
    seq: u64,
    turns: Vec<(Arc<str>, u64)>,
    activities: Vec<(Arc<str>, u64)>,
    changed: Vec<String>,
}

/// A partition that is to be listened to.
pub(crate) struct Wanted {
    pub(crate) partition: Arc<Partition>,
    /// Told once it is listened to, and dropped where it cannot be.
    pub(crate) first: Option<oneshot::Sender<()>>,
}

impl Wanted {
    fn again(partition: Arc<Partition>) -> Self {
        Self {
            partition,
            first: None,
        }
    }
}

/// All partitions, and what ends with the first attempt to listen to each.
pub(crate) fn all(setup: &Setup) -> (Vec<Wanted>, Vec<oneshot::Receiver<()>>) {
    let each = setup.partitions.iter().map(|partition| {
        let (first, attempted) = oneshot::channel();
        let wanted = Wanted {
            partition: Arc::clone(partition),
            first: Some(first),
        };
        (wanted, attempted)
    });
    each.unzip()
}

/// Listens to partitions until everything is closed: by one connection to each server, and again after one
/// was lost or a partition has gone to another server.
pub(crate) async fn listen(setup: Arc<Setup>, mut wanted: Vec<Wanted>) {
    let (lost, mut found_lost) = mpsc::unbounded_channel();
    let mut ears = JoinSet::new();
    let mut places: HashMap<Arc<str>, mpsc::UnboundedSender<Wanted>> = HashMap::new();
    loop {
        for it in std::mem::take(&mut wanted) {
            let slot = it.partition.slot;
            let node = tokio::select! {
                biased;
                () = setup.hub.closed() => return,
                node = setup.topology.primary(&setup.access, slot) => node,
            };
            let Ok(node) = node else {
                wanted.push(Wanted::again(it.partition));
                continue;
            };
            let brought = match places.get(&node.name) {
                Some(place) => place.send(it),
                None => Err(SendError(it)),
            };
            let Err(SendError(it)) = brought else {
                continue;
            };
            // None listens there, or not any more.
            let (place, to_hear) = mpsc::unbounded_channel();
            if place.send(it).is_ok() {
                places.insert(Arc::clone(&node.name), place);
                ears.spawn(ear::run(Arc::clone(&setup), node, to_hear, lost.clone()));
            }
        }
        if wanted.is_empty() {
            tokio::select! {
                biased;
                () = setup.hub.closed() => return,
                partition = found_lost.recv() => wanted.extend(partition.map(Wanted::again)),
            }
        }
        tokio::select! {
            biased;
            () = setup.hub.closed() => return,
            () = SystemClock.sleep(PAUSE) => {}
        }
        while let Ok(partition) = found_lost.try_recv() {
            wanted.push(Wanted::again(partition));
        }
        while ears.try_join_next().is_some() {}
    }
}

/// Takes in a message.
pub(crate) fn understand(setup: &Setup, partition: &Partition, message: &[u8]) {
    match codec::decode::<Bell>(message) {
        Ok(bell) if bell.from == setup.node => {}
        Ok(bell) => take_in(setup, partition, bell),
        // It is from another version: anything may have happened.
        Err(_) => setup.hub.forget(partition.index),
    }
}

fn take_in(setup: &Setup, partition: &Partition, bell: Bell) {
    setup.hub.set_peers(partition.index, true);
    let news = News {
        at_ms: bell.now,
        sequence: bell.seq,
        turns: bell.turns,
        activities: bell.activities,
    };
    setup.hub.arrive(partition.index, &news, By::Another);
    let changed = bell.changed.into_iter();
    let changed = changed.filter_map(|id| Some((InstanceId::new(id).ok()?, None)));
    setup.hub.watchers.wake(changed.collect());
}
