//! Looking at the values that an orchestration shows, and waiting for them.

use std::collections::BTreeMap;
use std::time::Duration;

use serde::de::DeserializeOwned;

use super::check;
use super::client::Client;
use super::error::ClientError;
use super::wait::Backoff;
use crate::codec;
use crate::limits::PAGE_BYTES_MAX;
use crate::message::ValueBody;
use crate::providers::{
    CommitId, ErrorKind, InstanceId, InstanceValue, ProviderError, ReadValues, Until, ValueKey,
    ValueKeys, Watch,
};
use crate::values::{self, CUSTOM_STATUS};

/// Tells one setting of a value from any other.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct ValueVersion(CommitId);

/// A value that an orchestration has set, or its custom status.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct PublishedValue {
    /// What it is.
    pub text: String,
    /// Which setting of it this is.
    pub version: ValueVersion,
}

impl PublishedValue {
    /// The value that typed code has set.
    ///
    /// # Errors
    /// If it is of another type.
    pub fn decode<T: DeserializeOwned>(&self) -> Result<T, String> {
        codec::decode(&self.text)
    }

    fn of(instance: &InstanceId, stored: &InstanceValue) -> Result<Self, ProviderError> {
        let body = ValueBody::decode(&stored.value).map_err(|error| {
            ProviderError::new(ErrorKind::Corrupt, "read_values", error.to_string())
                .with_context("instance", instance)
                .with_context("key", stored.key.as_str())
                .with_source(error)
        })?;
        Ok(Self {
            text: body.value,
            version: ValueVersion(stored.version),
        })
    }
}

/// What a waiter has seen of a value.
struct Seen {
    instance: InstanceId,
    key: ValueKey,
    version: Option<ValueVersion>,
}

impl Client {
    /// How far an orchestration is, as it has said itself with
    /// [`set_custom_status`](crate::OrchestrationContext::set_custom_status): `None` if it has not, or
    /// there is no such instance. One that has ended says what it said last.
    ///
    /// # Errors
    /// `InvalidInput` for a bad id; `Provider` if the store fails.
    pub async fn get_custom_status(
        &self,
        instance: &str,
    ) -> Result<Option<PublishedValue>, ClientError> {
        let instance = check::instance_id(instance)?;
        Ok(self.read_value(instance, CUSTOM_STATUS.into()).await?)
    }

    /// A value that an orchestration has set with
    /// [`set_value`](crate::OrchestrationContext::set_value): `None` if it has not, or there is no such
    /// instance.
    ///
    /// # Errors
    /// `InvalidInput` for a bad id or key; `Provider` if the store fails.
    pub async fn get_value(
        &self,
        instance: &str,
        key: &str,
    ) -> Result<Option<PublishedValue>, ClientError> {
        let instance = check::instance_id(instance)?;
        Ok(self.read_value(instance, check::value_key(key)?).await?)
    }

    /// Waits until an orchestration says with its custom status something that was not seen yet: what it
    /// says at all where `seen` is `None`, and else what it has set since. Of several settings the last
    /// one counts. `None` if the instance has ended and says nothing new.
    ///
    /// One that has yet to be started is waited for. A store that cannot be reached is asked again until
    /// the time is up.
    ///
    /// # Errors
    /// `Timeout` if it says nothing new in time, or `Blocked` if a node has said why the instance cannot
    /// go on; `InvalidInput` for a bad id; `Provider` if the store fails for good.
    pub async fn wait_for_status_change(
        &self,
        instance: &str,
        seen: Option<ValueVersion>,
        timeout: Duration,
    ) -> Result<Option<PublishedValue>, ClientError> {
        let seen = Seen {
            instance: check::instance_id(instance)?,
            key: CUSTOM_STATUS.into(),
            version: seen,
        };
        self.next_value_in(seen, timeout).await
    }

