//! Forks: instances that begin with a copy of the history of another one.

use super::check;
use super::client::Client;
use super::delete::is_below;
use super::error::ClientError;
use super::start::StartOutcome;
use crate::event::{Entry, EventKind, decode_entries, is_unmade_fork};
use crate::limits::{HISTORY_PAGE_BYTES_MAX, rewound_bytes_max};
use crate::message::{CoreState, Fork, ForkCut, MessageBody};
use crate::orchestration::StartOptions;
use crate::providers::{
    ErrorKind, IfExists, Incarnation, InstanceHead, InstanceId, ProviderError, ReadHistory, refusal,
};
use crate::replay::Cut;

/// Where the copy ends that a fork begins with.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[non_exhaustive]
pub enum ForkAt {
    /// Just before the last step of an execution failed that has failed: there a
    /// [rewind](super::RewindTo::LastFailedStep) would go on. What came after and holds all the same is kept
    /// as by a rewind.
    LastFailedStep,
    /// Where the history of the execution ends when the fork is asked for. If the execution has ended, that
    /// is just before its end, or before the cancellation that ended it, and the code goes on within its last
    /// step.
    End,
    /// Just before this event of the execution, from 2 on up to its [`End`](Self::End). The fork has nothing of what came from there on: what is open
    /// there is begun anew, and events that were taken later are gone.
    Event(u64),
}

/// How an instance is forked.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
#[non_exhaustive]
pub struct ForkOptions {
    /// Where the copy ends; without one at the last failed step of an execution that has failed, and at the end
    /// of any other.
    pub at: Option<ForkAt>,
    /// The execution whose history is copied; without one the current one.
    pub execution: Option<u64>,
    /// How the fork is started. Without a version it runs in that of the copy, and without a queue in that of
    /// the source. Labels and expiry of the source are not copied.
    pub start: StartOptions,
}

impl ForkOptions {
    /// A fork of the current execution at its last failed step or its end.
    #[must_use]
    pub fn new() -> Self {
        Self::default()
    }

    /// The same with a copy that ends [there](ForkAt).
    #[must_use]
    pub fn at(mut self, at: ForkAt) -> Self {
        self.at = Some(at);
        self
    }

    /// The same of this execution.
    #[must_use]
    pub fn execution(mut self, execution: u64) -> Self {
        self.execution = Some(execution);
        self
    }

    /// The same, [started](Self::start) so.
    #[must_use]
    pub fn start(mut self, start: StartOptions) -> Self {
        self.start = start;
        self
    }
}

impl Client {
    /// Starts a new instance that begins with a copy of the history of another one, and goes on from before the
    /// last failed step of that one, or from its end: see [`fork_with`](Self::fork_with).
    ///
    /// # Errors
    /// As [`fork_with`](Self::fork_with).
    pub async fn fork(
        &self,
        source: impl Into<String>,
        instance: impl Into<String>,
    ) -> Result<StartOutcome, ClientError> {
        self.fork_with(source, instance, ForkOptions::default())
            .await
    }

