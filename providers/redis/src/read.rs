//! Reads of single instances.

use bytes::Bytes;
use duroxide_core::limits::PAGE_ROWS_MAX;
use duroxide_core::providers::{
    CommitId, InstanceHead, InstanceId, InstanceValue, ProviderError, ReadValues, Until, ValueKey,
    ValueKeys, Watch,
};
use serde::de::DeserializeOwned;
use serde::{Deserialize, Serialize};

use crate::codes::Id;
use crate::head::StoredHead;
use crate::history::HistoryRead;
use crate::mail::MailRead;
use crate::provider::RedisProvider;

/// How many conditions one call looks at.
const WATCHES_PER_CALL: usize = 256;

/// Something to read, as the script is asked for it.
#[derive(Debug, Serialize)]
#[serde(rename_all = "snake_case")]
pub(crate) enum Read<'a> {
    Head {
        instance: &'a str,
    },
    Values {
        instance: &'a str,
        keys: Vec<&'a str>,
        /// Without it, all of them.
        bytes_max: Option<usize>,
    },
    ValueKeys {
        instance: &'a str,
    },
    Mail(MailRead<'a>),
    History(HistoryRead<'a>),
    Changed {
        watches: Vec<Watched<'a>>,
    },
}

/// A condition: that the instance has ended, or that the value of this key has another version.
#[derive(Debug, Serialize)]
pub(crate) struct Watched<'a> {
    instance: &'a str,
    key: Option<&'a str>,
    version: Option<Id>,
}

impl<'a> Watched<'a> {
    fn of(watch: &'a Watch) -> Self {
        let instance = watch.instance.as_str();
        match &watch.until {
            Until::Terminal => Self {
                instance,
                key: None,
                version: None,
            },
            Until::ValueOtherThan { key, version } => Self {
                instance,
                key: Some(key.as_str()),
                version: version.map(|version| Id(version.0)),
            },
        }
    }
}

/// A head, with what lies beside it.
#[derive(Debug, Deserialize)]
struct FoundHead {
    /// Which condition it meets.
    #[serde(rename = "p", default)]
    place: usize,
    #[serde(rename = "h")]
    head: Bytes,
    #[serde(rename = "o", default)]
    output: Option<Bytes>,
    #[serde(rename = "n", default)]
    note: Option<Bytes>,
}

impl FoundHead {
    fn into_head(
        self,
        operation: &'static str,
        instance: InstanceId,
    ) -> Result<InstanceHead, ProviderError> {
        let stored = StoredHead::read(operation, &self.head)?;
        let mut head = stored.into_head(operation, instance, self.output)?;
        head.note = self.note;
        Ok(head)
    }
}

impl RedisProvider {
    pub(crate) async fn read_one<A: DeserializeOwned>(
        &self,
        operation: &'static str,
        instance: &InstanceId,
        read: Read<'_>,
    ) -> Result<A, ProviderError> {
        let partition = self.setup.partitions.of(instance);
        let answer = self.setup.read(partition, &read).await;
        answer.map_err(|failure| failure.error(operation, false))
    }

    /// The head of an instance with its note (HEA-01, NOT-01).
    pub(crate) async fn head(
        &self,
        instance: &InstanceId,
    ) -> Result<Option<InstanceHead>, ProviderError> {
        const OPERATION: &str = "read_head";
        let read = Read::Head { instance };
        let mut found: Vec<FoundHead> = self.read_one(OPERATION, instance, read).await?;
        let found = found.pop();
        found
            .map(|it| it.into_head(OPERATION, instance.clone()))
            .transpose()
    }

    /// The named values that are there (VAL-02), or a page of all of them (VAL-07).
    pub(crate) async fn values(
        &self,
        request: &ReadValues,
    ) -> Result<Vec<InstanceValue>, ProviderError> {
        let instance = &request.instance;
        match &request.keys {
            ValueKeys::Named(keys) => {
                let mut values = Vec::new();
                for keys in keys.chunks(PAGE_ROWS_MAX) {
                    values.extend(self.named_values(instance, keys, None).await?);
                }
                Ok(values)
            }
            ValueKeys::All { after, bytes_max } => {
                for keys in self
                    .value_keys(instance, after.as_ref())
                    .await?
                    .chunks(PAGE_ROWS_MAX)
                {
                    let page = self.named_values(instance, keys, Some(*bytes_max)).await?;
                    // An empty page is the end, so that none is where all of these have expired.
                    if !page.is_empty() {
                        return Ok(page);
                    }
                }
                Ok(Vec::new())
            }
        }
    }

    async fn named_values(
        &self,
        instance: &InstanceId,
        keys: &[ValueKey],
        bytes_max: Option<usize>,
    ) -> Result<Vec<InstanceValue>, ProviderError> {
        let read = Read::Values {
            instance,
            keys: keys.iter().map(ValueKey::as_str).collect(),
            bytes_max,
        };
        let found: Vec<(usize, Bytes, Id)> = self.read_one("read_values", instance, read).await?;
        let value = |(place, value, version): (usize, Bytes, Id)| {
            let key = keys.get(place)?.clone();
            Some(InstanceValue {
                key,
                value,
                version: CommitId(version.0),
            })
        };
        Ok(found.into_iter().filter_map(value).collect())
    }

    /// The keys of all values behind this one, in the order of their bytes. The server has them in no
    /// order, so that each page looks at the keys of all.
    async fn value_keys(
        &self,
        instance: &InstanceId,
        after: Option<&ValueKey>,
    ) -> Result<Vec<ValueKey>, ProviderError> {
        let read = Read::ValueKeys { instance };
        let keys: Vec<String> = self.read_one("read_values", instance, read).await?;
        let keys = keys.iter().map(|key| ValueKey::from(&**key));
        let mut keys: Vec<ValueKey> = keys
            .filter(|key| after.is_none_or(|after| key > after))
            .collect();
        keys.sort_unstable();
        Ok(keys)
    }

    /// The heads that meet their conditions now, without notes (WAK-04, VAL-06, NOT-02).
    pub(crate) async fn changed_heads(
        &self,
        watched: &[Watch],
    ) -> Result<Vec<InstanceHead>, ProviderError> {
        const OPERATION: &str = "wait_for_change";
        let mut heads = Vec::new();
        let partitions = &self.setup.partitions;
        for group in partitions.group(watched, |watch| &watch.instance) {
            for watched in group.items.chunks(WATCHES_PER_CALL) {
                let watches = watched.iter().map(|it| Watched::of(it)).collect();
                let read = Read::Changed { watches };
                let answer = self.setup.read(group.partition, &read).await;
                let met: Vec<FoundHead> =
                    answer.map_err(|failure| failure.error(OPERATION, false))?;
                for found in met {
                    if let Some(watch) = watched.get(found.place) {
                        heads.push(found.into_head(OPERATION, watch.instance.clone())?);
                    }
                }
            }
        }
        Ok(heads)
    }
}
