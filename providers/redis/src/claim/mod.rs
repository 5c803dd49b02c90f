//! Claims of turns and of activities.

mod answer;
mod lane;
mod request;
mod spread;

use duroxide_core::providers::{
    ClaimActivities, ClaimTurns, Claimed, ClaimedActivity, ProviderError, Turn, check,
};

pub(crate) use self::answer::channel_of;
use self::answer::{ActivityAnswer, Answer, ItemAnswer, TurnAnswer};
pub(crate) use self::lane::{ClaimJob, run};
pub(crate) use self::request::Request;
use crate::error::Failure;
use crate::hub::{Due, Dues};
use crate::partition::Partition;
use crate::provider::RedisProvider;

impl RedisProvider {
    pub(crate) async fn claim_turns_of(
        &self,
        claim: &ClaimTurns,
    ) -> Result<Claimed<Turn>, ProviderError> {
        let request = Request::turns(claim);
        check::claim_queues(request.operation(), &claim.queues)?;
        self.setup.hub.claim(&claim.queues);
        match &claim.only {
            Some(only) => {
                let partition = self.setup.partitions.of(only);
                self.claim_in::<TurnAnswer>(partition, request).await
            }
            None => self.claim_anywhere::<TurnAnswer>(request).await,
        }
    }

    pub(crate) async fn claim_activities_of(
        &self,
        claim: &ClaimActivities,
    ) -> Result<Claimed<ClaimedActivity>, ProviderError> {
        let request = Request::activities(claim);
        check::claim_queues(request.operation(), &claim.queues)?;
        self.claim_anywhere::<ActivityAnswer>(request).await
    }

    async fn claim_anywhere<I: ItemAnswer>(
        &self,
        request: Request,
    ) -> Result<Claimed<I::Item>, ProviderError> {
        if self.setup.partitions.count() == 1 {
            let partition = self.setup.partitions.first();
            self.claim_in::<I>(partition, request).await
        } else {
            self.claim_spread::<I>(request).await
        }
    }

    /// Claims from one partition.
    async fn claim_in<I: ItemAnswer>(
        &self,
        partition: &Partition,
        request: Request,
    ) -> Result<Claimed<I::Item>, ProviderError> {
        let operation = request.operation();
        let answer = self.call_claim::<I>(partition, request).await;
        let answer = answer.map_err(|failure| failure.error(operation, false))?;
        Ok(Claimed {
            items: answer.items.into_iter().filter_map(understood).collect(),
            more: answer.more,
        })
    }

    async fn call_claim<I: ItemAnswer>(
        &self,
        partition: &Partition,
        request: Request,
    ) -> Result<Answer<I>, Failure> {
        let of_turns = request.of_turns;
        let mut answer: Answer<I> = self.setup.claim(partition, request).await?;
        for (item, why) in &answer.damaged {
            tracing::error!(
                target: "duroxide::redis",
                item,
                why,
                "what is stored of it cannot be claimed and is left alone for a minute; delete the \
                 instance, or restore it from a backup"
            );
        }
        let dues = std::mem::take(&mut answer.dues);
        self.learn(partition, of_turns, (answer.now, answer.seq), dues);
        Ok(answer)
    }

    /// Takes in when the next items of some queues are due, and when and at which number it was said.
    fn learn(
        &self,
        partition: &Partition,
        of_turns: bool,
        (at_ms, sequence): (u64, u64),
        dues: Vec<Due>,
    ) {
        let (turns, activities) = if of_turns {
            (dues, Vec::new())
        } else {
            (Vec::new(), dues)
        };
        let dues = Dues {
            at_ms,
            sequence,
            turns,
            activities,
        };
        self.setup.hub.learn(partition.index, dues);
    }
}

/// An item, if it can be understood. One that cannot must not keep the others from their claimer.
fn understood<I: ItemAnswer>(item: I) -> Option<I::Item> {
    let item = item.understood();
    item.inspect_err(|error| {
        tracing::error!(
            target: "duroxide::redis",
            error = %error,
            "an item was claimed that cannot be understood; it is left alone until its lease ends"
        );
    })
    .ok()
}