    /// Starts a new instance that begins with a copy of the history of another one, the source, and goes on from
    /// there by itself. The source, which may run, have completed or have failed, is not changed, and what
    /// becomes of it later is of no concern to the fork once that has begun.
    ///
    /// The code is led through the copy when the fork begins: it must do what the history says. Another
    /// [version](StartOptions::version) may be asked for. Until a node has code that fits, the fork is `Pending`.
    /// What the copy leaves open, activities, timers and children, is begun anew for the fork, as the code asks
    /// for it now; what was sent to others before, detached orchestrations and events, is not sent again. Values are
    /// copied as they were there. The input is that of the source, since the copied history follows from it.
    ///
    /// As with any start, an id that exists is answered with
    /// [`AlreadyExists`](StartOutcome::AlreadyExists), unless the [options](ForkOptions::start) say otherwise;
    /// also if the source is gone meanwhile, or has no such place any more. If the source is deleted before the
    /// fork begins, the fork fails and says so.
    ///
    /// ```
    /// use duroxide_core::{Client, ClientError, ForkAt, ForkOptions, StartOptions, StartOutcome};
    ///
    /// /// Runs what has completed again from an event on, in a version that was corrected.
    /// async fn again(client: &Client, order: &str) -> Result<StartOutcome, ClientError> {
    ///     let corrected = StartOptions::new().with_version("1.0.1").label("forked-from", order);
    ///     let options = ForkOptions::new().at(ForkAt::Event(7)).start(corrected);
    ///     client.fork_with(order, format!("{order}/again"), options).await
    /// }
    /// ```
    ///
    /// # Errors
    /// `Provider` with the kind `NotFound` if there is no such source; `InvalidInput` for a bad argument, for an
    /// execution that has not begun, was pruned or has no such place, for a source that was ended before its
    /// start was due or at hand, so that nobody knows what it was to begin with, or that would be removed with
    /// the ended instance that the fork replaces, and for a copy of more than
    /// [`REWOUND_BYTES_MAX`](crate::limits::REWOUND_BYTES_MAX) bytes. A store that cannot be reached is
    /// tried again for five seconds; the error is [retryable](ClientError::is_retryable) then.
    pub async fn fork_with(
        &self,
        source: impl Into<String>,
        instance: impl Into<String>,
        options: ForkOptions,
    ) -> Result<StartOutcome, ClientError> {
        let source = check::instance_id(&source.into())?;
        let instance = check::instance_id(&instance.into())?;
        if source == instance {
            return Err(ClientError::invalid(format!(
                "a fork of {source} needs an id of its own; choose another one, or rewind {source}"
            )));
        }
        let replaces = options.start.if_exists == IfExists::ReplaceEnded;
        // The children of what is replaced are found, and removed, by this.
        if replaces && is_below(&source, &instance) {
            return Err(ClientError::invalid(format!(
                "{source} belongs to {instance} and is removed with it, so that nothing would be left to copy; \
                 choose another id for the fork"
            )));
        }
        let ForkOptions {
            at,
            execution,
            mut start,
        } = options;
        let found = match self.look_at(&source, execution, at).await {
            Ok(found) => found,
            Err(error) => {
                // What was asked for before may have been done before the source became as it is now.
                return if is_of_the_source(&error) && self.is_taken(&instance, replaces).await? {
                    Ok(StartOutcome::AlreadyExists)
                } else {
                    Err(error)
                };
            }
        };
        start.queue.get_or_insert(found.queue);
        let body = |start| {
            MessageBody::Fork(Fork {
                start,
                source,
                incarnation: found.incarnation,
                execution: found.execution,
                cut: found.cut,
            })
        };
        self.start(instance.as_str(), found.orchestration, start, body)
            .await
    }

    /// Whether a fork of this id could not be made anyway.
    async fn is_taken(&self, instance: &InstanceId, replaces: bool) -> Result<bool, ClientError> {
        let head = self.trying_again(|| self.store.read_head(instance)).await?;
        Ok(head.is_some_and(|head| !replaces || !head.status.is_terminal()))
    }

    /// Finds out what a fork of this is a copy of.
    async fn look_at(
        &self,
        source: &InstanceId,
        execution: Option<u64>,
        at: Option<ForkAt>,
    ) -> Result<Found, ClientError> {
        let head = self.trying_again(|| self.store.read_head(source)).await?;
        let head = head.ok_or_else(|| refusal::not_found("fork", source))?;
        let execution = execution.unwrap_or(head.position.execution);
        check_start_is_known(&head, execution)?;
        let read = self.read_source(&head, execution, at).await?;
        Ok(Found {
            orchestration: read.orchestration(source)?,
            cut: read.cut(source, at)?,
            queue: head.queue.as_str().to_owned(),
            incarnation: head.incarnation,
            execution,
        })
    }

