//! What is in a store before it is measured.

use std::time::Duration;

use futures_util::stream::{self, StreamExt as _};

use tokio::time::timeout;

use super::Tally;
use crate::failure::Failure;

/// How many are made at once.
const IN_FLIGHT: usize = 500;
/// How long one of them may take.
const PATIENCE: Duration = Duration::from_secs(120);

/// Makes so many instances, each by this, under ids of their own.
pub(super) async fn fill<One>(
    count: u64,
    one: impl Fn(String) -> One + Send + Sync,
) -> Result<Tally, Failure>
where
    One: Future<Output = Result<Tally, Failure>> + Send,
{
    let patient = async |number| {
        let id = format!("before-{number}");
        let made = timeout(PATIENCE, one(id.clone())).await;
        made.unwrap_or_else(|_| Err(Failure::wrong(&id, "it counts as stuck".to_owned())))
    };
    let each = (0..count).map(patient);
    let mut each = stream::iter(each).buffer_unordered(IN_FLIGHT);
    let mut all = Tally::default();
    while let Some(made) = each.next().await {
        all += made?;
    }
    Ok(all)
}
