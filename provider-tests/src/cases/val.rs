//! Values: what an instance shows.

use std::time::Duration;

use duroxide_core::providers::{
    Commit, ErrorKind, InstanceHead, InstanceValue, ReadValues, TurnCommit, Until, ValueKey, Watch,
};

use super::lim::names;
use crate::support::{Cx, LEASE, SECOND, TurnBuilder, drop_after_polls, id, refused};

/// Longer than any case takes.
const HOUR: Duration = Duration::from_hours(1);

impl Cx {
    /// Values of an instance, in the order of these keys.
    pub(crate) async fn values(&self, instance: &str, keys: &[&str]) -> Vec<InstanceValue> {
        self.settle().await;
        let keys = keys.iter().map(|key| ValueKey::from(*key)).collect();
        let request = ReadValues::named(id(instance), keys);
        let read = self.provider().read_values(&request).await;
        read.expect("values can be read")
    }

    /// The same as text: each key with its value.
    async fn texts(&self, instance: &str, keys: &[&str]) -> Vec<(String, String)> {
        let values = self.values(instance, keys).await.into_iter();
        let text = |it: InstanceValue| {
            let value = String::from_utf8(it.value.to_vec()).expect("the case wrote text");
            (it.key.as_str().to_owned(), value)
        };
        values.map(text).collect()
    }

    /// Commits a turn of an instance that is running, which does this.
    async fn with_turn(
        &self,
        instance: &str,
        change: impl FnOnce(TurnBuilder) -> TurnBuilder,
    ) -> TurnCommit {
        let turn = self.poke_and_claim(instance).await;
        let commit = change(self.turn(&turn).append(1)).build();
        self.apply(commit.clone()).await;
        commit
    }
}

fn pairs(expected: &[(&str, &str)]) -> Vec<(String, String)> {
    let owned = |(key, value): &(&str, &str)| ((*key).to_owned(), (*value).to_owned());
    expected.iter().map(owned).collect()
}

fn versions(values: &[InstanceValue]) -> Vec<&duroxide_core::providers::CommitId> {
    values.iter().map(|value| &value.version).collect()
}

/// A commit sets and removes what it names, and nothing else; each value has the version of the commit
/// that wrote it.
pub(crate) async fn values_are_set_read_and_removed(cx: &Cx) {
    cx.running("a").await;
    cx.running("b").await;
    assert_eq!(cx.values("a", &["x"]).await, []);
    let first = cx
        .with_turn("a", |turn| turn.set("x", "1").set("y", "").set("z", "3"))
        .await;
    assert_eq!(
        cx.texts("a", &["z", "x", "absent", "y"]).await,
        pairs(&[("z", "3"), ("x", "1"), ("y", "")])
    );
    let second = cx
        .with_turn("a", |turn| turn.set("y", "2").remove("z").remove("absent"))
        .await;

    let values = cx.values("a", &["x", "y", "z"]).await;
    assert_eq!(versions(&values), [&first.commit_id, &second.commit_id]);
    assert_eq!(
        cx.texts("a", &["x", "y", "z"]).await,
        pairs(&[("x", "1"), ("y", "2")])
    );
    assert_eq!(cx.values("a", &[]).await, []);
    assert_eq!(cx.values("b", &["x", "y", "z"]).await, []);
    assert_eq!(cx.values("absent", &["x"]).await, []);
}

/// A commit without executions sets values as well, and so does one that creates its instance.
pub(crate) async fn any_turn_sets_values(cx: &Cx) {
    cx.running("a").await;
    let turn = cx.poke_and_claim("a").await;
    let unchanged = cx.head("a").await;
    cx.apply(cx.turn(&turn).set("x", "1")).await;
    assert_eq!(cx.texts("a", &["x"]).await, pairs(&[("x", "1")]));
    assert_eq!(cx.head("a").await.position, unchanged.position);

    let incarnation = duroxide_core::providers::Incarnation(cx.unique());
    let creation = TurnBuilder::creating(id("b"), incarnation, cx.commit_id());
    cx.apply(creation.append(1).set("x", "2")).await;
    assert_eq!(cx.texts("b", &["x"]).await, pairs(&[("x", "2")]));

    let head = cx.head("b").await;
    cx.apply(cx.unleased(&head).append(1).set("x", "3")).await;
    assert_eq!(cx.texts("b", &["x"]).await, pairs(&[("x", "3")]));
}

