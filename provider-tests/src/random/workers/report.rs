//! What a reader of a failure needs: how to repeat the run, what is broken, and the calls.

use std::fmt::{self, Debug, Display, Write as _};

use bytes::Bytes;
use duroxide_core::providers::{
    Channel, ErrorKind, Fence, InstanceHead, InstanceId, Lease, Message, MessageId, Position,
    ReadMail, Topic, Turn, TurnCommit,
};

use super::log::{Answer, Call, Entry};
use crate::random::again::Again;

/// How many calls on the instance are shown at most: the last ones up to the one that broke it.
const CALLS_SHOWN: usize = 60;

/// One run of a case.
#[derive(Debug, Clone, Copy)]
pub(super) struct Run {
    pub(super) case: &'static str,
    pub(super) seed: u64,
}

/// An invariant that does not hold.
#[derive(Debug)]
pub(super) struct Violation {
    /// Which one, and what it says.
    pub(super) invariant: &'static str,
    pub(super) finding: Finding,
}

/// What contradicts an invariant.
#[derive(Debug)]
pub(super) struct Finding {
    /// On which instance, if it is of one.
    pub(super) instance: Option<InstanceId>,
    /// By which call it is seen, if it is by one; what came later explains nothing.
    pub(super) seen_at: Option<u64>,
    pub(super) text: String,
}

impl Finding {
    pub(super) fn of(instance: &InstanceId, text: impl Into<String>) -> Self {
        Self {
            instance: Some(instance.clone()),
            seen_at: None,
            text: text.into(),
        }
    }

    /// One that concerns the whole store.
    pub(super) fn of_store(text: impl Into<String>) -> Self {
        Self {
            instance: None,
            seen_at: None,
            text: text.into(),
        }
    }

    /// Says by which call it is seen.
    pub(super) fn seen_by(mut self, entry: &Entry) -> Self {
        self.seen_at = Some(entry.invoked.sequence);
        self
    }
}

impl Run {
    /// The text of a failure.
    pub(super) fn describe(&self, violation: &Violation, entries: &[Entry]) -> String {
        let Self { case, seed } = self;
        let Violation { invariant, finding } = violation;
        let again = Again { case, seed: *seed };
        let mut text = format!("{invariant}\nfinding: {}\n{again}", finding.text);
        let concerned: Vec<&Entry> = entries
            .iter()
            .filter(|entry| {
                let (instance, seen_at) = (finding.instance.as_ref(), finding.seen_at);
                instance.is_none_or(|instance| entry.concerns(instance))
                    && seen_at.is_none_or(|seen_at| entry.invoked.sequence <= seen_at)
            })
            .collect();
        let begun_ms = entries.first().map_or(0, |entry| entry.invoked.at_ms);
        let left_out = concerned.len().saturating_sub(CALLS_SHOWN);
        let of = finding.instance.as_ref().map_or("the store", |id| id);
        writeln!(
            text,
            "the calls on {of} ({left_out} earlier ones left out):"
        )
        .ok();
        for entry in concerned.iter().skip(left_out) {
            writeln!(text, "  {}", entry.describe(begun_ms)).ok();
        }
        text
    }
}

impl Display for Call {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::ClaimTurns { answer, .. } => {
                f.write_str("claim turns")?;
                said(f, answer, |turns| list(turns.iter().map(turn_text)))
            }
            Self::ClaimActivities { answer, .. } => {
                f.write_str("claim activities")?;
                said(f, answer, |activities| {
                    list(activities.iter().map(|it| {
                        let token = token_text(it.lease.token.0);
                        format!("{} attempt {} lease {token}", it.lease.key, it.attempt)
                    }))
                })
            }
            Self::Turn { commit, answer } => {
                write!(f, "commit {}", commit_text(commit))?;
                said(f, answer, |committed| {
                    let (repeated, dropped) = (committed.repeated, committed.messages_dropped);
                    format!("repeated {repeated}, dropped {dropped}")
                })
            }
            Self::Outcome { outcome, answer } => {
                let token = token_text(outcome.lease.token.0);
                write!(f, "outcome of {} lease {token}", outcome.lease.key)?;
                if let Some(message) = &outcome.message {
                    write!(f, " sends {}", short(message.id))?;
                }
                said(f, answer, |dropped| format!("dropped {dropped}"))
            }
            Self::Send { envelope, answer } => {
                let message = message_text(&envelope.message);
                let instance = envelope.recipient.instance();
                write!(f, "send {message} to {instance} after {:?}", envelope.delay)?;
                said(f, answer, |()| "ok".to_owned())
            }
            Self::Renew { renew, answer, .. } => {
                write!(f, "renew {}", lease_text(&renew.lease))?;
                brings(f, renew.details.as_ref())?;
                said(f, answer, |renewal| format!("{renewal:?}"))
            }
            Self::Release { release, answer } => {
                let lease = lease_text(&release.lease);
                write!(f, "release {lease} for {:?}", release.delay)?;
                brings(f, release.details.as_ref())?;
                said(f, answer, |()| "ok".to_owned())
            }
            Self::ReadHead { instance, answer } => {
                write!(f, "head of {instance}")?;
                said(f, answer, |head| match head {
                    Some(head) => format!("{:?} at {}", head.status, head_text(head)),
                    None => "absent".to_owned(),
                })
            }
            Self::ReadHistory { instance, answer } => {
                write!(f, "history of {instance}")?;
                said(f, answer, |chunks| format!("{} chunks", chunks.len()))
            }
            Self::ReadMail { request, answer } => {
                write!(f, "mail of {}", read_text(request))?;
                said(f, answer, |page| {
                    let mail = list(page.mail.iter().map(|it| message_text(&it.message)));
                    format!("{mail}, more {}", page.more)
                })
            }
            Self::Delete { instance, answer } => {
                write!(f, "delete {instance}")?;
                said(f, answer, |()| "ok".to_owned())
            }
            Self::Reopened => f.write_str("the store was opened again"),
            Self::Quiet => f.write_str("all workers have ended, every lease and delay has passed"),
        }
    }
}

