//! Telling file systems that are on another machine: a write-ahead log needs memory that all who
//! have the file open share, and locks that hold.

use std::path::{Path, PathBuf};

/// The names that the system has for them.
const NETWORK_FILE_SYSTEMS: [&str; 18] = [
    "afs",
    "beegfs",
    "ceph",
    "cifs",
    "davfs",
    "fuse.ceph",
    "fuse.davfs",
    "fuse.glusterfs",
    "fuse.s3fs",
    "fuse.sshfs",
    "gpfs",
    "lustre",
    "ncpfs",
    "nfs",
    "nfs4",
    "smb2",
    "smb3",
    "smbfs",
];

/// The name of the network file system that a file is on. `None` if it is on none, or on a system
/// that does not list its mounts as Linux does.
pub(crate) fn file_system(file: &Path) -> Option<String> {
    let mounts = std::fs::read_to_string("/proc/self/mounts").ok()?;
    network_file_system(&mounts, file)
}

fn network_file_system(mounts: &str, file: &Path) -> Option<String> {
    let mounts = mounts.lines().filter_map(|line| {
        let mut fields = line.split(' ').skip(1);
        Some((unescaped(fields.next()?), fields.next()?))
    });
    // Where several are mounted over each other, the last one counts.
    let (_, name) = mounts
        .filter(|(point, _)| file.starts_with(point))
        .max_by_key(|(point, _)| point.components().count())?;
    NETWORK_FILE_SYSTEMS
        .contains(&name)
        .then(|| name.to_owned())
}

/// A path as it is written in the list: blanks and backslashes are three octal digits.
fn unescaped(text: &str) -> PathBuf {
    let escapes = [
        ("\\040", " "),
        ("\\011", "\t"),
        ("\\012", "\n"),
        ("\\134", "\\"),
    ];
    let plain = escapes
        .iter()
        .fold(text.to_owned(), |text, (escape, plain)| {
            text.replace(escape, plain)
        });
    PathBuf::from(plain)
}

#[cfg(test)]
mod tests {
    use super::*;

    const MOUNTS: &str = "/dev/vda / ext4 rw,relatime 0 0
server:/export /srv nfs4 rw,vers=4.2 0 0
/dev/vdb /srv/local xfs rw 0 0
//server/share /mnt/my\\040share cifs rw 0 0
proc /proc proc rw 0 0
/dev/vdc /over ext4 rw 0 0
server:/over /over nfs rw 0 0
";

    #[test]
    fn the_mount_that_is_nearest_to_the_file_counts() {
        for (file, expected) in [
            ("/var/data.db", None),
            ("/srv/data.db", Some("nfs4")),
            ("/srv/deep/data.db", Some("nfs4")),
            ("/srv/local/data.db", None),
            ("/srvdata.db", None),
            ("/mnt/my share/data.db", Some("cifs")),
            ("/over/data.db", Some("nfs")),
        ] {
            let found = network_file_system(MOUNTS, Path::new(file));
            assert_eq!(found.as_deref(), expected, "{file}");
        }
    }

    #[test]
    fn a_list_that_cannot_be_read_says_nothing() {
        for mounts in ["", "\n\n", "one", "one /two", "\u{fffd} "] {
            assert_eq!(network_file_system(mounts, Path::new("/a")), None);
        }
    }
}
