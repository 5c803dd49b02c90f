//! Which operations may go into one call.
//!
//! The function in the database works on all operations at once, and leaves open in which order they
//! take effect (COM-05). Where two of them are about the same thing that would matter, so they go into
//! calls one after the other. That is rare: a node commits no instance twice at a time.

use std::collections::HashSet;

use duroxide_core::providers::{ActivityLease, Commit, Fence, InstanceId, MessageId, Recipient};

use crate::message;

/// What only one operation of a call may be about.
#[derive(Debug, PartialEq, Eq, Hash)]
enum Claim<'a> {
    /// Its turn.
    Turn(&'a InstanceId),
    /// Its creation.
    Creation(&'a InstanceId),
    /// The end of an activity, by what tells activities apart.
    End(&'a InstanceId, u64, u64),
    /// The arrival of a message.
    Arrival(&'a InstanceId, MessageId),
    /// All that is done to an instance which a member of the batch replaces.
    Whole(&'a InstanceId),
}

/// Parts operations into waves, each given by the places of its members, in order.
pub(crate) fn split(operations: &[&Commit]) -> Vec<Vec<usize>> {
    let mut waves: Vec<(HashSet<Claim<'_>>, Vec<usize>)> = Vec::new();
    let replaced: HashSet<&InstanceId> = operations.iter().filter_map(|it| replaced(it)).collect();
    for (place, operation) in operations.iter().enumerate() {
        let mut claims = claims(operation);
        if !replaced.is_empty() {
            // One after another, whatever they do to it.
            let touched = touched(operation).into_iter();
            let touched = touched.filter(|instance| replaced.contains(instance));
            claims.extend(touched.map(Claim::Whole));
        }
        let is_free = |(taken, _): &(HashSet<Claim<'_>>, _)| {
            claims.iter().all(|claim| !taken.contains(claim))
        };
        // After the last wave that it would disturb, so that what was brought first comes first.
        let first = waves.iter().rposition(|wave| !is_free(wave));
        let index = first.map_or(0, |last| last + 1);
        if index == waves.len() {
            waves.push(Default::default());
        }
        if let Some((taken, members)) = waves.get_mut(index) {
            taken.extend(claims);
            members.push(place);
        }
    }
    waves.into_iter().map(|(_, members)| members).collect()
}

/// The instance that a client's start takes the place of, if there is one.
fn replaced(operation: &Commit) -> Option<&InstanceId> {
    match operation {
        Commit::Send(envelope) => message::replaced(envelope),
        Commit::Turn(_) | Commit::Activity(_) => None,
    }
}

/// The instances that an operation is about.
fn touched(operation: &Commit) -> Vec<&InstanceId> {
    let mut touched = vec![operation.instance()];
    if let Commit::Turn(turn) = operation {
        let completed = turn.completed.iter().map(|lease| &lease.key.instance);
        let told = turn.messages.iter().map(|it| it.recipient.instance());
        touched.extend(completed.chain(told));
    }
    touched
}

fn claims(operation: &Commit) -> HashSet<Claim<'_>> {
    let end = |lease: &'_ ActivityLease| (lease.key.execution, lease.key.activity_id);
    match operation {
        Commit::Turn(turn) => {
            let mut claims = HashSet::from([Claim::Turn(&turn.instance)]);
            if matches!(turn.fence, Fence::Absent { .. }) {
                claims.insert(Claim::Creation(&turn.instance));
            }
            for lease in &turn.completed {
                let (execution, activity_id) = end(lease);
                claims.insert(Claim::End(&lease.key.instance, execution, activity_id));
            }
            for envelope in &turn.messages {
                if let Some(newborn) = envelope.recipient.created() {
                    claims.insert(Claim::Creation(&newborn.instance));
                }
            }
            claims
        }
        Commit::Activity(outcome) => {
            let (execution, activity_id) = end(&outcome.lease);
            let instance = &outcome.lease.key.instance;
            HashSet::from([Claim::End(instance, execution, activity_id)])
        }
        Commit::Send(envelope) => HashSet::from([match &envelope.recipient {
            Recipient::NewInstance(newborn) => Claim::Creation(&newborn.instance),
            Recipient::Instance { instance, .. } => Claim::Arrival(instance, envelope.message.id),
        }]),
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use bytes::Bytes;
    use duroxide_core::providers::{Channel, Envelope, IfExists, Message, NewInstance};
    use uuid::Uuid;

    use super::*;

    fn send(to: &str, message: u128, starts: bool) -> Commit {
        send_if(to, message, starts.then_some(IfExists::Refuse))
    }

    /// A start, or a message to an instance.
    fn send_if(to: &str, message: u128, starts: Option<IfExists>) -> Commit {
        let instance = InstanceId::new(to).unwrap();
        Commit::Send(Envelope {
            recipient: if let Some(if_exists) = starts {
                Recipient::NewInstance(NewInstance {
                    if_exists,
                    ..NewInstance::new(instance, "")
                })
            } else {
                Recipient::Instance {
                    instance,
                    incarnation: None,
                }
            },
            delay: Duration::ZERO,
            message: Message {
                id: MessageId(Uuid::from_u128(message)),
                channel: Channel::System,
                execution: None,
                body: Bytes::new(),
            },
        })
    }

    #[test]
    fn only_what_would_disturb_one_another_is_parted() {
        let operations = [
            send("a", 1, true),
            send("b", 1, true),
            send("a", 2, true),
            send("a", 3, false),
            send("a", 4, false),
            send("a", 3, false),
            send("a", 5, true),
        ];
        let operations: Vec<&Commit> = operations.iter().collect();
        assert_eq!(split(&operations), [vec![0, 1, 3, 4], vec![2, 5], vec![6]]);
    }

    #[test]
    fn what_is_replaced_has_nothing_beside_it() {
        let operations = [
            send("a", 1, false),
            send("b", 2, false),
            send_if("a", 3, Some(IfExists::ReplaceEnded)),
            send("a", 4, false),
            send("b", 5, false),
            send_if("a", 6, Some(IfExists::ReplaceEnded)),
        ];
        let operations: Vec<&Commit> = operations.iter().collect();
        assert_eq!(
            split(&operations),
            [vec![0, 1, 4], vec![2], vec![3], vec![5]]
        );
    }
}
