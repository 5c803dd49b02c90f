//! Parents and labels.

use duroxide_core::providers::{
    DeleteMode, Envelope, ErrorKind, InstanceFilter, Labels, ListOrder, NewInstance, Parent,
    Recipient, Until, Watch,
};

use super::lim::names;
use crate::support::{Cx, LEASE, SECOND, TurnBuilder, id, refused};

/// Labels of these pairs.
fn labels(pairs: &[(&str, &str)]) -> Labels {
    let pairs = pairs.iter().copied();
    pairs
        .map(|(key, value)| (key.to_owned(), value.to_owned()))
        .collect()
}

/// An envelope that starts an instance as a child, or with labels.
fn start(cx: &Cx, instance: &str, parent: Option<&Parent>, labels: Labels) -> Envelope {
    let mut envelope = cx.start_of(instance);
    envelope.recipient = Recipient::NewInstance(NewInstance {
        parent: parent.cloned(),
        labels,
        ..NewInstance::new(id(instance), "Orchestration")
    });
    envelope
}

fn parent(cx: &Cx, instance: &str) -> Parent {
    Parent {
        instance: id(instance),
        incarnation: cx.message().id.incarnation(),
    }
}

const ORDERS: [ListOrder; 2] = [ListOrder::ById, ListOrder::NewestFirst];

/// The children of an instance are found, those of all of its lives, and nobody else.
pub(crate) async fn children_are_found_by_their_parent(cx: &Cx) {
    let (p, again, other) = (parent(cx, "p"), parent(cx, "p"), parent(cx, "p:"));
    cx.start("p").await;
    for (instance, parent) in [
        ("c", &p),
        ("p::sub::1", &p),
        ("a", &again),
        ("b", &other),
        ("é", &p),
    ] {
        cx.send(start(cx, instance, Some(parent), Labels::new()))
            .await;
        cx.elapse(cx.tick()).await;
    }
    for order in ORDERS {
        for instances_max in [1, 9] {
            let of = |parent: &str| InstanceFilter {
                order,
                instances_max,
                ..InstanceFilter::children_of(id(parent))
            };
            let mut found = cx.list_ids(of("p")).await;
            if order == ListOrder::NewestFirst {
                assert_eq!(found, ["é", "a", "p::sub::1", "c"]);
                found.sort();
            }
            assert_eq!(found, ["a", "c", "p::sub::1", "é"]);
            assert_eq!(cx.list_ids(of("p:")).await, ["b"]);
            assert!(cx.list_ids(of("c")).await.is_empty());
            let with_prefix = InstanceFilter {
                id_prefix: "p".to_owned(),
                ..of("p")
            };
            assert_eq!(cx.list_ids(with_prefix).await, ["p::sub::1"]);
        }
    }
    assert_eq!(cx.head("a").await.parent.as_deref(), Some(&again));
    assert_eq!(cx.head("p").await.parent, None);
}

/// Whatever an instance does, its parent is the one that it was given.
pub(crate) async fn a_parent_stays(cx: &Cx) {
    let p = parent(cx, "p");
    cx.send(start(cx, "a", Some(&p), Labels::new())).await;
    let is_child = |it: &Option<Box<Parent>>| assert_eq!(it.as_deref(), Some(&p));

    let turn = cx.claim_only("a").await;
    is_child(&turn.head.parent);
    cx.apply(cx.turn(&turn).append(2)).await;
    is_child(&cx.head("a").await.parent);
    let turn = cx.poke_and_claim("a").await;
    is_child(&turn.head.parent);
    cx.apply(cx.turn(&turn).continue_as_new()).await;
    is_child(&cx.head("a").await.parent);
    let turn = cx.poke_and_claim("a").await;
    let mut waiting = cx.watch(
        vec![Watch {
            instance: id("a"),
            until: Until::Terminal,
        }],
        LEASE,
    );
    waiting.goes_on().await;
    cx.apply(cx.turn(&turn).complete()).await;
    let heads = waiting.ends().await.expect("it can be waited");
    is_child(&heads[0].parent);
    is_child(&cx.head("a").await.parent);
}

