//! Claims, and the order that the contract leaves open.
//!
//! Items that became claimable in the same millisecond may come in any order, so that two stores may
//! rightly answer a claim with a limit by different items. Then both claim the rest as well, and all
//! of it is compared, in the order of names. A store that hands out the latest first is therefore
//! not found here but by the cases of CLM-06.

use std::fmt::Debug;
use std::future::Future;

use duroxide_core::providers::{
    ClaimActivities, ClaimTurns, Claimed, ClaimedActivity, Lease, LeaseToken, Provider,
    ProviderError, Turn,
};
use uuid::Uuid;

use super::difference::Difference;
use super::duel::{Duel, compare};
use super::world::World;

/// More items than any sequence makes.
const EVERYTHING: usize = 1_000;

/// Something that can be claimed.
pub(super) trait Item: Debug + Clone + PartialEq {
    /// How it is claimed.
    type Request: Sync;

    fn claim(
        provider: &dyn Provider,
        request: &Self::Request,
    ) -> impl Future<Output = Result<Claimed<Self>, ProviderError>> + Send;

    /// The request without its limits of items and of their bytes.
    fn without_limit(request: &Self::Request) -> Self::Request;

    /// How many bytes a claim may hold.
    fn total_bytes_max(request: &Self::Request) -> usize;

    /// How many of these it holds.
    fn bytes(&self) -> usize;

    fn lease(&self) -> Lease;

    /// Replaces the token, which is random.
    fn with_token(self, token: LeaseToken) -> Self;

    /// Remembers it as the latest one.
    fn remember(self, world: &mut World);
}

impl Item for Turn {
    type Request = ClaimTurns;

    async fn claim(
        provider: &dyn Provider,
        request: &ClaimTurns,
    ) -> Result<Claimed<Self>, ProviderError> {
        provider.claim_turns(request).await
    }

    fn without_limit(request: &ClaimTurns) -> ClaimTurns {
        ClaimTurns {
            turns_max: EVERYTHING,
            total_bytes_max: usize::MAX,
            ..request.clone()
        }
    }

    fn total_bytes_max(request: &ClaimTurns) -> usize {
        request.total_bytes_max
    }

    fn bytes(&self) -> usize {
        self.messages_bytes()
    }

    fn lease(&self) -> Lease {
        Lease::Turn(self.lease.clone())
    }

    fn with_token(mut self, token: LeaseToken) -> Self {
        self.lease.token = token;
        self
    }

    fn remember(self, world: &mut World) {
        world.turns.push(self);
    }
}

impl Item for ClaimedActivity {
    type Request = ClaimActivities;

    async fn claim(
        provider: &dyn Provider,
        request: &ClaimActivities,
    ) -> Result<Claimed<Self>, ProviderError> {
        provider.claim_activities(request).await
    }

    fn without_limit(request: &ClaimActivities) -> ClaimActivities {
        ClaimActivities {
            activities_max: EVERYTHING,
            total_bytes_max: usize::MAX,
            ..request.clone()
        }
    }

    fn total_bytes_max(request: &ClaimActivities) -> usize {
        request.total_bytes_max
    }

    fn bytes(&self) -> usize {
        self.body.len()
    }

    fn lease(&self) -> Lease {
        Lease::Activity(self.lease.clone())
    }

    fn with_token(mut self, token: LeaseToken) -> Self {
        self.lease.token = token;
        self
    }

    fn remember(self, world: &mut World) {
        world.activities.push(self.lease);
    }
}

impl Duel {
    /// Claims in both stores, and compares the items.
    pub(super) async fn claim<I: Item>(&mut self, request: &I::Request) -> Result<(), Difference> {
        let mut actual = claim::<I>(&self.subject, request).await?;
        let mut expected = claim::<I>(&self.reference, request).await?;
        // Where the order is open, so is how many fit into the bytes, and whether all did.
        let is_cut = actual.items.len() != expected.items.len();
        if names(&actual) != names(&expected) && (!is_cut || actual.more || expected.more) {
            let rest = I::without_limit(request);
            for (world, claimed) in [
                (&self.subject, &mut actual),
                (&self.reference, &mut expected),
            ] {
                let more = claim::<I>(world, &rest).await?;
                claimed.items.extend(more.items);
                claimed.more &= !is_cut;
                claimed.items.sort_by_key(name);
            }
        }
        compare(
            "what was claimed",
            &comparable(&actual),
            &comparable(&expected),
        )?;
        self.subject.remember_all(actual.items)?;
        self.reference.remember_all(expected.items)
    }
}

impl World {
    fn remember_all<I: Item>(&mut self, items: Vec<I>) -> Result<(), Difference> {
        for item in items {
            if !self.remember(item.lease().token()) {
                return Err(Difference::new("a claim gave a token that was seen before"));
            }
            item.remember(self);
        }
        Ok(())
    }
}

/// Claims, and brings the items into an order by which two stores can be compared.
async fn claim<I: Item>(world: &World, request: &I::Request) -> Result<Claimed<I>, Difference> {
    let claimed = I::claim(world.provider(), request).await;
    let mut claimed =
        claimed.map_err(|error| Difference::new(format!("a claim failed: {error:?}")))?;
    let bytes: usize = claimed.items.iter().map(I::bytes).sum();
    if claimed.items.len() > 1 && bytes > I::total_bytes_max(request) {
        return Err(Difference::new(format!(
            "a claim holds {bytes} bytes, more than it may"
        )));
    }
    claimed.items.sort_by_key(name);
    Ok(claimed)
}

fn name<I: Item>(item: &I) -> Lease {
    item.clone().with_token(LeaseToken(Uuid::nil())).lease()
}

fn names<I: Item>(claimed: &Claimed<I>) -> Vec<Lease> {
    claimed.items.iter().map(name).collect()
}

/// The items without their tokens, and whether there were more.
fn comparable<I: Item>(claimed: &Claimed<I>) -> (Vec<I>, bool) {
    let unnamed = |item: &I| item.clone().with_token(LeaseToken(Uuid::nil()));
    (claimed.items.iter().map(unnamed).collect(), claimed.more)
}
