//! What is in a store before it is measured.

use futures_util::stream::{self, StreamExt as _};

use super::Tally;
use crate::failure::Failure;

/// How many are made at once.
const IN_FLIGHT: usize = 500;

/// Makes so many instances, each by this, under ids of their own.
pub(super) async fn fill<One>(
    count: u64,
    one: impl Fn(String) -> One + Send + Sync,
) -> Result<Tally, Failure>
where
    One: Future<Output = Result<Tally, Failure>> + Send,
{
    let each = (0..count).map(|number| one(format!("before-{number}")));
    let mut each = stream::iter(each).buffer_unordered(IN_FLIGHT);
    let mut all = Tally::default();
    while let Some(made) = each.next().await {
        all += made?;
    }
    Ok(all)
}