    /// Reads a history as far as it is to be copied.
    async fn read_source(
        &self,
        head: &InstanceHead,
        execution: u64,
        at: Option<ForkAt>,
    ) -> Result<Source, ClientError> {
        let source = &head.instance;
        let current = head.position.execution;
        if !(1..=current).contains(&execution) {
            return Err(ClientError::invalid(format!(
                "{source} is in its execution {current} and has none of the number {execution}; fork one that \
                 it has"
            )));
        }
        let bytes_max = rewound_bytes_max(&self.store.capabilities().limits);
        let mut request = ReadHistory {
            instance: source.clone(),
            execution,
            from_event_id: 1,
            bytes_max: HISTORY_PAGE_BYTES_MAX,
        };
        // What cannot be a cut is refused, with all there are.
        let is_enough = |next| matches!(at, Some(ForkAt::Event(event_id)) if event_id >= Cut::FIRST && next > event_id);
        let mut bytes = 0;
        let mut read = None;
        loop {
            let page = self
                .trying_again(|| self.store.read_history(&request))
                .await?;
            let from_event_id = request.from_event_id;
            for chunk in page.chunks {
                if is_enough(request.from_event_id) {
                    break;
                }
                if chunk.first_event_id != request.from_event_id {
                    return Err(damaged(head, "a history with a gap").into());
                }
                bytes += chunk.body.len();
                request.from_event_id = chunk.next_event_id();
                let entries = decode_entries(&chunk).map_err(|error| damaged(head, error))?;
                read = Source::and(read, entries);
            }
            // What has no more of it would be asked for the same for ever.
            let stands_still = request.from_event_id == from_event_id;
            let goes_on = page.more && !stands_still && bytes <= bytes_max;
            if !goes_on || is_enough(request.from_event_id) {
                break;
            }
        }
        if bytes > bytes_max {
            return Err(ClientError::invalid(format!(
                "the history of {source} has {bytes} bytes up to there, and a fork copies at most {bytes_max} \
                 (REWOUND_BYTES_MAX); fork it at an earlier event"
            )));
        }
        read.ok_or_else(|| {
            let why = if execution < current {
                "was pruned; fork a later one"
            } else {
                "has not begun; wait until it has, or start another instance"
            };
            ClientError::invalid(format!("execution {execution} of {source} {why}"))
        })
    }
}

/// What a fork begins with, as far as the client has to know it.
struct Found {
    orchestration: String,
    cut: ForkCut,
    queue: String,
    incarnation: Incarnation,
    execution: u64,
}

/// Refuses to copy an execution whose history does not say with what it was to begin.
fn check_start_is_known(head: &InstanceHead, execution: u64) -> Result<(), ClientError> {
    let is_lost = CoreState::has_lost_its_start(&head.core_state);
    if is_lost && execution == head.position.execution {
        let source = &head.instance;
        return Err(ClientError::invalid(format!(
            "{source} was ended before its code began, and with what it was to begin is not known any more; \
             start another instance"
        )));
    }
    Ok(())
}

/// Whether a fork cannot be made since the source is not as it would have to be, and perhaps was.
fn is_of_the_source(error: &ClientError) -> bool {
    let is_gone = |error: &ProviderError| error.kind() == ErrorKind::NotFound;
    matches!(error, ClientError::InvalidInput { .. })
        || matches!(error, ClientError::Provider(error) if is_gone(error))
}

/// What was read of a history.
struct Source {
    first: Entry,
    last: Entry,
    /// The first cancellation that ended it.
    cancelled_at: Option<u64>,
}

impl Source {
    /// What was read before, and this.
    fn and(before: Option<Self>, entries: Vec<Entry>) -> Option<Self> {
        let is_cancellation =
            |entry: &&Entry| matches!(entry.kind, EventKind::OrchestrationCancelRequested { .. });
        let cancelled_at = entries.iter().find(is_cancellation).map(|it| it.event_id);
        let Some(last) = entries.last().cloned() else {
            return before;
        };
        match before {
            Some(before) => Some(Self {
                last,
                cancelled_at: before.cancelled_at.or(cancelled_at),
                ..before
            }),
            None => entries.into_iter().next().map(|first| Self {
                first,
                last,
                cancelled_at,
            }),
        }
    }

    fn orchestration(&self, source: &InstanceId) -> Result<String, ClientError> {
        if is_unmade_fork(Some(&self.first.kind)) {
            return Err(ClientError::invalid(format!(
                "{source} is a fork itself that ended before it began; fork its own source"
            )));
        }
        let EventKind::OrchestrationStarted { name, .. } = &self.first.kind else {
            let what = "a history does not begin with its start; restore the store from a backup";
            return Err(ProviderError::new(ErrorKind::Corrupt, "fork", what)
                .with_context("instance", source)
                .into());
        };
        Ok(name.clone())
    }

