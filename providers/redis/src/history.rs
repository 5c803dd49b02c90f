//! Reading history.

use bytes::Bytes;
use duroxide_core::providers::{HistoryChunk, HistoryPage, ProviderError, ReadHistory};
use serde::{Deserialize, Serialize};

use crate::codes::Number;
use crate::error;
use crate::provider::RedisProvider;
use crate::read::Read;

const OPERATION: &str = "read_history";

/// A request for a part of a history, as the script reads it.
#[derive(Debug, Serialize)]
pub(crate) struct HistoryRead<'a> {
    instance: &'a str,
    execution: Number,
    from: u64,
    bytes_max: usize,
}

#[derive(Debug, Deserialize)]
struct StoredPage {
    chunks: Vec<Bytes>,
    more: bool,
}

impl RedisProvider {
    /// A page of an execution's history (HIS-01 to HIS-04). One of very many chunks, or of
    /// megabytes, ends before its bytes are full, so that the server does other things in between.
    pub(crate) async fn history(
        &self,
        request: &ReadHistory,
    ) -> Result<HistoryPage, ProviderError> {
        let read = Read::History(HistoryRead {
            instance: &request.instance,
            execution: Number(request.execution),
            from: request.from_event_id,
            bytes_max: request.bytes_max,
        });
        let page: StoredPage = self.read_one(OPERATION, &request.instance, read).await?;
        let chunks = page.chunks.into_iter().map(chunk);
        Ok(HistoryPage {
            chunks: chunks.collect::<Result<_, _>>()?,
            more: page.more,
        })
    }
}

/// A chunk as it is stored: the id of its first event, the one behind its last, and the events.
fn chunk(mut stored: Bytes) -> Result<HistoryChunk, ProviderError> {
    const DIGITS: usize = 16;
    if stored.len() < 2 * DIGITS {
        return Err(error::corrupt(OPERATION, "a chunk is cut"));
    }
    let mut event_id = || {
        let digits = stored.split_to(DIGITS);
        let digits =
            std::str::from_utf8(&digits).map_err(|cause| error::corrupt(OPERATION, cause))?;
        u64::from_str_radix(digits, 16).map_err(|cause| error::corrupt(OPERATION, cause))
    };
    let (first_event_id, next_event_id) = (event_id()?, event_id()?);
    Ok(HistoryChunk {
        first_event_id,
        event_count: next_event_id.saturating_sub(first_event_id),
        body: stored,
    })
}
