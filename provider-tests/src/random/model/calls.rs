//! The calls that operations make, and what is made of the answers.

use std::cmp::Reverse;
use std::collections::BTreeSet;

use bytes::Bytes;
use duroxide_core::providers::{
    ActivityOutcome, Commit, Committed, DeleteMode, InstanceFilter, InstanceHead, InstanceId,
    Lease, ListOrder, ProviderError, Release, Renew, Renewal, TurnCommit, TurnCommitted,
};

use super::answer::{Answer, Effect, Refused, kind};
use super::part::{At, Members, Parts};
use super::words::{Attempts, Span, Who};
use super::world::World;
use crate::support::drop_after_polls;

/// Details, or a note, of different lengths.
fn brought(which: u8) -> Bytes {
    Bytes::from(vec![which; usize::from(which) * 1_000])
}

/// The instances that a turn changes or sends to.
fn concerned_by(turn: &TurnCommit) -> Vec<InstanceId> {
    let recipients = turn.messages.iter().map(|it| it.recipient.instance());
    recipients.chain([&turn.instance]).cloned().collect()
}

impl World {
    /// Makes one call of operations whose contents are right.
    pub(super) async fn commit(&mut self, operations: Vec<Commit>) -> Answer {
        let answers = self.cx.batch(operations).await;
        Answer::Committed(self.effects(answers, 0))
    }

    pub(super) async fn commit_turn(&mut self, planned: Option<(TurnCommit, usize)>) -> Answer {
        let Some((turn, flaws)) = planned else {
            return Answer::Nothing;
        };
        let answers = self.cx.batch(vec![Commit::Turn(turn)]).await;
        Answer::Committed(self.effects(answers, flaws))
    }

    pub(super) async fn commit_two_turns(&mut self, ago: usize) -> Answer {
        let parts = Parts(Vec::new());
        let mut turns = Vec::new();
        for _ in 0..2 {
            let planned = self.turn_commit(ago, &At::Head, &parts).await;
            turns.extend(planned.map(|(turn, _)| Commit::Turn(turn)));
        }
        self.commit(turns).await
    }

    pub(super) async fn commit_batch(
        &mut self,
        Members(before): &Members,
        planned: Option<(TurnCommit, usize)>,
        Members(after): &Members,
    ) -> Answer {
        let mut before: Vec<_> = before.iter().filter_map(|it| self.member(it)).collect();
        let mut after: Vec<_> = after.iter().filter_map(|it| self.member(it)).collect();
        let flaws = planned.as_ref().map_or(0, |(_, flaws)| *flaws);
        let turn = planned.map(|(turn, _)| turn);
        // The order of the members is open (COM-05): only one of them concerns an instance.
        let mut concerned: BTreeSet<_> = turn.iter().flat_map(concerned_by).collect();
        let mut is_alone = |member: &Commit| concerned.insert(member.instance().clone());
        before.retain(&mut is_alone);
        after.retain(&mut is_alone);
        let turn = turn.map(Commit::Turn);
        let operations = before.into_iter().chain(turn).chain(after).collect();
        let answers = self.cx.batch(operations).await;
        Answer::Committed(self.effects(answers, flaws))
    }

    /// Begins a commit, drops it, and makes it again: it must have happened once (CXL-01, IDM-01).
    pub(super) async fn commit_dropped_and_repeated(
        &mut self,
        planned: Option<(TurnCommit, usize)>,
        polls: usize,
    ) -> Answer {
        let Some((turn, flaws)) = planned else {
            return Answer::Nothing;
        };
        let operations = vec![Commit::Turn(turn)];
        let first = self.provider().commit(operations.clone());
        drop(drop_after_polls(first, polls).await);
        let answers = self.cx.batch(operations).await;
        let mut effects = self.effects(answers, flaws);
        for effect in effects.iter_mut().flatten() {
            *effect = Effect::TurnOnceOrTwice;
        }
        Answer::Committed(effects)
    }

