//! Forks: an instance that begins with a copy of the history of another one, and goes on from there.
//!
//! The first turn of a fork reads what it copies, leads the code through it as a rewind does, and commits it
//! together with what the code does next. So there is nothing in between: until then the fork has not begun,
//! and whoever repeats the turn does the same.

use std::sync::Arc;

use super::again::Options;
use super::code::Code;
use super::draft::refused;
use super::feed::{Feeder, Unfit, not_before};
use super::fork_reading::{self, Reading};
use super::load::{self, History, LoadError};
use super::occasion::Occasion;
use super::open::Stopped;
use super::scope::Scope;
use crate::event::{Entry, EventKind, Forked, is_unmade_fork};
use crate::limits::{HISTORY_PAGE_BYTES_MAX, rewound_bytes_max};
use crate::message::{Fork, ForkCut};
use crate::providers::{ErrorKind, InstanceHead, ProviderError, ReadHistory};
use crate::replay::{Cut, Engine, Input, Moment};
use crate::runtime::give_back;
use crate::runtime::node::Node;

/// What is copied of a history, and what came after it and holds all the same.
struct Copied {
    entries: Vec<Entry>,
    cut: Cut,
    kept: Vec<Input>,
}

/// The code of a fork, led through the copy and on as far as it goes by itself.
pub(super) async fn begun<'a>(
    node: &'a Node,
    turn: &Occasion,
    mut scope: Box<Scope>,
    fork: &Fork,
) -> Result<Box<Feeder<'a>>, Stopped> {
    // What is known to be missing is not worth a history.
    check_code(node, &scope, fork)?;
    let mark = give_back::mark(&turn.head);
    if let Some(details) = node.give_backs.known_unfit(&turn.head.instance, mark) {
        // No code fits what is gone.
        check_life(node, fork).await?;
        return Err(Stopped::Unfit(details));
    }
    let Copied {
        mut entries,
        cut,
        kept,
    } = copied(node, fork).await?;
    let code = code_of(node, &scope, fork, &entries)?;
    scope.version.clone_from(&code.version);
    sign(&mut entries, fork, cut, &code.version);

    let latest_ms = entries.last().map_or(0, |entry| entry.timestamp_ms);
    let moment = Moment {
        now_ms: not_before(latest_ms, node.clock.now_ms()),
        seed: node.entropy.seed(),
    };
    let within_step = cut.within_step.then_some(moment);
    let input = load::first_input(&entries);
    let fresh = || {
        let alarm = Some(node.alarm(&scope.instance, scope.incarnation));
        let events_max = node.limits.history_events_max;
        code.engine(&scope, input.clone(), events_max, alarm)
    };
    let mut engine = Engine::of_copy(fresh, &mut entries, within_step, &kept)
        .map_err(|failure| Stopped::Unfit(failure.into_mismatch(&scope.orchestration)))?;
    let values = engine.values();
    let harvest = engine.harvest();
    let options = (
        harvest.start_options.clone(),
        harvest.activity_options.clone(),
    );

    let mut feeder = Box::new(Feeder::new(node, &turn.head, scope, engine, 0));
    feeder.draft.entries.clone_from(&entries);
    for (key, value) in &values {
        feeder.draft.values.change(key, Some(value));
    }
    let (scope, limits) = (&feeder.scope, feeder.limits);
    feeder.draft.absorb(scope, limits, moment.now_ms, harvest);
    let repeated = feeder.repeat(&kept);
    repeated.map_err(|Unfit(details)| Stopped::Unfit(details))?;
    if feeder.scope.execution == turn.head.position.execution {
        send_open(&mut feeder, &entries, (&options.0, &options.1));
    }
    Ok(feeder)
}

/// What the history of a fork begins with that ends before its first turn.
pub(super) fn unmade(fork: &Fork) -> Box<Forked> {
    Box::new(Forked {
        instance: fork.source.as_str().to_owned(),
        execution: fork.execution,
        event_id: 1,
    })
}

/// Reads what is copied.
async fn copied(node: &Node, fork: &Fork) -> Result<Copied, Stopped> {
    let mut history = read_source(node, fork).await?;
    let bytes_max = rewound_bytes_max(&node.limits);
    if history.bytes > bytes_max {
        let bytes = history.bytes;
        return Err(never(
            fork,
            &format!(
                "its history has {bytes} bytes, and one that is copied has at most {bytes_max}"
            ),
        ));
    }
    if is_unmade_fork(history.entries.first().map(|it| &it.kind)) {
        return Err(never(
            fork,
            "it is a fork itself that ended before it began",
        ));
    }
    let (cut, kept) = match fork.cut {
        ForkCut::LastFailedStep => {
            let cut = Cut::before_failure(&history.entries);
            // Whoever has sent the message has seen the failure.
            let cut = cut.ok_or_else(|| incomplete(fork, &history))?;
            (cut, cut.kept(&history.entries))
        }
        ForkCut::Before(event_id) => {
            let cut = Cut {
                event_id: event_id.max(Cut::FIRST),
                within_step: true,
            };
            (cut, Vec::new())
        }
    };
    history
        .entries
        .retain(|entry| entry.event_id < cut.event_id);
    Ok(Copied {
        entries: history.entries,
        cut,
        kept,
    })
}

