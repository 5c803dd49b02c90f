//! Looking at what is stored, and removing it.

use super::check;
use super::client::Client;
use super::error::ClientError;
use super::info::{ExecutionInfo, InstanceInfo};
use super::status::decode_output;
use crate::event::Event;
use crate::message::Output;
use crate::providers::{
    ErrorKind, ExecutionRecord, ExecutionStatus, Inspect, InstanceFilter, InstanceId,
    InstanceRecord, InstanceStatus, ProviderAdmin, ProviderError, QueueDepths, StoreMetrics,
    SystemMetrics, refusal,
};

impl Client {
    /// Whether the store has management operations, as every store has.
    #[must_use]
    pub fn has_management_capability(&self) -> bool {
        true
    }

    /// The ids of all instances, in order.
    ///
    /// # Errors
    /// `Provider` if the store fails.
    pub async fn list_all_instances(&self) -> Result<Vec<String>, ClientError> {
        self.list_ids(&[]).await
    }

    /// The ids of the instances with this status, in order: `Pending`, `Running` (which includes
    /// `Pending`), `Completed`, `Failed`, or `ContinuedAsNew`, which no instance stays in. No
    /// instance has another status.
    ///
    /// # Errors
    /// `Provider` if the store fails.
    pub async fn list_instances_by_status(&self, status: &str) -> Result<Vec<String>, ClientError> {
        match status {
            "Pending" => self.list_ids(&[InstanceStatus::Pending]).await,
            "Completed" => self.list_ids(&[InstanceStatus::Completed]).await,
            "Failed" => self.list_ids(&[InstanceStatus::Failed]).await,
            "Running" => {
                let both = [InstanceStatus::Pending, InstanceStatus::Running];
                self.list_ids(&both).await
            }
            // The commit that ends an execution with `ContinuedAsNew` begins the next one.
            _ => Ok(Vec::new()),
        }
    }

    /// What is known of an instance.
    ///
    /// # Errors
    /// `Provider` with the kind `NotFound` if there is no such instance; `InvalidInput` for a bad
    /// id.
    pub async fn get_instance_info(&self, instance: &str) -> Result<InstanceInfo, ClientError> {
        let id = check::instance_id(instance)?;
        // The output with the head: an inspection would bring the body of a message along.
        let head = self.store.read_head(&id).await?;
        let request = Inspect {
            items_max: 1,
            ..Inspect::new(id)
        };
        let inspected = self.admin().inspect(&request).await?;
        let (Some(head), Some(inspected)) = (head, inspected) else {
            return Err(refusal::not_found("get_instance_info", &request.instance).into());
        };
        let is_waiting = !head.status.is_terminal();
        let blocked = if is_waiting {
            self.noted_reason(&head)
        } else {
            Self::not_rewound_reason(&head)
        };
        let record = InstanceRecord {
            head,
            ..inspected.record
        };
        Ok(InstanceInfo {
            blocked,
            ..record_info(record)?
        })
    }

    /// What is known of one execution of an instance.
    ///
    /// # Errors
    /// `Provider` with the kind `NotFound` if there is no such execution, or it was pruned;
    /// `InvalidInput` for a bad id.
    pub async fn get_execution_info(
        &self,
        instance: &str,
        execution_id: u64,
    ) -> Result<ExecutionInfo, ClientError> {
        const OPERATION: &str = "get_execution_info";
        let id = check::instance_id(instance)?;
        let records = self.admin().list_executions(&id).await?;
        if records.is_empty() {
            return Err(refusal::not_found(OPERATION, &id).into());
        }
        let record = records
            .into_iter()
            .find(|record| record.execution == execution_id);
        let record = record.ok_or_else(|| {
            let message = "execution not found; `list_executions` says which there are: this one was \
                           pruned, or has not begun";
            ProviderError::new(ErrorKind::NotFound, OPERATION, message)
                .with_context("instance", &id)
                .with_context("execution", execution_id)
        })?;
        Ok(execution_info(&id, &record)?)
    }

    /// The executions of an instance that were not pruned, oldest first; none for an absent
    /// instance.
    ///
    /// # Errors
    /// `InvalidInput` for a bad id; `Provider` if the store fails.
    pub async fn list_executions(&self, instance: &str) -> Result<Vec<u64>, ClientError> {
        let id = check::instance_id(instance)?;
        let records = self.admin().list_executions(&id).await?;
        Ok(records.into_iter().map(|record| record.execution).collect())
    }

