//! Somebody else's transactions hold the rows.

use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use duroxide_core::providers::{Commit, ErrorKind, IfExists, Provider as _, Recipient};
use duroxide_postgres::PostgresOptions;
use sqlx::postgres::PgConnection;
use sqlx::{AssertSqlSafe, Connection as _};

use super::clients::Clients;
use super::load::{node, shared};
use super::store::{Store, now_ms, sleep};
use super::verify::verify;
use crate::operations::{apply, apply_all, claim_all, commit, commit_of, end_of, envelope, start};

const LOCK_TIMEOUT: Duration = Duration::from_millis(200);
/// How long they are disturbed at least.
const LOAD: Duration = Duration::from_secs(4);
/// How long it may take until the server has met a deadlock and counted it.
const PATIENCE_MS: u64 = 60_000;

/// Runs something in a transaction of somebody else.
async fn execute(stranger: &mut PgConnection, sql: &str) -> Result<(), sqlx::Error> {
    let statement = sqlx::raw_sql(AssertSqlSafe(sql.to_owned()));
    statement.execute(stranger).await.map(drop)
}

/// Locks the row of an instance.
fn lock_of(instance: &str) -> String {
    format!(
        "SELECT FROM ready JOIN instance USING (ino) WHERE id = '{instance}' FOR UPDATE OF ready"
    )
}

fn options_of(store: &Store) -> PostgresOptions {
    store.options().lock_timeout(Some(LOCK_TIMEOUT))
}

#[tokio::test]
#[ignore = "needs a PostgreSQL server: `cargo xtask test servers` gets one"]
async fn a_row_that_is_locked_for_too_long_costs_its_own_commit_only() {
    let store = Store::shared().await;
    let provider = store.open("waiting", options_of(&store)).await;
    apply_all(&*provider, vec![start("locked"), start("free")]).await;
    let mut stranger = store.connection().await;
    execute(&mut stranger, "BEGIN").await.unwrap();
    execute(&mut stranger, &lock_of("locked")).await.unwrap();
    let both = ["locked", "free"].map(envelope).map(Commit::Send);
    let answers = provider.commit(both.to_vec()).await;
    let [locked, free] = &answers[..] else {
        panic!("{answers:?}");
    };
    let error = locked.as_ref().unwrap_err();
    assert_eq!(error.kind(), ErrorKind::Unavailable);
    assert!(error.to_string().contains("`lock_timeout`"), "{error}");
    assert!(free.is_ok(), "{answers:?}");
    let stored = "SELECT count(*) FROM inbox";
    assert_eq!(store.number(stored).await, 3);
    execute(&mut stranger, "ROLLBACK").await.unwrap();
    let [locked, _] = both;
    commit(&*provider, locked).await.unwrap();
    assert_eq!(store.number(stored).await, 4);
    stranger.close().await.unwrap();
    provider.close().await;
}

#[tokio::test]
#[ignore = "needs a PostgreSQL server: `cargo xtask test servers` gets one"]
async fn a_commit_that_the_server_ends_for_a_deadlock_is_made_again() {
    let store = Store::shared().await;
    // The server looks for a deadlock while the commit waits, and not while the stranger does.
    let provider = store
        .open_with_setting("impatient", "deadlock_timeout", "3s", store.options())
        .await;
    apply(&*provider, start("first")).await;
    let turn = claim_all(&*provider, &["first"]).await.remove(0);
    apply(&*provider, start("second")).await;
    let mut stranger = store.connection().await;
    execute(&mut stranger, "SET deadlock_timeout = '1h'; BEGIN")
        .await
        .unwrap();
    execute(&mut stranger, &lock_of("second")).await.unwrap();
    let mut turn = commit_of(&turn, Vec::new());
    turn.messages = vec![envelope("second")];
    let before = deadlocks(&store).await;
    let circle = async {
        // The commit has the first row then, and waits for the second.
        store.until_waiting_for_a_lock("impatient").await;
        execute(&mut stranger, &lock_of("first")).await.unwrap();
        // It got that row, so that the commit was ended, and is being made again.
        execute(&mut stranger, "ROLLBACK").await.unwrap();
    };
    let (answer, ()) = tokio::join!(commit(&*provider, Commit::Turn(turn)), circle);
    answer.unwrap();
    assert_eq!(store.number("SELECT count(*) FROM inbox").await, 2);
    stranger.close().await.unwrap();
    provider.close().await;
    until_deadlocks(&store, before).await;
}

