//! A disk in memory that remembers everything that is done to it, and that can fail.

mod event;
mod fault;
mod locks;
mod memory;
mod platter;

use std::collections::BTreeMap;
use std::ptr::NonNull;

use fastrand::Rng;
use parking_lot::Mutex;
use sqlite_plugin::flags::{LockLevel, ShmLockMode};
use sqlite_plugin::vars;
use sqlite_plugin::vfs::VfsResult;

pub(crate) use event::Event;
use event::{Change, Inode, NameChange};
pub(crate) use fault::{Fault, FaultPlan};
use fault::{Faults, Operation};
use locks::{FileLocks, Holder};
use memory::SharedMemory;
pub(crate) use platter::{Image, Loss, Platter};

/// A disk with one directory.
#[derive(Debug)]
pub(crate) struct Disk {
    state: Mutex<State>,
}

#[derive(Debug)]
struct State {
    names: BTreeMap<String, Inode>,
    files: Vec<File>,
    holders: Holder,
    log: Vec<Event>,
    faults: Option<Faults>,
    /// How much a write without space leaves.
    rng: Rng,
}

/// What programs see of a file, durable or not.
#[derive(Debug, Default)]
struct File {
    bytes: Vec<u8>,
    locks: FileLocks,
    memory: SharedMemory,
}

/// An open file.
#[derive(Debug)]
pub(crate) struct Opened {
    inode: Inode,
    holder: Holder,
    /// The first synchronisation of a log that may have been created is one of the directory as
    /// well, as with SQLite's own VFS.
    is_new_log: bool,
    delete_at_close: Option<String>,
}

/// How a file is to be opened.
#[derive(Debug, Clone, Copy)]
pub(crate) struct HowToOpen {
    pub(crate) may_create: bool,
    pub(crate) must_create: bool,
    pub(crate) delete_at_close: bool,
    /// A rollback journal or a write-ahead log.
    pub(crate) is_log: bool,
}

impl Disk {
    /// A disk with these files.
    pub(crate) fn new(image: &Image, seed: u64) -> Self {
        let mut state = State {
            names: BTreeMap::new(),
            files: Vec::new(),
            holders: 0,
            log: Vec::new(),
            faults: None,
            rng: Rng::with_seed(seed),
        };
        for (number, (name, bytes)) in image.iter().enumerate() {
            state.names.insert(name.clone(), Inode(number));
            state.files.push(File {
                bytes: bytes.clone(),
                ..File::default()
            });
        }
        Self {
            state: Mutex::new(state),
        }
    }

    /// The same disk for a process that comes after the one that used it until now: what the
    /// operating system has is there, durable or not, and nobody holds a lock.
    pub(crate) fn survivor(&self, seed: u64) -> Self {
        let state = self.state.lock();
        let files = state.files.iter().map(|file| File {
            bytes: file.bytes.clone(),
            ..File::default()
        });
        Self {
            state: Mutex::new(State {
                names: state.names.clone(),
                files: files.collect(),
                holders: 0,
                log: state.log.clone(),
                faults: None,
                rng: Rng::with_seed(seed),
            }),
        }
    }

    /// Whether a fault has struck.
    pub(crate) fn has_failed(&self) -> bool {
        let state = self.state.lock();
        let faults = state.faults.as_ref();
        faults.is_some_and(|faults| faults.struck() > 0)
    }

    /// How long the log is.
    pub(crate) fn log_position(&self) -> usize {
        self.state.lock().log.len()
    }

    /// What was done so far.
    pub(crate) fn log(&self) -> Vec<Event> {
        self.state.lock().log.clone()
    }

    /// Fails from now on as planned.
    pub(crate) fn arm(&self, plan: FaultPlan) {
        self.state.lock().faults = Some(Faults::new(plan));
    }

    /// Fails no more. Answers how many operations could have failed, and how many did.
    pub(crate) fn lift(&self) -> (u64, u64) {
        let faults = self.state.lock().faults.take();
        faults.map_or((0, 0), |faults| (faults.seen(), faults.struck()))
    }

    /// Opens a file, or one without a name.
    pub(crate) fn open(&self, name: Option<&str>, how: HowToOpen) -> VfsResult<Opened> {
        let mut state = self.state.lock();
        let found = name.and_then(|name| state.names.get(name).copied());
        if found.is_some() && how.must_create
            || found.is_none() && name.is_some() && !how.may_create
        {
            return Err(vars::SQLITE_CANTOPEN);
        }
        let inode = found.unwrap_or_else(|| state.create(name));
        state.holders += 1;
        Ok(Opened {
            inode,
            holder: state.holders,
            is_new_log: how.may_create && how.is_log,
            delete_at_close: name.filter(|_| how.delete_at_close).map(str::to_owned),
        })
    }

    pub(crate) fn exists(&self, name: &str) -> bool {
        self.state.lock().names.contains_key(name)
    }

    pub(crate) fn delete(&self, name: &str) -> VfsResult<()> {
        let mut state = self.state.lock();
        if state.names.remove(name).is_none() {
            return Err(vars::SQLITE_IOERR_DELETE_NOENT);
        }
        let name = name.to_owned();
        state.log.push(Event::Name(NameChange::Remove { name }));
        Ok(())
    }

