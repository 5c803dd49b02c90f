//! Claims of what several partitions have, as if they were one.
//!
//! It is looked first where what became claimable how long ago, then so much is claimed of each that all of
//! it together is what came first. What is too long for one claim is put back as it was.

use std::cmp::Reverse;
use std::sync::Arc;

use duroxide_core::providers::{Claimed, Lease, ProviderError};
use futures_util::future::join_all;
use serde::{Deserialize, Serialize};

use super::answer::{Answer, ItemAnswer};
use super::request::Request;
use super::understood;
use crate::error::Failure;
use crate::hub::Due;
use crate::lane::Lane;
use crate::partition::Partition;
use crate::provider::RedisProvider;
use crate::script::Script;

#[derive(Serialize)]
struct FrontsRequest<'a> {
    of_turns: bool,
    queues: &'a [Arc<str>],
    max: usize,
}

#[derive(Deserialize)]
struct FrontsAnswer {
    now: u64,
    seq: u64,
    /// When the first items of each queue became claimable.
    fronts: Vec<Vec<u64>>,
    /// Whether there may be others behind activities of instances that were removed.
    more: bool,
    dues: Vec<Due>,
}

/// How often it is looked again for items in the place of those that others have claimed meanwhile.
const ROUNDS_MAX: usize = 4;

/// The front of a queue of a partition: how old its first items are, the oldest first. Each server has a clock
/// of its own, so that times of different ones are not compared.
type Front = Vec<Age>;

/// For how many milliseconds something has been claimable. What is older is less.
type Age = Reverse<u64>;

fn ages(fronts: Vec<Vec<u64>>, now_ms: u64) -> Vec<Front> {
    let age = |at_ms| Reverse(now_ms.saturating_sub(at_ms));
    let fronts = fronts.into_iter();
    fronts
        .map(|times| times.into_iter().map(age).collect())
        .collect()
}

/// What one round of looking and claiming has brought.
struct Round<I> {
    answers: Vec<Answer<I>>,
    /// Whether others were claimable.
    more: bool,
    /// How many items were there and were gone when they were to be claimed.
    missing: usize,
}

/// How much is claimed of each partition and queue, and whether others are claimable.
struct Shares {
    takes: Vec<Vec<usize>>,
    more: bool,
}

impl RedisProvider {
    pub(super) async fn claim_spread<I: ItemAnswer>(
        &self,
        request: Request,
    ) -> Result<Claimed<I::Item>, ProviderError> {
        let operation = request.operation();
        let mut answers = Vec::new();
        let mut wanted = request.max;
        let mut more = false;
        for _ in 0..ROUNDS_MAX {
            let round = self.claim_round::<I>(&request, wanted).await;
            let round = round.map_err(|failure| failure.error(operation, false))?;
            let is_cut = round.answers.iter().any(|it| it.cut_at.is_some());
            answers.extend(round.answers);
            more = round.more;
            wanted = round.missing;
            if wanted == 0 || is_cut {
                break;
            }
        }
        let (items, left) = first_of(answers, request.total_max);
        let more = more || left.is_cut;
        self.put_back(left.items).await;
        Ok(Claimed {
            items: items.into_iter().filter_map(understood).collect(),
            more,
        })
    }

    /// Looks what is there, and claims of that so many items.
    async fn claim_round<I: ItemAnswer>(
        &self,
        request: &Request,
        wanted: usize,
    ) -> Result<Round<I>, Failure> {
        let (partitions, fronts, is_cut_short) = self.fronts(request, wanted).await?;
        let shares = share_out(&fronts, request.queues.len(), wanted);
        let each = partitions.into_iter().zip(shares.takes);
        let each = each.map(|(partition, takes)| {
            let count = takes.iter().sum::<usize>();
            (partition, takes, count)
        });
        let each: Vec<_> = each.filter(|(.., count)| *count > 0).collect();
        let planned: usize = each.iter().map(|(.., count)| count).sum();
        let claims = each.into_iter().map(|(partition, takes, _)| {
            self.call_claim::<I>(partition, request.with_takes(takes))
        });
        let answers = all_that_come(join_all(claims).await)?;
        let claimed: usize = answers.iter().map(|answer| answer.items.len()).sum();
        Ok(Round {
            answers,
            more: shares.more || is_cut_short,
            missing: planned.saturating_sub(claimed),
        })
    }

    /// The partitions that can be reached, the fronts of each, and whether one may have others.
    async fn fronts(
        &self,
        request: &Request,
        wanted: usize,
    ) -> Result<(Vec<&Arc<Partition>>, Vec<Vec<Front>>, bool), Failure> {
        let ask = &FrontsRequest {
            of_turns: request.of_turns,
            queues: &request.queues,
            max: wanted,
        };
        let present = self.setup.partitions.present().into_iter();
        let each = present.map(|partition| async move {
            let call = self
                .setup
                .call(partition, Lane::Fronts, Script::Fronts, ask);
            let answer: FrontsAnswer = self.setup.promptly(partition, call).await?;
            let said = (answer.now, answer.seq);
            self.learn(partition, ask.of_turns, said, answer.dues);
            let fronts = ages(answer.fronts, answer.now);
            Ok((answer.more, (partition, fronts)))
        });
        let answers = all_that_come(join_all(each).await)?;
        let (more, answers): (Vec<bool>, Vec<_>) = answers.into_iter().unzip();
        let (partitions, fronts) = answers.into_iter().unzip();
        Ok((partitions, fronts, more.contains(&true)))
    }

