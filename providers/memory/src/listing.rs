//! Lists of instances.

use std::collections::btree_map::Entry;
use std::collections::{BTreeMap, BTreeSet};
use std::ops::Bound;

use duroxide_core::limits::PAGE_ROWS_MAX;
use duroxide_core::providers::page::After;
use duroxide_core::providers::{
    InstanceFilter, InstanceHead, InstanceId, InstancePage, InstanceRecord, PageCursor,
    ProviderError, check, prefix_end,
};

use crate::defect::Defect;
use crate::state::{Instance, State};

/// The orders that instances are listed in, beside that of their ids. What is in here never changes for
/// as long as an instance lives.
#[derive(Debug, Clone, Default)]
pub(crate) struct Lists {
    by_age: BTreeMap<u64, InstanceId>,
    /// Parents with their children.
    children: BTreeMap<InstanceId, BTreeSet<InstanceId>>,
}

impl Lists {
    pub(crate) fn add(&mut self, head: &InstanceHead, number: u64) {
        self.by_age.insert(number, head.instance.clone());
        if let Some(parent) = &head.parent {
            let children = self.children.entry(parent.instance.clone()).or_default();
            children.insert(head.instance.clone());
        }
    }

    pub(crate) fn remove(&mut self, head: &InstanceHead, number: u64) {
        self.by_age.remove(&number);
        if let Some(parent) = &head.parent
            && let Entry::Occupied(mut children) = self.children.entry(parent.instance.clone())
        {
            children.get_mut().remove(&head.instance);
            if children.get().is_empty() {
                children.remove();
            }
        }
    }
}

type Candidates<'a> = Box<dyn Iterator<Item = &'a Instance> + 'a>;

impl State {
    /// A page of the instances that meet a filter (ADM-01, ADM-04 to ADM-06).
    pub(crate) fn list_instances(
        &self,
        filter: &InstanceFilter,
    ) -> Result<InstancePage, ProviderError> {
        let mut page = InstancePage::default();
        let instances_max = check::page_rows(filter.instances_max);
        let mut last = None;
        let after = After::of(filter)?;
        let candidates = match &after {
            After::Id(after) => self.by_id(filter, after.as_ref()),
            After::Number(before) => self.newest_first(*before),
        };
        for (index, instance) in candidates.enumerate() {
            let is_tired = index == PAGE_ROWS_MAX && !self.has(Defect::ListsLookAtEveryone);
            if is_tired || page.instances.len() == instances_max {
                let place = |it: &Instance| match after {
                    After::Id(_) => PageCursor::of(&it.head.instance),
                    After::Number(_) => PageCursor::of(&it.number),
                };
                page.next = last.map(place);
                break;
            }
            last = Some(instance);
            if filter.is_met_by(&instance.head, &instance.labels) {
                page.instances.push(if self.has(Defect::ListsReadNotes) {
                    instance.record_with_note(filter.with_outputs)
                } else {
                    instance.record(filter.with_outputs)
                });
            }
        }
        Ok(page)
    }

    fn by_id(&self, filter: &InstanceFilter, after: Option<&InstanceId>) -> Candidates<'_> {
        // No id is empty, so that all are behind the empty prefix.
        let first = match after {
            Some(after) if after.as_str() >= &*filter.id_prefix => Bound::Excluded(after.as_str()),
            Some(_) | None => Bound::Included(&*filter.id_prefix),
        };
        let end = prefix_end(&filter.id_prefix);
        // A cursor of another prefix may lie behind all of this one's.
        let is_behind = |end: &String| after.is_some_and(|it| it.as_str() >= &**end);
        if end.as_ref().is_some_and(is_behind) {
            return Box::new(std::iter::empty());
        }
        let range = match end.as_deref() {
            Some(end) => (first, Bound::Excluded(end)),
            None => (first, Bound::Unbounded),
        };
        let Some(parent) = &filter.parent else {
            let found = self.instances.range(range);
            return Box::new(found.map(|(_, instance)| instance));
        };
        let children = self.lists.children.get(parent);
        let children = children.map(|it| it.range::<str, _>(range));
        let children = children.into_iter().flatten();
        Box::new(children.filter_map(|id| self.instances.get(id)))
    }

    fn newest_first(&self, before: u64) -> Candidates<'_> {
        let ids = self.lists.by_age.range(..before);
        let ids = ids.rev().map(|(_, id)| id);
        Box::new(ids.filter_map(|id| self.instances.get(id)))
    }
}

impl Instance {
    /// The same with the note, which only those are shown who look at this one (NOT-02).
    pub(crate) fn record_with_note(&self, with_output: bool) -> InstanceRecord {
        let mut record = self.record(with_output);
        record.head.note.clone_from(&self.note);
        record
    }

    pub(crate) fn record(&self, with_output: bool) -> InstanceRecord {
        let mut head = self.head.clone();
        head.output = head.output.filter(|_| with_output);
        InstanceRecord {
            head,
            labels: self.labels.clone(),
        }
    }
}