/// What is no orderly turn sets nothing.
pub(crate) async fn a_refused_turn_sets_nothing(cx: &Cx) {
    cx.running("a").await;
    cx.with_turn("a", |turn| turn.set("x", "1").set("y", "1"))
        .await;
    let stale = cx.poke_and_claim("a").await;
    cx.elapse(LEASE).await;
    let turn = cx.claim_only("a").await;
    let change = |turn: TurnBuilder| turn.set("x", "2").remove("y").set("z", "2");

    cx.refuse(change(cx.turn(&stale).append(1)), ErrorKind::LeaseLost)
        .await;
    let far = cx.limits().history_events_max;
    let too_long = change(cx.turn(&turn).append(far + 1));
    cx.refuse(too_long, ErrorKind::LimitExceeded).await;
    let unleased = change(cx.unleased(&turn.head).append(1));
    cx.refuse(unleased, ErrorKind::LeaseLost).await;
    let before = pairs(&[("x", "1"), ("y", "1")]);
    assert_eq!(cx.texts("a", &["x", "y", "z"]).await, before);

    // Nor does a repeat, whatever it says.
    let applied = cx.turn(&turn).append(1).set("x", "3").build();
    cx.apply(applied.clone()).await;
    let mut repeat = applied;
    repeat.values = change(cx.turn(&turn)).build().values;
    let repeated = cx.try_turn(repeat).await.expect("a repeat succeeds");
    assert!(repeated.repeated);
    assert_eq!(
        cx.texts("a", &["x", "y", "z"]).await,
        pairs(&[("x", "3"), ("y", "1")])
    );
}

/// Which of two values of one key is meant, nobody can tell.
pub(crate) async fn a_value_that_is_named_twice_is_refused(cx: &Cx) {
    cx.running("a").await;
    let turn = cx.poke_and_claim("a").await;
    for twice in [
        cx.turn(&turn).append(1).set("x", "1").set("x", "2"),
        cx.turn(&turn).append(1).set("x", "1").remove("x"),
    ] {
        cx.refuse(twice, ErrorKind::InvalidInput).await;
    }
    assert_eq!(cx.values("a", &["x"]).await, []);
    cx.apply(cx.turn(&turn).append(1).set("x", "1")).await;
}

/// A turn whose call was dropped has set all of its values or none, and sets them when it is repeated.
pub(crate) async fn a_dropped_turn_sets_all_of_its_values_or_none(cx: &Cx) {
    for polls in [0, 1, 2, 3, 4, 5, 20, 400] {
        let cx = cx.twin().await;
        cx.running("a").await;
        cx.with_turn("a", |turn| turn.set("x", "1").set("y", "1"))
            .await;
        let turn = cx.poke_and_claim("a").await;
        let turn = cx.turn(&turn).append(1);
        let commit = turn.set("x", "2").remove("y").set("z", "2").build();

        drop_after_polls(cx.try_turn(commit.clone()), polls).await;
        cx.try_turn(commit)
            .await
            .expect("it is applied or repeated");

        assert_eq!(
            cx.texts("a", &["x", "y", "z"]).await,
            pairs(&[("x", "2"), ("z", "2")]),
            "{polls} polls"
        );
    }
}

/// Values outlive executions and the end of their instance.
pub(crate) async fn values_outlive_executions_and_ends(cx: &Cx) {
    cx.running("a").await;
    cx.with_turn("a", |turn| turn.set("x", "1").set("y", "1"))
        .await;
    let turn = cx.poke_and_claim("a").await;
    let commit = cx.turn(&turn).continue_as_new().purge_through(1);
    cx.apply(commit.set("y", "2")).await;
    let kept = pairs(&[("x", "1"), ("y", "2")]);
    assert_eq!(cx.texts("a", &["x", "y"]).await, kept);

    let turn = cx.poke_and_claim("a").await;
    cx.apply(cx.turn(&turn).append(1).suspend(true)).await;
    assert_eq!(cx.texts("a", &["x", "y"]).await, kept);

    cx.send(crate::support::to("a", cx.control())).await;
    let turn = cx.claim_only("a").await;
    cx.apply(cx.turn(&turn).complete().set("x", "3")).await;
    let kept = pairs(&[("x", "3"), ("y", "2")]);
    assert_eq!(cx.texts("a", &["x", "y"]).await, kept);

    cx.running("failed").await;
    let turn = cx.poke_and_claim("failed").await;
    let commit = cx.turn(&turn).append(1).set("x", "1");
    let failed = duroxide_core::providers::ExecutionStatus::Failed;
    cx.apply(commit.end(failed, None)).await;
    assert_eq!(cx.texts("failed", &["x"]).await, pairs(&[("x", "1")]));
}

