//! Lists of instances.
//!
//! A page is read by an index that has its order, however the filter is: what it looks at is bounded, and
//! what does not meet the filter is left out.

use std::borrow::Cow;
use std::fmt::Write as _;

use duroxide_core::limits::PAGE_ROWS_MAX;
use duroxide_core::providers::page::After;
use duroxide_core::providers::{
    InstanceFilter, InstancePage, InstanceRecord, Labels, PageCursor, check, prefix_end,
};
use rusqlite::ToSql;

use crate::codes::{self, bounded};
use crate::head::{self, head_columns};
use crate::sql::Sql;

/// A statement, and what stands for its places.
#[derive(Default)]
struct Query<'a> {
    sql: String,
    params: Vec<Box<dyn ToSql + 'a>>,
}

impl<'a> Query<'a> {
    /// Adds a condition on what stands for its `?`.
    fn and(&mut self, condition: &str, param: impl ToSql + 'a) {
        self.params.push(Box::new(param));
        let place = format!("?{}", self.params.len());
        let condition = condition.replace('?', &place);
        write!(self.sql, " AND {condition}").ok();
    }
}

/// The statement that finds the rows to look at, in their order: the number and the id of each, and
/// whether it meets the filter.
fn query<'a>(filter: &'a InstanceFilter, after: &'a After) -> Query<'a> {
    let mut query = Query::default();
    let mut labels = filter.labels.iter();
    query.sql.push_str("SELECT instance.ino, instance.id, 1");
    if !filter.statuses.is_empty() {
        let codes = filter
            .statuses
            .iter()
            .copied()
            .map(codes::of_instance_status);
        let codes: Vec<String> = codes.map(|code| code.to_string()).collect();
        write!(query.sql, " AND status IN ({})", codes.join(", ")).ok();
    }
    if let Some(suspended) = filter.suspended {
        query.and("suspended = ?", suspended);
    }
    if let Some(orchestration) = &filter.orchestration {
        query.and("orchestration = ?", orchestration);
    }
    if let Some(queue) = &filter.queue {
        query.and("queue = ?", queue.as_str());
    }
    let from = match (after, labels.len()) {
        (After::Number(row), 1..) => {
            let from = " FROM label JOIN instance ON instance.ino = label.ino WHERE 1";
            with_labels(&mut query, labels.clone().skip(1));
            (from, "label.ino", Some(row), labels.next())
        }
        (After::Number(row), 0) => (" FROM instance WHERE 1", "ino", Some(row), None),
        (After::Id(_), _) => {
            with_labels(&mut query, labels.clone());
            (" FROM instance WHERE 1", "instance.id", None, None)
        }
    };
    let end = prefix_end(&filter.id_prefix);
    let (from, order, row, label) = from;
    if let Some(row) = row {
        // What is no part of the order is a condition that is looked at row by row.
        if let Some(parent) = &filter.parent {
            query.and("parent_id IS ?", parent.as_str());
        }
        if !filter.id_prefix.is_empty() {
            query.and("instance.id >= ?", filter.id_prefix.as_str());
        }
        if let Some(end) = end {
            query.and("instance.id < ?", end);
        }
        query.sql.push_str(from);
        query.and(&format!("{order} < ?"), bounded(*row));
        if let Some((key, value)) = label {
            query.and("label.key = ?", key);
            query.and("label.value = ?", value);
        }
    } else {
        query.sql.push_str(from);
        if let Some(parent) = &filter.parent {
            query.and("parent_id = ?", parent.as_str());
        }
        match after {
            After::Id(Some(after)) if after.as_str() >= &*filter.id_prefix => {
                query.and("instance.id > ?", after.as_str());
            }
            After::Id(_) | After::Number(_) => {
                query.and("instance.id >= ?", filter.id_prefix.as_str());
            }
        }
        if let Some(end) = end {
            query.and("instance.id < ?", end);
        }
    }
    let direction = if row.is_some() { " DESC" } else { "" };
    // One more, which tells whether any is left.
    let rows = PAGE_ROWS_MAX + 1;
    write!(query.sql, " ORDER BY {order}{direction} LIMIT {rows}").ok();
    query
}

/// Adds the condition that an instance has these labels.
fn with_labels<'a>(query: &mut Query<'a>, labels: impl Iterator<Item = (&'a String, &'a String)>) {
    for (key, value) in labels {
        query.params.push(Box::new(key));
        let place = query.params.len();
        let label = format!(
            "EXISTS (SELECT 1 FROM label AS l WHERE l.ino = instance.ino AND l.key = ?{place} \
                 AND l.value = "
        );
        query.params.push(Box::new(value));
        write!(query.sql, " AND {label}?{})", place + 1).ok();
    }
}

