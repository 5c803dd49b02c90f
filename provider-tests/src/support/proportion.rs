//! What calls cost beside much that has nothing to do with them: a ratio, in which the machine cancels out.

use std::time::{Duration, Instant};

use super::Cx;

/// How much there is in the one store and in the other.
pub(crate) const FEW: u64 = 100;
pub(crate) const MANY: u64 = 20_000;
/// A call that looks at everything takes up to 200 times as long in the store with much. One that searches
/// an index takes little longer.
const RATIO_MAX: u32 = 8;
/// The shortest of so many calls is taken in each store, which is one that nothing came between.
const ROUNDS: usize = 20;
/// A ratio that is too high must be so each time.
const TRIES: usize = 4;
/// More than any case lasts.
pub(crate) const LATER: Duration = Duration::from_hours(10_000);
/// How many operations fill a store at a time: little enough to be told apart in a transcript.
const BATCH: usize = 500;

impl Cx {
    /// How many operations fill the store at a time: no more than a call may hold.
    pub(crate) fn batch_max(&self) -> usize {
        self.limits().commit_operations_max.min(BATCH)
    }

    /// Checks that none of the calls takes out of proportion longer in the store with much than in the one
    /// with little. It measures them in a round, and what they look at is `what`.
    pub(crate) async fn takes_as_long<const CALLS: usize>(
        &self,
        (few, many): (&Self, &Self),
        what: &str,
        round: impl AsyncFn(&Self) -> [Duration; CALLS],
    ) {
        let or_less = |least: [Duration; CALLS], other: [Duration; CALLS]| {
            std::array::from_fn(|call| least[call].min(other[call]))
        };
        let mut measured = Vec::new();
        for _ in 0..TRIES {
            self.forget_calls();
            let mut of_few = [Duration::MAX; CALLS];
            let mut of_many = [Duration::MAX; CALLS];
            for _ in 0..ROUNDS {
                // They take turns, so that a busy machine is as busy for either.
                of_few = or_less(of_few, round(few).await);
                of_many = or_less(of_many, round(many).await);
            }
            let mut pairs = of_few.iter().zip(&of_many);
            if pairs.all(|(few, many)| *many <= *few * RATIO_MAX) {
                return;
            }
            measured.push((of_few, of_many));
        }
        panic!(
            "beside {MANY} {what} takes more than {RATIO_MAX} times as long as beside {FEW}: \
             {measured:?}"
        );
    }
}

/// What a call answers, and how long it took.
#[expect(
    clippy::disallowed_methods,
    reason = "what a call costs is real time, whatever clock the store goes by"
)]
pub(crate) async fn timed<T>(call: impl Future<Output = T>) -> (T, Duration) {
    let began = Instant::now();
    let answer = call.await;
    (answer, began.elapsed())
}