    /// Where the copy ends.
    fn cut(&self, source: &InstanceId, at: Option<ForkAt>) -> Result<ForkCut, ClientError> {
        let last = &self.last;
        let has_failed = matches!(last.kind, EventKind::OrchestrationFailed { .. });
        let end = if last.kind.is_terminal() {
            last.event_id
        } else {
            last.event_id + 1
        };
        let end = self
            .cancelled_at
            .map_or(end, |at| end.min(at))
            .max(Cut::FIRST);
        match at {
            None if has_failed => Ok(ForkCut::LastFailedStep),
            None | Some(ForkAt::End) => Ok(ForkCut::Before(end)),
            Some(ForkAt::LastFailedStep) if has_failed => Ok(ForkCut::LastFailedStep),
            Some(ForkAt::LastFailedStep) => Err(ClientError::invalid(format!(
                "that execution of {source} has not failed; fork it at an event or at its end"
            ))),
            Some(ForkAt::Event(event_id)) if (Cut::FIRST..=end).contains(&event_id) => {
                Ok(ForkCut::Before(event_id))
            }
            Some(ForkAt::Event(event_id)) => Err(ClientError::invalid(format!(
                "that execution of {source} can be forked at its events {} to {end}, and not at {event_id}",
                Cut::FIRST
            ))),
        }
    }
}

fn damaged(
    head: &InstanceHead,
    error: impl Into<Box<dyn std::error::Error + Send + Sync>>,
) -> ProviderError {
    let error = error.into();
    ProviderError::new(ErrorKind::Corrupt, "fork", error.to_string())
        .with_context("instance", &head.instance)
}

#[cfg(test)]
mod tests {
    use super::super::fake::{Fake, head};
    use super::*;
    use crate::event::{Forked, Started};
    use crate::message::{Output, Start};
    use crate::providers::{InstanceStatus, TaskQueue};
    use crate::replay::cancelled;

    fn entries(forked: Option<Forked>, last: EventKind) -> Vec<Entry> {
        let started = Started {
            name: "Order",
            version: "1.0.0",
            forked: forked.map(Box::new),
            ..Started::default()
        };
        let waits = EventKind::ExternalSubscribed {
            name: "E".to_owned(),
        };
        let kinds = [started.into(), waits, last];
        let entry = |(event_id, kind)| Entry {
            event_id,
            source_event_id: None,
            timestamp_ms: 0,
            message_id: None,
            kind,
        };
        (1..).zip(kinds).map(entry).collect()
    }

    fn failed() -> EventKind {
        EventKind::OrchestrationFailed {
            details: cancelled("no more"),
        }
    }

    fn completed() -> EventKind {
        EventKind::OrchestrationCompleted {
            output: String::new(),
        }
    }

    fn requested() -> EventKind {
        EventKind::OrchestrationCancelRequested {
            reason: "no more".to_owned(),
        }
    }

    fn fired() -> EventKind {
        EventKind::TimerFired { fire_at_ms: 0 }
    }

    /// A store with a source `s` in its third execution, which ends with this event.
    fn store(last: EventKind) -> Fake {
        let fake = Fake::default();
        let mut head = head("s", InstanceStatus::Running, None);
        head.queue = TaskQueue::from("orders");
        fake.put_history(head, &entries(None, last));
        fake
    }

    fn sent(fake: &Fake) -> Fork {
        let sent = fake.sent().pop().expect("something was sent");
        let body = MessageBody::decode(&sent.message.body).unwrap();
        let MessageBody::Fork(fork) = body else {
            panic!("{body:?}")
        };
        fork
    }

