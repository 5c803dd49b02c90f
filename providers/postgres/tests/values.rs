//! What values cost, and that those that have expired are removed.

#[path = "support/operations.rs"]
mod operations;
mod support_opening;

use std::time::Duration;

use duroxide_core::providers::{
    Commit, NewValue, Provider, ReadValues, TurnCommit, ValueKey, ValueUpdate,
};

use operations::{apply, claim_turn, commit_of, id, send, start};
use support_opening::plans::{assert_read_little, explained};
use support_opening::{Place, execute, log, value};

fn set(commit: &mut TurnCommit, key: &str, expires_after: Option<Duration>) {
    commit.values.push(ValueUpdate {
        key: ValueKey::from(key),
        value: Some(NewValue {
            value: "value".into(),
            expires_after,
        }),
    });
}

#[tokio::test]
#[ignore = "needs a PostgreSQL server: `cargo xtask test servers` gets one"]
async fn maintenance_removes_what_has_expired() {
    let place = Place::new().await;
    let provider = place.open().await;
    apply(&provider, start("a")).await;
    let turn = claim_turn(&provider).await;
    let mut commit = commit_of(&turn, Vec::new());
    set(&mut commit, "stays", None);
    set(&mut commit, "later", Some(Duration::from_secs(3_600)));
    set(&mut commit, "gone", Some(Duration::ZERO));
    apply(&provider, Commit::Turn(commit)).await;
    let count = format!("SELECT count(*) FROM {}.value", place.quoted());
    assert_eq!(value::<i64>(&place.url, &count).await, 3);
    let again = provider.maintain(Duration::from_secs(1)).await.unwrap();
    assert_eq!(value::<i64>(&place.url, &count).await, 2);
    assert_ne!(again, Some(Duration::ZERO));
    provider.close().await;
}

/// However many values others have: a commit that sets some reads those of its instance alone, and one that
/// sets none does not look.
#[tokio::test]
#[ignore = "needs a PostgreSQL server: `cargo xtask test servers` gets one"]
async fn values_of_others_are_not_read() {
    log::capture();
    let place = Place::new().await;
    let provider = place.open().await;
    apply(&provider, start("a")).await;
    let turn = claim_turn(&provider).await;
    apply(&provider, Commit::Turn(commit_of(&turn, Vec::new()))).await;
    provider.close().await;
    let schema = place.quoted();
    let fill = format!(
        "INSERT INTO {schema}.value (ino, key, version, expires_at, value)
             SELECT -n, 'key', gen_random_uuid(), NULL, 'value' FROM generate_series(1, 100000) n"
    );
    execute(&place.url, &fill).await;
    execute(&place.url, &format!("VACUUM (ANALYZE) {schema}.value")).await;
    let url = explained(&place.url);
    let provider = duroxide_postgres::PostgresProvider::new(&url, Some(place.options()))
        .await
        .unwrap();
    let before = log::said().len();
    apply(&provider, send("a")).await;
    let turn = claim_turn(&provider).await;
    let mut commit = commit_of(&turn, Vec::new());
    set(&mut commit, "key", None);
    set(&mut commit, "short", Some(Duration::ZERO));
    apply(&provider, Commit::Turn(commit)).await;
    let request = ReadValues::named(id("a"), vec!["key".into(), "short".into()]);
    assert_eq!(provider.read_values(&request).await.unwrap().len(), 1);
    provider.maintain(Duration::from_secs(1)).await.unwrap();
    let said = log::said().split_off(before);
    assert_read_little(&said, 20);
    provider.close().await;
}
