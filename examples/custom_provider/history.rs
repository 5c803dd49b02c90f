//! Reading history and mail.

use duroxide::providers::{HistoryPage, MailPage, ReadHistory, ReadMail};

use crate::state::State;

impl State {
    /// The due mail of one life of an instance; another one has none (MAI-04).
    pub(crate) fn read_mail(&self, request: &ReadMail) -> MailPage {
        let instance = self.instances.get(&request.instance);
        instance
            .filter(|it| it.head.incarnation == request.incarnation)
            .map_or_else(MailPage::default, |it| it.inbox.mail(request, self.now_ms))
    }

    /// A page of an execution's chunks; an absent one reads as empty (HIS-02 to HIS-04).
    pub(crate) fn read_history(&self, request: &ReadHistory) -> HistoryPage {
        let instance = self.instances.get(&request.instance);
        let history = instance.and_then(|it| it.histories.get(&request.execution));
        let chunks = history.map_or(&[][..], Vec::as_slice);
        let first = chunks.partition_point(|it| it.next_event_id() <= request.from_event_id);
        let mut page = HistoryPage::default();
        let mut bytes = 0_usize;
        for chunk in chunks.iter().skip(first) {
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
