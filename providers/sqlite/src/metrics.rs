//! Counts of what is stored and queued.

use duroxide_core::limits::METRICS_QUEUES_MAX;
use duroxide_core::providers::{
    QueueDepths, QueueLoad, StoreMetrics, SystemMetrics, TaskQueue, Topic,
};
use rusqlite::params;

use crate::awaited;
use crate::sql::Sql;

/// What is in each of the queues of this table, those first that have the most to claim. The index that
/// claims use has all of it.
macro_rules! queues {
    ($table:literal) => {
        concat!(
            "SELECT queue, count(*) FILTER (WHERE claim_at <= ?1) AS claimable,
                 count(*) FILTER (WHERE claim_at > ?1), min(claim_at)
             FROM ",
            $table,
            " WHERE claim_at IS NOT NULL GROUP BY queue ORDER BY claimable DESC, queue LIMIT ?2"
        )
    };
}
const TURN_QUEUES: &str = queues!("instance");
const ACTIVITY_QUEUES: &str = queues!("activity");

/// Counts everything, as it was at one time (ADM-03, ADM-10).
pub(crate) fn metrics(sql: &Sql, now_ms: u64) -> rusqlite::Result<StoreMetrics> {
    sql.one(
        "SELECT count(*), count(*) FILTER (WHERE status < 2), count(*) FILTER (WHERE status = 2),
             count(*) FILTER (WHERE status = 3),
             (SELECT count(*) FROM execution WHERE ino NOT IN (SELECT ino FROM removal)),
             (SELECT coalesce(sum(event_count), 0) FROM history
              WHERE ino NOT IN (SELECT ino FROM removal))
         FROM instance",
        [],
        // The others are read while this statement is open, so that all of them see one state.
        |row| {
            Ok(StoreMetrics {
                totals: SystemMetrics {
                    total_instances: row.get(0)?,
                    running_instances: row.get(1)?,
                    completed_instances: row.get(2)?,
                    failed_instances: row.get(3)?,
                    total_executions: row.get(4)?,
                    total_events: row.get(5)?,
                },
                depths: depths(sql, now_ms)?,
                turn_queues: loads(sql, TURN_QUEUES, now_ms)?,
                activity_queues: loads(sql, ACTIVITY_QUEUES, now_ms)?,
            })
        },
    )
}

fn loads(sql: &Sql, query: &str, now_ms: u64) -> rusqlite::Result<Vec<QueueLoad>> {
    sql.all(query, params![now_ms, METRICS_QUEUES_MAX], |row| {
        let (claimable, first_ms): (u64, u64) = (row.get(1)?, row.get(3)?);
        Ok(QueueLoad {
            queue: TaskQueue(row.get(0)?),
            claimable,
            later: row.get(2)?,
            oldest_waits_ms: (claimable > 0).then(|| now_ms.saturating_sub(first_ms)),
        })
    })
}

fn depths(sql: &Sql, now_ms: u64) -> rusqlite::Result<QueueDepths> {
    let mut depths = sql.one(
        "SELECT count(*) FILTER (WHERE due_at <= ?1), count(*) FILTER (WHERE due_at > ?1),
             (SELECT count(*) FROM activity)
         FROM inbox WHERE typeof(channel) = 'integer'",
        [now_ms],
        |row| {
            Ok(QueueDepths {
                orchestrator_queue: row.get(0)?,
                timer_queue: row.get(1)?,
                worker_queue: row.get(2)?,
            })
        },
    )?;
    let with_mail: Vec<(i64, Vec<Topic>)> = sql.all(
        "SELECT ino, awaited FROM instance WHERE awaited IS NOT NULL AND mail_count > 0",
        [],
        |row| Ok((row.get(0)?, awaited::of_row(row, 1)?)),
    )?;
    for (ino, topics) in with_mail {
        for topic in topics {
            let (due, later) = mail_depths(sql, ino, &topic, now_ms)?;
            depths.orchestrator_queue += due;
            depths.timer_queue += later;
        }
    }
    Ok(depths)
}

/// How much mail of a topic is due, and how much will be.
fn mail_depths(
    sql: &Sql,
    ino: i64,
    topic: &Topic,
    now_ms: u64,
) -> rusqlite::Result<(usize, usize)> {
    sql.one(
        "SELECT count(*) FILTER (WHERE due_at <= ?3), count(*) FILTER (WHERE due_at > ?3)
         FROM inbox WHERE ino = ?1 AND channel = ?2",
        params![ino, topic.as_str(), now_ms],
        |row| Ok((row.get(0)?, row.get(1)?)),
    )
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::plan;

    #[test]
    fn queues_are_counted_by_the_indexes_of_claims() {
        for (sql, index) in [
            (TURN_QUEUES, "COVERING INDEX instance_ready"),
            (ACTIVITY_QUEUES, "COVERING INDEX activity_ready"),
        ] {
            let steps = plan::steps(sql);
            let uses = |step: &String| step.contains(index);
            assert!(steps.iter().any(uses), "{steps:?}");
        }
    }
}
