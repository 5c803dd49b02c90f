//! The values of instances.

use std::collections::{BTreeMap, BTreeSet};
use std::ops::Bound;

use bytes::Bytes;
use duroxide_core::clock::millis_ceil;
use duroxide_core::limits::PAGE_ROWS_MAX;
use duroxide_core::providers::{
    CommitId, InstanceId, InstanceValue, Limits, ProviderError, ReadValues, TurnCommit, ValueKey,
    ValueKeys, ValueUpdate, check,
};

use crate::defect::Defect;
use crate::state::State;

/// All values, and in which order those go that expire.
#[derive(Debug, Clone, Default)]
pub(crate) struct Values {
    of_instances: BTreeMap<InstanceId, BTreeMap<ValueKey, Stored>>,
    /// When a value that was stored then expires, unless it was stored anew since.
    expiries: BTreeSet<(u64, InstanceId, ValueKey)>,
}

#[derive(Debug, Clone)]
struct Stored {
    value: Bytes,
    version: CommitId,
    expires_at_ms: Option<u64>,
}

impl Stored {
    fn is_there(&self, now_ms: u64) -> bool {
        self.expires_at_ms.is_none_or(|at_ms| now_ms < at_ms)
    }
}

impl Stored {
    fn read(&self, key: &ValueKey) -> InstanceValue {
        InstanceValue {
            key: key.clone(),
            value: self.value.clone(),
            version: self.version,
        }
    }
}

impl Values {
    /// Those of an instance that are there, behind this key.
    fn behind(
        &self,
        id: &InstanceId,
        after: Option<&ValueKey>,
        now_ms: u64,
    ) -> impl Iterator<Item = (&ValueKey, &Stored)> {
        let first = after.map_or(Bound::Unbounded, Bound::Excluded);
        let values = self.of_instances.get(id).into_iter();
        let values = values.flat_map(move |it| it.range::<ValueKey, _>((first, Bound::Unbounded)));
        values.filter(move |(_, stored)| stored.is_there(now_ms))
    }

    fn get(&self, id: &InstanceId, key: &ValueKey, now_ms: u64) -> Option<&Stored> {
        let stored = self.of_instances.get(id)?.get(key)?;
        stored.is_there(now_ms).then_some(stored)
    }

    fn put(&mut self, id: &InstanceId, key: ValueKey, stored: Stored) {
        if let Some(at_ms) = stored.expires_at_ms {
            self.expiries.insert((at_ms, id.clone(), key.clone()));
        }
        let values = self.of_instances.entry(id.clone()).or_default();
        values.insert(key, stored);
    }

    fn remove(&mut self, id: &InstanceId, key: &ValueKey) {
        if let Some(values) = self.of_instances.get_mut(id) {
            values.remove(key);
            if values.is_empty() {
                self.of_instances.remove(id);
            }
        }
    }

    pub(crate) fn remove_all(&mut self, id: &InstanceId) {
        self.of_instances.remove(id);
    }

    /// Removes what has expired. What was stored anew stays until its own time.
    fn sweep(&mut self, now_ms: u64) {
        let is_due = |(at_ms, ..): &&(u64, InstanceId, ValueKey)| *at_ms <= now_ms;
        while let Some((at_ms, id, key)) = self.expiries.first().filter(is_due).cloned() {
            self.expiries.pop_first();
            let stored = self.of_instances.get(&id).and_then(|it| it.get(&key));
            if stored.is_some_and(|it| it.expires_at_ms == Some(at_ms)) {
                self.remove(&id, &key);
            }
        }
    }

    #[cfg(test)]
    pub(crate) fn len(&self) -> usize {
        self.of_instances.values().map(BTreeMap::len).sum()
    }
}

impl State {
    /// Checks that the instance may keep what a turn leaves of its values (VAL-05).
    pub(crate) fn check_values(
        &self,
        limits: &Limits,
        turn: &TurnCommit,
    ) -> Result<(), ProviderError> {
        if turn.values.is_empty() || self.has(Defect::ValuesAreUncounted) {
            return Ok(());
        }
        let stored = self.values.of_instances.get(&turn.instance);
        let counts_all = self.has(Defect::ExpiringValuesCount);
        let kept = stored.into_iter().flatten();
        let kept = kept.filter(|(_, it)| it.expires_at_ms.is_none() || counts_all);
        check::values_kept(
            limits,
            turn,
            kept.map(|(key, it)| (key.clone(), it.value.len())),
        )
    }

