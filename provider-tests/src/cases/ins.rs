//! Looking at one instance, and at one queue of activities.

use bytes::Bytes;
use duroxide_core::providers::{
    ActivityKey, ActivityRecord, Channel, Inspect, Inspection, InstanceId, Lease, ListActivities,
    MessageId, PageCursor, Release, ReleasedAttempts, Reservation, Standing,
};

use crate::support::{Cx, LEASE, SECOND, id, later, random_token, to};

/// The ids of what an inspection shows.
fn shown(inspection: &Inspection) -> (Vec<MessageId>, Vec<(u64, u64)>) {
    let messages = inspection.messages.iter().map(|it| it.id).collect();
    let activities = inspection.activities.iter();
    let activities = activities.map(|it| (it.key.execution, it.key.activity_id));
    (messages, activities.collect())
}

/// An instance with messages on all channels and activities of two executions, and the ids of the
/// messages in their order.
async fn rich(cx: &Cx) -> Vec<MessageId> {
    // Somebody else.
    cx.running_with_activities("a:", 1).await;
    cx.running_with_activities("a", 2).await;
    let turn = cx.poke_and_claim("a").await;
    let turn = cx.turn(&turn).activity_in("other", 9);
    cx.apply(turn.continue_as_new().activity(2)).await;
    let mut control = cx.message();
    control.channel = Channel::Control;
    let system = [cx.message_to_execution(2), cx.message()];
    let mail = ["", "t", "t", "u"].map(|topic| cx.mail(topic));
    let delayed = [cx.message(), cx.mail("t")];
    let mut ids: Vec<MessageId> = vec![control.id];
    ids.extend(system.iter().chain(&delayed[..1]).map(|it| it.id));
    ids.extend(
        mail[..3]
            .iter()
            .chain(&delayed[1..])
            .chain(&mail[3..])
            .map(|it| it.id),
    );
    for message in delayed {
        cx.send(later("a", message, SECOND)).await;
    }
    for message in mail.into_iter().chain(system).chain([control]) {
        cx.send(to("a", message)).await;
    }
    cx.poke("a:").await;
    ids
}

/// Every message, due or not, and every activity, as it was sent and scheduled.
pub(crate) async fn an_instance_is_seen_with_what_it_has(cx: &Cx) {
    let messages = rich(cx).await;
    let seen = cx.inspected("a", 100).await.expect("it is there");
    let activities = vec![(1, 1), (1, 2), (1, 9), (2, 2)];
    assert_eq!(shown(&seen), (messages.clone(), activities));
    assert_eq!(seen.record.head, cx.head("a").await);
    let due: Vec<u64> = seen.messages.iter().map(|it| it.due_at_ms).collect();
    assert!(due[1] <= due[2] && due[2] < due[3], "{due:?}");
    for message in &seen.messages {
        let body = message.body.as_ref().expect("bodies were asked for");
        assert_eq!(*body, format!("message {}", message.id));
        assert_eq!(message.body_bytes, body.len());
    }
    let addressed: Vec<_> = seen.messages.iter().map(|it| it.execution).collect();
    assert_eq!(addressed[..3], [None, Some(2), None]);
    let channels: Vec<_> = seen.messages.iter().map(|it| it.channel.clone()).collect();
    let topic = |name: &str| Channel::Topic(name.into());
    let expected = [
        Channel::Control,
        Channel::System,
        Channel::System,
        Channel::System,
    ];
    assert_eq!(channels[..4], expected);
    assert_eq!(channels[4..], ["", "t", "t", "t", "u"].map(topic));
    let incarnation = seen.record.head.incarnation;
    for activity in &seen.activities {
        let ActivityKey {
            instance,
            incarnation: life,
            activity_id,
            ..
        } = &activity.key;
        assert_eq!((instance, *life), (&id("a"), incarnation));
        let body = activity.body.as_ref().expect("bodies were asked for");
        assert_eq!(*body, format!("activity {activity_id}"));
        assert_eq!(activity.body_bytes, body.len());
        let queue = if *activity_id == 9 {
            "other"
        } else {
            "default"
        };
        assert_eq!(activity.queue.as_str(), queue);
        assert_eq!((activity.attempts, activity.is_leased), (0, false));
    }

    // Without bodies there are their sizes.
    let bare = cx
        .inspect_all(Inspect::new(id("a")))
        .await
        .expect("it is there");
    assert!(
        bare.messages
            .iter()
            .all(|it| it.body.is_none() && it.body_bytes > 0)
    );
    assert!(
        bare.activities
            .iter()
            .all(|it| it.body.is_none() && it.body_bytes > 0)
    );
    assert_eq!(shown(&bare), shown(&seen));
    let turn = cx.claim(2).await.remove(0);
    cx.apply(cx.turn(&turn).complete()).await;
    let instance = turn.head.instance.as_str();
    let bare = cx
        .inspect_all(Inspect::new(id(instance)))
        .await
        .expect("it is there");
    assert_eq!(bare.record.head.output, None);
    let whole = cx.inspected(instance, 9).await.expect("it is there");
    assert!(whole.record.head.output.is_some());
}