    /// The history of one execution; empty for one that does not exist.
    ///
    /// # Errors
    /// `InvalidInput` for a bad id; `Provider` if the store fails or the history is damaged.
    pub async fn read_execution_history(
        &self,
        instance: &str,
        execution_id: u64,
    ) -> Result<Vec<Event>, ClientError> {
        let id = check::instance_id(instance)?;
        Ok(self
            .store
            .read_with_execution(id.as_str(), execution_id)
            .await?)
    }

    /// How much is stored.
    ///
    /// # Errors
    /// `Provider` if the store fails.
    pub async fn get_system_metrics(&self) -> Result<SystemMetrics, ClientError> {
        Ok(self.get_store_metrics().await?.totals)
    }

    /// How much is queued.
    ///
    /// # Errors
    /// `Provider` if the store fails.
    pub async fn get_queue_depths(&self) -> Result<QueueDepths, ClientError> {
        Ok(self.get_store_metrics().await?.depths)
    }

    /// How much is stored and how much is queued, with the load of each queue and the age of the oldest
    /// item in it: what an autoscaler and an alarm look at. The store counts all it has, which takes it
    /// seconds where there are millions of instances or messages.
    ///
    /// # Errors
    /// `Provider` if the store fails.
    pub async fn get_store_metrics(&self) -> Result<StoreMetrics, ClientError> {
        Ok(self.admin().metrics().await?)
    }

    /// Removes the histories of all executions but the latest `keep_last`, the current one always
    /// kept, and answers how many were removed.
    ///
    /// # Errors
    /// `Provider` with the kind `NotFound` if there is no such instance.
    pub async fn prune_executions(
        &self,
        instance: &str,
        keep_last: u64,
    ) -> Result<u64, ClientError> {
        let id = check::instance_id(instance)?;
        Ok(self.admin().prune_executions(&id, keep_last).await?)
    }

    pub(super) fn admin(&self) -> &dyn ProviderAdmin {
        self.store.admin()
    }

    async fn list_ids(&self, statuses: &[InstanceStatus]) -> Result<Vec<String>, ClientError> {
        let mut filter = InstanceFilter {
            statuses: statuses.to_vec(),
            ..InstanceFilter::default()
        };
        let mut ids = Vec::new();
        loop {
            let page = self.admin().list_instances(&filter).await?;
            let found = page.instances.into_iter();
            ids.extend(found.map(|it| String::from(it.head.instance)));
            filter.after = page.next;
            if filter.after.is_none() {
                return Ok(ids);
            }
        }
    }
}

/// An instance, for people.
pub(super) fn record_info(record: InstanceRecord) -> Result<InstanceInfo, ProviderError> {
    let InstanceRecord { head, labels } = record;
    let status = match head.status {
        InstanceStatus::Pending => "Pending",
        InstanceStatus::Running => "Running",
        InstanceStatus::Completed => "Completed",
        InstanceStatus::Failed => "Failed",
    };
    Ok(InstanceInfo {
        output: output_text(
            "get_instance_info",
            &head.instance,
            // What the head of a running instance holds is for the runtime.
            head.output.as_deref().filter(|_| head.status.is_terminal()),
        )?,
        instance_id: head.instance.into(),
        orchestration_name: head.orchestration,
        orchestration_version: head.version.unwrap_or_default(),
        queue: head.queue.as_str().to_owned(),
        parent: head.parent.map(|parent| parent.instance.into()),
        labels,
        current_execution_id: head.position.execution,
        status: status.to_owned(),
        suspended: head.suspended,
        blocked: None,
        created_at: head.created_at_ms,
        updated_at: head.updated_at_ms,
        expires_at: head.expires_at_ms,
    })
}

fn execution_info(
    instance: &InstanceId,
    record: &ExecutionRecord,
) -> Result<ExecutionInfo, ProviderError> {
    let status = match record.status {
        ExecutionStatus::Running => "Running",
        ExecutionStatus::Completed => "Completed",
        ExecutionStatus::Failed => "Failed",
        ExecutionStatus::ContinuedAsNew => "ContinuedAsNew",
    };
    Ok(ExecutionInfo {
        execution_id: record.execution,
        status: status.to_owned(),
        output: output_text(
            "get_execution_info",
            instance,
            record
                .output
                .as_deref()
                .filter(|_| record.status != ExecutionStatus::Running),
        )?,
        started_at: record.started_at_ms,
        completed_at: record.completed_at_ms,
        event_count: usize::try_from(record.event_count).unwrap_or(usize::MAX),
    })
}

