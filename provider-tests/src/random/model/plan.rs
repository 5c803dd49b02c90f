//! The commits that operations stand for.

use std::time::Duration;

use bytes::Bytes;
use duroxide_core::providers::{
    ActivityKey, ActivityLease, Commit, Envelope, IfExists, Incarnation, Labels, NewInstance,
    Parent, Recipient, TurnCommit,
};

use super::part::{At, Known, Member, Parts};
use super::words::{Line, Queue, Span, Who, labels};
use super::world::{World, message_id};
use crate::support::{TurnBuilder, id, later};

impl World {
    /// A start. Its number says whose child it is and which labels it has, if any.
    pub(super) fn start(&mut self, instance: Who, queue: Queue, message: u8) -> Envelope {
        let parent = Who::ALL.get(usize::from(message % 5)).map(|name| Parent {
            instance: id(name),
            incarnation: message_id(message / 2).incarnation(),
        });
        let labels = if message.is_multiple_of(2) {
            labels()
        } else {
            Labels::new()
        };
        Envelope {
            recipient: Recipient::NewInstance(NewInstance {
                queue: queue.name().into(),
                parent,
                labels,
                core_state: Bytes::from_static(b"parent"),
                ..NewInstance::new(instance.id(), "Orchestration")
            }),
            delay: Duration::ZERO,
            message: self.message(message, None),
        }
    }

    pub(super) fn start_in_place(&mut self, instance: Who, queue: Queue, message: u8) -> Envelope {
        let mut start = self.start(instance, queue, message);
        if let Recipient::NewInstance(newborn) = &mut start.recipient {
            newborn.if_exists = IfExists::ReplaceEnded;
        }
        start
    }

    pub(super) fn event(&mut self, to: &str, message: u8, delay: Span) -> Envelope {
        later(to, self.message(message, None), delay.duration())
    }

    /// A message on this channel.
    pub(super) fn message_on(
        &mut self,
        line: Line,
        to: &str,
        message: u8,
        delay: Span,
    ) -> Envelope {
        let mut sent = self.event(to, message, delay);
        sent.message.channel = line.channel();
        sent
    }

    pub(super) fn event_to_life(
        &mut self,
        to: Who,
        incarnation: Option<Incarnation>,
        message: u8,
    ) -> Envelope {
        Envelope {
            recipient: Recipient::Instance {
                instance: to.id(),
                incarnation,
            },
            delay: Duration::ZERO,
            message: self.message(message, None),
        }
    }

    /// The operation that a member of a batch stands for, if there is something to act on.
    pub(super) fn member(&mut self, member: &Member) -> Option<Commit> {
        match *member {
            Member::Start {
                instance,
                queue,
                message,
            } => Some(Commit::Send(self.start(instance, queue, message))),
            Member::StartInPlace {
                instance,
                queue,
                message,
            } => Some(Commit::Send(self.start_in_place(instance, queue, message))),
            Member::Send { to, message, delay } => {
                Some(Commit::Send(self.event(to.name(), message, delay)))
            }
            Member::Finish { activity, message } => {
                self.outcome(activity, Some(message)).map(Commit::Activity)
            }
        }
    }

    /// The commit of a claimed turn, and the number of its flaws; `None` before the first claim.
    pub(super) async fn turn_commit(
        &mut self,
        ago: usize,
        at: &At,
        parts: &Parts,
    ) -> Option<(TurnCommit, usize)> {
        let mut turn = self.turn(ago)?;
        if *at != At::ClaimedPosition {
            // Whoever has lost the lease may know where the history ends all the same.
            let head = self.provider().read_head(&turn.head.instance).await;
            if let Some(head) = head.expect("a head can be read") {
                turn.head = head;
            }
        }
        match at {
            At::Head | At::ClaimedPosition => {}
            At::WrongPosition => turn.head.position.next_event_id += 1,
            At::UnknownLease => turn.lease.token = self.unknown_token(),
        }
        let builder = self.cx.turn(&turn);
        Some(self.planned(builder, turn.head.incarnation, parts))
    }

    /// The commit of a turn that goes on with the instance of a claimed one without its lease, and
    /// the number of its flaws; `None` before the first claim.
    pub(super) async fn unleased_commit(
        &mut self,
        ago: usize,
        known: Known,
        parts: &Parts,
    ) -> Option<(TurnCommit, usize)> {
        let turn = self.turn(ago)?;
        let now = self.provider().read_head(&turn.head.instance).await;
        let now = now.expect("a head can be read");
        let mut head = match known {
            Known::Claimed => turn.head,
            Known::Now | Known::WrongPosition | Known::AnotherLife => now.unwrap_or(turn.head),
        };
        match known {
            Known::Now | Known::Claimed => {}
            Known::WrongPosition => head.position.next_event_id += 1,
            Known::AnotherLife => head.incarnation = Incarnation(self.cx.unique()),
        }
        let claimed = turn.messages.iter().map(|message| message.id);
        let builder = self.cx.unleased(&head).consume(claimed);
        Some(self.planned(builder, head.incarnation, parts))
    }

    /// The commit that creates an instance, and the number of its flaws.
    pub(super) fn creation(
        &mut self,
        instance: Who,
        queue: Queue,
        parts: &Parts,
    ) -> (TurnCommit, usize) {
        let incarnation = Incarnation(self.cx.unique());
        let builder = TurnBuilder::creating(instance.id(), incarnation, self.cx.commit_id());
        let builder = builder.in_queue(queue.name());
        self.planned(builder, incarnation, parts)
    }

    /// Puts the parts together, and remembers the commit to be repeated and the leases that its
    /// activities are born with, whether it will be applied or not.
    fn planned(
        &mut self,
        builder: TurnBuilder,
        incarnation: Incarnation,
        Parts(parts): &Parts,
    ) -> (TurnCommit, usize) {
        let builder = parts
            .iter()
            .fold(builder, |builder, part| self.with_part(builder, part));
        let commit = builder.build();
        for activity in &commit.activities {
            let Some(reservation) = activity.reservation else {
                continue;
            };
            self.remember(reservation.token);
            self.activities.push(ActivityLease {
                key: ActivityKey {
                    instance: commit.instance.clone(),
                    incarnation,
                    execution: activity.execution,
                    activity_id: activity.activity_id,
                },
                token: reservation.token,
            });
        }
        let flaws = parts.iter().filter(|part| part.is_flaw()).count();
        self.commits.push((commit.clone(), flaws));
        (commit, flaws)
    }
}