/// A turn starts a child whose namesake is there when the commit looks, and gone when it has the lock.
#[tokio::test]
#[ignore = "needs a PostgreSQL server: `cargo xtask test servers` gets one"]
async fn a_child_is_created_though_its_namesake_was_deleted_meanwhile() {
    let store = Store::shared().await;
    let provider = store.open("creating", store.options()).await;
    apply(&*provider, start("parent")).await;
    let turn = claim_all(&*provider, &["parent"]).await.remove(0);
    apply(&*provider, start("child")).await;
    let mut turn = commit_of(&turn, Vec::new());
    let Commit::Send(child) = start("child") else {
        panic!("a start is sent");
    };
    let incarnation = child.message.id.incarnation();
    turn.messages = vec![child];
    let mut stranger = store.connection().await;
    execute(&mut stranger, "BEGIN").await.unwrap();
    execute(&mut stranger, &lock_of("child")).await.unwrap();
    let deletion = async {
        // The commit has met the namesake then, and waits for its row.
        store.until_waiting_for_a_lock("creating").await;
        let delete = "SELECT delete_v1(NULL, 'child', true); COMMIT";
        execute(&mut stranger, delete).await.unwrap();
    };
    let (answer, ()) = tokio::join!(commit(&*provider, Commit::Turn(turn)), deletion);
    answer.unwrap();
    let lost = "SELECT count(*) FROM inbox WHERE ino NOT IN (SELECT ino FROM instance)";
    assert_eq!(store.number(lost).await, 0);
    let claimed = claim_all(&*provider, &["child"]).await.remove(0);
    assert_eq!(claimed.head.incarnation, incarnation);
    assert_eq!(claimed.messages.len(), 1);
    stranger.close().await.unwrap();
    provider.close().await;
}

/// Control comes for ended instances while somebody who is about to remove them waits for their rows.
#[tokio::test]
#[ignore = "needs a PostgreSQL server: `cargo xtask test servers` gets one"]
async fn control_that_came_while_a_removal_waited_is_not_lost() {
    let store = Store::shared().await;
    let provider = store.open("removing", store.options()).await;
    for instance in ["expired", "replaced"] {
        apply(&*provider, start(instance)).await;
        let turn = claim_all(&*provider, &[instance]).await.remove(0);
        let mut end = end_of(&turn);
        end.expire_after = (instance == "expired").then_some(Duration::from_millis(1));
        apply(&*provider, Commit::Turn(end)).await;
    }
    let locked_by_a_stranger = async |instance: &str| {
        let mut stranger = store.connection().await;
        let begin = format!("BEGIN; {}", lock_of(instance));
        execute(&mut stranger, &begin).await.unwrap();
        stranger
    };
    let until_it_waits = async |mut stranger: PgConnection, instance: &str| {
        store.until_waiting_for_a_lock("removing").await;
        let insert = format!(
            "SELECT pg_sleep(0.01); \
             INSERT INTO inbox (ino, message_id, channel, visible_at, body) \
             SELECT ino, gen_random_uuid(), 'c', now_ms(), '' FROM instance \
             WHERE id = '{instance}'; COMMIT"
        );
        execute(&mut stranger, &insert).await.unwrap();
        stranger.close().await.unwrap();
    };
    let stranger = locked_by_a_stranger("expired").await;
    sleep(Duration::from_millis(10)).await;
    let maintained = provider.maintain(Duration::from_secs(30));
    let (swept, ()) = tokio::join!(maintained, until_it_waits(stranger, "expired"));
    swept.unwrap();

    let stranger = locked_by_a_stranger("replaced").await;
    let Commit::Send(mut anew) = start("replaced") else {
        panic!("a start is sent");
    };
    if let Recipient::NewInstance(created) = &mut anew.recipient {
        created.if_exists = IfExists::ReplaceEnded;
    }
    let replaced = commit(&*provider, Commit::Send(anew));
    let (replaced, ()) = tokio::join!(replaced, until_it_waits(stranger, "replaced"));
    assert_eq!(replaced.unwrap_err().kind(), ErrorKind::AlreadyExists);

    let kept = "SELECT count(*) FROM inbox JOIN instance USING (ino) WHERE status > 1";
    assert_eq!(store.number(kept).await, 2);
    provider.close().await;
}

