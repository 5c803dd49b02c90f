//! Claims: the items whose time has come, and no look at any other.

use duroxide::providers::{
    ActivityKey, ActivityLease, Channel, ClaimActivities, ClaimTurns, Claimed, ClaimedActivity,
    InstanceId, ProviderError, Queues, Turn, TurnLease, check, share::ByteBudget,
};

use crate::change::Item;
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
        let queues = &request.queues;
        let (due, more) = self.ready.due(queues, self.now_ms, request.turns_max);
        let (all, mut budget) = (due.len(), ByteBudget::new(request.total_bytes_max));
        let turns = due.into_iter();
        let turns = turns.map_while(|id| self.claim_turn(id, request, &mut budget));
        let items: Vec<Turn> = turns.collect();
        // What is left for its bytes is claimable as before (CLM-13).
        let more = more || items.len() < all;
        Ok(Claimed { items, more })
    }

    /// Leases this instance if nobody holds it, whatever its queue is and whether there is anything to do
    /// (CLM-14).
    fn claim_named(&mut self, id: &InstanceId, request: &ClaimTurns) -> Claimed<Turn> {
        let instance = self.instances.get(id);
        let is_free = instance.is_some_and(|it| it.hold.holder(self.now_ms).is_none());
        let free = (is_free && request.turns_max > 0).then(|| id.clone());
        let turn = free.and_then(|id| {
            self.claim_turn(id, request, &mut ByteBudget::new(request.total_bytes_max))
        });
        Claimed {
            items: turn.into_iter().collect(),
            more: false,
        }
    }

    fn claim_turn(
        &mut self,
        id: InstanceId,
        request: &ClaimTurns,
        budget: &mut ByteBudget,
    ) -> Option<Turn> {
        let instance = self.instances.get(&id)?;
        // Control first, and of a suspended instance nothing else (SUS-01). Mail is read (CLM-11).
        let channels = [Channel::Control, Channel::System];
        let channels = &channels[..if instance.head.suspended { 1 } else { 2 }];
        let messages = instance.inbox.due(channels, request, self.now_ms);
        let bytes = messages.iter().map(|it| it.message.body.len()).sum();
        if !budget.take(bytes) {
            return None;
        }
        let head = instance.head.clone();
        let mail_ms = instance.inbox.mail_ms(&head.awaited);
        let has_mail = !head.suspended && mail_ms.is_some_and(|ms| ms <= self.now_ms);
        let (token, attempt) = self.lease(Item::Turn(id.clone()), instance.hold, request.lease);
        Some(Turn {
            lease: TurnLease {
                instance: id,
                token,
            },
            head,
            attempt,
            messages,
            has_mail,
        })
    }

    pub(crate) fn claim_activities(
        &mut self,
        request: &ClaimActivities,
    ) -> Result<Claimed<ClaimedActivity>, ProviderError> {
        check::claim_queues("claim_activities", &request.queues)?;
        let queues = &request.queues;
        let (due, more) = self.queues.due(queues, self.now_ms, request.activities_max);
        let (all, mut budget) = (due.len(), ByteBudget::new(request.total_bytes_max));
        let claimed = due.into_iter();
        let claimed = claimed.map_while(|key| self.claim_activity(key, request, &mut budget));
        let items: Vec<ClaimedActivity> = claimed.collect();
        let more = more || items.len() < all;
        Ok(Claimed { items, more })
    }

    fn claim_activity(
        &mut self,
        key: ActivityKey,
        request: &ClaimActivities,
        budget: &mut ByteBudget,
    ) -> Option<ClaimedActivity> {
        let activity = self.activities.get(&key)?;
        let (queue, body) = (activity.queue.clone(), activity.body.clone());
        let details = activity.details.clone();
        if !budget.take(body.len()) {
            return None;
        }
        let item = Item::Activity(key.clone());
        let (token, attempt) = self.lease(item, activity.hold, request.lease);
        Some(ClaimedActivity {
            lease: ActivityLease { key, token },
            queue,
            attempt,
            body,
            details,
        })
    }

    /// From when on a claim of one of these queues returns something.
    pub(crate) fn next_due_ms(&self, queues: &Queues) -> Option<u64> {
        let turn_ms = self.ready.next_ms(&queues.turns);
        let activity_ms = self.queues.next_ms(&queues.activities);
        turn_ms.into_iter().chain(activity_ms).min()
    }
}
