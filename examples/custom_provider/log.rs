//! The file: a list of records, each written at once and found out when it is damaged.
//!
//! ```text
//! duroxide-file 1               the format and its version
//! 5a0c21d7 [{"Head":{...}}]     a record: the CRC-32 of the rest of the line, and changes
//! 9be0114f [{"Message":{...}}]  another one
//! ```
//!
//! The first record is the state when the file was last written anew. Each other one is what one
//! operation changed. A crash can cut the last one short; that was never acknowledged, so it is
//! dropped. Damage anywhere else is an error, and nothing is repaired.

use std::ffi::OsString;
use std::fs::{self, File, OpenOptions};
use std::io::{self, Write};
use std::path::{Path, PathBuf};
use std::time::Duration;

use duroxide::providers::{ErrorKind, ProviderError};

use crate::change::Change;

const FORMAT: &str = "duroxide-file 1";
/// A predecessor may be just closing.
const LOCK_PATIENCE: Duration = Duration::from_secs(2);
const LOCK_RETRY_EVERY: Duration = Duration::from_millis(10);
/// Below this size nobody needs a shorter file.
const COMPACT_BYTES_MIN: u64 = 1024 * 1024;

/// The file, opened to be written. Dropping it closes it and lets the next process in.
#[derive(Debug)]
pub(crate) struct Log {
    path: PathBuf,
    file: File,
    bytes: u64,
    /// How many bytes there were when it was last written anew.
    compacted_bytes: u64,
    _lock: File,
}

impl Log {
    /// Takes the lock and reads what the file holds, nothing if there is none. The caller makes a
    /// state of it and begins the log anew with [`begin`](Locked::begin).
    pub(crate) fn read(path: &Path) -> Result<(Locked, Vec<Change>), ProviderError> {
        let lock = lock(path)?;
        let changes = match fs::read(path) {
            Ok(bytes) => decode(path, &bytes)?,
            Err(error) if error.kind() == io::ErrorKind::NotFound => Vec::new(),
            Err(error) => return Err(unusable(path, error)),
        };
        let path = path.to_owned();
        Ok((Locked { path, lock }, changes))
    }

    /// Writes one record and waits until it is on the disk. After an error nobody knows how much
    /// of it is there: the log must not be used any more.
    pub(crate) fn append(&mut self, changes: &[Change]) -> io::Result<()> {
        let line = encode(changes)?;
        self.file.write_all(&line)?;
        self.file.sync_data()?;
        self.bytes += line.len() as u64;
        Ok(())
    }

    /// Whether most of the file is about what is no longer so.
    pub(crate) fn is_worth_compacting(&self) -> bool {
        self.bytes > COMPACT_BYTES_MIN.max(self.compacted_bytes.saturating_mul(2))
    }

    /// Replaces the file by one that leads to the same state in one record.
    pub(crate) fn compact(&mut self, snapshot: &[Change]) -> io::Result<()> {
        (self.file, self.bytes) = rewrite(&self.path, snapshot)?;
        self.compacted_bytes = self.bytes;
        Ok(())
    }
}

/// A file that was read and that nobody else can write.
#[derive(Debug)]
pub(crate) struct Locked {
    path: PathBuf,
    lock: File,
}

impl Locked {
    /// Writes the file anew with this snapshot, so that it is never longer than it must be when a
    /// process begins, and a record that was cut short is gone.
    pub(crate) fn begin(self, snapshot: &[Change]) -> Result<Log, ProviderError> {
        let (file, bytes) =
            rewrite(&self.path, snapshot).map_err(|error| unusable(&self.path, error))?;
        Ok(Log {
            path: self.path,
            file,
            bytes,
            compacted_bytes: bytes,
            _lock: self.lock,
        })
    }
}

