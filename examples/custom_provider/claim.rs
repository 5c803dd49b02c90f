//! Claims: the items whose time has come, and no look at any other.

use duroxide::providers::{
    ActivityKey, ActivityLease, Channel, ClaimActivities, ClaimTurns, Claimed, ClaimedActivity,
    InstanceId, Queues, Turn, TurnLease,
};

use crate::agenda::Slot;
use crate::change::Item;
use crate::state::State;

impl State {
    pub(crate) fn claim_turns(&mut self, request: &ClaimTurns) -> Claimed<Turn> {
        // One more than asked for shows whether others were claimable (CLM-08).
        let due = self.ready.due(self.now_ms).map(|(_, id)| id.clone());
        let mut due: Vec<InstanceId> = due.take(request.turns_max.saturating_add(1)).collect();
        let more = due.len() > request.turns_max;
        due.truncate(request.turns_max);
        let turns = due
            .into_iter()
            .filter_map(|id| self.claim_turn(id, request));
        Claimed {
            items: turns.collect(),
            more,
        }
    }

    fn claim_turn(&mut self, id: InstanceId, request: &ClaimTurns) -> Option<Turn> {
        let instance = self.instances.get(&id)?;
        // Control first, and of a suspended instance nothing else (SUS-01). Mail is read (CLM-11).
        let channels = [Channel::Control, Channel::System];
        let channels = &channels[..if instance.head.suspended { 1 } else { 2 }];
        let messages = instance.inbox.due(channels, request, self.now_ms);
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
    ) -> Claimed<ClaimedActivity> {
        let mut due = self.due_activities(request);
        let more = due.len() > request.activities_max;
        due.truncate(request.activities_max);
        let claimed = due.into_iter();
        let claimed = claimed.filter_map(|(_, key)| self.claim_activity(key, request));
        Claimed {
            items: claimed.collect(),
            more,
        }
    }

    /// The first due activities of the named queues, one more than asked for.
    fn due_activities(&self, request: &ClaimActivities) -> Vec<(Slot, ActivityKey)> {
        let count = request.activities_max.saturating_add(1);
        let queues = request
            .queues
            .iter()
            .filter_map(|name| self.queues.get(name));
        let due = queues.flat_map(|agenda| agenda.due(self.now_ms).take(count));
        let mut due: Vec<_> = due.map(|(slot, key)| (slot, key.clone())).collect();
        due.sort();
        // A queue may be named twice; its activities are there once.
        due.dedup();
        due.truncate(count);
        due
    }

    fn claim_activity(
        &mut self,
        key: ActivityKey,
        request: &ClaimActivities,
    ) -> Option<ClaimedActivity> {
        let activity = self.activities.get(&key)?;
        let (queue, body) = (activity.queue.clone(), activity.body.clone());
        let item = Item::Activity(key.clone());
        let (token, attempt) = self.lease(item, activity.hold, request.lease);
        Some(ClaimedActivity {
            lease: ActivityLease { key, token },
            queue,
            attempt,
            body,
        })
    }

    /// From when on a claim of one of these queues returns something.
    pub(crate) fn next_due_ms(&self, queues: &Queues) -> Option<u64> {
        let turn_ms = self.ready.next_ms().filter(|_| queues.turns);
        let agendas = queues.activities.iter();
        let agendas = agendas.filter_map(|name| self.queues.get(name));
        let activities_ms = agendas.filter_map(|agenda| agenda.next_ms());
        turn_ms.into_iter().chain(activities_ms).min()
    }
}
