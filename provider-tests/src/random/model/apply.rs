//! Doing an operation on one store.

use duroxide_core::providers::{
    Commit, DeleteMode, InstanceFilter, InstanceStatus, Labels, ListOrder, Queues, ReadHistory,
    ReadValues, Until, Watch,
};

use super::answer::{Answer, kind};
use super::op::Op;
use super::part::At;
use super::words::{Attempts, Span, Who, labels};
use super::world::{World, message_id, nth_latest};
use crate::support::SECOND;

impl World {
    /// Does an operation that one store can do without looking at the other.
    #[expect(clippy::too_many_lines, reason = "one arm for each operation")]
    pub(super) async fn apply(&mut self, op: &Op) -> Answer {
        match *op {
            Op::Start {
                instance,
                queue,
                message,
            } => {
                let start = self.start(instance, queue, message);
                self.commit(vec![Commit::Send(start)]).await
            }
            Op::StartInPlace {
                instance,
                queue,
                message,
            } => {
                let start = self.start_in_place(instance, queue, message);
                self.commit(vec![Commit::Send(start)]).await
            }
            Op::Send { to, message } => {
                let event = self.event(to.name(), message, Span::Zero);
                self.commit(vec![Commit::Send(event)]).await
            }
            Op::SendLater { to, message, delay } => {
                let event = self.event(to.name(), message, delay);
                self.commit(vec![Commit::Send(event)]).await
            }
            Op::SendOn {
                to,
                line,
                message,
                delay,
            } => {
                let sent = self.message_on(line, to.name(), message, delay);
                self.commit(vec![Commit::Send(sent)]).await
            }
            Op::SendSeveral {
                to,
                line,
                first,
                times,
            } => {
                let sent = (first..first + times)
                    .map(|message| {
                        Commit::Send(self.message_on(line, to.name(), message, Span::Zero))
                    })
                    .collect();
                self.commit(sent).await
            }
            Op::SendToLife { to, message } => {
                let life = self.head(to).await.map(|head| head.incarnation);
                let event = self.event_to_life(to, life, message);
                self.commit(vec![Commit::Send(event)]).await
            }
            Op::SendToLifeOf { to, start, message } => {
                let event = self.event_to_life(to, Some(message_id(start).incarnation()), message);
                self.commit(vec![Commit::Send(event)]).await
            }
            Op::SendTwice { to, message } => {
                let event = Commit::Send(self.event(to.name(), message, Span::Zero));
                self.commit(vec![event.clone(), event]).await
            }
            Op::Commit {
                turn,
                ref at,
                ref parts,
            } => {
                let planned = self.turn_commit(turn, at, parts).await;
                self.commit_turn(planned).await
            }
            Op::CommitUnleased {
                turn,
                known,
                ref parts,
            } => {
                let planned = self.unleased_commit(turn, known, parts).await;
                self.commit_turn(planned).await
            }
            Op::Create {
                instance,
                queue,
                ref parts,
            } => {
                let planned = self.creation(instance, queue, parts);
                self.commit_turn(Some(planned)).await
            }
            Op::RepeatCommit { commit } => {
                let earlier = nth_latest(&self.commits, commit).cloned();
                self.commit_turn(earlier).await
            }
            Op::CommitTwoTurns { turn } => self.commit_two_turns(turn).await,
            Op::Batch {
                ref before,
                turn,
                ref parts,
                ref after,
            } => {
                let planned = self.turn_commit(turn, &At::Head, parts).await;
                self.commit_batch(before, planned, after).await
            }
            Op::CommitDroppedAndRepeated {
                turn,
                polls,
                ref parts,
            } => {
                let planned = self.turn_commit(turn, &At::Head, parts).await;
                self.commit_dropped_and_repeated(planned, polls).await
            }
            Op::Finish { activity, message } => {
                let outcome = self.outcome(activity, Some(message));
                self.finish(outcome).await
            }
            Op::FinishSilently { activity } => {
                let outcome = self.outcome(activity, None);
                self.finish(outcome).await
            }
            Op::RepeatOutcome { outcome } => {
                let earlier = nth_latest(&self.outcomes, outcome).cloned();
                self.finish(earlier).await
            }
            Op::RenewTurn { turn, by } => self.renew(self.turn_lease(turn), None, by).await,
            Op::RenewActivity {
                activity,
                by,
                details,
            } => {
                let lease = self.activity_lease(activity);
                self.renew(lease, details, by).await
            }
            Op::RenewAll { by } => self.renew(self.all_leases(), None, by).await,
            Op::RenewUnknown { instance } => {
                let leases = self.unknown_leases(instance);
                self.renew(leases, None, Span::Lease).await
            }
            Op::ReleaseTurn {
                turn,
                delay,
                attempts,
                note,
            } => {
                let lease = self.turn_lease(turn);
                self.release(lease, (delay, attempts, note)).await
            }
            Op::ReleaseActivity {
                activity,
                delay,
                attempts,
                details,
            } => {
                let lease = self.activity_lease(activity);
                self.release(lease, (delay, attempts, details)).await
            }
            Op::ReleaseUnknown { instance } => {
                let leases = self.unknown_leases(instance);
                let details = (Span::Zero, Attempts::Keep, Some(0));
                self.release(leases, details).await
            }
            Op::ReadHistory {
                instance,
                execution,
                from_event_id,
                bytes_max,
            } => {
                let request = ReadHistory {
                    instance: instance.id(),
                    execution,
                    from_event_id,
                    bytes_max,
                };
                Answer::Page(kind(self.provider().read_history(&request).await))
            }
            Op::ReadMail {
                instance,
                topics,
                per_topic_max,
                goes_on,
            } => {
                self.read_mail(instance, topics, (per_topic_max, goes_on))
                    .await
            }
            Op::ReadValues {
                instance,
                first,
                second,
            } => {
                let mut keys = vec![first.key(), second.key()];
                keys.dedup();
                let request = ReadValues::named(instance.id(), keys);
                Answer::Values(kind(self.provider().read_values(&request).await))
            }
            Op::WaitForValue {
                instance,
                value,
                known,
            } => {
                let known = known.and_then(|ago| nth_latest(&self.commits, ago));
                let until = Until::ValueOtherThan {
                    key: value.key(),
                    version: known.map(|(commit, _)| commit.commit_id),
                };
                self.look_for_change(instance, until).await
            }
            Op::Advance { by } => {
                self.cx.elapse(by.duration()).await;
                Answer::Nothing
            }
            Op::Maintain => {
                // When the store wants to be called again is its own affair.
                let maintained = self.provider().maintain(SECOND).await;
                Answer::Done(kind(maintained.map(|_| ())))
            }
            Op::WaitForWork { queues } => {
                let queues = Queues {
                    turns: queues.all(),
                    activities: queues.all(),
                };
                let waited = self
                    .provider()
                    .wait_for_work(&queues, Span::Zero.duration());
                Answer::Done(kind(waited.await))
            }
            Op::WaitForEnd { instance } => self.look_for_change(instance, Until::Terminal).await,
            Op::Delete { instance } => self.delete(instance, DeleteMode::TerminalOnly).await,
            Op::ForceDelete { instance } => self.delete(instance, DeleteMode::Force).await,
            Op::Prune {
                instance,
                keep_last,
            } => self.prune(instance, keep_last).await,
            Op::ListInstances {
                running_only,
                parent,
                labelled,
                newest_first,
                instances_max,
            } => {
                let order = if newest_first {
                    ListOrder::NewestFirst
                } else {
                    ListOrder::ById
                };
                let filter = InstanceFilter {
                    statuses: running_only
                        .then_some(InstanceStatus::Running)
                        .into_iter()
                        .collect(),
                    parent: parent.map(Who::id),
                    labels: if labelled { labels() } else { Labels::new() },
                    order,
                    with_outputs: true,
                    instances_max,
                    ..InstanceFilter::default()
                };
                self.list(filter).await
            }
            // These are done by the duel, which knows both stores.
            Op::ClaimTurns { .. }
            | Op::ClaimNamed { .. }
            | Op::ClaimActivities { .. }
            | Op::Reopen => Answer::Nothing,
        }
    }

    async fn look_for_change(&self, instance: Who, until: Until) -> Answer {
        let watched = [Watch {
            instance: instance.id(),
            until,
        }];
        let at_once = Span::Zero.duration();
        let waited = self.provider().wait_for_change(&watched, at_once);
        Answer::Heads(kind(waited.await))
    }
}