/// Whatever the size of a page, everything comes once and in order; so it does if something goes.
pub(crate) async fn an_inspection_comes_in_pages(cx: &Cx) {
    let messages = rich(cx).await;
    let whole = cx.inspected("a", 100).await.expect("it is there");
    for items_max in [1, 2, 3, 8, 9, 10, 13, 14] {
        let paged = cx.inspected("a", items_max).await.expect("it is there");
        assert_eq!(shown(&paged), shown(&whole), "pages of {items_max}");
        assert_eq!(paged.next, None);
    }
    let request = |after: Option<PageCursor>| Inspect {
        after,
        items_max: 3,
        ..Inspect::new(id("a"))
    };
    let page = cx.admin().inspect(&request(None)).await;
    let page = page.expect("it can be looked at").expect("it is there");
    assert_eq!(page.messages.len(), 3);
    // What was seen goes, what the page ended with among it.
    let mut turns = cx.claim(2).await;
    turns.retain(|turn| turn.head.instance == id("a"));
    cx.apply(cx.turn(&turns[0]).consume(messages[..3].to_vec()).append(1))
        .await;
    let rest = cx
        .inspect_all(request(page.next))
        .await
        .expect("it is there");
    assert_eq!(shown(&rest), (messages[3..].to_vec(), shown(&whole).1));
}

/// Bodies have room for as many bytes as were asked for, one body at least; without them none is needed.
pub(crate) async fn a_page_has_room_for_bytes(cx: &Cx) {
    rich(cx).await;
    let whole = cx.inspected("a", 100).await.expect("it is there");
    let bytes = whole.messages[0].body_bytes;
    let request = |bytes_max: usize, with_bodies: bool| Inspect {
        bytes_max,
        with_bodies,
        ..Inspect::new(id("a"))
    };
    for (bytes_max, with_bodies, count) in [
        (0, true, 1),
        (bytes, true, 1),
        (2 * bytes - 1, true, 1),
        (2 * bytes, true, 2),
        (0, false, 9 + 4),
    ] {
        let request = request(bytes_max, with_bodies);
        let page = cx.admin().inspect(&request).await;
        let page = page.expect("it can be looked at").expect("it is there");
        let items = page.messages.len() + page.activities.len();
        assert_eq!(items, count, "{bytes_max} bytes");
        assert_eq!(page.next.is_some(), with_bodies);
        let all = cx.inspect_all(request).await.expect("it is there");
        assert_eq!(shown(&all), shown(&whole));
    }
}

async fn standing(cx: &Cx, instance: &str) -> Standing {
    let inspected = cx.inspected(instance, 100).await;
    let standing = inspected.expect("it is there").standing;
    cx.comparable_standing(standing)
}