/// What is deleted has no values, nor has the next life of its id, and pruning takes none.
pub(crate) async fn values_go_with_their_instance(cx: &Cx) {
    cx.running("a").await;
    cx.with_turn("a", |turn| turn.set("x", "1").set("y", "1"))
        .await;
    let turn = cx.poke_and_claim("a").await;
    cx.apply(cx.turn(&turn).continue_as_new()).await;
    let admin = cx.admin();
    admin
        .prune_executions(&id("a"), 1)
        .await
        .expect("it is there");
    assert_eq!(cx.values("a", &["x", "y"]).await.len(), 2);

    let force = duroxide_core::providers::DeleteMode::Force;
    admin
        .delete_instance(&id("a"), force)
        .await
        .expect("it is there");
    assert_eq!(cx.values("a", &["x", "y"]).await, []);
    cx.running("a").await;
    assert_eq!(cx.values("a", &["x", "y"]).await, []);
    cx.with_turn("a", |turn| turn.set("x", "2")).await;
    assert_eq!(cx.texts("a", &["x", "y"]).await, pairs(&[("x", "2")]));
}

/// A value with a time is there for that time, rounded up to milliseconds, and not for longer.
pub(crate) async fn a_value_expires(cx: &Cx) {
    const ROUNDED: Duration = Duration::from_micros(2_500);
    const TICK: Duration = Duration::from_millis(1);
    cx.running("a").await;
    cx.with_turn("a", |turn| {
        turn.set("stays", "1")
            .expiring("x", "1", SECOND * 10)
            .expiring("renewed", "1", SECOND * 10)
            .expiring("kept", "1", SECOND * 10)
            .expiring("never", "1", Duration::ZERO)
    })
    .await;
    assert_eq!(cx.values("a", &["x", "never"]).await.len(), 1);
    cx.with_turn("a", |turn| {
        turn.set("kept", "2").expiring("renewed", "2", SECOND * 100)
    })
    .await;
    cx.elapse(SECOND * 9).await;
    assert_eq!(cx.values("a", &["x"]).await.len(), 1, "not before its time");
    cx.elapse(SECOND).await;

    let all = ["stays", "x", "renewed", "kept", "never"];
    let left = pairs(&[("stays", "1"), ("renewed", "2"), ("kept", "2")]);
    assert_eq!(cx.texts("a", &all).await, left);
    for _ in 0..3 {
        let maintained = cx.provider().maintain(SECOND).await;
        maintained.expect("maintenance succeeds");
    }
    assert_eq!(cx.texts("a", &all).await, left);
    cx.with_turn("a", |turn| turn.set("x", "3")).await;
    assert_eq!(cx.texts("a", &["x"]).await, pairs(&[("x", "3")]));

    // What is asked for is never cut, as far as the store's clock shows it.
    if cx.pace() == crate::fixture::Pace::Virtual
        && cx.provider().capabilities().visibility_bound.is_zero()
    {
        cx.with_turn("a", |turn| turn.expiring("short", "1", ROUNDED))
            .await;
        cx.elapse(TICK * 2).await;
        assert_eq!(cx.values("a", &["short"]).await.len(), 1);
        cx.elapse(TICK).await;
        assert_eq!(cx.values("a", &["short"]).await, []);
    }
}

/// An instance keeps so many values of so many bytes, and what expires is not counted.
pub(crate) async fn what_an_instance_keeps_has_limits(cx: &Cx) {
    let limits = cx.limits();
    cx.running("a").await;
    let turn = cx.poke_and_claim("a").await;
    let numbered = |turn: TurnBuilder, count: usize, value: &str| {
        (0..count).fold(turn, |turn, number| turn.set(&format!("{number}"), value))
    };
    let over = numbered(cx.turn(&turn).append(1), limits.values_max + 1, "");
    let error = cx.refuse(over, ErrorKind::LimitExceeded).await;
    names(&error, "values_max");
    cx.apply(numbered(cx.turn(&turn).append(1), limits.values_max, ""))
        .await;

    let turn = cx.poke_and_claim("a").await;
    let over = cx.turn(&turn).append(1).set("another", "");
    let error = cx.refuse(over, ErrorKind::LimitExceeded).await;
    names(&error, "values_max");
    let instead = cx.turn(&turn).append(1).set("another", "").remove("0");
    cx.apply(instead.set("1", "again")).await;
    cx.with_turn("a", |turn| {
        numbered(turn, limits.values_max, "").change(|commit| {
            commit.values.retain(|it| it.key.as_str() != "0");
            for update in &mut commit.values {
                let value = update.value.as_mut().expect("it is set");
                value.expires_after = Some(SECOND);
            }
        })
    })
    .await;
    // All but the other one expire now.
    cx.with_turn("a", |turn| {
        let turn = turn.set("one more", "");
        (0..limits.values_max).fold(turn, |turn, number| {
            turn.expiring(&format!("short {number}"), "", SECOND)
        })
    })
    .await;
}