/// What a renewal or a release brings.
fn brings(f: &mut fmt::Formatter<'_>, details: Option<&Bytes>) -> fmt::Result {
    match details {
        Some(details) => write!(f, " brings {:?}", String::from_utf8_lossy(details)),
        None => Ok(()),
    }
}

fn said<T>(
    f: &mut fmt::Formatter<'_>,
    answer: &Answer<T>,
    text: impl Fn(&T) -> String,
) -> fmt::Result {
    match answer {
        Some(Ok(said)) => write!(f, " -> {}", text(said)),
        Some(Err(kind)) => write!(f, " -> {}", refusal(*kind)),
        None => Ok(()),
    }
}

fn refusal(kind: ErrorKind) -> String {
    format!("refused as {kind:?}")
}

fn turn_text(turn: &Turn) -> String {
    format!(
        "{} at {} attempt {} lease {} with {}{}",
        turn.head.instance,
        head_text(&turn.head),
        turn.attempt,
        token_text(turn.lease.token.0),
        list(turn.messages.iter().map(|it| message_text(it))),
        if turn.has_mail { " and mail" } else { "" },
    )
}

/// Where the history ends, and what wakes the instance.
fn head_text(head: &InstanceHead) -> String {
    format!(
        "{} awaiting {}{}",
        place(head.position),
        topics(&head.awaited),
        if head.suspended { " suspended" } else { "" },
    )
}

fn topics(topics: &[Topic]) -> String {
    list(topics.iter().map(|topic| topic.as_str().to_owned()))
}

fn read_text(request: &ReadMail) -> String {
    let cursors = request.topics.iter().map(|cursor| match cursor.after {
        Some(mark) => {
            let topic = cursor.topic.as_str();
            format!("{topic} after {}/{}", mark.due_at_ms, mark.arrival)
        }
        None => cursor.topic.as_str().to_owned(),
    });
    format!(
        "{} ({}) in {}, {} of each",
        request.instance,
        short(MessageId(request.incarnation.0)),
        list(cursors),
        request.per_topic_max,
    )
}

fn commit_text(commit: &TurnCommit) -> String {
    let fence = match commit.fence {
        Fence::At { lease, position } => {
            format!("lease {} at {}", token_text(lease.0), place(position))
        }
        Fence::Unleased { position, .. } => format!("unleased at {}", place(position)),
        Fence::Absent { .. } => "where nothing is".to_owned(),
    };
    let sent = commit.messages.iter();
    format!(
        "{} of {} {fence} consumes {} sends {} schedules {} cancels {} awaits {}{}",
        short(MessageId(commit.commit_id.0)),
        commit.instance,
        ids(commit.consumed.iter().copied()),
        list(sent.map(|it| format!("{} to {}", short(it.message.id), it.recipient.instance()))),
        list(
            commit
                .activities
                .iter()
                .map(|it| it.activity_id.to_string())
        ),
        list(commit.cancelled.iter().map(|it| format!("{it:?}"))),
        topics(&commit.awaited),
        match commit.suspended {
            Some(true) => " suspends",
            Some(false) => " resumes",
            None => "",
        },
    )
}

fn message_text(message: &Message) -> String {
    let body = String::from_utf8_lossy(&message.body);
    let channel = match &message.channel {
        Channel::Control => " control".to_owned(),
        Channel::System => String::new(),
        Channel::Topic(topic) => format!(" in {}", topic.as_str()),
    };
    if body.starts_with("message ") {
        format!("{}{channel}", short(message.id))
    } else {
        format!("{}{channel} ({body})", short(message.id))
    }
}

fn lease_text(lease: &Lease) -> String {
    let token = token_text(lease.token().0);
    match lease {
        Lease::Turn(lease) => format!("lease {token} of {}", lease.instance),
        Lease::Activity(lease) => format!("lease {token} of activity {}", lease.key),
    }
}

fn place(position: Position) -> String {
    format!("{}/{}", position.execution, position.next_event_id)
}

/// The ids that a case makes are small numbers.
pub(super) fn short(id: MessageId) -> String {
    format!("m{}", id.0.as_u128())
}

fn token_text(token: impl Display) -> String {
    token.to_string().chars().take(8).collect()
}

fn ids(ids: impl Iterator<Item = MessageId>) -> String {
    list(ids.map(short))
}

fn list(items: impl Iterator<Item = String>) -> String {
    format!("[{}]", items.collect::<Vec<_>>().join(", "))
}
