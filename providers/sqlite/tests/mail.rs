//! How mail is kept and read.

#![expect(clippy::unwrap_used, reason = "a test fails by panicking")]

mod support;

use std::sync::Arc;

use bytes::Bytes;
use duroxide_core::clock::ManualClock;
use duroxide_core::providers::{Commit, MailPage, Provider, ReadMail, TopicCursor};
use duroxide_sqlite::{SqliteOptions, SqliteProvider};

use support::{apply, commit_of, id, mail, start, turns};

/// A store whose time stands still.
async fn store() -> SqliteProvider {
    let clock = Arc::new(ManualClock::at_ms(1_767_571_200_000));
    let options = SqliteOptions::default().clock(clock);
    SqliteProvider::new_in_memory_with_options(Some(options))
        .await
        .unwrap()
}

/// A request for the oldest mail of these topics.
async fn request(provider: &SqliteProvider, topics: &[&str]) -> ReadMail {
    let head = provider.read_head(&id("a")).await.unwrap().unwrap();
    let cursor = |topic: &&str| TopicCursor {
        topic: (*topic).into(),
        after: None,
    };
    ReadMail {
        instance: head.instance,
        incarnation: head.incarnation,
        topics: topics.iter().map(cursor).collect(),
        per_topic_max: 10,
        bytes_max: 1024,
    }
}

fn with_body(mut mail: Commit, body: &'static [u8]) -> Commit {
    if let Commit::Send(envelope) = &mut mail {
        envelope.message.body = Bytes::from_static(body);
    }
    mail
}

fn bodies(page: &MailPage) -> Vec<&[u8]> {
    page.mail
        .iter()
        .map(|mail| &mail.message.body[..])
        .collect()
}

/// A reader that goes on from a mark misses nothing, though the message at the mark is gone and
/// another one came at the same time.
#[tokio::test]
async fn the_place_of_mail_is_never_used_again() {
    let provider = store().await;
    apply(&provider, start("a")).await;
    apply(&provider, mail("a", "t")).await;
    let mut request = request(&provider, &["t"]).await;
    let first = provider.read_mail(&request).await.unwrap().mail.remove(0);
    let turn = provider.claim_turns(&turns(1)).await.unwrap();
    let mut commit = commit_of(&turn.items[0], Vec::new());
    commit.consumed.push(first.message.id);
    apply(&provider, Commit::Turn(commit)).await;

    apply(&provider, mail("a", "t")).await;
    request.topics[0].after = Some(first.mark);
    let second = provider.read_mail(&request).await.unwrap().mail.remove(0);
    assert_eq!(second.mark.due_at_ms, first.mark.due_at_ms);
    assert!(second.mark > first.mark);
    provider.close().await;
}

/// What does not fit is younger than what does, whichever topics it is of and in which order they are
/// asked for.
#[tokio::test]
async fn what_is_left_behind_is_never_older() {
    let provider = store().await;
    apply(&provider, start("a")).await;
    for (topic, body) in [
        ("t", &b"1"[..]),
        ("u", b"22"),
        ("t", b"333"),
        ("v", b"4"),
        ("u", b"5"),
    ] {
        apply(&provider, with_body(mail("a", topic), body)).await;
    }
    let all: [&[u8]; 5] = [b"1", b"22", b"333", b"4", b"5"];
    for topics in [["t", "u", "v"], ["v", "u", "t"], ["u", "v", "t"]] {
        let mut request = request(&provider, &topics).await;
        for (bytes_max, count) in [
            (0, 1),
            (1, 1),
            (2, 1),
            (3, 2),
            (5, 2),
            (6, 3),
            (7, 4),
            (8, 5),
        ] {
            request.bytes_max = bytes_max;
            let page = provider.read_mail(&request).await.unwrap();
            assert_eq!(bodies(&page), all[..count], "{topics:?} {bytes_max}");
            assert_eq!(page.more, count < all.len(), "{topics:?} {bytes_max}");
        }
        request.per_topic_max = 1;
        let page = provider.read_mail(&request).await.unwrap();
        assert_eq!(bodies(&page), [&b"1"[..], b"22", b"4"]);
        assert!(page.more);
    }
    provider.close().await;
}
