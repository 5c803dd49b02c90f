//! Looking at what is stored, page by page.

use duroxide_core::providers::{
    ActivityRecord, Inspect, Inspection, InstanceFilter, InstanceRecord, InstanceValue, ListOrder,
    QueueDepths, ReadValues, Standing, StoreMetrics, ValueKeys,
};

use super::{Cx, id};

/// More pages than any case has.
const PAGES_MAX: usize = 10_000;

impl Cx {
    /// All instances that meet a filter, however many pages that takes.
    pub(crate) async fn list(&self, mut filter: InstanceFilter) -> Vec<InstanceRecord> {
        self.settle().await;
        let mut found: Vec<InstanceRecord> = Vec::new();
        for _ in 0..PAGES_MAX {
            let page = self.admin().list_instances(&filter).await;
            let page = page.expect("instances can be listed");
            assert!(page.instances.len() <= filter.instances_max);
            found.extend(page.instances);
            filter.after = page.next;
            if filter.after.is_none() {
                return found;
            }
        }
        panic!("a list has no end: {filter:?}")
    }

    /// Their ids.
    pub(crate) async fn list_ids(&self, filter: InstanceFilter) -> Vec<String> {
        let found = self.list(filter).await.into_iter();
        found.map(|it| it.head.instance.into()).collect()
    }

    /// The ids of all, by age.
    pub(crate) async fn newest_first(&self, instances_max: usize) -> Vec<String> {
        let filter = InstanceFilter {
            order: ListOrder::NewestFirst,
            instances_max,
            ..InstanceFilter::default()
        };
        self.list_ids(filter).await
    }

    pub(crate) async fn metrics(&self) -> StoreMetrics {
        self.settle().await;
        let metrics = self.admin().metrics().await;
        metrics.expect("metrics can be read")
    }

    pub(crate) async fn depths(&self) -> QueueDepths {
        self.metrics().await.depths
    }

    /// An instance with all that it has, in pages of so many items, with bodies; `None` if it is not
    /// there.
    pub(crate) async fn inspected(&self, instance: &str, items_max: usize) -> Option<Inspection> {
        let request = Inspect {
            items_max,
            with_bodies: true,
            ..Inspect::new(id(instance))
        };
        self.inspect_all(request).await
    }

    /// What a request brings, however many pages that takes.
    pub(crate) async fn inspect_all(&self, mut request: Inspect) -> Option<Inspection> {
        self.settle().await;
        let mut whole: Option<Inspection> = None;
        for _ in 0..PAGES_MAX {
            let page = self.admin().inspect(&request).await;
            let page = page.expect("an instance can be looked at")?;
            request.after.clone_from(&page.next);
            let Some(before) = &mut whole else {
                whole = Some(page);
                if request.after.is_none() {
                    return whole;
                }
                continue;
            };
            assert!(
                page.messages.is_empty() || before.activities.is_empty(),
                "messages come before activities"
            );
            before.messages.extend(page.messages);
            before.activities.extend(page.activities);
            before.next = page.next;
            if request.after.is_none() {
                return whole;
            }
        }
        panic!("an instance has no end: {request:?}")
    }

    /// All values of an instance, in pages of so many bytes.
    pub(crate) async fn all_values(&self, instance: &str, bytes_max: usize) -> Vec<InstanceValue> {
        self.settle().await;
        let mut found: Vec<InstanceValue> = Vec::new();
        for _ in 0..PAGES_MAX {
            let request = ReadValues {
                instance: id(instance),
                keys: ValueKeys::All {
                    after: found.last().map(|it| it.key.clone()),
                    bytes_max,
                },
            };
            let page = self.provider().read_values(&request).await;
            let page = page.expect("values can be read");
            if page.is_empty() {
                return found;
            }
            found.extend(page);
        }
        panic!("the values of {instance} have no end")
    }

    /// The first page of an instance's values.
    pub(crate) async fn values_page(&self, instance: &str, bytes_max: usize) -> Vec<InstanceValue> {
        let keys = ValueKeys::All {
            after: None,
            bytes_max,
        };
        let instance = id(instance);
        let request = ReadValues { instance, keys };
        let page = self.provider().read_values(&request).await;
        page.expect("values can be read")
    }

    /// A time of the store's, if it is to come: which of those that have passed is open.
    fn to_come(&self, at_ms: u64) -> u64 {
        if at_ms > self.clock().now_ms() {
            at_ms
        } else {
            0
        }
    }

    /// How an instance stands, without what each store may see differently.
    pub(crate) fn comparable_standing(&self, standing: Standing) -> Standing {
        Standing {
            claimable_from_ms: standing.claimable_from_ms.map(|ms| self.to_come(ms)),
            ..standing
        }
    }

    /// An activity, without what each store may see differently.
    pub(crate) fn comparable_activity(&self, mut activity: ActivityRecord) -> ActivityRecord {
        activity.claimable_from_ms = self.to_come(activity.claimable_from_ms);
        activity
    }
}