/// Values have limits by their bytes, each and together.
pub(crate) async fn the_bytes_of_values_have_limits(cx: &Cx) {
    let limits = cx.limits();
    let longest = "v".repeat(limits.value_bytes_max);
    cx.running("a").await;
    let turn = cx.poke_and_claim("a").await;
    let long = format!("{longest}v");
    for over in [
        cx.turn(&turn).append(1).set("x", &long),
        cx.turn(&turn).append(1).expiring("x", &long, SECOND),
    ] {
        let error = cx.refuse(over, ErrorKind::LimitExceeded).await;
        names(&error, "value_bytes_max");
    }
    let shorter = "v".repeat(limits.value_bytes_max - 1);
    let longest_key = "k".repeat(ValueKey::BYTES_MAX);
    let key = format!("{longest_key}k");
    for over in [
        cx.turn(&turn).append(1).set(&key, ""),
        cx.turn(&turn).append(1).remove(&key),
    ] {
        let error = cx.refuse(over, ErrorKind::LimitExceeded).await;
        names(&error, "ValueKey::BYTES_MAX");
    }

    let full = limits.values_bytes_max / limits.value_bytes_max;
    let rest = "v".repeat(limits.values_bytes_max - full * limits.value_bytes_max);
    let many = |turn: TurnBuilder| {
        let turn = (0..full).fold(turn, |turn, number| {
            turn.set(&format!("{number}"), &longest)
        });
        turn.set(&longest_key, &rest)
    };
    let error = cx
        .refuse(
            many(cx.turn(&turn).append(1)).set("x", "v"),
            ErrorKind::LimitExceeded,
        )
        .await;
    names(&error, "values_bytes_max");
    cx.apply(many(cx.turn(&turn).append(1)).set("x", "")).await;

    let turn = cx.poke_and_claim("a").await;
    let over = cx.turn(&turn).append(1).set("x", "v");
    let error = cx.refuse(over, ErrorKind::LimitExceeded).await;
    names(&error, "values_bytes_max");
    let within = cx.turn(&turn).append(1).expiring("x", "v", HOUR);
    cx.apply(within.set("0", &shorter).set("y", "v")).await;
    assert_eq!(cx.values("a", &["x", "y"]).await.len(), 2);
    let kept = cx.values("a", &["0", &longest_key]).await;
    assert_eq!(kept[0].value.len(), longest.len() - 1);
    assert_eq!(kept[1].value.len(), rest.len());
}

/// Keys are told apart whatever they are made of, and so are the instances.
pub(crate) async fn keys_are_told_apart(cx: &Cx) {
    cx.running("a").await;
    cx.running("a/x").await;
    let keys = ["", "x", "X", "x ", "x:y", "{x}", "x\u{0}", "xü", "x%", "x_"];
    cx.with_turn("a", |turn| {
        keys.iter().enumerate().fold(turn, |turn, (number, key)| {
            turn.set(key, &number.to_string())
        })
    })
    .await;
    for (number, key) in keys.iter().enumerate() {
        assert_eq!(
            cx.texts("a", &[key]).await,
            pairs(&[(key, &number.to_string())])
        );
        assert_eq!(cx.values("a/x", &[key]).await, []);
    }
    assert_eq!(cx.values("a", &["x'"]).await, []);
}

fn watch(head: &InstanceHead, key: &str, seen: Option<&TurnCommit>) -> Vec<Watch> {
    vec![Watch {
        instance: head.instance.clone(),
        until: Until::ValueOtherThan {
            key: key.into(),
            version: seen.map(|commit| commit.commit_id),
        },
    }]
}

/// A watch of a value ends with the commit that sets or removes it, and with no other one.
pub(crate) async fn a_watch_ends_with_the_change_of_a_value(cx: &Cx) {
    let head = cx.running("a").await;
    let mut waiting = cx.watch(watch(&head, "x", None), HOUR);
    waiting.goes_on().await;
    cx.with_turn("a", |turn| turn.set("y", "1")).await;
    waiting.goes_on().await;
    let set = cx.with_turn("a", |turn| turn.set("x", "1")).await;
    let heads = waiting.ends_sooner_or_later(SECOND).await;
    let heads = heads.expect("a watch succeeds");
    assert_eq!(heads.len(), 1);
    assert_eq!(heads[0].instance, head.instance);

    let mut waiting = cx.watch(watch(&head, "x", Some(&set)), HOUR);
    waiting.goes_on().await;
    cx.with_turn("a", |turn| turn.remove("y")).await;
    waiting.goes_on().await;
    let turn = cx.poke_and_claim("a").await;
    cx.apply(cx.turn(&turn).remove("x")).await;
    let heads = waiting.ends_sooner_or_later(SECOND).await;
    assert_eq!(heads.expect("a watch succeeds").len(), 1);
}