    #[tokio::test]
    async fn a_fork_is_a_start_that_says_what_is_copied() {
        let fake = store(completed());
        let outcome = fake.client().fork("s", "f").await.unwrap();
        assert_eq!(outcome, StartOutcome::Started);
        let created = fake.sent()[0].recipient.created().cloned().unwrap();
        assert_eq!(created.instance.as_str(), "f");
        assert_eq!(created.queue, TaskQueue::from("orders"));
        assert_eq!(created.core_state, CoreState::default().encode());
        let fork = Fork {
            start: Start {
                orchestration: "Order".to_owned(),
                ..Start::default()
            },
            source: InstanceId::new("s").unwrap(),
            incarnation: head("s", InstanceStatus::Running, None).incarnation,
            execution: 3,
            cut: ForkCut::Before(3),
        };
        assert_eq!(sent(&fake), fork);

        let start = StartOptions::new().with_version("2.0.0").with_queue("lab");
        let options = ForkOptions::new().execution(2).start(start);
        let started = fake.client().fork_with("s", "f", options).await;
        assert_eq!(started.unwrap(), StartOutcome::Started);
        let created = fake.sent()[1].recipient.created().cloned().unwrap();
        assert_eq!(created.queue, TaskQueue::from("lab"));
        let fork = sent(&fake);
        assert_eq!(
            (fork.start.version.as_deref(), fork.execution),
            (Some("2.0.0"), 2)
        );
    }

    #[tokio::test]
    async fn a_copy_ends_where_it_is_asked_for_or_where_the_history_does() {
        for (last, at, expected) in [
            (failed(), None, ForkCut::LastFailedStep),
            (
                failed(),
                Some(ForkAt::LastFailedStep),
                ForkCut::LastFailedStep,
            ),
            (failed(), Some(ForkAt::End), ForkCut::Before(3)),
            (completed(), Some(ForkAt::End), ForkCut::Before(3)),
            (fired(), None, ForkCut::Before(4)),
            (fired(), Some(ForkAt::Event(4)), ForkCut::Before(4)),
            (fired(), Some(ForkAt::Event(2)), ForkCut::Before(2)),
            // Such a copy would only be cancelled again.
            (requested(), None, ForkCut::Before(3)),
            (requested(), Some(ForkAt::End), ForkCut::Before(3)),
            (requested(), Some(ForkAt::Event(3)), ForkCut::Before(3)),
        ] {
            let fake = store(last);
            let options = ForkOptions {
                at,
                ..ForkOptions::new()
            };
            let started = fake.client().fork_with("s", "f", options).await;
            assert_eq!(started.unwrap(), StartOutcome::Started);
            assert_eq!(sent(&fake).cut, expected, "{at:?}");
        }
    }

    #[tokio::test]
    async fn what_cannot_be_copied_is_refused() {
        let fake = store(completed());
        let empty = head("empty", InstanceStatus::Pending, None);
        fake.put(empty);
        let unmade = Forked {
            instance: "s".to_owned(),
            execution: 1,
            event_id: 1,
        };
        let ended = head("unmade", InstanceStatus::Failed, None);
        fake.put_history(ended, &entries(Some(unmade), failed()));
        let mut lost = head("lost", InstanceStatus::Failed, None);
        let core_state = CoreState {
            start_is_lost: true,
            ..CoreState::default()
        };
        lost.core_state = core_state.encode();
        fake.put_history(lost, &entries(None, failed()));
        let cancelled = head("cancelled", InstanceStatus::Failed, None);
        fake.put_history(cancelled, &entries(None, requested()));
        let child = head("f::sub::2-00000000", InstanceStatus::Failed, None);
        fake.put_history(child, &entries(None, failed()));
        let replace = StartOptions::new().with_if_exists(IfExists::ReplaceEnded);
        let replacing = ForkOptions::new().start(replace);
        let at = |at| ForkOptions::new().at(at);
        for (source, options, why) in [
            ("f", ForkOptions::new(), "needs an id of its own"),
            ("s", at(ForkAt::LastFailedStep), "has not failed"),
            ("s", at(ForkAt::Event(0)), "events 2 to 3, and not at 0"),
            ("s", at(ForkAt::Event(1)), "events 2 to 3, and not at 1"),
            ("s", at(ForkAt::Event(4)), "events 2 to 3, and not at 4"),
            (
                "s",
                ForkOptions::new().execution(4),
                "is in its execution 3",
            ),
            (
                "s",
                ForkOptions::new().execution(0),
                "is in its execution 3",
            ),
            ("empty", ForkOptions::new(), "has not begun"),
            ("empty", ForkOptions::new().execution(2), "was pruned"),
            ("unmade", ForkOptions::new(), "ended before it began"),
            ("lost", ForkOptions::new(), "is not known any more"),
            (
                "cancelled",
                at(ForkAt::Event(4)),
                "events 2 to 3, and not at 4",
            ),
            ("f::sub::2-00000000", replacing, "is removed with it"),
        ] {
            let error = fake.client().fork_with(source, "f", options).await;
            let error = error.unwrap_err();
            assert!(matches!(error, ClientError::InvalidInput { .. }), "{error}");
            assert!(error.to_string().contains(why), "{error}");
        }
        assert!(fake.sent().is_empty());

        // What stays is copied: another execution of the one, and the child beside what is there.
        for (source, options) in [
            ("lost", ForkOptions::new().execution(2)),
            ("f::sub::2-00000000", ForkOptions::new()),
        ] {
            let started = fake.client().fork_with(source, "f", options).await;
            assert_eq!(started.unwrap(), StartOutcome::Started);
        }
    }

