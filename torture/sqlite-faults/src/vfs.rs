//! What SQLite takes for the operating system's files.

use std::borrow::Cow;
use std::collections::HashMap;
use std::path::{Path, PathBuf};
use std::ptr::NonNull;
use std::sync::Arc;

use parking_lot::Mutex;
use sqlite_plugin::flags::{
    AccessFlags, CreateMode, LockLevel, OpenKind, OpenMode, OpenOpts, ShmLockMode,
};
use sqlite_plugin::vars;
use sqlite_plugin::vfs::{RegisterOpts, Vfs, VfsHandle, VfsResult, register_static};

use crate::disk::{Disk, HowToOpen, Opened};

/// As SQLite's own VFS says of a local disk.
const SECTOR_BYTES: i32 = 4_096;

/// The disks of this process, each mounted at a directory.
#[derive(Debug, Clone, Default)]
pub(crate) struct Mounts(Arc<Mutex<HashMap<PathBuf, Arc<Disk>>>>);

impl Mounts {
    /// Makes these disks what SQLite uses unless told otherwise.
    pub(crate) fn register() -> Result<Self, String> {
        let mounts = Self::default();
        let vfs = FaultyVfs(mounts.clone());
        let options = RegisterOpts { make_default: true };
        match register_static(c"faulty".to_owned(), vfs, options) {
            Ok(_) => Ok(mounts),
            Err(code) => Err(format!("SQLite refuses the VFS with code {code}")),
        }
    }

    /// Puts a disk at a directory.
    pub(crate) fn mount(&self, directory: &Path, disk: Arc<Disk>) {
        self.0.lock().insert(directory.to_owned(), disk);
    }

    /// Takes a disk away again. Answers whether there was one.
    pub(crate) fn unmount(&self, directory: &Path) -> bool {
        self.0.lock().remove(directory).is_some()
    }

    /// The disk and the name of a file.
    fn find<'a>(&self, path: &'a str) -> VfsResult<(Arc<Disk>, &'a str)> {
        let path = Path::new(path);
        let directory = path.parent().ok_or(vars::SQLITE_CANTOPEN)?;
        let name = path.file_name().and_then(|name| name.to_str());
        let name = name.ok_or(vars::SQLITE_CANTOPEN)?;
        let disk = self.0.lock().get(directory).cloned();
        Ok((disk.ok_or(vars::SQLITE_CANTOPEN)?, name))
    }
}

struct FaultyVfs(Mounts);

struct Handle {
    disk: Arc<Disk>,
    file: Opened,
    is_readonly: bool,
}

impl VfsHandle for Handle {
    fn readonly(&self) -> bool {
        self.is_readonly
    }

    fn in_memory(&self) -> bool {
        false
    }
}

impl Vfs for FaultyVfs {
    type Handle = Handle;

    fn canonical_path<'a>(&self, path: Cow<'a, str>) -> VfsResult<Cow<'a, str>> {
        Ok(path)
    }

    fn open(&self, path: Option<&str>, options: OpenOpts) -> VfsResult<Handle> {
        let mode = options.mode();
        let is_log = matches!(options.kind(), OpenKind::Wal | OpenKind::MainJournal);
        let may_create = matches!(
            mode,
            OpenMode::ReadWrite {
                create: CreateMode::Create | CreateMode::MustCreate
            }
        );
        let how = HowToOpen {
            may_create,
            must_create: mode.must_create(),
            delete_at_close: options.delete_on_close(),
            is_log,
        };
        // Everything temporary is kept in memory, so that no file is without a path.
        let (disk, name) = self.0.find(path.ok_or(vars::SQLITE_CANTOPEN)?)?;
        let file = disk.open(Some(name), how)?;
        Ok(Handle {
            disk,
            file,
            is_readonly: mode.is_readonly(),
        })
    }

    fn delete(&self, path: &str) -> VfsResult<()> {
        let (disk, name) = self.0.find(path)?;
        disk.delete(name)
    }

    fn access(&self, path: &str, _flags: AccessFlags) -> VfsResult<bool> {
        let (disk, name) = self.0.find(path)?;
        Ok(disk.exists(name))
    }

    fn file_size(&self, handle: &mut Handle) -> VfsResult<usize> {
        Ok(handle.disk.size(&handle.file))
    }

    fn truncate(&self, handle: &mut Handle, size: usize) -> VfsResult<()> {
        handle.disk.truncate(&handle.file, size)
    }

    fn write(&self, handle: &mut Handle, offset: usize, data: &[u8]) -> VfsResult<usize> {
        handle.disk.write(&handle.file, offset, data)
    }

    fn read(&self, handle: &mut Handle, offset: usize, data: &mut [u8]) -> VfsResult<usize> {
        handle.disk.read(&handle.file, offset, data)
    }

    fn lock(&self, handle: &mut Handle, level: LockLevel) -> VfsResult<()> {
        handle.disk.lock(&handle.file, level)
    }

    fn unlock(&self, handle: &mut Handle, level: LockLevel) -> VfsResult<()> {
        handle.disk.unlock(&handle.file, level);
        Ok(())
    }

    fn check_reserved_lock(&self, handle: &mut Handle) -> VfsResult<bool> {
        Ok(handle.disk.is_reserved(&handle.file))
    }

    fn sync(&self, handle: &mut Handle) -> VfsResult<()> {
        handle.disk.sync(&mut handle.file)
    }

    fn close(&self, handle: Handle) -> VfsResult<()> {
        handle.disk.close(&handle.file);
        Ok(())
    }

    fn sector_size(&self, _handle: &mut Handle) -> VfsResult<i32> {
        Ok(SECTOR_BYTES)
    }

    fn device_characteristics(&self, _handle: &mut Handle) -> VfsResult<i32> {
        // A torn write changes no byte outside of it. Nothing else is promised.
        Ok(vars::SQLITE_IOCAP_POWERSAFE_OVERWRITE)
    }

    fn shm_map(
        &self,
        handle: &mut Handle,
        region_index: usize,
        region_bytes: usize,
        extend: bool,
    ) -> VfsResult<Option<NonNull<u8>>> {
        let Handle { disk, file, .. } = handle;
        disk.map_memory(file, region_index, region_bytes, extend)
    }

    fn shm_lock(
        &self,
        handle: &mut Handle,
        offset: u32,
        count: u32,
        mode: ShmLockMode,
    ) -> VfsResult<()> {
        handle.disk.lock_memory(&handle.file, offset, count, mode)
    }

    fn shm_barrier(&self, handle: &mut Handle) {
        handle.disk.barrier();
    }

    fn shm_unmap(&self, handle: &mut Handle, _delete: bool) -> VfsResult<()> {
        handle.disk.unmap_memory(&handle.file);
        Ok(())
    }
}