/// A watch of a value that is another one already ends at once, that of an absent instance does not.
pub(crate) async fn a_watch_of_a_changed_value_answers_at_once(cx: &Cx) {
    let head = cx.running("a").await;
    let first = cx.with_turn("a", |turn| turn.set("x", "1")).await;
    // The same once more, which is another setting.
    let second = cx.with_turn("a", |turn| turn.set("x", "1")).await;
    cx.settle().await;
    for (seen, is_other) in [(None, true), (Some(&first), true), (Some(&second), false)] {
        let ended = cx
            .watch(watch(&head, "x", seen), Duration::ZERO)
            .ends()
            .await;
        let ended = ended.expect("a watch succeeds");
        assert_eq!(ended.len(), usize::from(is_other), "{seen:?}");
    }
    let absent = InstanceHead {
        instance: id("absent"),
        ..head
    };
    let watched = watch(&absent, "x", Some(&second));
    let ended = cx.watch(watched, Duration::ZERO).ends().await;
    assert_eq!(ended.expect("a watch succeeds"), []);
}

/// However a commit races with the beginning of a watch, the watcher hears of the value.
pub(crate) async fn no_change_of_a_value_is_missed(cx: &Cx) {
    for number in 0..50 {
        let name = format!("{number}");
        cx.start(&name).await;
        let turn = cx.claim_only(&name).await;
        let waiting = cx.watch(watch(&turn.head, "x", None), HOUR);
        cx.apply(cx.turn(&turn).append(1).set("x", "1")).await;

        let heads = waiting.ends_sooner_or_later(SECOND).await;

        assert_eq!(heads.expect("a watch succeeds").len(), 1);
    }
}

/// What one handle has set another one reads, and hears of.
pub(crate) async fn a_handle_sees_the_others_values(cx: &Cx) {
    let other = cx.connect().await;
    let head = cx.running("a").await;
    let mut waiting = other.watch(watch(&head, "x", None), HOUR);
    waiting.goes_on().await;
    cx.with_turn("a", |turn| turn.set("x", "1")).await;
    assert_eq!(other.texts("a", &["x"]).await, pairs(&[("x", "1")]));
    let heads = waiting.ends_sooner_or_later(SECOND).await;
    assert_eq!(heads.expect("a watch succeeds").len(), 1);
}

/// Values are as durable as the rest of their commit.
pub(crate) async fn values_survive_a_crash(cx: &Cx) {
    let process = cx.twin().await;
    process.running("a").await;
    process
        .with_turn("a", |turn| {
            turn.set("x", "1")
                .set("y", "1")
                .expiring("z", "1", HOUR * 2)
        })
        .await;
    process
        .with_turn("a", |turn| turn.set("x", "2").remove("y"))
        .await;
    let before = process.values("a", &["x", "y", "z"]).await;
    assert_eq!(before.len(), 2);

    let process = process.crash().await;

    assert_eq!(process.values("a", &["x", "y", "z"]).await, before);
}

/// Two turns in one call, each with values of its own, and a third that is refused for its values.
pub(crate) async fn turns_of_one_call_set_their_own_values(cx: &Cx) {
    let mut turns = Vec::new();
    for name in ["a", "b", "c"] {
        cx.running(name).await;
        let turn = cx.poke_and_claim(name).await;
        turns.push(cx.turn(&turn).append(1));
    }
    let over = "v".repeat(cx.limits().value_bytes_max + 1);
    let values = ["1", "2", &over];
    let operations = turns.into_iter().zip(values).map(|(turn, value)| {
        let turn = turn.set("x", value);
        Commit::Turn(turn.set("y", value).build())
    });
    let mut answers = cx.provider().commit(operations.collect()).await;
    refused(answers.remove(2), ErrorKind::LimitExceeded);
    assert!(answers.iter().all(Result::is_ok), "{answers:?}");
    for (name, value) in [("a", "1"), ("b", "2")] {
        let expected = pairs(&[("x", value), ("y", value)]);
        assert_eq!(cx.texts(name, &["x", "y"]).await, expected);
    }
    assert_eq!(cx.values("c", &["x", "y"]).await, []);
    let turn = cx.claim(1).await;
    assert!(
        turn.is_empty(),
        "the refused turn keeps its lease: {turn:?}"
    );
}
