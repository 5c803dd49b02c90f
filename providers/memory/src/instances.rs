//! The instances: found by their ids in one step, and listed in the order of these.

use std::collections::{BTreeSet, HashMap};
use std::ops::Bound;

use duroxide_core::providers::InstanceId;

use crate::state::Instance;

/// All instances.
///
/// Every operation looks for some of them by id. A map in their order would compare a dozen ids each
/// time, so that the order is kept beside, where only a start and a deletion change it.
#[derive(Debug, Clone, Default)]
pub(crate) struct Instances {
    by_id: HashMap<InstanceId, Instance>,
    order: BTreeSet<InstanceId>,
}

impl Instances {
    pub(crate) fn get(&self, id: &InstanceId) -> Option<&Instance> {
        self.by_id.get(id)
    }

    pub(crate) fn get_mut(&mut self, id: &InstanceId) -> Option<&mut Instance> {
        self.by_id.get_mut(id)
    }

    pub(crate) fn contains_key(&self, id: &InstanceId) -> bool {
        self.by_id.contains_key(id)
    }

    /// Keeps this instance, unless there is one with its id.
    pub(crate) fn insert_new(&mut self, instance: Instance) {
        let id = instance.head.instance.clone();
        if self.order.insert(id.clone()) {
            self.by_id.insert(id, instance);
        }
    }

    pub(crate) fn remove(&mut self, id: &InstanceId) -> Option<Instance> {
        self.order.remove(id);
        self.by_id.remove(id)
    }

    /// Those whose ids lie there, in the order of their ids.
    pub(crate) fn range<'a>(
        &'a self,
        ids: (Bound<&str>, Bound<&str>),
    ) -> impl DoubleEndedIterator<Item = (&'a InstanceId, &'a Instance)> + use<'a> {
        let found = self.order.range::<str, _>(ids);
        found.filter_map(|id| Some((id, self.by_id.get(id)?)))
    }

    /// All of them, in the order of their ids.
    pub(crate) fn values(&self) -> impl DoubleEndedIterator<Item = &Instance> {
        self.order.iter().filter_map(|id| self.by_id.get(id))
    }

    pub(crate) fn values_mut(&mut self) -> impl Iterator<Item = &mut Instance> {
        self.by_id.values_mut()
    }
}
