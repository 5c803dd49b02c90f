//! The server has reached its `maxmemory`.

use std::time::Duration;

use duroxide_core::providers::{
    Commit, DeleteMode, ErrorKind, Lease, Provider as _, Release, ReleasedAttempts, Renew, Renewal,
};

use super::store::{Look, open};
use crate::operations::{
    activities, activity, apply, apply_all, claim_activity, claim_all, commit, commit_of, end_of,
    envelope, id, outcome, send, start, turns,
};
use crate::private_server::PrivateServer;

#[tokio::test]
#[ignore = "needs a Redis server: `cargo xtask test servers` gets one"]
async fn a_full_memory_is_told_of_takes_nothing_by_half_and_ends_no_lease() {
    let server = PrivateServer::start(&[]).await;
    let provider = open(&server.url()).await;
    apply_all(&*provider, vec![start("a"), start("b"), start("done")]).await;
    let mut turns_held = claim_all(&*provider, &["a", "b", "done"]).await;
    let done = turns_held.pop().unwrap();
    apply(&*provider, Commit::Turn(end_of(&done))).await;
    let b = turns_held.pop().unwrap();
    let a = turns_held.pop().unwrap();
    apply(&*provider, Commit::Turn(commit_of(&b, vec![activity(1)]))).await;
    let work = claim_activity(&*provider).await;
    let mut look = Look::at(&server).await;
    let before = format!("{:?}", look.everything().await);

    server.command::<String>("CONFIG SET maxmemory 1").await;
    let mut large = commit_of(&a, vec![activity(1), activity(2)]);
    large.messages = vec![envelope("b")];
    let refused = [
        Commit::Turn(large.clone()),
        outcome(&work),
        send("b"),
        start("c"),
    ];
    for operation in &refused {
        let error = commit(&*provider, operation.clone()).await.unwrap_err();
        assert_eq!(error.kind(), ErrorKind::Unavailable, "{error:?}");
        assert!(error.is_retryable());
        assert!(error.message().contains("`maxmemory`"), "{error:?}");
    }
    let error = provider.claim_turns(&turns(1)).await.unwrap_err();
    assert_eq!(error.kind(), ErrorKind::Unavailable, "{error:?}");
    assert!(error.message().contains("`maxmemory`"), "{error:?}");
    let error = provider.claim_activities(&activities(1)).await.unwrap_err();
    assert_eq!(error.kind(), ErrorKind::Unavailable, "{error:?}");
    assert_eq!(format!("{:?}", look.everything().await), before);

    // Who works goes on holding what he has, or gives it back.
    let renewed = [
        Lease::Turn(a.lease.clone()),
        Lease::Activity(work.lease.clone()),
    ];
    let renewed = renewed.map(|lease| Renew {
        lease,
        details: None,
    });
    for answer in provider.renew(&renewed, Duration::from_secs(60)).await {
        assert_eq!(answer.unwrap(), Renewal::Renewed);
    }
    let release = Release {
        lease: Lease::Activity(work.lease.clone()),
        delay: Duration::ZERO,
        attempts: ReleasedAttempts::Keep,
        details: None,
    };
    for answer in provider.release(vec![release]).await {
        answer.unwrap();
    }
    // It can be read, another process can open it, and what has ended can be removed.
    assert!(provider.read_head(&id("a")).await.unwrap().is_some());
    let other = open(&server.url()).await;
    let admin = other.admin();
    let mode = DeleteMode::TerminalOnly;
    admin.delete_instance(&id("done"), mode).await.unwrap();
    assert!(provider.read_head(&id("done")).await.unwrap().is_none());

    server.command::<String>("CONFIG SET maxmemory 0").await;
    let work = claim_activity(&*other).await;
    apply_all(
        &*provider,
        vec![refused[0].clone(), outcome(&work), start("c")],
    )
    .await;
    let stored = look.everything().await;
    assert_eq!(stored["a"].activities, 2);
    assert_eq!(stored["b"].activities, 0);
    // The message of a and the outcome.
    assert_eq!(stored["b"].messages, 2);
    assert_eq!(stored["c"].messages, 1);
    provider.close().await;
    other.close().await;
}
