//! Management. What is large is removed in slices, so that no transaction takes long.

use std::sync::Arc;
use std::time::Duration;

use async_trait::async_trait;
use bytes::Bytes;
use duroxide_core::clock::{Clock as _, SystemClock};
use duroxide_core::limits::METRICS_QUEUES_MAX;
use duroxide_core::providers::page::{After, Place};
use duroxide_core::providers::{
    ActivityPage, DeleteMode, ErrorKind, ExecutionRecord, Inspect, Inspection, InstanceFilter,
    InstanceId, InstancePage, ListActivities, ProviderAdmin, ProviderError, StoreMetrics, refusal,
};
use sqlx::postgres::PgRow;
use sqlx::{Error, Row as _};

use crate::bell::Bell;
use crate::codes;
use crate::error;
use crate::look;
use crate::provider::PostgresProvider;
use crate::read::decoded;

/// How many rows one transaction removes at most.
const SLICE_ROWS: i32 = 5_000;

/// How long a deletion goes on with the histories that it leaves; `maintain` does the rest.
const SWEEP_BUDGET: Duration = Duration::from_secs(2);

#[async_trait]
impl ProviderAdmin for PostgresProvider {
    async fn list_instances(&self, filter: &InstanceFilter) -> Result<InstancePage, ProviderError> {
        const OPERATION: &str = "list_instances";
        let setup = Arc::clone(&self.setup);
        let (asked, after) = (filter.clone(), After::of(filter)?);
        let rows = self.query(OPERATION, move || look::instances(&setup, &asked, &after));
        let page = |rows: &[PgRow]| look::instances_of_rows(rows, filter.order);
        decoded(OPERATION, rows.await?, page)
    }

    async fn inspect(&self, request: &Inspect) -> Result<Option<Inspection>, ProviderError> {
        const OPERATION: &str = "inspect";
        let after = request.after.as_ref();
        let after = after.map(|it| Place::of(it, OPERATION)).transpose()?;
        let (setup, asked) = (Arc::clone(&self.setup), request.clone());
        let rows = self.query(OPERATION, move || {
            look::inspect(&setup, &asked, after.as_ref())
        });
        decoded(OPERATION, rows.await?, look::inspection_of_rows)
    }

    async fn list_activities(
        &self,
        request: &ListActivities,
    ) -> Result<ActivityPage, ProviderError> {
        const OPERATION: &str = "list_activities";
        if request.queue.as_str().contains('\0') {
            // No queue has what the server cannot store.
            return Ok(ActivityPage::default());
        }
        let after = request.after.as_ref();
        let after = after.map(|it| it.place(OPERATION)).transpose()?;
        let (setup, asked) = (Arc::clone(&self.setup), request.clone());
        let rows = self.query(OPERATION, move || look::activities(&setup, &asked, after));
        decoded(OPERATION, rows.await?, look::activities_of_rows)
    }

    async fn list_executions(
        &self,
        instance: &InstanceId,
    ) -> Result<Vec<ExecutionRecord>, ProviderError> {
        const OPERATION: &str = "list_executions";
        let (setup, id) = (Arc::clone(&self.setup), instance.as_str().to_owned());
        let rows = self.query(OPERATION, move || {
            setup.functions.executions.call().bind(id.clone())
        });
        decoded(OPERATION, rows.await?, |rows| {
            rows.iter().map(execution).collect()
        })
    }

    async fn delete_instance(
        &self,
        instance: &InstanceId,
        mode: DeleteMode,
    ) -> Result<(), ProviderError> {
        const OPERATION: &str = "delete_instance";
        let (setup, id) = (Arc::clone(&self.setup), instance.as_str().to_owned());
        let rows = self.query(OPERATION, move || {
            let durability = setup.options.synchronous_commit.map(|level| level.value());
            let call = setup.functions.delete.call().bind(durability);
            call.bind(id.clone()).bind(mode == DeleteMode::Force)
        });
        let code: i16 = decoded(OPERATION, rows.await?, first)?;
        match code {
            0 => {}
            1 => return Err(error::not_found(OPERATION, instance)),
            3 => return Err(refusal::awaits_control(OPERATION, instance)),
            _ => {
                let message = "the instance has not ended; cancel it first, or force the deletion";
                return Err(error::invalid(OPERATION, instance, message));
            }
        }
        // What is gone may have been all there was to claim.
        self.setup.hub.forget(true, true);
        self.setup.hub.watchers.wake_where(|id| id == instance);
        let mut bell = Bell::default();
        bell.change(instance);
        self.setup.hub.tell_all(bell);
        self.sweep_quietly().await;
        Ok(())
    }

