//! Claims: the ready entries whose time has come, and no look at any other.

use std::time::Duration;

use duroxide_core::providers::{
    ActivityKey, ActivityLease, ClaimActivities, ClaimTurns, Claimed, ClaimedActivity, InstanceId,
    ProviderError, Queues, TaskQueue, Turn, TurnLease, check, share::ByteBudget,
};

use crate::defect::Defect;
use crate::inbox::Extent;
use crate::lease::Hold;
use crate::queues::Due;
use crate::state::State;

impl State {
    pub(crate) fn claim_turns(
        &mut self,
        request: &ClaimTurns,
    ) -> Result<Claimed<Turn>, ProviderError> {
        check::claim_queues("claim_turns", &request.queues)?;
        if let Some(only) = &request.only {
            return Ok(self.claim_named(only, request));
        }
        self.look_around();
        let due = self.due_turns(request);
        Ok(self.lease_turns(due, request))
    }

    /// The instances that a claim takes, in their order.
    pub(crate) fn due_turns(&self, request: &ClaimTurns) -> Due<InstanceId> {
        let items_max = request.turns_max;
        let fronts = self.ready.fronts(&request.queues, self.now_ms, items_max);
        let mut due = self.share_out(fronts, items_max);
        if self.has(Defect::PoisonStopsOthers) {
            self.stop_behind_poison(&mut due.items);
        }
        due
    }

    pub(crate) fn lease_turns(
        &mut self,
        due: Due<InstanceId>,
        request: &ClaimTurns,
    ) -> Claimed<Turn> {
        let Due { items, more } = due;
        let mut budget = ByteBudget::new(request.total_bytes_max);
        let all = items.len();
        let claimed = items.iter();
        let items: Vec<Turn> = if self.has(Defect::ClaimSkipsWhatIsLong) {
            let claimed = claimed.filter_map(|id| self.claim_turn(id, request, &mut budget));
            claimed.collect()
        } else {
            let claimed = claimed.map_while(|id| self.claim_turn(id, request, &mut budget));
            claimed.collect()
        };
        Claimed {
            more: more || items.len() < all,
            items,
        }
    }

    /// Leases this instance if nobody holds it, whatever its queue is and whether there is anything to do
    /// (CLM-14).
    pub(crate) fn claim_named(&mut self, id: &InstanceId, request: &ClaimTurns) -> Claimed<Turn> {
        let free = self
            .instances
            .get(id)
            .filter(|it| {
                it.hold.holder(self.now_ms).is_none() || self.has(Defect::NamedAreClaimedTwice)
            })
            .filter(|it| !self.spares_named(it, request));
        let items = match free {
            Some(_) if request.turns_max > 0 => vec![id.clone()],
            Some(_) | None => Vec::new(),
        };
        self.lease_turns(Due { items, more: false }, request)
    }

    /// Leases an instance, unless its messages are more than the claim may still hold.
    fn claim_turn(
        &mut self,
        id: &InstanceId,
        request: &ClaimTurns,
        budget: &mut ByteBudget,
    ) -> Option<Turn> {
        let lease_until_ms = self.after(request.lease);
        let token = self.new_token();
        let due_ms = if self.has(Defect::ClaimTakesInvisible) {
            u64::MAX
        } else {
            self.now_ms
        };
        let instance = self.instances.get_mut(id)?;
        let messages = instance.inbox.due(Extent {
            due_ms,
            messages_max: request.messages_max,
            bytes_max: request.bytes_max,
            control_only: instance.head.suspended
                && !self.defects.has(Defect::SuspendedGetEverything),
        });
        let bytes = messages.iter().map(|it| it.message.body.len()).sum();
        let fits = budget.take(bytes);
        if !fits && !self.defects.has(Defect::ClaimTakesWhatIsLeft) {
            return None;
        }
        instance.hold = Hold::leased(token, lease_until_ms);
        instance.attempts = instance.attempts.saturating_add(1);
        if self.defects.has(Defect::ClaimConsumes) {
            for delivery in &messages {
                instance.inbox.remove(delivery.message.id);
            }
        }
        let mail_ms = instance.inbox.mail_ms(&instance.head.awaited);
        let has_mail = !instance.head.suspended && mail_ms.is_some_and(|ms| ms <= self.now_ms);
        let turn = Turn {
            lease: TurnLease {
                instance: id.clone(),
                token,
            },
            head: if self.defects.has(Defect::ClaimsReadNotes) {
                instance.head_and_note()
            } else {
                instance.head.clone()
            },
            attempt: instance.attempts,
            messages,
            has_mail,
        };
        self.refresh(id);
        fits.then_some(turn)
    }

    pub(crate) fn claim_activities(
        &mut self,
        request: &ClaimActivities,
    ) -> Result<Claimed<ClaimedActivity>, ProviderError> {
        check::claim_queues("claim_activities", &request.queues)?;
        self.look_around();
        let items_max = request.activities_max;
        let queues = &request.queues;
        let fronts = self.activities.fronts(queues, self.now_ms, items_max);
        let Due { items, more } = self.share_out(fronts, items_max);
        let mut budget = ByteBudget::new(request.total_bytes_max);
        let all = items.len();
        let claimed = items.into_iter();
        let claimed = claimed.map_while(|key| self.claim_activity(key, request.lease, &mut budget));
        let items: Vec<ClaimedActivity> = claimed.collect();
        Ok(Claimed {
            more: more || items.len() < all,
            items,
        })
    }

    /// Leases an activity, unless its body is more than the claim may still hold.
    fn claim_activity(
        &mut self,
        key: ActivityKey,
        lease: Duration,
        budget: &mut ByteBudget,
    ) -> Option<ClaimedActivity> {
        if !budget.take(self.activities.get(&key)?.body.len()) {
            return None;
        }
        let arrival = self.next_arrival();
        let token = self.new_token();
        let mut activity = self.activities.remove(&key)?;
        activity.hold = Hold::leased(token, self.after(lease));
        activity.attempts = activity.attempts.saturating_add(1);
        let claimed = ClaimedActivity {
            queue: activity.queue.clone(),
            attempt: activity.attempts,
            body: activity.body.clone(),
            details: activity.details.clone(),
            lease: ActivityLease {
                key: key.clone(),
                token,
            },
        };
        if self.has(Defect::ClaimedActivityChangesQueue) {
            activity.queue = TaskQueue::default();
        }
        self.activities.put(key, arrival, activity);
        Some(claimed)
    }

    /// From when on a claim of one of these queues returns something.
    pub(crate) fn next_due_ms(&self, queues: &Queues) -> Option<u64> {
        let turn_ms = self.ready.next_due_ms(&queues.turns);
        let activity_ms = self.activities.next_due_ms(&queues.activities);
        turn_ms.into_iter().chain(activity_ms).min()
    }

    /// How long it is until then.
    pub(crate) fn until(&self, at_ms: u64) -> Duration {
        Duration::from_millis(at_ms.saturating_sub(self.now_ms))
    }
}