/// How many deadlocks the server has resolved in this database, as its statistics know by now.
async fn deadlocks(store: &Store) -> i64 {
    let sql = "SELECT deadlocks FROM pg_stat_database WHERE datname = current_database()";
    store.number(sql).await
}

/// Waits until the server has resolved more deadlocks than these.
async fn until_deadlocks(store: &Store, before: i64) {
    let until_ms = now_ms() + PATIENCE_MS;
    while deadlocks(store).await <= before {
        assert!(now_ms() < until_ms, "there was no deadlock");
        sleep(Duration::from_millis(50)).await;
    }
}

/// Locks rows in the wrong order until it is over; answers how often that ended in a deadlock of its
/// own.
async fn disturb(store: &Store, is_over: &AtomicBool) -> u64 {
    let mut stranger = store.connection().await;
    let setting = "SET deadlock_timeout = '30ms'; SET lock_timeout = '2s'";
    execute(&mut stranger, setting).await.unwrap();
    let mut killed = 0;
    while !is_over.load(Ordering::Relaxed) {
        let locking = async {
            execute(&mut stranger, "BEGIN").await?;
            // The newest are those that are worked on.
            for table in ["activity", "ready"] {
                let key = if table == "ready" { "ino" } else { "id" };
                for _ in 0..4 {
                    let one = format!(
                        "SELECT FROM {table} WHERE {key} = (SELECT {key} FROM {table} \
                         ORDER BY {key} DESC OFFSET floor(random() * 12) LIMIT 1) FOR UPDATE"
                    );
                    execute(&mut stranger, &one).await?;
                }
            }
            Ok::<(), sqlx::Error>(())
        };
        if let Err(error) = locking.await {
            let code = error
                .as_database_error()
                .and_then(|it| it.code().map(String::from));
            killed += u64::from(code.as_deref() == Some("40P01"));
        }
        execute(&mut stranger, "ROLLBACK").await.unwrap();
        sleep(Duration::from_millis(10)).await;
    }
    stranger.close().await.unwrap();
    killed
}

#[tokio::test(flavor = "multi_thread")]
#[ignore = "needs a PostgreSQL server: `cargo xtask test servers` gets one"]
async fn everything_is_done_once_among_strangers_that_lock_in_the_wrong_order() {
    let store = Store::shared().await;
    let options = options_of(&store);
    let provider = store
        .open_with_setting("disturbed", "deadlock_timeout", "20ms", options)
        .await;
    let runtime = node(shared(&provider)).await;
    let before = deadlocks(&store).await;
    let clients = Clients::start(&shared(&provider), 12);
    let is_over = AtomicBool::new(false);
    let long_enough = async {
        sleep(LOAD).await;
        until_deadlocks(&store, before).await;
        is_over.store(true, Ordering::Relaxed);
    };
    let (one, other, ()) = tokio::join!(
        disturb(&store, &is_over),
        disturb(&store, &is_over),
        long_enough
    );
    let asked = clients.stop().await;
    verify(&store, &shared(&provider), &asked).await;
    runtime.shutdown(None).await;
    provider.close().await;
    let all = deadlocks(&store).await - before;
    println!(
        "{} instances, {all} deadlocks, {} of strangers",
        asked.len(),
        one + other
    );
}