/// A page of the instances that meet a filter (ADM-01, ADM-04 to ADM-06).
pub(crate) fn list(
    sql: &Sql,
    filter: &InstanceFilter,
    after: &After,
) -> rusqlite::Result<InstancePage> {
    let instances_max = check::page_rows(filter.instances_max);
    let mut page = InstancePage::default();
    let (mut looked_at, mut last) = (0, None);
    let head = head_query(filter.with_outputs);
    let query = query(filter, after);
    let params: Vec<&dyn ToSql> = query.params.iter().map(|it| &**it).collect();
    let is_left = sql.while_taken(&query.sql, &params[..], |row| {
        if looked_at == PAGE_ROWS_MAX || page.instances.len() == instances_max {
            return Ok(false);
        }
        looked_at += 1;
        let ino: i64 = row.get(0)?;
        last = Some((ino, head::instance_id(row, 1)?));
        if row.get(2)? {
            // While the rows are read, all statements see one state.
            page.instances.extend(record(sql, &head, ino)?);
        }
        Ok(true)
    })?;
    page.next = last.filter(|_| is_left).map(|(ino, id)| match after {
        After::Id(_) => PageCursor::of(&id),
        After::Number(_) => PageCursor::of(&ino),
    });
    Ok(page)
}

/// What reads the head of a row, with its output or without.
fn head_query(with_output: bool) -> Cow<'static, str> {
    const WITH_OUTPUT: &str = concat!("SELECT ", head_columns!(), " FROM instance WHERE ino = ?1");
    if with_output {
        Cow::Borrowed(WITH_OUTPUT)
    } else {
        Cow::Owned(WITH_OUTPUT.replacen("output", "NULL", 1))
    }
}

/// The instance of this row, if it is there, as this query reads its head.
fn record(sql: &Sql, head: &str, ino: i64) -> rusqlite::Result<Option<InstanceRecord>> {
    let head = sql.first(head, [ino], head::of_row)?;
    let labels = labels(sql, ino)?;
    Ok(head.map(|head| InstanceRecord { head, labels }))
}

/// The labels of the instance of this row.
pub(crate) fn labels(sql: &Sql, ino: i64) -> rusqlite::Result<Labels> {
    let query = "SELECT key, value FROM label WHERE ino = ?1";
    let pairs = sql.all(query, [ino], |row| Ok((row.get(0)?, row.get(1)?)))?;
    Ok(pairs.into_iter().collect())
}

#[cfg(test)]
mod tests {
    use duroxide_core::providers::{InstanceId, ListOrder};

    use super::*;
    use crate::plan;

    fn steps(filter: &InstanceFilter) -> Vec<String> {
        let after = After::of(filter).unwrap();
        plan::steps(&query(filter, &after).sql)
    }

    /// Nothing is sorted, so that no more is read than a page looks at.
    #[test]
    fn every_order_has_its_index() {
        let labels = Labels::from([("k".to_owned(), "v".to_owned())]);
        let parent = InstanceId::new("p").unwrap();
        for order in [ListOrder::ById, ListOrder::NewestFirst] {
            for with_parent in [false, true] {
                for with_labels in [false, true] {
                    let filter = InstanceFilter {
                        parent: with_parent.then(|| parent.clone()),
                        labels: if with_labels {
                            labels.clone()
                        } else {
                            Labels::new()
                        },
                        id_prefix: "a".to_owned(),
                        order,
                        ..InstanceFilter::default()
                    };
                    let steps = steps(&filter);
                    let sorts = |step: &String| step.contains("TEMP B-TREE");
                    assert!(!steps.iter().any(sorts), "{steps:?}");
                    let expected = match (order, with_parent, with_labels) {
                        (ListOrder::ById, true, _) => "instance_parent (parent_id=?",
                        (ListOrder::ById, false, _) => "instance_id (id>",
                        (ListOrder::NewestFirst, _, true) => {
                            "label_value (key=? AND value=? AND ino<"
                        }
                        (ListOrder::NewestFirst, _, false) => "INTEGER PRIMARY KEY (rowid<",
                    };
                    let is_used = |step: &String| step.contains(expected);
                    assert!(steps.iter().any(is_used), "{expected}: {steps:?}");
                }
            }
        }
    }
}
