//! What happened to a disk, in order.

/// A file's content, whatever names it has.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct Inode(pub(crate) usize);

/// A change of a file that a later synchronisation makes durable.
#[derive(Debug, Clone)]
pub(crate) enum Change {
    Write { offset: usize, bytes: Box<[u8]> },
    Truncate { length: usize },
}

impl Change {
    /// Does it to a file.
    pub(crate) fn apply(&self, file: &mut Vec<u8>) {
        match self {
            Self::Write { offset, bytes } => write_at(file, *offset, bytes),
            Self::Truncate { length } => file.resize(*length, 0),
        }
    }
}

/// Writes into a file, which grows as far as needed.
pub(crate) fn write_at(file: &mut Vec<u8>, offset: usize, bytes: &[u8]) {
    let end = offset + bytes.len();
    if file.len() < end {
        file.resize(end, 0);
    }
    file[offset..end].copy_from_slice(bytes);
}

/// A change of the directory. File systems keep these in order.
#[derive(Debug, Clone)]
pub(crate) enum NameChange {
    Create { name: String, inode: Inode },
    Remove { name: String },
}

/// One entry of the log of a disk.
#[derive(Debug, Clone)]
pub(crate) enum Event {
    Name(NameChange),
    File {
        inode: Inode,
        change: Change,
    },
    /// The file is durable up to here, and the directory with it if that was asked for.
    Synced {
        inode: Inode,
        with_directory: bool,
    },
    /// The synchronisation failed: an arbitrary part of what was not durable has become so, and no
    /// later synchronisation will care for the rest.
    SyncFailed {
        inode: Inode,
    },
}
