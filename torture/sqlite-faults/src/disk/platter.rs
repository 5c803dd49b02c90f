//! What is left of a disk after a loss of power.

use std::collections::BTreeMap;
use std::mem;

use fastrand::Rng;

use super::event::{Change, Event, Inode, NameChange, write_at};

const SECTOR_BYTES: usize = 512;

/// The files of a disk by their names.
pub(crate) type Image = BTreeMap<String, Vec<u8>>;

/// How much of what was not synchronised is lost.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Loss {
    /// Nothing: the processes died and the operating system went on.
    Nothing,
    /// An arbitrary part, sector by sector.
    Some,
    /// Everything.
    Everything,
}

#[derive(Debug, Default, Clone)]
struct File {
    durable: Vec<u8>,
    pending: Vec<Change>,
}

/// What is certainly on the disk, and what may be.
#[derive(Debug, Default)]
pub(crate) struct Platter {
    files: BTreeMap<Inode, File>,
    names: BTreeMap<String, Inode>,
    pending_names: Vec<NameChange>,
}

impl Platter {
    /// Follows the log by one entry. What a failed synchronisation leaves is drawn from `rng`.
    pub(crate) fn follow(&mut self, event: &Event, rng: &mut Rng) {
        match event {
            Event::Name(change) => self.pending_names.push(change.clone()),
            Event::File { inode, change } => {
                let file = self.files.entry(*inode).or_default();
                file.pending.push(change.clone());
            }
            Event::Synced {
                inode,
                with_directory,
            } => {
                let File { durable, pending } = self.files.entry(*inode).or_default();
                for change in pending.drain(..) {
                    change.apply(durable);
                }
                if *with_directory {
                    for change in mem::take(&mut self.pending_names) {
                        rename(&mut self.names, &change);
                    }
                }
            }
            Event::SyncFailed { inode } => {
                let File { durable, pending } = self.files.entry(*inode).or_default();
                for change in mem::take(pending) {
                    keep_some(&change, durable, rng);
                }
            }
        }
    }

    /// What is found after the loss of power.
    pub(crate) fn crash(&self, loss: Loss, rng: &mut Rng) -> Image {
        let mut names = self.names.clone();
        let renamed = match loss {
            Loss::Nothing => self.pending_names.len(),
            Loss::Some => rng.usize(0..=self.pending_names.len()),
            Loss::Everything => 0,
        };
        for change in &self.pending_names[..renamed] {
            rename(&mut names, change);
        }
        let none = File::default();
        let content = |inode: Inode, rng: &mut Rng| {
            let file = self.files.get(&inode).unwrap_or(&none);
            let mut bytes = file.durable.clone();
            for change in &file.pending {
                match loss {
                    Loss::Nothing => change.apply(&mut bytes),
                    Loss::Some => keep_some(change, &mut bytes, rng),
                    Loss::Everything => {}
                }
            }
            bytes
        };
        names
            .into_iter()
            .map(|(name, inode)| (name, content(inode, rng)))
            .collect()
    }
}

fn rename(names: &mut BTreeMap<String, Inode>, change: &NameChange) {
    match change {
        NameChange::Create { name, inode } => names.insert(name.clone(), *inode),
        NameChange::Remove { name } => names.remove(name),
    };
}

/// Does an arbitrary part of a change: each sector of a write is kept, lost or torn, and where it
/// is lost the file may have become longer all the same.
fn keep_some(change: &Change, file: &mut Vec<u8>, rng: &mut Rng) {
    let (mut offset, mut rest) = match change {
        Change::Write { offset, bytes } => (*offset, &bytes[..]),
        Change::Truncate { .. } => {
            if rng.bool() {
                change.apply(file);
            }
            return;
        }
    };
    // Whole writes survive or vanish more often than their sectors part company.
    let whole = rng.u8(0..4);
    while !rest.is_empty() {
        let to_next_sector = SECTOR_BYTES - offset % SECTOR_BYTES;
        let (sector, after) = rest.split_at(rest.len().min(to_next_sector));
        let kept = match (whole, rng.u8(0..8)) {
            (0, _) | (2.., 0..=3) => sector.len(),
            (1, _) | (2.., 4..=6) => 0,
            (2.., _) => rng.usize(0..=sector.len()),
        };
        write_at_if_any(file, offset, &sector[..kept]);
        if kept < sector.len() && rng.u8(0..4) == 0 && file.len() < offset + sector.len() {
            file.resize(offset + sector.len(), 0);
        }
        offset += sector.len();
        rest = after;
    }
}

fn write_at_if_any(file: &mut Vec<u8>, offset: usize, bytes: &[u8]) {
    if !bytes.is_empty() {
        write_at(file, offset, bytes);
    }
}