    /// Waits until an orchestration sets a value, else as
    /// [`wait_for_status_change`](Self::wait_for_status_change).
    ///
    /// # Errors
    /// As [`wait_for_status_change`](Self::wait_for_status_change), and `InvalidInput` for a bad key.
    pub async fn wait_for_value(
        &self,
        instance: &str,
        key: &str,
        seen: Option<ValueVersion>,
        timeout: Duration,
    ) -> Result<Option<PublishedValue>, ClientError> {
        let seen = Seen {
            instance: check::instance_id(instance)?,
            key: check::value_key(key)?,
            version: seen,
        };
        self.next_value_in(seen, timeout).await
    }

    /// All values that an instance shows, by their keys, but for its custom status: none if it shows
    /// none, or is not there.
    ///
    /// # Errors
    /// `InvalidInput` for a bad id; `Provider` if the store fails.
    pub async fn list_values(
        &self,
        instance: &str,
    ) -> Result<BTreeMap<String, PublishedValue>, ClientError> {
        let id = check::instance_id(instance)?;
        let mut values = BTreeMap::new();
        let mut after: Option<ValueKey> = None;
        loop {
            let request = ReadValues {
                instance: id.clone(),
                keys: ValueKeys::All {
                    after: after.clone(),
                    bytes_max: PAGE_BYTES_MAX,
                },
            };
            let page = self.store.read_values(&request).await?;
            let Some(last) = page.last() else {
                return Ok(values);
            };
            after = Some(last.key.clone());
            for stored in &page {
                if values::check_key(stored.key.as_str()).is_ok() {
                    let value = PublishedValue::of(&id, stored)?;
                    values.insert(stored.key.as_str().to_owned(), value);
                }
            }
        }
    }

    async fn read_value(
        &self,
        instance: InstanceId,
        key: ValueKey,
    ) -> Result<Option<PublishedValue>, ProviderError> {
        let request = ReadValues::named(instance, vec![key]);
        let values = self.store.read_values(&request).await?;
        let value = values.first();
        value
            .map(|stored| PublishedValue::of(&request.instance, stored))
            .transpose()
    }

    async fn next_value_in(
        &self,
        seen: Seen,
        timeout: Duration,
    ) -> Result<Option<PublishedValue>, ClientError> {
        // The deadline is a sleep of its own, which ends whatever becomes of the wall time.
        let deadline = self.clock.sleep(timeout);
        let instance = seen.instance.clone();
        tokio::select! {
            biased;
            next = self.next_value(seen, timeout) => next,
            () = deadline => Err(self.last_look(&instance).await),
        }
    }

    async fn next_value(
        &self,
        seen: Seen,
        max_wait: Duration,
    ) -> Result<Option<PublishedValue>, ClientError> {
        let mut backoff = Backoff::default();
        // What is there, as far as it is known: the value that was seen may have been removed since.
        let mut known = seen.version;
        loop {
            match self.look_for_value(&seen, &mut known, max_wait).await {
                Ok(Some(next)) => return Ok(next),
                Ok(None) => backoff = Backoff::default(),
                Err(error) if error.is_retryable() => backoff.pause(&*self.clock, &error).await,
                Err(error) => return Err(error.into()),
            }
        }
    }

    /// Waits for a change and looks at the value: `Some(None)` if there will be no other.
    async fn look_for_value(
        &self,
        seen: &Seen,
        known: &mut Option<ValueVersion>,
        max_wait: Duration,
    ) -> Result<Option<Option<PublishedValue>>, ProviderError> {
        let changed = Until::ValueOtherThan {
            key: seen.key.clone(),
            version: known.map(|ValueVersion(commit_id)| commit_id),
        };
        let watched = [changed, Until::Terminal].map(|until| Watch {
            instance: seen.instance.clone(),
            until,
        });
        let heads = self.store.wait_for_change(&watched, max_wait).await?;
        // It is read after its instance was seen to have ended, which sets nothing more.
        let value = self
            .read_value(seen.instance.clone(), seen.key.clone())
            .await?;
        *known = value.as_ref().map(|value| value.version);
        if let Some(value) = value
            && Some(value.version) != seen.version
        {
            return Ok(Some(Some(value)));
        }
        let has_ended = heads.iter().any(|head| head.status.is_terminal());
        Ok(has_ended.then_some(None))
    }
}