    #[tokio::test]
    async fn a_store_that_is_away_for_a_moment_is_asked_again() {
        let fake = store(completed());
        let away = || ProviderError::retryable("read", "away");
        for (heads, histories) in [(2, 0), (0, 2)] {
            fake.fail_reads((0..heads).map(|_| away()));
            fake.fail_history_reads((0..histories).map(|_| away()));
            let started = fake.client().fork("s", "f").await;
            assert_eq!(started.unwrap(), StartOutcome::Started);
        }
        assert_eq!(fake.slept_ms().len(), 4);
    }

    #[tokio::test]
    async fn a_history_with_a_gap_is_damaged() {
        let fake = Fake::default();
        let late: Vec<_> = entries(None, completed()).into_iter().skip(1).collect();
        fake.put_history(head("s", InstanceStatus::Running, None), &late);
        let error = fake.client().fork("s", "f").await.unwrap_err();
        assert!(matches!(error, ClientError::Provider(it) if it.kind() == ErrorKind::Corrupt));
    }

    #[tokio::test]
    async fn a_copy_that_is_too_long_is_refused() {
        let bytes_max = rewound_bytes_max(&crate::providers::Limits::default());
        let output = "x".repeat(bytes_max);
        let fake = store(EventKind::OrchestrationCompleted { output });
        let error = fake.client().fork("s", "f").await.unwrap_err();
        let named = format!("at most {bytes_max} (REWOUND_BYTES_MAX)");
        assert!(error.to_string().contains(&named), "{error}");
        assert!(fake.sent().is_empty());
    }

    #[tokio::test]
    async fn a_fork_that_is_there_is_known_without_its_source() {
        let fake = Fake::default();
        let gone = fake.client().fork("s", "f").await.unwrap_err();
        assert!(matches!(gone, ClientError::Provider(it) if it.kind() == ErrorKind::NotFound));
        fake.put(head(
            "f",
            InstanceStatus::Running,
            Some(Output::Completed(String::new())),
        ));
        let again = fake.client().fork("s", "f").await.unwrap();
        assert_eq!(again, StartOutcome::AlreadyExists);
        // Or without what it had: its execution is pruned, and it has another end.
        fake.put(head("s", InstanceStatus::Running, None));
        let pruned = ForkOptions::new().execution(2);
        let again = fake.client().fork_with("s", "f", pruned.clone()).await;
        assert_eq!(again.unwrap(), StartOutcome::AlreadyExists);
        let grown = ForkOptions::new().at(ForkAt::LastFailedStep);
        fake.put_history(
            head("s", InstanceStatus::Running, None),
            &entries(None, completed()),
        );
        let again = fake.client().fork_with("s", "f", grown).await;
        assert_eq!(again.unwrap(), StartOutcome::AlreadyExists);
        // One that has ended would be replaced, and cannot be.
        let done = Some(Output::Completed(String::new()));
        fake.put(head("f", InstanceStatus::Completed, done));
        fake.put(head("empty", InstanceStatus::Pending, None));
        let replace = StartOptions::new().with_if_exists(IfExists::ReplaceEnded);
        for (source, is_there) in [("empty", true), ("gone", false)] {
            let options = ForkOptions::new().start(replace.clone());
            let refused = fake.client().fork_with(source, "f", options).await;
            let is_invalid = matches!(refused.unwrap_err(), ClientError::InvalidInput { .. });
            assert_eq!(is_invalid, is_there);
        }
        assert!(fake.sent().is_empty());
    }
}
