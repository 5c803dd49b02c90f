//! The values of instances.

use bytes::Bytes;
use duroxide::limits::PAGE_ROWS_MAX;
use duroxide::providers::page::Room;
use duroxide::providers::{
    CommitId, InstanceId, InstanceValue, Limits, ProviderError, ReadValues, TurnCommit, ValueKey,
    ValueKeys, ValueUpdate, check,
};
use serde::{Deserialize, Serialize};

use crate::change::Change;
use crate::state::{Instance, State};
use crate::stored;

/// A value as it is stored.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub(crate) struct Value {
    #[serde(with = "stored::body")]
    value: Bytes,
    version: CommitId,
    pub(crate) expires_at_ms: Option<u64>,
}

impl Instance {
    /// A value, if it is there and has not expired (VAL-04).
    fn value(&self, key: &ValueKey, now_ms: u64) -> Option<&Value> {
        let value = self.values.get(key)?;
        let is_there = value.expires_at_ms.is_none_or(|at_ms| now_ms < at_ms);
        is_there.then_some(value)
    }
}

impl State {
    /// Checks that the instance may keep what a turn leaves of its values (VAL-05).
    pub(crate) fn check_values(
        &self,
        limits: &Limits,
        turn: &TurnCommit,
    ) -> Result<(), ProviderError> {
        let stored = self.instances.get(&turn.instance);
        let stored = stored.into_iter().flat_map(|it| &it.values);
        let kept = stored.filter(|(_, value)| value.expires_at_ms.is_none());
        let kept = kept.map(|(key, value)| (key.clone(), value.value.len()));
        check::values_kept(limits, turn, kept)
    }

    /// Sets and removes the values that a turn names (VAL-01).
    pub(crate) fn write_values(
        &mut self,
        id: &InstanceId,
        version: CommitId,
        updates: Vec<ValueUpdate>,
    ) {
        for update in updates {
            let value = update.value.map(|new| Value {
                value: new.value,
                version,
                expires_at_ms: new.expires_after.map(|after| self.after(after)),
            });
            self.change(Change::Value {
                instance: id.clone(),
                key: update.key,
                value,
            });
        }
    }

    /// The values that are there, in the order of the keys that were asked for (VAL-02), or a page of all
    /// of them (VAL-07).
    pub(crate) fn read_values(&self, request: &ReadValues) -> Vec<InstanceValue> {
        let Some(instance) = self.instances.get(&request.instance) else {
            return Vec::new();
        };
        let read = |key: &ValueKey| {
            let value = instance.value(key, self.now_ms)?;
            Some(InstanceValue {
                key: key.clone(),
                value: value.value.clone(),
                version: value.version,
            })
        };
        match &request.keys {
            ValueKeys::Named(keys) => keys.iter().filter_map(read).collect(),
            ValueKeys::All { after, bytes_max } => {
                let keys = instance.values.keys();
                let keys = keys.filter(|&key| after.as_ref().is_none_or(|after| key > after));
                let mut room = Room::new(PAGE_ROWS_MAX, *bytes_max);
                let values = keys.filter_map(read);
                values.take_while(|it| room.take(it.value.len())).collect()
            }
        }
    }

    /// The version of a value, if it is there.
    pub(crate) fn version_of(&self, id: &InstanceId, key: &ValueKey) -> Option<CommitId> {
        let value = self.instances.get(id)?.value(key, self.now_ms)?;
        Some(value.version)
    }

    /// Removes what has expired, which reads as absent already (VAL-04). What was set anew stays until its
    /// own time.
    pub(crate) fn remove_expired_values(&mut self) {
        while let Some((at_ms, instance, key)) = self.value_expiries.pop_first() {
            if self.now_ms < at_ms {
                self.value_expiries.insert((at_ms, instance, key));
                break;
            }
            let stored = self.instances.get(&instance);
            let stored = stored.and_then(|it| it.values.get(&key));
            if stored.is_some_and(|value| value.expires_at_ms == Some(at_ms)) {
                self.change(Change::Value {
                    instance,
                    key,
                    value: None,
                });
            }
        }
    }
}