/// A turn starts children, and a turn creates its own instance, as what it says.
pub(crate) async fn children_are_created_by_turns(cx: &Cx) {
    let named = || labels(&[("k", "v")]);
    let head = cx.running("p").await;
    let p = Parent {
        instance: id("p"),
        incarnation: head.incarnation,
    };
    let turn = cx.poke_and_claim("p").await;
    let turn = cx.turn(&turn).append(1);
    let turn = turn.send(cx.start_of("a"));
    let turn = turn.send(start(cx, "b", Some(&p), named()));
    let turn = turn.send(start(cx, "c", None, named()));
    cx.apply(turn.send(start(cx, "d", Some(&p), Labels::new())))
        .await;
    let life = cx.message().id.incarnation();
    let created = TurnBuilder::creating(id("e"), life, cx.commit_id());
    cx.apply(created.descending(Some(p.clone()), named()).append(1))
        .await;
    let created = TurnBuilder::creating(id("f"), life, cx.commit_id());
    cx.apply(created.append(1)).await;

    let records = cx.list(InstanceFilter::default()).await;
    let seen: Vec<_> = records
        .into_iter()
        .map(|it| {
            let is_child = it.head.parent.map(|it| *it == p);
            (it.head.instance.to_string(), is_child, it.labels)
        })
        .collect();
    let expected = [
        ("a", None, Labels::new()),
        ("b", Some(true), named()),
        ("c", None, named()),
        ("d", Some(true), Labels::new()),
        ("e", Some(true), named()),
        ("f", None, Labels::new()),
        ("p", None, Labels::new()),
    ];
    let expected = expected.map(|(name, parent, labels)| (name.to_owned(), parent, labels));
    assert_eq!(seen, expected);
}

/// Labels of any characters are listed and seen as they were given, for as long as the instance lives.
pub(crate) async fn labels_are_listed(cx: &Cx) {
    let given = labels(&[
        ("", ""),
        ("é\0'%_", "\0🦀"),
        ("k", "v"),
        ("K", "v"),
        ("k ", ""),
    ]);
    cx.send(start(cx, "a", None, given.clone())).await;
    cx.start("b").await;
    for step in 0..3 {
        let records = cx.list(InstanceFilter::default()).await;
        let seen: Vec<_> = records.into_iter().map(|it| it.labels).collect();
        assert_eq!(seen, [given.clone(), Labels::new()], "step {step}");
        let inspected = cx.inspected("a", 9).await.expect("it is there");
        assert_eq!(inspected.record.labels, given);
        for turn in cx.claim(2).await {
            let turn_of_it = cx.turn(&turn);
            let turn = if step == 0 {
                turn_of_it.continue_as_new()
            } else {
                turn_of_it.complete()
            };
            cx.apply(turn).await;
        }
        cx.poke("a").await;
    }
}

/// All of the labels that are asked for are there, with just these values, or the instance is not found.
/// A store that does not filter by them says so.
pub(crate) async fn instances_are_found_by_their_labels(cx: &Cx) {
    for (instance, given) in [
        ("a", labels(&[("x", "1"), ("y", "1")])),
        ("b", labels(&[("x", "1"), ("y", "2")])),
        ("c", labels(&[("x", "2"), ("y", "1")])),
        ("d", Labels::new()),
        ("e", labels(&[("x", "1")])),
    ] {
        cx.send(start(cx, instance, None, given)).await;
        cx.elapse(cx.tick()).await;
    }
    let filters = cx.provider().capabilities().label_filters;
    for order in ORDERS {
        for (asked, expected) in [
            (labels(&[("x", "1")]), vec!["a", "b", "e"]),
            (labels(&[("x", "1"), ("y", "1")]), vec!["a"]),
            (labels(&[("y", "1")]), vec!["a", "c"]),
            (labels(&[("x", "")]), vec![]),
            (labels(&[("x", "1"), ("z", "")]), vec![]),
            (labels(&[("X", "1")]), vec![]),
        ] {
            for instances_max in [1, 9] {
                let filter = InstanceFilter {
                    labels: asked.clone(),
                    order,
                    instances_max,
                    ..InstanceFilter::default()
                };
                if !filters {
                    let listed = cx.admin().list_instances(&filter).await;
                    refused(listed, ErrorKind::Unsupported);
                    continue;
                }
                let mut found = cx.list_ids(filter).await;
                if order == ListOrder::NewestFirst {
                    found.reverse();
                }
                assert_eq!(found, expected, "{asked:?} {order:?}");
            }
        }
    }
}

