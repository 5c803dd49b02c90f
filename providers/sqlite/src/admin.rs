//! Management.

use async_trait::async_trait;
use bytes::Bytes;
use duroxide_core::providers::page::{After, Place};
use duroxide_core::providers::{
    ActivityPage, DeleteMode, ErrorKind, ExecutionRecord, Inspect, Inspection, InstanceFilter,
    InstanceId, InstancePage, InstanceStatus, ListActivities, ProviderAdmin, ProviderError,
    StoreMetrics, refusal,
};
use rusqlite::params;

use crate::codes::{self, bounded};
use crate::error::{self, Applied};
use crate::head;
use crate::hub::Effect;
use crate::inspect;
use crate::job::{Access, Member};
use crate::listing;
use crate::metrics;
use crate::provider::SqliteProvider;
use crate::reader::Reach;
use crate::removal::{self, Extent};
use crate::session::Session;
use crate::sql::Sql;

#[async_trait]
impl ProviderAdmin for SqliteProvider {
    async fn list_instances(&self, filter: &InstanceFilter) -> Result<InstancePage, ProviderError> {
        let (filter, after) = (filter.clone(), After::of(filter)?);
        let list = move |sql: &Sql| listing::list(sql, &filter, &after);
        self.query("list_instances", Reach::Wide, list).await
    }

    async fn inspect(&self, request: &Inspect) -> Result<Option<Inspection>, ProviderError> {
        const OPERATION: &str = "inspect";
        let after = request.after.as_ref();
        let after = after.map(|it| Place::of(it, OPERATION)).transpose()?;
        let request = request.clone();
        let now_ms = self.store.setup.clock.now_ms();
        let look = move |sql: &Sql| inspect::inspect(sql, &request, after.as_ref(), now_ms);
        self.query(OPERATION, Reach::Wide, look).await
    }

    async fn list_activities(
        &self,
        request: &ListActivities,
    ) -> Result<ActivityPage, ProviderError> {
        const OPERATION: &str = "list_activities";
        let after = request.after.as_ref();
        let after = after.map(|it| it.place(OPERATION)).transpose()?;
        let request = request.clone();
        let now_ms = self.store.setup.clock.now_ms();
        let list = move |sql: &Sql| inspect::activities(sql, &request, after, now_ms);
        self.query(OPERATION, Reach::Wide, list).await
    }

    async fn list_executions(
        &self,
        instance: &InstanceId,
    ) -> Result<Vec<ExecutionRecord>, ProviderError> {
        let instance = instance.clone();
        let list = move |sql: &Sql| list_executions(sql, &instance);
        self.query("list_executions", Reach::Wide, list).await
    }

    async fn delete_instance(
        &self,
        instance: &InstanceId,
        mode: DeleteMode,
    ) -> Result<(), ProviderError> {
        let instance = instance.clone();
        self.submit_one(Delete { instance, mode }).await
    }

    async fn prune_executions(
        &self,
        instance: &InstanceId,
        keep_last: u64,
    ) -> Result<u64, ProviderError> {
        let instance = instance.clone();
        self.submit_one(Prune {
            instance,
            keep_last,
        })
        .await
    }

    async fn metrics(&self) -> Result<StoreMetrics, ProviderError> {
        let now_ms = self.store.setup.clock.now_ms();
        let count = move |sql: &Sql| metrics::metrics(sql, now_ms);
        self.query("metrics", Reach::Wide, count).await
    }
}

impl SqliteProvider {
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
}

fn list_executions(sql: &Sql, instance: &InstanceId) -> rusqlite::Result<Vec<ExecutionRecord>> {
    sql.all(
        "SELECT e.execution, e.status,
             CASE WHEN e.execution = i.execution THEN i.output ELSE e.output END,
             e.started_at, e.completed_at,
             CASE WHEN e.execution = i.execution THEN i.next_event_id - 1 ELSE e.event_count END
         FROM instance AS i JOIN execution AS e ON e.ino = i.ino
         WHERE i.id = ?1 ORDER BY e.execution",
        [instance.as_str()],
        |row| {
            let status = codes::execution_status(row.get(1)?);
            Ok(ExecutionRecord {
                execution: row.get(0)?,
                status: status.map_err(|error| head::unreadable(1, error))?,
                output: row.get::<_, Option<Vec<u8>>>(2)?.map(Bytes::from),
                started_at_ms: row.get(3)?,
                completed_at_ms: row.get(4)?,
                event_count: row.get(5)?,
            })
        },
    )
}

#[derive(Debug)]
struct Delete {
    instance: InstanceId,
    mode: DeleteMode,
}

impl Member for Delete {
    type Answer = ();
    const OPERATION: &'static str = "delete_instance";
    const ACCESS: Access = Access::Durable;

    fn apply(&self, session: &mut Session) -> Applied<()> {
        let id = &self.instance;
        let Some((ino, status, _)) = find(session, id)? else {
            return Err(error::not_found(Self::OPERATION, id).into());
        };
        if self.mode == DeleteMode::TerminalOnly && !status.is_terminal() {
            let message = "the instance has not ended; cancel it first, or force the deletion";
            return Err(error::invalid(Self::OPERATION, id, message).into());
        }
        if self.mode == DeleteMode::TerminalOnly && removal::awaits_control(session, ino)? {
            return Err(refusal::awaits_control(Self::OPERATION, id).into());
        }
        removal::remove(session, ino, Extent::Whole)?;
        session.note(Effect::HeadChanged(id.clone(), None));
        Ok(())
    }
}

#[derive(Debug)]
struct Prune {
    instance: InstanceId,
    keep_last: u64,
}

impl Member for Prune {
    type Answer = u64;
    const OPERATION: &'static str = "prune_executions";
    const ACCESS: Access = Access::Durable;

    fn apply(&self, session: &mut Session) -> Applied<u64> {
        let Some((ino, _, current)) = find(session, &self.instance)? else {
            return Err(error::not_found(Self::OPERATION, &self.instance).into());
        };
        let others_kept = self.keep_last.max(1) - 1;
        let first_kept = current.saturating_sub(others_kept);
        let params = params![ino, bounded(first_kept)];
        session.sql.execute(
            "DELETE FROM history WHERE ino = ?1 AND execution < ?2",
            params,
        )?;
        let pruned = session.sql.execute(
            "DELETE FROM execution WHERE ino = ?1 AND execution < ?2",
            params,
        )?;
        Ok(u64::try_from(pruned).unwrap_or(u64::MAX))
    }
}

/// The row of an instance, its status and its current execution.
fn find(
    session: &Session,
    instance: &InstanceId,
) -> rusqlite::Result<Option<(i64, InstanceStatus, u64)>> {
    session.sql.first(
        "SELECT ino, status, execution FROM instance WHERE id = ?1",
        [instance.as_str()],
        |row| {
            let status = codes::instance_status(row.get(1)?);
            let status = status.map_err(|error| head::unreadable(1, error))?;
            Ok((row.get(0)?, status, row.get(2)?))
        },
    )
}