/// Asleep, with a timer, with work, leased, held back by a release, suspended: each can be told.
pub(crate) async fn a_standing_tells_what_is_waited_for(cx: &Cx) {
    let idle = Standing::default();
    cx.running("a").await;
    assert_eq!(standing(cx, "a").await, idle);
    cx.poke_later("a", LEASE * 9).await;
    let inspected = cx.inspected("a", 9).await.expect("it is there");
    let due_ms = Some(inspected.messages[0].due_at_ms);
    let asleep = Standing {
        claimable_from_ms: due_ms,
        ..idle
    };
    assert_eq!(standing(cx, "a").await, asleep);
    cx.poke("a").await;
    let ready = Standing {
        claimable_from_ms: Some(0),
        ..idle
    };
    assert_eq!(standing(cx, "a").await, ready);

    let turn = cx.claim_only("a").await;
    let leased = standing(cx, "a").await;
    assert!(leased.is_leased && leased.held_until_ms.is_some());
    assert_eq!(leased.attempts, 1);
    assert_eq!(leased.claimable_from_ms, leased.held_until_ms);
    let lease = Lease::Turn(turn.lease.clone());
    let release = Release::new(lease, LEASE * 2, ReleasedAttempts::Keep);
    let released = cx.provider().release(vec![release]).await.remove(0);
    released.expect("it is held");
    let held_back = standing(cx, "a").await;
    assert!(!held_back.is_leased && held_back.held_until_ms > leased.held_until_ms);
    assert_eq!(held_back.attempts, 1);
    assert_eq!(held_back.claimable_from_ms, held_back.held_until_ms);
    cx.elapse(LEASE * 2).await;
    let free = Standing {
        attempts: 1,
        ..ready
    };
    assert_eq!(standing(cx, "a").await, free);
    let turn = cx.claim_only("a").await;
    assert_eq!(standing(cx, "a").await.attempts, 2);
    cx.apply(cx.turn(&turn).append(1).suspend(true)).await;
    assert_eq!(standing(cx, "a").await, idle);
}

/// Nothing is leased, counted or taken by a look.
pub(crate) async fn looking_changes_nothing(cx: &Cx) {
    rich(cx).await;
    let before = cx.view(&["a", "a:"]).await;
    cx.inspected("a", 1).await;
    for queue in ["default", "other"] {
        cx.admin()
            .list_activities(&ListActivities::new(queue.into()))
            .await
            .expect("it can be listed");
    }
    assert_eq!(cx.view(&["a", "a:"]).await, before);
    assert_eq!(cx.claim(9).await.len(), 2);
    assert_eq!(cx.work_in(&["default", "other"], 9).await.items.len(), 5);
}

/// An absent instance is not there, and a queue that nobody names is empty.
pub(crate) async fn nobody_is_not_seen(cx: &Cx) {
    cx.running_with_activities("a", 1).await;
    for nobody in ["b", "A", "a:", "%"] {
        assert_eq!(cx.inspected(nobody, 9).await, None);
    }
    for queue in ["", "Default", "default\0", "%"] {
        assert_eq!(listed(cx, queue, 9).await, []);
    }
    let seen = cx.inspected("a", 9).await.expect("it is there");
    assert!(seen.messages.is_empty() && seen.next.is_none());
}

/// The activities of a queue, in pages of so many: the instance and the id of each.
async fn listed(cx: &Cx, queue: &str, activities_max: usize) -> Vec<(InstanceId, u64)> {
    cx.settle().await;
    let mut request = ListActivities {
        activities_max,
        with_bodies: true,
        ..ListActivities::new(queue.into())
    };
    let mut found = Vec::new();
    loop {
        let page = cx.admin().list_activities(&request).await;
        let page = page.expect("activities can be listed");
        assert!(page.activities.len() <= activities_max);
        for activity in page.activities {
            assert_eq!(activity.queue.as_str(), queue);
            let body = activity.body.expect("bodies were asked for");
            assert_eq!(body, format!("activity {}", activity.key.activity_id));
            found.push((activity.key.instance, activity.key.activity_id));
        }
        request.after = page.next;
        if request.after.is_none() {
            return found;
        }
    }
}