    pub(super) async fn finish(&mut self, outcome: Option<ActivityOutcome>) -> Answer {
        match outcome {
            Some(outcome) => self.commit(vec![Commit::Activity(outcome)]).await,
            None => Answer::Nothing,
        }
    }

    fn effects(
        &self,
        answers: Vec<Result<Committed, ProviderError>>,
        flaws: usize,
    ) -> Vec<Result<Effect, Refused>> {
        answers
            .into_iter()
            .map(|answer| match answer {
                Ok(committed) => Ok(self.effect(committed)),
                Err(error) => Err(Refused {
                    kind: error.kind(),
                    flaws,
                }),
            })
            .collect()
    }

    fn effect(&self, committed: Committed) -> Effect {
        match committed {
            Committed::Turn(TurnCommitted { repeated: true, .. }) => Effect::RepeatedTurn,
            Committed::Turn(TurnCommitted {
                repeated: false,
                cancelled,
                messages_dropped,
            }) => {
                let mut cancelled: Vec<_> = cancelled
                    .into_iter()
                    .map(|lease| (lease.key, self.ordinal(lease.token)))
                    .collect();
                // No order is promised.
                cancelled.sort();
                Effect::Turn {
                    cancelled,
                    messages_dropped,
                }
            }
            Committed::Activity { messages_dropped } => Effect::Activity { messages_dropped },
            Committed::Sent => Effect::Sent,
        }
    }

    /// Renews these leases, those of activities with these details if there are some.
    pub(super) async fn renew(
        &self,
        leases: impl IntoIterator<Item = Lease>,
        details: Option<u8>,
        by: Span,
    ) -> Answer {
        let renewals = leases.into_iter().map(|lease| Renew {
            lease,
            details: details.map(brought),
        });
        let renewals: Vec<Renew> = renewals.collect();
        let answers = self.provider().renew(&renewals, by.duration()).await;
        let is_held = |renewal| renewal == Renewal::Renewed;
        Answer::Renewed(
            answers
                .into_iter()
                .map(|it| kind(it).map(is_held))
                .collect(),
        )
    }

    pub(super) async fn release(
        &self,
        leases: impl IntoIterator<Item = Lease>,
        (delay, attempts, details): (Span, Attempts, Option<u8>),
    ) -> Answer {
        let release = |lease| {
            Release::new(lease, delay.duration(), attempts.released())
                .with_details(details.map(brought))
        };
        let releases = leases.into_iter().map(release).collect();
        let answers = self.provider().release(releases).await;
        Answer::Released(answers.into_iter().map(kind).collect())
    }

    pub(super) async fn delete(&self, instance: Who, mode: DeleteMode) -> Answer {
        let deleted = self.cx.admin().delete_instance(&instance.id(), mode).await;
        Answer::Done(kind(deleted))
    }

    pub(super) async fn prune(&self, instance: Who, keep_last: u64) -> Answer {
        let pruned = self
            .cx
            .admin()
            .prune_executions(&instance.id(), keep_last)
            .await;
        Answer::Pruned(kind(pruned))
    }

    /// Everything that meets a filter; in which pages it comes is the store's affair.
    pub(super) async fn list(&self, mut filter: InstanceFilter) -> Answer {
        let labels = filter.labels.clone();
        if !self.provider().capabilities().label_filters {
            filter.labels.clear();
        }
        let order = filter.order;
        let mut found = self.cx.list(filter).await;
        found.retain(|it| {
            labels
                .iter()
                .all(|(key, value)| it.labels.get(key) == Some(value))
        });
        if order == ListOrder::NewestFirst {
            let is_in_order = found.is_sorted_by_key(|it| Reverse(it.head.created_at_ms));
            assert!(is_in_order, "the newest come first: {found:?}");
            // What was created at one time has no order among itself.
            found.sort_by(|a, b| a.head.instance.cmp(&b.head.instance));
        }
        Answer::Instances(found)
    }

    pub(super) async fn head(&self, instance: Who) -> Option<InstanceHead> {
        self.cx.head_if_any(instance.name()).await
    }
}
