//! A server whose disk is full.

use std::collections::BTreeSet;
use std::fs::{self, File};
use std::io::Write as _;
use std::path::Path;
use std::process::Command;
use std::sync::Arc;

use duroxide_core::providers::{Channel, Commit, ErrorKind, MessageId, Provider as _};
use duroxide_postgres::PostgresProvider;
use sqlx::Row as _;
use tempfile::TempDir;
use tokio::task::JoinSet;

use super::store::Store;
use crate::operations::{activity, apply, apply_all, commit, commit_of, envelope, start, turns};
use crate::private_server::{Part, PrivateServer, is_root, run};

const DISK: &str = "size=96m";
/// How many commits the room in pages that are there already may be enough for.
const COMMITS_MAX: usize = 3_000;

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

/// Bytes that the server cannot store as fewer.
fn incompressible(count: usize) -> Vec<u8> {
    let mut state = 1_u64;
    let mut next = || {
        state ^= state << 13;
        state ^= state >> 7;
        state ^= state << 17;
        state.to_le_bytes()[3]
    };
    (0..count).map(|_| next()).collect()
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
    let server = PrivateServer::start_on(disk.path(), Part::Tables).await;
    let store = Store::at(&server.url());
    let provider = store.open("full", store.options()).await;
    apply_all(&*provider, vec![start("turn"), start("target")]).await;
    let claimed = provider.claim_turns(&turns(9)).await.unwrap();
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
        assert!(sent < 3_000, "the disk is not full");
    };
    let mut turn = commit_of(turn.unwrap(), Vec::new());
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
    ];
    for (sql, before, _) in counts {
        assert_eq!(store.number(sql).await, before, "{sql}");
    }
    disk.free();
    commit(&*provider, refused).await.unwrap();
    commit(&*provider, turn).await.unwrap();
    for (sql, _, after) in counts {
        assert_eq!(store.number(sql).await, after, "{sql}");
    }
    provider.close().await;
    drop(store);
    drop(server);
}

/// What became of a message, as its sender was told.
type Told = (MessageId, Result<(), ErrorKind>);

/// Sends messages until one is refused.
async fn send(provider: Arc<PostgresProvider>) -> Vec<Told> {
    let mut told: Vec<Told> = Vec::new();
    while told.last().is_none_or(|last| last.1.is_ok()) {
        let mut large = envelope("target");
        large.message.body = incompressible(20_000).into();
        large.message.channel = Channel::Topic("t".into());
        let id = large.message.id;
        let answer = commit(&*provider, Commit::Send(large)).await;
        told.push((id, answer.map(drop).map_err(|error| error.kind())));
        assert!(told.len() < COMMITS_MAX, "the disk is not full");
    }
    told
}

/// So many senders at once fill the disk of the log.
async fn fill_log(senders_count: usize) {
    let disk = Disk::mount();
    let mut server = PrivateServer::start_on(disk.path(), Part::Log).await;
    let store = Store::at(&server.url());
    let options = store.options().write_connections(4);
    let provider = store.open("full", options).await;
    apply(&*provider, start("target")).await;
    disk.fill();
    let mut senders = JoinSet::new();
    for _ in 0..senders_count {
        senders.spawn(send(Arc::clone(&provider)));
    }
    let told: Vec<Told> = senders.join_all().await.into_iter().flatten().collect();
    // It gives up where it cannot write its log, in the middle of a commit.
    assert!(server.log().contains("PANIC"), "{}", server.log());
    server.stop_immediately();
    disk.free();
    server.start_again().await;

    let ids = "SELECT array_agg(message_id::text) FROM inbox";
    let stored: BTreeSet<String> = store
        .row(ids)
        .await
        .get::<Vec<_>, _>(0)
        .into_iter()
        .collect();
    for (id, answer) in &told {
        let is_stored = stored.contains(&id.0.to_string());
        match answer {
            Ok(()) => assert!(is_stored, "it was acknowledged"),
            // It might be stored: its record may have been the last for which there was room.
            Err(ErrorKind::CommitUnknown) => {}
            Err(kind) => {
                assert_eq!(*kind, ErrorKind::Unavailable);
                assert!(!is_stored, "nothing was changed, it was said");
            }
        }
    }
    // The one whose commit brought the server to its end cannot know.
    assert!(told.iter().any(|it| it.1 == Err(ErrorKind::CommitUnknown)));
    // All but the start are mail.
    let mail = i64::try_from(stored.len()).unwrap() - 1;
    for counted in [
        "SELECT sum(mail_count)::bigint FROM ready",
        "SELECT coalesce(sum(messages), 0)::bigint FROM topic",
    ] {
        assert_eq!(store.number(counted).await, mail);
    }
    // Each connection that was lost unnoticed costs one attempt.
    let again = Commit::Send(envelope("target"));
    let mut attempts = 1;
    while commit(&*provider, again.clone()).await.is_err() {
        attempts += 1;
    }
    assert!(attempts <= 5, "{attempts} attempts");
    provider.close().await;
    drop(store);
    drop(server);
}

#[tokio::test]
#[ignore = "needs a PostgreSQL server: `cargo xtask test servers` gets one"]
async fn a_server_that_ends_in_the_middle_of_a_commit_leaves_it_unknown() {
    fill_log(1).await;
}

#[tokio::test]
#[ignore = "needs a PostgreSQL server: `cargo xtask test servers` gets one"]
async fn a_server_that_ends_in_the_middle_of_many_commits_keeps_what_it_acknowledged() {
    fill_log(8).await;
}