    pub(crate) fn close(&self, file: &Opened) {
        {
            let mut state = self.state.lock();
            let entry = state.file(file);
            entry.locks.unlock(file.holder, LockLevel::Unlocked);
            entry.memory.unmap(file.holder);
        }
        if let Some(name) = &file.delete_at_close {
            self.delete(name).ok();
        }
    }

    pub(crate) fn size(&self, file: &Opened) -> usize {
        self.state.lock().file(file).bytes.len()
    }

    pub(crate) fn read(&self, file: &Opened, offset: usize, into: &mut [u8]) -> VfsResult<usize> {
        let mut state = self.state.lock();
        let wanted = match state.strike(Operation::Read) {
            Some(Fault::ShortRead) => into.len() / 2,
            Some(fault) => return Err(fault.code()),
            None => into.len(),
        };
        let bytes = &state.file(file).bytes;
        let from = offset.min(bytes.len());
        let found = &bytes[from..bytes.len().min(from + wanted)];
        into[..found.len()].copy_from_slice(found);
        Ok(found.len())
    }

    pub(crate) fn write(&self, file: &Opened, offset: usize, bytes: &[u8]) -> VfsResult<usize> {
        let mut state = self.state.lock();
        let grows = offset + bytes.len() > state.file(file).bytes.len();
        let operation = if grows {
            Operation::Grow
        } else {
            Operation::Overwrite
        };
        let fault = state.strike(operation);
        let written = match fault {
            Some(_) => state.rng.usize(0..bytes.len()),
            None => bytes.len(),
        };
        if written > 0 {
            let bytes = bytes[..written].into();
            state.change(file, Change::Write { offset, bytes });
        }
        fault.map_or(Ok(written), |fault| Err(fault.code()))
    }

    pub(crate) fn truncate(&self, file: &Opened, length: usize) -> VfsResult<()> {
        let mut state = self.state.lock();
        if let Some(fault) = state.strike(Operation::Overwrite) {
            return Err(fault.code());
        }
        state.change(file, Change::Truncate { length });
        Ok(())
    }

    pub(crate) fn sync(&self, file: &mut Opened) -> VfsResult<()> {
        let mut state = self.state.lock();
        let inode = file.inode;
        if let Some(fault) = state.strike(Operation::Sync) {
            state.log.push(Event::SyncFailed { inode });
            return Err(fault.code());
        }
        state.log.push(Event::Synced {
            inode,
            with_directory: file.is_new_log,
        });
        file.is_new_log = false;
        Ok(())
    }

    pub(crate) fn lock(&self, file: &Opened, level: LockLevel) -> VfsResult<()> {
        let mut state = self.state.lock();
        state.file(file).locks.lock(file.holder, level)
    }

    pub(crate) fn unlock(&self, file: &Opened, level: LockLevel) {
        let mut state = self.state.lock();
        state.file(file).locks.unlock(file.holder, level);
    }

    pub(crate) fn is_reserved(&self, file: &Opened) -> bool {
        self.state.lock().file(file).locks.is_reserved()
    }

    pub(crate) fn map_memory(
        &self,
        file: &Opened,
        index: usize,
        bytes: usize,
        extend: bool,
    ) -> VfsResult<Option<NonNull<u8>>> {
        let mut state = self.state.lock();
        if let Some(fault) = state.strike(Operation::MapMemory) {
            return Err(fault.code());
        }
        let memory = &mut state.file(file).memory;
        Ok(memory.map(file.holder, index, bytes, extend))
    }

    pub(crate) fn lock_memory(
        &self,
        file: &Opened,
        offset: u32,
        count: u32,
        mode: ShmLockMode,
    ) -> VfsResult<()> {
        let mut state = self.state.lock();
        let locks = &mut state.file(file).memory.locks;
        locks.change(file.holder, offset, count, mode)
    }

    /// Waits for everybody who is working on the disk, which orders their memory accesses.
    pub(crate) fn barrier(&self) {
        drop(self.state.lock());
    }

    pub(crate) fn unmap_memory(&self, file: &Opened) {
        self.state.lock().file(file).memory.unmap(file.holder);
    }
}

impl State {
    fn create(&mut self, name: Option<&str>) -> Inode {
        let inode = Inode(self.files.len());
        self.files.push(File::default());
        if let Some(name) = name {
            let name = name.to_owned();
            self.names.insert(name.clone(), inode);
            self.log
                .push(Event::Name(NameChange::Create { name, inode }));
        }
        inode
    }

    fn file(&mut self, file: &Opened) -> &mut File {
        &mut self.files[file.inode.0]
    }

    fn change(&mut self, file: &Opened, change: Change) {
        change.apply(&mut self.file(file).bytes);
        let inode = file.inode;
        self.log.push(Event::File { inode, change });
    }

    fn strike(&mut self, operation: Operation) -> Option<Fault> {
        self.faults.as_mut()?.strike(operation)
    }
}