/// The history of the source, as far as it is needed.
async fn read_source(node: &Node, fork: &Fork) -> Result<History, Stopped> {
    let end = match fork.cut {
        ForkCut::LastFailedStep => u64::MAX,
        ForkCut::Before(event_id) => event_id,
    };
    let bytes_max = rewound_bytes_max(&node.limits);
    let mut reading = Reading::up_to(end, bytes_max);
    while reading.is_wanting() {
        let request = ReadHistory {
            instance: fork.source.clone(),
            execution: fork.execution,
            from_event_id: reading.next,
            bytes_max: HISTORY_PAGE_BYTES_MAX,
        };
        if !reading.take(load::read_page(node, request).await.map_err(in_store)?) {
            break;
        }
    }
    let history = load::history_of(&reading.chunks).map_err(Stopped::Load)?;
    // After that, so that all of it was of the life that was meant.
    let head = check_life(node, fork).await?;
    if let Some(why) = fork_reading::obstacle(&head, fork.execution, history.entries.is_empty()) {
        return Err(never(fork, why));
    }
    let is_short = reading.is_wanting() && end < u64::MAX;
    if is_short || history.entries.is_empty() {
        return Err(incomplete(fork, &history));
    }
    Ok(history)
}

/// The source, if it is still there in the life that was meant.
async fn check_life(node: &Node, fork: &Fork) -> Result<InstanceHead, Stopped> {
    match read_head(node, fork).await.map_err(in_store)? {
        Some(head) if head.incarnation == fork.incarnation => Ok(head),
        Some(_) => Err(never(
            fork,
            "it was deleted, and another instance has its id",
        )),
        None => Err(never(fork, "it was deleted")),
    }
}

async fn read_head(node: &Node, fork: &Fork) -> Result<Option<InstanceHead>, ProviderError> {
    let (store, source) = (Arc::clone(&node.store), fork.source.clone());
    let read = node.on_service(async move { store.read_head(&source).await });
    read.await.unwrap_or_else(|| {
        Err(ProviderError::new(
            ErrorKind::Unavailable,
            "read_head",
            "the runtime has stopped",
        ))
    })
}

fn in_store(error: ProviderError) -> Stopped {
    Stopped::Load(LoadError::Store(error))
}

/// There is less of the history than whoever asked for the fork has seen.
fn incomplete(fork: &Fork, history: &History) -> Stopped {
    let error = ProviderError::new(
        ErrorKind::Corrupt,
        "read_history",
        "the history that a fork begins with is not whole; look whether a replica is read, or a part was \
         lost",
    );
    let error = error
        .with_context("instance", &fork.source)
        .with_context("execution", fork.execution)
        .with_context("found", history.entries.len());
    in_store(error)
}

/// There will never be a fork of this, which ends with that.
fn never(fork: &Fork, why: &str) -> Stopped {
    Stopped::Unfit(refused(format!(
        "no fork of {} in its execution {}: {why}; fork another instance, or start one",
        fork.source, fork.execution
    )))
}

/// Whether there may be code, as far as that is known before the history is read.
fn check_code(node: &Node, scope: &Scope, fork: &Fork) -> Result<(), Stopped> {
    let (registry, asked) = (&node.orchestrations, fork.start.version.as_deref());
    if asked.is_none() && registry.has(&scope.orchestration) {
        return Ok(());
    }
    let found = Code::find(registry, &scope.orchestration, asked);
    found.map(drop).map_err(Stopped::Unfit)
}

/// The code in the version that was asked for, or else in that of the history.
fn code_of(node: &Node, scope: &Scope, fork: &Fork, entries: &[Entry]) -> Result<Code, Stopped> {
    let recorded = entries.first().and_then(|entry| {
        let EventKind::OrchestrationStarted { version, .. } = &entry.kind else {
            return None;
        };
        Some(version.as_str())
    });
    let asked = fork.start.version.as_deref();
    let version = asked.or(recorded.filter(|version| !version.is_empty()));
    Code::find(&node.orchestrations, &scope.orchestration, version).map_err(Stopped::Unfit)
}

/// Has the copy say that it is one. What its first event says of the source's parent and of a rewind is none
/// of the fork's.
fn sign(entries: &mut [Entry], fork: &Fork, cut: Cut, code_version: &str) {
    if let Some(Entry {
        kind:
            EventKind::OrchestrationStarted {
                version,
                parent_instance,
                parent_id,
                rewound,
                forked,
                ..
            },
        ..
    }) = entries.first_mut()
    {
        code_version.clone_into(version);
        (*parent_instance, *parent_id, *rewound) = (None, None, None);
        let event_id = cut.event_id;
        *forked = Some(Box::new(Forked {
            event_id,
            ..*unmade(fork)
        }));
    }
}

/// Begins anew what is open.
fn send_open(feeder: &mut Feeder<'_>, entries: &[Entry], options: Options<'_>) {
    let open = feeder.engine.open_operations();
    let now_ms = feeder.moment().now_ms;
    for entry in entries.iter().filter(|it| open.contains(&it.event_id)) {
        let (scope, limits) = (&feeder.scope, feeder.limits);
        feeder.draft.send(scope, limits, now_ms, entry, options);
    }
}
