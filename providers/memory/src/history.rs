//! Reading history.

use duroxide_core::providers::{HistoryPage, ReadHistory};

use crate::state::State;

impl State {
    pub(crate) fn read_history(&self, request: &ReadHistory) -> HistoryPage {
        let Some(execution) = self
            .instances
            .get(&request.instance)
            .and_then(|instance| instance.executions.get(&request.execution))
        else {
            return HistoryPage::default();
        };
        let first = execution
            .chunks
            .partition_point(|chunk| chunk.next_event_id() <= request.from_event_id);
        let mut page = HistoryPage::default();
        let mut bytes = 0_usize;
        for chunk in execution.chunks.iter().skip(first) {
            bytes = bytes.saturating_add(chunk.body.len());
            if bytes > request.bytes_max && !page.chunks.is_empty() {
                page.more = true;
                break;
            }
            page.chunks.push(chunk.clone());
        }
        page
    }
}
