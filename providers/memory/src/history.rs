//! Reading history and mail.

use duroxide_core::providers::{HistoryPage, MailPage, ReadHistory, ReadMail};

use crate::defect::Defect;
use crate::state::State;

impl State {
    /// The due mail of one life of an instance; another one has none (MAI-04).
    pub(crate) fn read_mail(&self, request: &ReadMail) -> MailPage {
        let instance = self.instances.get(&request.instance);
        instance
            .filter(|it| {
                it.head.incarnation == request.incarnation || self.has(Defect::MailOfAnyLife)
            })
            .map_or_else(MailPage::default, |it| {
                let by_topic = self.has(Defect::MailByTopic);
                it.inbox.mail(request, self.now_ms, by_topic)
            })
    }

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
