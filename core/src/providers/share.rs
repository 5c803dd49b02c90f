//! How a claim of several queues is shared out among them.

/// How many items of each queue a claim takes whatever else there is: an equal share of what it may
/// return (CLM-12).
#[must_use]
pub fn of_queue(items_max: usize, queues: usize) -> usize {
    items_max.checked_div(queues).unwrap_or(0)
}

/// Which items a claim takes: of each queue its share, and of the rest what became claimable first
/// (CLM-12), all of them in the order in which they did (CLM-06).
///
/// Each front holds the first items of one of the queues that the claim names, with their places in
/// that order; more than `items_max` of a queue are not looked at.
#[must_use]
pub fn share_out<K: Ord, T>(fronts: Vec<Vec<(K, T)>>, items_max: usize) -> Vec<T> {
    let share = of_queue(items_max, fronts.len());
    let (mut chosen, mut others) = (Vec::new(), Vec::new());
    for front in fronts {
        let mut front = front.into_iter();
        chosen.extend(front.by_ref().take(share));
        others.extend(front);
    }
    others.sort_by(|(a, _), (b, _)| a.cmp(b));
    others.truncate(items_max.saturating_sub(chosen.len()));
    chosen.append(&mut others);
    chosen.sort_by(|(a, _), (b, _)| a.cmp(b));
    chosen.into_iter().map(|(_, item)| item).collect()
}

/// How many bytes the items of a claim may still hold (CLM-13).
#[derive(Debug, Clone, Copy)]
pub struct ByteBudget {
    left: usize,
    has_any: bool,
}

impl ByteBudget {
    /// That of a claim which has taken nothing yet.
    #[must_use]
    pub fn new(total_bytes_max: usize) -> Self {
        Self {
            left: total_bytes_max,
            has_any: false,
        }
    }

    /// How large the next item may be: the first one as large as it is.
    #[must_use]
    pub fn next_max(&self) -> usize {
        if self.has_any { self.left } else { usize::MAX }
    }

    /// Takes an item with so many bytes if it may; the claim ends before the first that may not.
    pub fn take(&mut self, bytes: usize) -> bool {
        let fits = bytes <= self.next_max();
        if fits {
            self.left = self.left.saturating_sub(bytes);
            self.has_any = true;
        }
        fits
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_first_item_is_taken_whatever_it_holds() {
        let mut budget = ByteBudget::new(10);
        assert!(budget.take(4) && budget.take(6) && budget.take(0));
        assert!(!budget.take(1));
        let mut budget = ByteBudget::new(10);
        assert!(budget.take(11) && !budget.take(1) && budget.take(0));
    }

    fn shared(fronts: &[&[u32]], items_max: usize) -> Vec<u32> {
        let front = |places: &&[u32]| places.iter().map(|it| (*it, *it)).collect();
        share_out(fronts.iter().map(front).collect(), items_max)
    }

    #[test]
    fn each_queue_has_its_share_and_age_decides_on_the_rest() {
        let (old, young): (&[u32], &[u32]) = (&[1, 2, 3, 4, 5], &[6, 7, 8]);
        assert_eq!(shared(&[old, young], 4), [1, 2, 6, 7]);
        assert_eq!(shared(&[old, young], 5), [1, 2, 3, 6, 7]);
        assert_eq!(shared(&[old, &[]], 4), [1, 2, 3, 4]);
        assert_eq!(shared(&[young, old], 1), [1]);
        assert_eq!(shared(&[old, young], 99), [1, 2, 3, 4, 5, 6, 7, 8]);
        assert!(shared(&[], 4).is_empty());
    }
}
