//! Work beside instances that have ended.

use async_trait::async_trait;
use duroxide_core::Client;

use super::hello::Hello;
use super::{Code, Ran, Tally, Workload, fill};
use crate::failure::Failure;

/// `hello` on a store in which so many of them have ended.
pub(super) struct Finished {
    pub(super) finished: u64,
}

#[async_trait]
impl Workload for Finished {
    fn code(&self, ran: &Ran) -> Code {
        Hello::new(None).code(ran)
    }

    async fn prepare(&self, client: &Client) -> Result<Tally, Failure> {
        let hello = Hello::new(None);
        fill(self.finished, async |id: String| {
            hello.operate(client, &id).await
        })
        .await
    }

    async fn operate(&self, client: &Client, id: &str) -> Result<Tally, Failure> {
        Hello::new(None).operate(client, id).await
    }
}