    /// Leaves items as they were before they were claimed.
    async fn put_back<I: ItemAnswer>(&self, items: Vec<I>) {
        let leases: Vec<(Lease, u64)> = items.iter().filter_map(ItemAnswer::lease).collect();
        if !leases.is_empty() {
            self.restore_each(leases).await;
        }
    }
}

/// What came of those partitions that can be reached. A failure is one where none can.
fn all_that_come<A>(answers: Vec<Result<A, Failure>>) -> Result<Vec<A>, Failure> {
    let (mut come, mut failure) = (Vec::new(), None);
    for answer in answers {
        match answer {
            Ok(answer) => come.push(answer),
            Err(why) => failure = Some(why),
        }
    }
    match failure {
        Some(failure) if come.is_empty() => Err(failure),
        _ => Ok(come),
    }
}

/// Of each queue its share, and of the rest what became claimable first (CLM-06, CLM-12).
fn share_out(fronts: &[Vec<Front>], queues: usize, max: usize) -> Shares {
    let share = max / queues.max(1);
    let mut chosen = Vec::new();
    let mut others = Vec::new();
    for queue in 0..queues {
        let mut items: Vec<(Age, usize, usize)> = Vec::new();
        for (part, fronts) in fronts.iter().enumerate() {
            let times = fronts.get(queue).into_iter().flatten();
            items.extend(times.map(|age| (*age, part, queue)));
        }
        items.sort_unstable();
        let rest = items.split_off(items.len().min(share));
        chosen.extend(items);
        others.extend(rest);
    }
    others.sort_unstable();
    let more = chosen.len() + others.len() > max;
    chosen.extend(others.into_iter().take(max.saturating_sub(chosen.len())));
    let mut takes = vec![vec![0; queues]; fronts.len()];
    for (_, part, queue) in chosen {
        if let Some(count) = takes.get_mut(part).and_then(|it| it.get_mut(queue)) {
            *count += 1;
        }
    }
    Shares { takes, more }
}

/// What was claimed and does not fit.
struct Left<I> {
    items: Vec<I>,
    /// Whether anything was left for its bytes, here or by a script.
    is_cut: bool,
}

/// The first items of all answers, as many as hold no more than so many bytes, and the others (CLM-13).
fn first_of<I: ItemAnswer>(answers: Vec<Answer<I>>, total_max: usize) -> (Vec<I>, Left<I>) {
    let age = |answer: &Answer<I>, at_ms: u64| Reverse(answer.now.saturating_sub(at_ms));
    let cuts = answers.iter();
    let cut_at = cuts.filter_map(|it| Some(age(it, it.cut_at?))).min();
    let mut items: Vec<(Age, I)> = Vec::new();
    for mut answer in answers {
        let claimed = std::mem::take(&mut answer.items);
        let claimed = claimed.into_iter();
        items.extend(claimed.map(|item| (age(&answer, item.at_ms()), item)));
    }
    items.sort_by_key(|(age, _)| *age);
    let mut bytes = 0_usize;
    let fitting = items.iter().enumerate().take_while(|(place, (age, item))| {
        bytes = bytes.saturating_add(item.bytes());
        let is_behind = cut_at.is_some_and(|cut_at| *age > cut_at);
        *place == 0 || (bytes <= total_max && !is_behind)
    });
    let count = fitting.count();
    let left = items.split_off(count);
    let left = Left {
        is_cut: cut_at.is_some() || !left.is_empty(),
        items: left.into_iter().map(|(_, item)| item).collect(),
    };
    (items.into_iter().map(|(_, item)| item).collect(), left)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_came_first_of_all_partitions_is_taken() {
        let fronts = [vec![1, 4, 9], vec![2, 3], vec![]].map(|times| ages(vec![times], 10));
        let shares = share_out(&fronts, 1, 3);
        assert_eq!(shares.takes, [[1], [2], [0]]);
        assert!(shares.more);
        let shares = share_out(&fronts, 1, 5);
        assert_eq!(shares.takes, [[3], [2], [0]]);
        assert!(!shares.more);
    }

    #[test]
    fn a_server_whose_clock_is_ahead_has_no_younger_items() {
        let fronts = [
            ages(vec![vec![1_000, 1_001]], 1_010),
            ages(vec![vec![600_995]], 601_010),
        ];
        assert_eq!(share_out(&fronts, 1, 1).takes, [[0], [1]]);
    }

    #[test]
    fn each_queue_has_its_share_wherever_it_is() {
        let busy = vec![1; 9];
        let fronts = [vec![busy.clone(), vec![]], vec![busy, vec![7, 8]]];
        let fronts = fronts.map(|times| ages(times, 10));
        let shares = share_out(&fronts, 2, 4);
        let of_queue = |queue: usize| shares.takes.iter().map(|it| it[queue]).sum::<usize>();
        assert_eq!((of_queue(0), of_queue(1)), (2, 2));
        assert!(shares.more);
    }
}
