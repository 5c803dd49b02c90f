//! Bringing what there is from one partition to another.

use std::sync::Arc;

use super::brought::Brought;
use super::place::Position;
use super::wire::{
    AskAnswer, AskRequest, Asked, Batch, DeliverAnswer, DeliverRequest, Delivered, Delivery, Seen,
    Start, TakeAnswer, TakeRequest, Taken,
};
use crate::codes::millis;
use crate::error::Failure;
use crate::hub::{By, News};
use crate::lane::Lane;
use crate::partition::Partition;
use crate::script::Script;
use crate::setup::Setup;

/// How many links a target is asked for first, where the source does not know where it stands. What a failover
/// loses is much less, as a rule.
const LINKS_FIRST: u64 = 1_024;
/// By how much more it is asked for, each time.
const LINKS_FACTOR: u64 = 8;

/// Asks a target where it stands with these sources and, if a time is given, what it has for others itself.
pub(super) async fn ask(
    setup: &Setup,
    target: &Partition,
    ask: Vec<Asked>,
    survey: Option<u64>,
) -> Result<AskAnswer, Failure> {
    let request = AskRequest {
        ask,
        window: millis(setup.access.options.relay_window),
        survey,
    };
    setup
        .call(target, Lane::Relay, Script::Relay, &request)
        .await
}

/// Takes what a source has for these targets.
pub(super) async fn take(
    setup: &Setup,
    source: &Partition,
    take: Vec<Taken<'_>>,
) -> Result<TakeAnswer, Failure> {
    let request = TakeRequest {
        take,
        window: millis(setup.access.options.relay_window),
    };
    setup
        .call(source, Lane::Relay, Script::Relay, &request)
        .await
}

/// The way from one partition to another.
#[derive(Clone)]
pub(crate) struct Way {
    pub(crate) setup: Arc<Setup>,
    pub(crate) source: Arc<Partition>,
    pub(crate) target: Arc<Partition>,
}

impl Way {
    /// Where the target stands, and so many of its last links.
    async fn ask(&self, links: u64) -> Result<Seen, Failure> {
        let source = self.source.index;
        let asked = vec![Asked { source, links }];
        let answer = ask(&self.setup, &self.target, asked, None).await?;
        answer.seen.into_iter().next().ok_or_else(|| self.cut())
    }

    /// What the source has for a target that stands there.
    async fn take(&self, seen: &Seen) -> Result<Batch, Failure> {
        let taken = vec![Taken::of(self.target.index, seen)];
        let answer = take(&self.setup, &self.source, taken).await?;
        answer.batches.into_iter().next().ok_or_else(|| self.cut())
    }

    fn cut(&self) -> Failure {
        Failure::damaged("an answer is missing", &self.setup.access.location.server)
    }

    /// Brings a batch to the target, if that stands where the batch begins.
    pub(crate) async fn deliver(
        &self,
        position: Position,
        batch: &Batch,
    ) -> Result<Delivered, Failure> {
        let setup = &self.setup;
        let taken = setup.hub.taken_queues().into_iter();
        let request = DeliverRequest {
            node: setup.node,
            bell: &self.target.bell,
            taken: taken.map(|queue| (queue, true)).collect(),
            window: millis(setup.access.options.relay_window),
            deliver: Delivery::of(self.source.index, position, batch),
        };
        let call = setup.call(&self.target, Lane::Relay, Script::Deliver, &request);
        let answer: DeliverAnswer = call.await?;
        let news = News {
            at_ms: answer.now,
            sequence: answer.seq,
            turns: answer.turns,
            activities: answer.activities,
        };
        setup.hub.arrive(self.target.index, &news, By::This);
        let answers = answer.answers.into_iter().next();
        answers.ok_or_else(|| self.cut())
    }

    /// Brings all that there is, from where the target was seen last.
    pub(crate) async fn bring(&self, seen: Option<Seen>) -> Result<Brought, Failure> {
        let seen = match seen {
            Some(seen) => seen,
            None => self.ask(0).await?,
        };
        let batch = self.take(&seen).await?;
        self.bring_from(seen, batch).await
    }

    /// Brings a batch that was taken, and all that comes behind it.
    pub(crate) async fn bring_from(
        &self,
        mut seen: Seen,
        mut batch: Batch,
    ) -> Result<Brought, Failure> {
        let mut brought = Brought::default();
        let mut links: u64 = 0;
        loop {
            if batch.start == Start::Unknown {
                links = LINKS_FIRST.max(links.saturating_mul(LINKS_FACTOR));
                seen = self.ask(links).await?;
            } else if batch.has_something_for(&seen) {
                let delivered = self.deliver(seen.position(), &batch).await?;
                let is_last = batch.is_empty();
                brought.add(self, seen.position(), &batch, &delivered);
                seen = delivered.seen;
                if is_last {
                    break;
                }
            } else {
                break;
            }
            batch = self.take(&seen).await?;
        }
        brought.seen = Some(seen);
        Ok(brought)
    }
}