fn output_text(
    operation: &'static str,
    instance: &InstanceId,
    output: Option<&[u8]>,
) -> Result<Option<String>, ProviderError> {
    let Some(bytes) = output else { return Ok(None) };
    Ok(Some(match decode_output(operation, instance, bytes)? {
        Output::Completed(output) => output,
        Output::Failed(details) => details.display_message(),
    }))
}

#[cfg(test)]
mod tests {
    use super::super::fake::{Fake, head};
    use super::*;

    fn filled() -> Fake {
        let fake = Fake::default();
        fake.put(head("a", InstanceStatus::Running, None));
        fake.put(head("b", InstanceStatus::Pending, None));
        let output = Output::Completed("done".to_owned());
        fake.put(head("c", InstanceStatus::Completed, Some(output)));
        fake.put(head("d", InstanceStatus::Running, None));
        fake
    }

    #[tokio::test]
    async fn lists_go_through_all_pages() {
        let client = filled().client();
        assert!(client.has_management_capability());
        assert_eq!(
            client.list_all_instances().await.unwrap(),
            ["a", "b", "c", "d"]
        );
        let by_status = async |status| client.list_instances_by_status(status).await.unwrap();
        assert_eq!(by_status("Running").await, ["a", "b", "d"]);
        assert_eq!(by_status("Pending").await, ["b"]);
        assert_eq!(by_status("Completed").await, ["c"]);
        assert!(by_status("Failed").await.is_empty());
        assert!(by_status("ContinuedAsNew").await.is_empty());
        assert!(by_status("running").await.is_empty());
    }

    #[tokio::test]
    async fn an_instance_is_described() {
        let client = filled().client();
        let info = client.get_instance_info("c").await.unwrap();
        let expected = InstanceInfo {
            instance_id: "c".to_owned(),
            orchestration_name: "Order".to_owned(),
            orchestration_version: "1.0.0".to_owned(),
            queue: "default".to_owned(),
            parent: None,
            labels: crate::providers::Labels::new(),
            current_execution_id: 3,
            status: "Completed".to_owned(),
            suspended: false,
            blocked: None,
            output: Some("done".to_owned()),
            created_at: 1,
            updated_at: 2,
            expires_at: None,
        };
        assert_eq!(info, expected);
        assert_eq!(client.get_instance_info("b").await.unwrap().output, None);
        let absent = client.get_instance_info("x").await.unwrap_err();
        assert!(
            absent.to_string().contains("instance not found"),
            "{absent}"
        );
        assert!(matches!(absent, ClientError::Provider(it) if it.kind() == ErrorKind::NotFound));
    }

    #[tokio::test]
    async fn an_execution_is_described() {
        let client = filled().client();
        assert_eq!(client.list_executions("c").await.unwrap(), [2, 3]);
        let first = client.get_execution_info("c", 2).await.unwrap();
        assert_eq!(
            (first.status.as_str(), first.output),
            ("ContinuedAsNew", None)
        );
        let last = client.get_execution_info("c", 3).await.unwrap();
        assert_eq!(
            (last.status.as_str(), last.output.as_deref()),
            ("Completed", Some("done"))
        );
        assert_eq!(
            (last.started_at, last.completed_at, last.event_count),
            (1, Some(2), 4)
        );
        let nobody = client.get_execution_info("x", 1).await.unwrap_err();
        assert!(
            nobody.to_string().contains("instance not found"),
            "{nobody}"
        );
        let absent = client.get_execution_info("c", 1).await.unwrap_err();
        assert!(
            absent.to_string().contains("execution not found"),
            "{absent}"
        );
        assert!(matches!(absent, ClientError::Provider(it) if it.kind() == ErrorKind::NotFound));
        assert!(
            client
                .read_execution_history("c", 1)
                .await
                .unwrap()
                .is_empty()
        );
        assert!(client.list_executions("").await.is_err());
    }
}
