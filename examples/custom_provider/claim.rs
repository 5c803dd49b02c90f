//! Claims: the items whose time has come, and no look at any other.

use duroxide::providers::{
    ActivityKey, ActivityLease, ClaimActivities, ClaimTurns, Claimed, ClaimedActivity, InstanceId,
    Message, Queues, TaskQueue, Turn, TurnLease,
};

use crate::agenda::Slot;
use crate::change::Item;
use crate::state::{Instance, State};

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
            next_due: self.ready.next_ms().map(|at_ms| self.until(at_ms)),
        }
    }

    fn claim_turn(&mut self, id: InstanceId, request: &ClaimTurns) -> Option<Turn> {
        let instance = self.instances.get(&id)?;
        let (messages, more_messages) = instance.visible_messages(request, self.now_ms);
        let head = instance.head.clone();
        let (token, attempt) = self.lease(Item::Turn(id.clone()), instance.hold, request.lease);
        Some(Turn {
            lease: TurnLease {
                instance: id,
                token,
            },
            head,
            attempt,
            messages,
            more_messages,
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
            next_due: self
                .next_activity_ms(&request.queues)
                .map(|at_ms| self.until(at_ms)),
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

    fn next_activity_ms(&self, queues: &[TaskQueue]) -> Option<u64> {
        let agendas = queues.iter().filter_map(|name| self.queues.get(name));
        agendas.filter_map(|agenda| agenda.next_ms()).min()
    }

    /// From when on a claim of one of these queues returns something.
    pub(crate) fn next_due_ms(&self, queues: &Queues) -> Option<u64> {
        let turn_ms = self.ready.next_ms().filter(|_| queues.turns);
        let activity_ms = self.next_activity_ms(&queues.activities);
        turn_ms.into_iter().chain(activity_ms).min()
    }
}

impl Instance {
    /// The visible messages within the limits, at least one of them, and whether others were left
    /// behind (CLM-02, CLM-03).
    fn visible_messages(&self, request: &ClaimTurns, now_ms: u64) -> (Vec<Message>, bool) {
        let mut taken: Vec<Message> = Vec::new();
        let mut bytes = 0_usize;
        let visible = self.inbox.due(now_ms);
        for message in visible.filter_map(|(_, id)| self.messages.get(id)) {
            bytes = bytes.saturating_add(message.body.len());
            let is_full = taken.len() >= request.messages_max || bytes > request.bytes_max;
            if is_full && !taken.is_empty() {
                return (taken, true);
            }
            taken.push(message.clone());
        }
        (taken, false)
    }
}