/// Writes the file anew beside the old one and puts it in its place: a crash leaves either of them.
fn rewrite(path: &Path, snapshot: &[Change]) -> io::Result<(File, u64)> {
    let beside = with_suffix(path, "-new");
    let mut file = File::create(&beside)?;
    file.write_all(format!("{FORMAT}\n").as_bytes())?;
    file.write_all(&encode(snapshot)?)?;
    file.sync_all()?;
    fs::rename(&beside, path)?;
    // The new name is on the disk only when the directory is.
    let directory = path.parent().filter(|it| !it.as_os_str().is_empty());
    File::open(directory.unwrap_or(Path::new(".")))?.sync_all()?;
    let bytes = file.metadata()?.len();
    Ok((file, bytes))
}

fn encode(changes: &[Change]) -> io::Result<Vec<u8>> {
    let json = serde_json::to_string(changes)?;
    Ok(format!("{:08x} {json}\n", crc32fast::hash(json.as_bytes())).into_bytes())
}

fn decode(path: &Path, bytes: &[u8]) -> Result<Vec<Change>, ProviderError> {
    let mut lines = bytes.split_inclusive(|byte| *byte == b'\n').zip(1_u64..);
    match lines.next() {
        Some((line, _)) if line == format!("{FORMAT}\n").as_bytes() => {}
        _ => return Err(foreign(path)),
    }
    // The snapshot was on the disk before the file had its name.
    let snapshot = lines.next().and_then(|(line, _)| decode_record(line));
    let mut changes = snapshot.ok_or_else(|| damaged(path, 2))?;
    let mut cut_short = None;
    for (line, number) in lines {
        if let Some(number) = cut_short {
            return Err(damaged(path, number));
        }
        match decode_record(line) {
            Some(record) => changes.extend(record),
            None => cut_short = Some(number),
        }
    }
    Ok(changes)
}

fn decode_record(line: &[u8]) -> Option<Vec<Change>> {
    let line = str::from_utf8(line).ok()?.strip_suffix('\n')?;
    let (checksum, json) = line.split_once(' ')?;
    let is_whole = u32::from_str_radix(checksum, 16) == Ok(crc32fast::hash(json.as_bytes()));
    is_whole.then(|| serde_json::from_str(json).ok()).flatten()
}

/// One process at a time. The lock is on a file of its own, since compacting replaces the other.
fn lock(path: &Path) -> Result<File, ProviderError> {
    let mut options = OpenOptions::new();
    let file = options.create(true).truncate(false).write(true);
    let file = file.open(with_suffix(path, "-lock"));
    let file = file.map_err(|error| unusable(path, error))?;
    let mut waited = Duration::ZERO;
    loop {
        match file.try_lock() {
            Ok(()) => return Ok(file),
            Err(fs::TryLockError::Error(error)) => return Err(unusable(path, error)),
            Err(fs::TryLockError::WouldBlock) if waited >= LOCK_PATIENCE => {
                return Err(in_use(path));
            }
            Err(fs::TryLockError::WouldBlock) => std::thread::park_timeout(LOCK_RETRY_EVERY),
        }
        waited += LOCK_RETRY_EVERY;
    }
}

fn with_suffix(path: &Path, suffix: &str) -> PathBuf {
    let mut name = OsString::from(path);
    name.push(suffix);
    PathBuf::from(name)
}

fn unusable(path: &Path, cause: io::Error) -> ProviderError {
    let message = "the file cannot be used; check its folder and the rights to it";
    ProviderError::new(ErrorKind::Config, "open", message)
        .with_context("file", path.display())
        .with_source(cause)
}

fn in_use(path: &Path) -> ProviderError {
    let message = "another provider has the file open; close that one first";
    ProviderError::new(ErrorKind::Config, "open", message).with_context("file", path.display())
}

fn foreign(path: &Path) -> ProviderError {
    let message = "the file is not of this format and version; use another file or a later program";
    ProviderError::new(ErrorKind::Corrupt, "open", message).with_context("file", path.display())
}

fn damaged(path: &Path, line: u64) -> ProviderError {
    let message = "a record of the file is damaged; restore the file from a backup";
    ProviderError::new(ErrorKind::Corrupt, "open", message)
        .with_context("file", path.display())
        .with_context("line", line)
}
