//! Lists of instances.

use super::check;
use super::client::Client;
use super::error::ClientError;
use super::info::InstanceInfo;
use super::manage::record_info;
use crate::providers::{
    InstanceFilter, InstancePage, InstanceStatus, Labels, ListOrder, PageCursor, TaskQueue,
};

/// Which instances to list, and in which order: by their ids, unless it says
/// [`newest_first`](Self::newest_first). All conditions must hold.
///
/// ```
/// use duroxide_core::InstanceQuery;
/// use duroxide_core::providers::InstanceStatus;
///
/// let failed_orders = InstanceQuery::new()
///     .orchestration("Order")
///     .status(InstanceStatus::Failed)
///     .label("customer", "c-17")
///     .newest_first()
///     .limit(50);
/// # drop(failed_orders);
/// ```
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct InstanceQuery {
    filter: InstanceFilter,
}

/// A page of instances.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct InstanceList {
    /// The instances. There may be few or none, although others follow: a call looks at so many only.
    pub instances: Vec<InstanceInfo>,
    /// Where the next page begins ([`InstanceQuery::after`]); `None` if this is the last one.
    pub next: Option<PageCursor>,
}

impl InstanceQuery {
    /// All instances.
    #[must_use]
    pub fn new() -> Self {
        Self::default()
    }

    /// Those with this status, or with another one that is named too.
    #[must_use]
    pub fn status(mut self, status: InstanceStatus) -> Self {
        self.filter.statuses.push(status);
        self
    }

    /// Those that are suspended, or those that are not.
    #[must_use]
    pub fn suspended(mut self, suspended: bool) -> Self {
        self.filter.suspended = Some(suspended);
        self
    }

    /// Those of this orchestration.
    #[must_use]
    pub fn orchestration(mut self, name: impl Into<String>) -> Self {
        self.filter.orchestration = Some(name.into());
        self
    }

    /// Those whose turns are in this queue.
    #[must_use]
    pub fn queue(mut self, name: impl AsRef<str>) -> Self {
        self.filter.queue = Some(TaskQueue::from(name.as_ref()));
        self
    }

    /// Those whose id begins with this.
    #[must_use]
    pub fn id_prefix(mut self, prefix: impl Into<String>) -> Self {
        self.filter.id_prefix = prefix.into();
        self
    }

    /// Those with this label, and with every other one that is named.
    #[must_use]
    pub fn label(mut self, key: impl Into<String>, value: impl Into<String>) -> Self {
        self.filter.labels.insert(key.into(), value.into());
        self
    }

    /// Those that were started last come first.
    #[must_use]
    pub fn newest_first(mut self) -> Self {
        self.filter.order = ListOrder::NewestFirst;
        self
    }

    /// With the results and errors of those that have ended, which may be large.
    #[must_use]
    pub fn with_outputs(mut self) -> Self {
        self.filter.with_outputs = true;
        self
    }

    /// At most so many in a page, and at most 1,000.
    #[must_use]
    pub fn limit(mut self, instances_max: usize) -> Self {
        self.filter.instances_max = instances_max;
        self
    }

    /// The page that begins here: [`InstanceList::next`] of the page before, of the same query.
    #[must_use]
    pub fn after(mut self, cursor: PageCursor) -> Self {
        self.filter.after = Some(cursor);
        self
    }
}

impl Client {
    /// A page of instances. By labels a store finds them fast from the newest on; one that has no index
    /// for labels looks at each instance.
    ///
    /// # Errors
    /// `InvalidInput` for a cursor of another query; `Provider` if the store fails.
    pub async fn list(&self, query: &InstanceQuery) -> Result<InstanceList, ClientError> {
        let page = self.list_page(query.filter.clone()).await?;
        let instances = page.instances.into_iter().map(record_info);
        Ok(InstanceList {
            instances: instances.collect::<Result<_, _>>()?,
            next: page.next,
        })
    }

    /// The children of an instance that are still there, in the order of their ids, also those that an
    /// earlier life of the id has left.
    ///
    /// # Errors
    /// `InvalidInput` for a bad id; `Provider` if the store fails.
    pub async fn get_children(&self, instance: &str) -> Result<Vec<InstanceInfo>, ClientError> {
        let mut filter = InstanceFilter::children_of(check::instance_id(instance)?);
        let mut children = Vec::new();
        loop {
            let page = self.list_page(filter.clone()).await?;
            for record in page.instances {
                children.push(record_info(record)?);
            }
            filter.after = page.next;
            if filter.after.is_none() {
                return Ok(children);
            }
        }
    }

    /// A page of a filter that the store may know only without its labels.
    async fn list_page(&self, mut filter: InstanceFilter) -> Result<InstancePage, ClientError> {
        if self.store.capabilities().label_filters || filter.labels.is_empty() {
            return Ok(self.admin().list_instances(&filter).await?);
        }
        let labels: Labels = std::mem::take(&mut filter.labels);
        let mut page = self.admin().list_instances(&filter).await?;
        let has = |of: &Labels| labels.iter().all(|(key, value)| of.get(key) == Some(value));
        page.instances.retain(|record| has(&record.labels));
        Ok(page)
    }
}

#[cfg(test)]
mod tests {
    use super::super::fake::{Fake, head};
    use super::*;
    use crate::providers::{InstanceHead, InstanceId, Parent};

    #[tokio::test]
    async fn a_query_is_a_filter_and_its_pages_follow_one_another() {
        let fake = Fake::default();
        for (id, status) in [
            ("a", InstanceStatus::Running),
            ("b", InstanceStatus::Failed),
            ("c", InstanceStatus::Completed),
            ("d", InstanceStatus::Pending),
        ] {
            fake.put(head(id, status, None));
        }
        let query = InstanceQuery::new()
            .status(InstanceStatus::Running)
            .status(InstanceStatus::Pending);
        let first = fake.client().list(&query).await.unwrap();
        assert_eq!(first.instances[0].instance_id, "a");
        let next = first.next.expect("there is another one");
        let second = fake.client().list(&query.after(next)).await.unwrap();
        assert_eq!(second.instances[0].instance_id, "d");
        assert_eq!(second.next, None);
        let nobody = InstanceQuery::new().label("key", "value");
        assert!(
            fake.client()
                .list(&nobody)
                .await
                .unwrap()
                .instances
                .is_empty()
        );
    }

    #[tokio::test]
    async fn children_are_those_of_the_record() {
        let fake = Fake::default();
        let running = |id| head(id, InstanceStatus::Running, None);
        fake.put(running("p"));
        for id in ["c", "a", "b"] {
            let child = running(id);
            fake.put(InstanceHead {
                parent: Some(Box::new(Parent {
                    instance: InstanceId::new("p").unwrap(),
                    incarnation: child.incarnation,
                })),
                ..child
            });
        }
        let children = fake.client().get_children("p").await.unwrap();
        let ids: Vec<&str> = children.iter().map(|it| it.instance_id.as_str()).collect();
        assert_eq!(ids, ["a", "b", "c"]);
        assert!(children.iter().all(|it| it.parent.as_deref() == Some("p")));
    }
}
