//! Which queues a runtime serves, from its options.

use super::options::RuntimeOptions;
use crate::limits::CLAIM_QUEUES_MAX;
use crate::providers::TaskQueue;
use crate::queue_name;

/// The queues that a runtime serves.
#[derive(Debug)]
pub(super) struct ServedQueues {
    pub(super) turns: Vec<TaskQueue>,
    pub(super) activities: Vec<SharedSlots>,
}

/// Queues of activities that share slots.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct SharedSlots {
    pub(super) queues: Vec<TaskQueue>,
    pub(super) slots_max: usize,
}

impl ServedQueues {
    /// The queues that these options name, or why they cannot be served.
    pub(super) fn of(options: &RuntimeOptions) -> Result<Self, String> {
        let mut turns: Vec<TaskQueue> = Vec::new();
        for name in &options.turn_queues {
            let queue = queue_name::checked(name)?;
            if !turns.contains(&queue) {
                turns.push(queue);
            }
        }
        let mut activities = Vec::new();
        let mut shared = turns.clone();
        for (name, slots_max) in &options.activity_queues {
            let queue = queue_name::checked(name)?;
            shared.retain(|other| *other != queue);
            if *slots_max > 0 {
                activities.push(SharedSlots {
                    queues: vec![queue],
                    slots_max: *slots_max,
                });
            }
        }
        let queues = shared.len() + activities.len();
        if !shared.is_empty() {
            activities.insert(
                0,
                SharedSlots {
                    queues: shared,
                    slots_max: options.worker_concurrency,
                },
            );
        }
        if turns.len().max(queues) > CLAIM_QUEUES_MAX {
            return Err(format!(
                "a runtime serves at most {CLAIM_QUEUES_MAX} queues of turns and as many of \
                 activities; name fewer, or start another runtime for the others"
            ));
        }
        Ok(Self { turns, activities })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn options(turns: &[&str], activities: &[(&str, usize)]) -> RuntimeOptions {
        RuntimeOptions {
            turn_queues: turns.iter().map(|&name| name.to_owned()).collect(),
            activity_queues: activities
                .iter()
                .map(|&(name, slots)| (name.to_owned(), slots))
                .collect(),
            worker_concurrency: 7,
            ..RuntimeOptions::default()
        }
    }

    fn shared(queues: &[&str], slots_max: usize) -> SharedSlots {
        SharedSlots {
            queues: queues.iter().map(|&name| TaskQueue::from(name)).collect(),
            slots_max,
        }
    }

    #[test]
    fn activities_of_a_queue_of_turns_share_slots_unless_it_has_its_own() {
        let served = ServedQueues::of(&options(&["a", "b", "a"], &[("gpu", 2), ("b", 1)])).unwrap();
        assert_eq!(served.turns, ["a", "b"].map(TaskQueue::from));
        let expected = [shared(&["a"], 7), shared(&["b"], 1), shared(&["gpu"], 2)];
        assert_eq!(served.activities, expected);
    }

    #[test]
    fn a_queue_without_slots_is_not_served() {
        let served = ServedQueues::of(&options(&["a"], &[("a", 0)])).unwrap();
        assert!(served.activities.is_empty());
        let served = ServedQueues::of(&options(&[], &[("gpu", 2)])).unwrap();
        assert!(served.turns.is_empty());
        assert_eq!(served.activities, [shared(&["gpu"], 2)]);
    }

    #[test]
    fn too_many_queues_and_names_that_are_none_are_refused() {
        let names: Vec<String> = (0..=CLAIM_QUEUES_MAX).map(|it| it.to_string()).collect();
        let names: Vec<&str> = names.iter().map(String::as_str).collect();
        assert!(ServedQueues::of(&options(&names[1..], &[])).is_ok());
        assert!(ServedQueues::of(&options(&names, &[])).is_err());
        assert!(ServedQueues::of(&options(&names[1..], &[("gpu", 1)])).is_err());
        assert!(ServedQueues::of(&options(&[""], &[])).is_err());
        assert!(ServedQueues::of(&options(&[], &[("@run/a", 1)])).is_err());
    }
}