/// The last activity of the queue `gpu`, which has some.
async fn last_of_gpu(cx: &Cx) -> ActivityRecord {
    let request = ListActivities::new("gpu".into());
    let page = cx.admin().list_activities(&request).await;
    let last = page.expect("it can be listed").activities.pop();
    last.expect("there are three")
}

/// What was claimable first comes first, and what is leased at the end of its lease.
pub(crate) async fn a_queue_is_listed_in_its_order(cx: &Cx) {
    cx.running("z").await;
    cx.running("a").await;
    let schedule = async |instance: &str, ids: &[u64]| {
        let turn = cx.poke_and_claim(instance).await;
        let turn = cx.turn(&turn).append(1);
        let turn = ids
            .iter()
            .fold(turn, |turn, it| turn.activity_in("gpu", *it));
        cx.apply(turn.activity(ids[0] + 100)).await;
        cx.elapse(cx.tick()).await;
    };
    schedule("z", &[7]).await;
    schedule("a", &[3]).await;
    schedule("z", &[1]).await;
    let of = |instance: &str, activity_id| (id(instance), activity_id);
    assert_eq!(
        listed(cx, "gpu", 9).await,
        [of("z", 7), of("a", 3), of("z", 1)]
    );

    let work = cx.work_in(&["gpu"], 1).await.items;
    assert_eq!(
        listed(cx, "gpu", 9).await,
        [of("a", 3), of("z", 1), of("z", 7)]
    );
    let last = last_of_gpu(cx).await;
    assert!(last.is_leased && last.body.is_none());
    assert_eq!(last.attempts, 1);
    assert!(last.claimable_from_ms > cx.clock().now_ms());
    let seen = cx.inspected("z", 9).await.expect("it is there");
    let same = seen
        .activities
        .iter()
        .find(|it| it.key == last.key)
        .expect("it is the same");
    assert_eq!(same.claimable_from_ms, last.claimable_from_ms);
    cx.elapse(LEASE).await;
    let last = last_of_gpu(cx).await;
    assert_eq!(
        (last.is_leased, last.key),
        (false, work[0].lease.key.clone())
    );
}

/// Whatever the size of a page, each activity comes once, however many are due at one time; and one that is
/// born leased is there.
pub(crate) async fn a_queue_is_listed_page_by_page(cx: &Cx) {
    cx.running("a").await;
    let turn = cx.poke_and_claim("a").await;
    let turn = (1..=7).fold(cx.turn(&turn).append(1), |turn, it| {
        turn.activity_in("gpu", it)
    });
    let turn = turn.activity_in("gpu", 8).change(|commit| {
        let last = commit.activities.last_mut().expect("it was just added");
        last.reservation = Some(Reservation {
            token: random_token(),
            lease: LEASE,
        });
    });
    cx.apply(turn).await;
    let whole = listed(cx, "gpu", 100).await;
    assert_eq!(whole.len(), 8);
    assert_eq!(whole[7].1, 8, "what is leased comes last");
    for activities_max in [1, 2, 7, 8, 9] {
        assert_eq!(
            listed(cx, "gpu", activities_max).await,
            whole,
            "pages of {activities_max}"
        );
    }
    let request = ListActivities {
        bytes_max: "activity 1".len() * 2,
        with_bodies: true,
        ..ListActivities::new("gpu".into())
    };
    let page = cx
        .admin()
        .list_activities(&request)
        .await
        .expect("it can be listed");
    assert_eq!((page.activities.len(), page.next.is_some()), (2, true));
}