    async fn prune_executions(
        &self,
        instance: &InstanceId,
        keep_last: u64,
    ) -> Result<u64, ProviderError> {
        const OPERATION: &str = "prune_executions";
        let others_kept = codes::bounded(keep_last.max(1) - 1);
        let mut pruned = 0;
        loop {
            let (setup, id) = (Arc::clone(&self.setup), instance.as_str().to_owned());
            let rows = self.query(OPERATION, move || {
                let durability = setup.options.synchronous_commit.map(|level| level.value());
                let call = setup.functions.prune.call().bind(durability);
                call.bind(id.clone()).bind(others_kept).bind(SLICE_ROWS)
            });
            let slice: Option<i64> = decoded(OPERATION, rows.await?, first)?;
            let slice = slice.ok_or_else(|| error::not_found(OPERATION, instance))?;
            pruned += u64::try_from(slice).unwrap_or(0);
            if slice < i64::from(SLICE_ROWS) {
                break;
            }
        }
        if pruned > 0 {
            self.sweep_quietly().await;
        }
        Ok(pruned)
    }

    async fn metrics(&self) -> Result<StoreMetrics, ProviderError> {
        const OPERATION: &str = "metrics";
        let setup = Arc::clone(&self.setup);
        let rows = self.query(OPERATION, move || {
            let queues_max = codes::bounded_size(METRICS_QUEUES_MAX);
            setup.functions.metrics.call().bind(queues_max)
        });
        decoded(OPERATION, rows.await?, look::metrics_of_rows)
    }
}

impl PostgresProvider {
    /// The numbers of an instance's executions that were not pruned, for diagnostics; empty for an
    /// absent instance.
    ///
    /// # Errors
    /// Those of the store; `InvalidInput` for an id that is none.
    pub async fn list_executions(&self, instance: &str) -> Result<Vec<u64>, ProviderError> {
        let instance = InstanceId::new(instance).map_err(|error| {
            let message = error.to_string();
            ProviderError::new(ErrorKind::InvalidInput, "list_executions", message)
                .with_source(error)
        })?;
        let records = ProviderAdmin::list_executions(self, &instance).await?;
        Ok(records.into_iter().map(|record| record.execution).collect())
    }

    /// Removes the histories that deletions have left, slice by slice, for so long at most. Answers
    /// whether some are left.
    pub(crate) async fn sweep(
        &self,
        operation: &'static str,
        budget: Duration,
    ) -> Result<bool, ProviderError> {
        let mut over = SystemClock.sleep(budget);
        loop {
            let setup = Arc::clone(&self.setup);
            let rows = self.query(operation, move || {
                setup.functions.sweep.call().bind(SLICE_ROWS)
            });
            let rows = tokio::select! {
                biased;
                rows = rows => rows?,
                () = &mut over => return Ok(true),
            };
            let is_left: bool = decoded(operation, rows, first)?;
            if !is_left {
                return Ok(false);
            }
        }
    }

    /// Goes on with what `maintain` would do otherwise.
    async fn sweep_quietly(&self) {
        if let Err(error) = self.sweep("maintain", SWEEP_BUDGET).await {
            tracing::debug!(
                target: "duroxide::postgres",
                %error,
                "what was deleted is swept later"
            );
        }
    }
}

/// The only value of the only row.
fn first<T>(rows: &[PgRow]) -> Result<T, Error>
where
    T: for<'r> sqlx::Decode<'r, sqlx::Postgres> + sqlx::Type<sqlx::Postgres>,
{
    rows.first().ok_or(Error::RowNotFound)?.try_get(0)
}

fn execution(row: &PgRow) -> Result<ExecutionRecord, Error> {
    let completed_ms: Option<i64> = row.try_get("completed_ms")?;
    Ok(ExecutionRecord {
        execution: codes::unsigned(row.try_get("execution")?)?,
        status: codes::execution_status(row.try_get("status")?)?,
        output: row
            .try_get::<Option<Vec<u8>>, _>("output")?
            .map(Bytes::from),
        started_at_ms: codes::unsigned(row.try_get("started_ms")?)?,
        completed_at_ms: completed_ms.map(codes::unsigned).transpose()?,
        event_count: codes::unsigned(row.try_get("event_count")?)?,
    })
}
