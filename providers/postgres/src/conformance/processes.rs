//! The processes of a server on this machine, as Linux shows them.

use std::fs;
use std::time::Duration;

/// The unit of the times in `/proc/PID/stat` (proc(5)): hundredths of a second.
const TICK: Duration = Duration::from_millis(10);

/// Where the fields of `/proc/PID/stat` are, behind the name of the program.
const PARENT: usize = 1;
const TIMES: std::ops::Range<usize> = 11..15;

/// The processes of one server.
#[derive(Debug, Clone, Copy)]
pub(super) struct Processes {
    /// The one that starts all others.
    server: u32,
    /// That of the connection that asks, which is left out.
    asking: u32,
}

impl Processes {
    /// Those of the server with this process for a connection from this port, or for one of a socket. `None` for a
    /// server elsewhere, whose numbers of processes mean others here.
    pub(super) fn of(backend: i32, port: Option<i32>) -> Option<Self> {
        let asking = u32::try_from(backend).ok()?;
        let title = fs::read_to_string(format!("/proc/{asking}/cmdline")).ok()?;
        let client = port.map_or("[local]".to_owned(), |port| format!("({port})"));
        if !title.starts_with("postgres:") || !title.contains(&client) {
            return None;
        }
        let server = u32::try_from(*stat(asking)?.get(PARENT)?).ok()?;
        Some(Self { server, asking })
    }

    /// The number of the one that starts all others.
    pub(super) fn server(self) -> u32 {
        self.server
    }

    /// The processor time of all of them, also of those that have ended.
    pub(super) fn cpu(self) -> Option<Duration> {
        // The server first: one that ends meanwhile is missed, and not counted twice.
        let mut ticks = ticks(&stat(self.server)?)?;
        for process in self.children() {
            ticks += stat(process).and_then(|it| self::ticks(&it)).unwrap_or(0);
        }
        Some(TICK * u32::try_from(ticks).ok()?)
    }

    /// The memory that they have now: each its own, and once what they share.
    pub(super) fn memory_bytes(self) -> Option<u64> {
        let mut own = memory_bytes(self.server, "RssAnon:")?;
        let mut shared = memory_bytes(self.server, "RssShmem:")?;
        for process in self.children() {
            own += memory_bytes(process, "RssAnon:").unwrap_or(0);
            shared = shared.max(memory_bytes(process, "RssShmem:").unwrap_or(0));
        }
        Some(own + shared)
    }

    fn children(self) -> impl Iterator<Item = u32> {
        let processes = fs::read_dir("/proc").into_iter().flatten().flatten();
        let numbers = processes.filter_map(|it| it.file_name().to_str()?.parse().ok());
        numbers.filter(move |process| {
            let parent = || stat(*process)?.get(PARENT).copied();
            *process != self.asking && parent() == Some(i64::from(self.server))
        })
    }
}

/// The numbers behind the name of the program.
fn stat(process: u32) -> Option<Vec<i64>> {
    let stat = fs::read_to_string(format!("/proc/{process}/stat")).ok()?;
    // The name is in parentheses, and may hold anything.
    let (_, fields) = stat.rsplit_once(')')?;
    // The first field is a letter, and some are larger than any that is looked at.
    let fields = fields.split_whitespace();
    Some(fields.map(|it| it.parse().unwrap_or(-1)).collect())
}

/// In user and in system mode, those of children that have ended among them.
fn ticks(stat: &[i64]) -> Option<u64> {
    u64::try_from(stat.get(TIMES)?.iter().sum::<i64>()).ok()
}

fn memory_bytes(process: u32, name: &str) -> Option<u64> {
    let status = fs::read_to_string(format!("/proc/{process}/status")).ok()?;
    let value = status.lines().find_map(|line| line.strip_prefix(name))?;
    let kib: u64 = value.split_whitespace().next()?.parse().ok()?;
    Some(kib * 1024)
}