/// How far each activity is comes with it, where bodies were asked for; a page has room for it as for a body.
pub(crate) async fn activities_are_seen_with_their_details(cx: &Cx) {
    cx.running_with_activities("a", 3).await;
    let mut work = cx.work(2).await;
    work.sort_by(|a, b| a.lease.key.cmp(&b.lease.key));
    cx.bring(&work[0].lease, "first").await;
    cx.bring(&work[0].lease, "half of it").await;
    let details = || {
        vec![
            (10, Some(Bytes::from_static(b"half of it"))),
            (0, None),
            (0, None),
        ]
    };
    let of_each = |activities: &[ActivityRecord]| -> Vec<_> {
        let mut activities = activities.to_vec();
        activities.sort_by(|a, b| a.key.cmp(&b.key));
        let each = activities.into_iter();
        each.map(|it| (it.details_bytes, it.details)).collect()
    };
    let in_queue = async |bytes_max: usize, with_bodies: bool| {
        cx.settle().await;
        let request = ListActivities {
            bytes_max,
            with_bodies,
            ..ListActivities::new("default".into())
        };
        let page = cx.admin().list_activities(&request).await;
        page.expect("it can be listed").activities
    };
    let seen = async |bytes_max: usize, with_bodies: bool| {
        cx.settle().await;
        let request = Inspect {
            bytes_max,
            with_bodies,
            ..Inspect::new(id("a"))
        };
        let page = cx.admin().inspect(&request).await;
        let page = page.expect("it can be looked at").expect("it is there");
        page.activities
    };
    let many = 1_000;
    assert_eq!(of_each(&seen(many, true).await), details());
    assert_eq!(of_each(&in_queue(many, true).await), details());
    let bare = vec![(10, None), (0, None), (0, None)];
    assert_eq!(of_each(&seen(0, false).await), bare);
    assert_eq!(of_each(&in_queue(0, false).await), bare);

    // The first two bodies, and what the first has said.
    let bytes = 2 * "activity 1".len() + "half of it".len();
    assert_eq!(seen(bytes, true).await.len(), 2);
    assert_eq!(seen(bytes - 1, true).await.len(), 1);
    // The free one is the first of its queue, and those that are held follow.
    let queue = in_queue(many, true).await;
    let sizes = queue.iter().map(|it| it.body_bytes + it.details_bytes);
    let all: usize = sizes.sum();
    assert_eq!(in_queue(all, true).await.len(), 3);
    assert_eq!(in_queue(all - 1, true).await.len(), 2);

    // What a release has left is seen as well.
    let lease = Lease::Activity(work[1].lease.clone());
    let release = Release::new(lease, LEASE, ReleasedAttempts::Keep);
    let release = release.with_details(Some(Bytes::from_static(b"begun")));
    cx.try_release(release).await.expect("it is held");
    let second = seen(many, true).await.remove(1);
    assert_eq!(second.details.as_deref(), Some(&b"begun"[..]));
    assert!(!second.is_leased);
}

/// All values that are there, by their keys, whatever the size of a page, and none that has expired.
pub(crate) async fn all_values_are_read_page_by_page(cx: &Cx) {
    let keys = ["", "A", "a", "a\0", "b", "é", "🦀"];
    cx.running("a").await;
    let turn = cx.poke_and_claim("a").await;
    let turn = keys
        .iter()
        .rev()
        .fold(cx.turn(&turn), |turn, key| turn.set(key, "12345"));
    cx.apply(
        turn.expiring("c", "later", SECOND * 9)
            .expiring("d", "gone", SECOND),
    )
    .await;
    cx.running("a:").await;
    let turn = cx.poke_and_claim("a:").await;
    cx.apply(cx.turn(&turn).set("k", "of another one")).await;
    cx.elapse(SECOND).await;

    let expected = ["", "A", "a", "a\0", "b", "c", "é", "🦀"];
    for bytes_max in [0, 1, 5, 9, 10, 14, 1_000] {
        let values = cx.all_values("a", bytes_max).await;
        let read: Vec<&str> = values.iter().map(|it| it.key.as_str()).collect();
        assert_eq!(read, expected, "pages of {bytes_max} bytes");
        assert_eq!(cx.values("a", &expected).await, values);
    }
    assert_eq!(cx.all_values("nobody", 10).await, []);
    assert_eq!(cx.all_values("a:", 10).await.len(), 1);
    let page = cx.values_page("a", 10).await;
    assert_eq!(page.len(), 2);
}