    /// Sets and removes the values that a commit names (VAL-01).
    pub(crate) fn write_values(
        &mut self,
        id: &InstanceId,
        version: CommitId,
        updates: Vec<ValueUpdate>,
    ) {
        for ValueUpdate { key, value } in updates {
            match value {
                Some(new) => {
                    let expires_at_ms = new
                        .expires_after
                        .map(|after| self.now_ms.saturating_add(millis_ceil(after)));
                    let stored = Stored {
                        value: new.value,
                        version,
                        expires_at_ms,
                    };
                    self.values.put(id, key, stored);
                }
                None => self.values.remove(id, &key),
            }
        }
    }

    /// The values that are there, in the order of the keys that were asked for (VAL-02), or a page of all
    /// of them (VAL-07).
    pub(crate) fn read_values(&self, request: &ReadValues) -> Vec<InstanceValue> {
        if !self.instances.contains_key(&request.instance) {
            return Vec::new();
        }
        let id = &request.instance;
        match &request.keys {
            ValueKeys::Named(keys) => {
                let stored = |key| Some((key, self.values.get(id, key, self.now_ms)?));
                let values = keys.iter().filter_map(stored);
                values.map(|(key, it)| it.read(key)).collect()
            }
            ValueKeys::All { after, bytes_max } => {
                let values = self.values.behind(id, after.as_ref(), self.now_ms);
                let end = self.end_of_values(id);
                let values = values.take_while(|(key, _)| end.is_none_or(|end| *key < end));
                let mut bytes = 0_usize;
                let fitting = values.enumerate().take_while(|(index, (_, it))| {
                    bytes = bytes.saturating_add(it.value.len());
                    *index == 0 || bytes <= *bytes_max
                });
                let page = fitting.take(if self.has(Defect::PagesOfValuesHaveNoEnd) {
                    usize::MAX
                } else {
                    PAGE_ROWS_MAX
                });
                page.map(|(_, (key, it))| it.read(key)).collect()
            }
        }
    }

    /// The first value that [`Defect::ValuesEndWithAPage`] never reads.
    fn end_of_values(&self, id: &InstanceId) -> Option<&ValueKey> {
        if !self.has(Defect::ValuesEndWithAPage) {
            return None;
        }
        let mut all = self.values.behind(id, None, self.now_ms);
        all.nth(PAGE_ROWS_MAX).map(|(key, _)| key)
    }

    /// The version of a value, if it is there.
    pub(crate) fn version_of(&self, id: &InstanceId, key: &ValueKey) -> Option<CommitId> {
        let stored = self.values.get(id, key, self.now_ms)?;
        Some(stored.version)
    }

    /// Removes the values that have expired (VAL-04).
    pub(crate) fn sweep_values(&mut self) {
        self.values.sweep(self.now_ms);
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use duroxide_core::entropy::Entropy;
    use duroxide_core::providers::NewValue;

    use super::*;

    #[test]
    fn what_was_set_anew_is_swept_at_its_own_time() {
        let id = InstanceId::new("a").unwrap();
        let mut state = State::default();
        let mut set = |now_ms, key: &str, expires_after_ms: Option<u64>| {
            state.begin_at(now_ms);
            let update = ValueUpdate {
                key: ValueKey::from(key),
                value: Some(NewValue {
                    value: Bytes::new(),
                    expires_after: expires_after_ms.map(Duration::from_millis),
                }),
            };
            state.write_values(&id, Entropy.commit_id(), vec![update]);
            state.sweep_values();
            state.values.len()
        };
        assert_eq!(set(1_000, "x", Some(10)), 1);
        assert_eq!(set(1_005, "x", Some(100)), 1);
        assert_eq!(set(1_010, "y", Some(10)), 2);
        assert_eq!(set(1_020, "z", None), 2);
        assert_eq!(set(1_105, "z", None), 1);
        assert!(state.values.expiries.is_empty());
    }
}