/// A start that finds an instance leaves it whose child it is, and what it is found by.
pub(crate) async fn a_start_of_what_exists_changes_neither(cx: &Cx) {
    let (p, other) = (parent(cx, "p"), parent(cx, "other"));
    let first = start(cx, "a", Some(&p), labels(&[("k", "v")]));
    cx.send(first.clone()).await;
    cx.claim_only("a").await;
    cx.running("b").await;
    let late = || start(cx, "a", Some(&other), labels(&[("k", "w"), ("l", "")]));
    refused(cx.try_send(late()).await, ErrorKind::AlreadyExists);
    cx.send(first).await;
    let turn = cx.poke_and_claim("b").await;
    cx.apply(cx.turn(&turn).append(1).send(late())).await;

    let seen = cx.inspected("a", 9).await.expect("it is there").record;
    assert_eq!(seen.head.parent.as_deref(), Some(&p));
    assert_eq!(seen.labels, labels(&[("k", "v")]));
    let children = InstanceFilter::children_of(id("other"));
    assert!(cx.list_ids(children).await.is_empty());
}

/// A turn may start an id twice, and the second start is a message for the first one's instance.
pub(crate) async fn the_first_of_two_starts_labels(cx: &Cx) {
    cx.running("p").await;
    let turn = cx.poke_and_claim("p").await;
    let first = start(cx, "a", None, labels(&[("k", "v")]));
    let second = start(cx, "a", None, labels(&[("k", "w"), ("l", "")]));

    cx.apply(cx.turn(&turn).append(1).send(first.clone()).send(second))
        .await;

    let head = cx.head("a").await;
    assert_eq!(head.incarnation, first.message.id.incarnation());
    let seen = cx.inspected("a", 9).await.expect("it is there");
    assert_eq!(seen.record.labels, labels(&[("k", "v")]));
    assert_eq!(seen.messages.len(), 2);
}

/// The next life of an id is found by its own labels alone, and is its own parent's child.
pub(crate) async fn labels_go_with_their_instance(cx: &Cx) {
    let p = parent(cx, "p");
    cx.send(start(cx, "a", Some(&p), labels(&[("k", "v")])))
        .await;
    let a = id("a");
    let deleted = cx.admin().delete_instance(&a, DeleteMode::Force).await;
    deleted.expect("it is there");
    assert!(
        cx.list_ids(InstanceFilter::children_of(id("p")))
            .await
            .is_empty()
    );
    cx.start("a").await;
    let seen = cx.inspected("a", 9).await.expect("it is there").record;
    assert_eq!((seen.head.parent, seen.labels), (None, Labels::new()));
    assert!(
        cx.list_ids(InstanceFilter::children_of(id("p")))
            .await
            .is_empty()
    );
    if cx.provider().capabilities().label_filters {
        for order in ORDERS {
            let filter = InstanceFilter {
                labels: labels(&[("k", "v")]),
                order,
                ..InstanceFilter::default()
            };
            assert!(cx.list_ids(filter).await.is_empty());
        }
    }
}

/// As many and as long as the limits say, and no more.
pub(crate) async fn labels_have_limits(cx: &Cx) {
    let many = |count: usize, key: usize, value: usize| -> Labels {
        let pairs = (0..count).map(|it| (format!("{it:0key$}"), "v".repeat(value)));
        pairs.collect()
    };
    cx.send(start(cx, "a", None, many(16, 64, 256))).await;
    let seen = cx.inspected("a", 9).await.expect("it is there").record;
    assert_eq!(seen.labels, many(16, 64, 256));
    cx.elapse(SECOND).await;
    cx.claim_only("a").await;
    for (limit, asked) in [
        ("LABELS_MAX", many(17, 1, 1)),
        ("LABEL_KEY_BYTES_MAX", many(1, 65, 1)),
        ("LABEL_VALUE_BYTES_MAX", many(1, 1, 257)),
    ] {
        let sent = cx.try_send(start(cx, "b", None, asked.clone())).await;
        names(&refused(sent, ErrorKind::LimitExceeded), limit);
        let life = cx.message().id.incarnation();
        let turn = TurnBuilder::creating(id("b"), life, cx.commit_id()).append(1);
        let turn = turn.descending(None, asked);
        names(
            &refused(cx.try_turn(turn).await, ErrorKind::LimitExceeded),
            limit,
        );
        assert_eq!(cx.head_if_any("b").await, None);
    }
}
