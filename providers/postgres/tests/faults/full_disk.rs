//! A server whose disk is full.

use std::fs::{self, File};
use std::io::Write as _;
use std::path::Path;
use std::process::Command;

use duroxide_core::providers::{Commit, ErrorKind, Provider as _};
use tempfile::TempDir;

use super::operations::{LEASE, activity, apply, commit, envelope, start, turn_of, turns};
use super::store::Store;
use crate::private_server::{Log, PrivateServer, is_root, run};

const DISK: &str = "size=96m";
/// How many commits the room in pages that are there already may be enough for.
const COMMITS_MAX: i64 = 3_000;

/// A small disk of its own, for as long as this lives.
struct Disk(TempDir);

impl Disk {
    fn mount() -> Self {
        let folder = tempfile::Builder::new()
            .prefix("duroxide-disk-")
            .tempdir()
            .unwrap();
        let mut mount = as_root("mount");
        mount
            .args(["-t", "tmpfs", "-o", DISK, "tmpfs"])
            .arg(folder.path());
        run(&mut mount);
        Self(folder)
    }

    fn path(&self) -> &Path {
        self.0.path()
    }

    /// Takes all the room that there is.
    fn fill(&self) {
        let mut file = File::options()
            .create(true)
            .append(true)
            .open(self.path().join("filler"))
            .unwrap();
        for bytes in [1 << 20, 1 << 12, 1] {
            while file.write_all(&vec![1; bytes]).is_ok() {}
        }
    }

    fn free(&self) {
        fs::remove_file(self.path().join("filler")).unwrap();
    }
}

impl Drop for Disk {
    fn drop(&mut self) {
        as_root("umount").arg(self.path()).output().ok();
    }
}

fn as_root(program: &str) -> Command {
    if is_root() {
        return Command::new(program);
    }
    let mut command = Command::new("sudo");
    command.args(["-n", program]);
    command
}

#[tokio::test]
#[ignore = "needs a PostgreSQL server: `cargo xtask test servers` gets one"]
async fn a_full_disk_is_told_of_and_takes_nothing_by_half() {
    let disk = Disk::mount();
    let server = PrivateServer::start_on(disk.path(), Log::Elsewhere).await;
    let store = Store::at(&server.url());
    let provider = store.open("full", store.options()).await;
    apply(&*provider, vec![start("turn"), start("target")]).await;
    let claimed = provider.claim_turns(&turns(9, LEASE)).await.unwrap();
    let turn = claimed.items.iter().find(|it| &*it.head.instance == "turn");
    disk.fill();

    // What is stored gets larger until a table must grow.
    let mut sent = 0;
    let refused = loop {
        let mut large = envelope("target");
        large.message.body = vec![7; 1_500].into();
        let send = Commit::Send(large);
        match commit(&*provider, send.clone()).await {
            Ok(_) => sent += 1,
            Err(error) => {
                assert_eq!(
                    error.kind(),
                    ErrorKind::Unavailable,
                    "{error}\n{}",
                    server.log()
                );
                assert!(error.to_string().contains("disk is full"), "{error}");
                break send;
            }
        }
        assert!(sent < COMMITS_MAX, "the disk is not full");
    };
    let mut turn = turn_of(turn.unwrap());
    let chunk = turn.executions[0].chunk.as_mut().unwrap();
    chunk.body = vec![7; 1 << 20].into();
    turn.activities = (1..=200).map(activity).collect();
    turn.messages = vec![envelope("target")];
    let turn = Commit::Turn(turn);
    let error = commit(&*provider, turn.clone()).await.unwrap_err();
    assert_eq!(error.kind(), ErrorKind::Unavailable, "{error}");
    assert!(error.to_string().contains("disk is full"), "{error}");
    let counts = [
        ("SELECT count(*) FROM history", 0, 1),
        ("SELECT count(*) FROM activity", 0, 200),
        (
            "SELECT count(*) FROM inbox JOIN instance USING (ino) WHERE id = 'turn'",
            1,
            0,
        ),
        (
            "SELECT count(*) FROM inbox JOIN instance USING (ino) WHERE id = 'target'",
            sent + 1,
            sent + 3,
        ),
        (
            "SELECT inbox_count FROM ready JOIN instance USING (ino) WHERE id = 'target'",
            sent + 1,
            sent + 3,
        ),
    ];
    for (sql, before, _) in counts {
        let sql = sql.replace("SELECT inbox_count", "SELECT inbox_count::bigint");
        assert_eq!(store.number(&sql).await, before, "{sql}");
    }
    disk.free();
    commit(&*provider, refused).await.unwrap();
    commit(&*provider, turn).await.unwrap();
    for (sql, _, after) in counts {
        let sql = sql.replace("SELECT inbox_count", "SELECT inbox_count::bigint");
        assert_eq!(store.number(&sql).await, after, "{sql}");
    }
    provider.close().await;
    drop(store);
    drop(server);
}

#[tokio::test]
#[ignore = "needs a PostgreSQL server: `cargo xtask test servers` gets one"]
async fn what_was_acknowledged_before_the_log_had_no_room_is_there_afterwards() {
    let disk = Disk::mount();
    let mut server = PrivateServer::start_on(disk.path(), Log::Beside).await;
    let store = Store::at(&server.url());
    let provider = store.open("full", store.options()).await;
    apply(&*provider, vec![start("target")]).await;
    disk.fill();
    let mut sent = 0;
    let refused = loop {
        let mut large = envelope("target");
        large.message.body = vec![7; 100_000].into();
        let send = Commit::Send(large);
        match commit(&*provider, send.clone()).await {
            Ok(_) => sent += 1,
            Err(error) => {
                // The server gives up where it cannot write its log, and may have written this one.
                assert!(error.is_retryable(), "{error}");
                break (send, error.kind());
            }
        }
        assert!(sent < COMMITS_MAX, "the disk is not full");
    };
    println!("{sent} commits, then {:?}; {}", refused.1, server.log());
    server.stop_immediately();
    let error = commit(&*provider, refused.0.clone()).await.unwrap_err();
    assert!(error.is_retryable(), "{error}");
    disk.free();
    server.start_again().await;
    let stored = "SELECT count(*) FROM inbox";
    let found = store.number(stored).await - 1;
    let is_in_doubt = i64::from(refused.1 == ErrorKind::CommitUnknown);
    assert!(
        (sent..=sent + is_in_doubt).contains(&found),
        "{found} of {sent}"
    );
    // The connections that were lost unnoticed cost one attempt each.
    for _ in 0..3 {
        if commit(&*provider, refused.0.clone()).await.is_ok() {
            break;
        }
    }
    assert_eq!(store.number(stored).await, sent + 2);
    let counted = "SELECT sum(inbox_count)::bigint FROM ready";
    assert_eq!(store.number(counted).await, sent + 2);
    provider.close().await;
    drop(store);
    drop(server);
}
