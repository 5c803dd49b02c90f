//! Waiting for work and for changes.
//!
//! A provider that is alone hears of everything from its own writer and asks nothing while it
//! waits. One among several looks every now and then for what the others did.

use std::future::pending;
use std::pin::pin;
use std::time::Duration;

use duroxide_core::clock::Sleep;
use duroxide_core::providers::watchers::Changes;
use duroxide_core::providers::{InstanceHead, ProviderError, Queues, Watch};

use crate::error;
use crate::front;
use crate::head;
use crate::hub::UNKNOWN_MS;
use crate::options::SqliteMode;
use crate::provider::SqliteProvider;
use crate::reader::Reach;
use crate::sql::Sql;
use crate::value;
use crate::writer::Writer;

const POLL_FIRST: Duration = Duration::from_millis(10);
const POLL_LAST: Duration = Duration::from_millis(100);

impl SqliteProvider {
    /// Waits until a claim would return something (WAK-02).
    pub(crate) async fn wait_until_claimable(
        &self,
        queues: &Queues,
        max_wait: Duration,
    ) -> Result<(), ProviderError> {
        const OPERATION: &str = "wait_for_work";
        let setup = &self.store.setup;
        let mut deadline = setup.clock.sleep(max_wait);
        let mut poll = Poll::new(setup.options.mode);
        let mut is_due = false;
        loop {
            let mut woken = pin!(setup.hub.work().notified());
            woken.as_mut().enable();
            self.check_open(OPERATION)?;
            let due_ms = self.due_ms(queues, is_due).await?;
            let Some(due) = setup.clock.sleep_until(due_ms) else {
                return Ok(());
            };
            tokio::select! {
                biased;
                () = self.closed() => return Err(error::closed(OPERATION)),
                () = woken => is_due = false,
                () = &mut deadline => return Ok(()),
                () = due => is_due = true,
                () = poll.pause(self) => is_due = false,
            }
        }
    }

    /// When something of these queues becomes claimable. What the hub knows may be the end of a
    /// lease that has ended before, so that it is checked when the time has come.
    async fn due_ms(&self, queues: &Queues, must_check: bool) -> Result<u64, ProviderError> {
        const OPERATION: &str = "wait_for_work";
        if self.store.setup.options.mode == SqliteMode::MultiProcess {
            let queues = queues.clone();
            let ask = move |sql: &Sql| front::front(sql, &queues);
            let front = self.query(OPERATION, Reach::Narrow, ask).await?;
            // Another process may have begun before the machine's clock was set back.
            self.store.setup.clock.not_before(front.written_ms);
            return Ok(front.due_ms);
        }
        let known_ms = self.store.setup.hub.due_ms(queues);
        if known_ms != UNKNOWN_MS && !must_check {
            return Ok(known_ms);
        }
        let queues = queues.clone();
        let ask = move |writer: &mut Writer| {
            let due_ms = front::note_first(&mut writer.session, &queues);
            writer.publish();
            due_ms
        };
        self.aside(OPERATION, ask).await
    }

    /// Waits until one of the instances meets its condition (WAK-04).
    pub(crate) async fn wait_until_changed(
        &self,
        watched: &[Watch],
        max_wait: Duration,
    ) -> Result<Vec<InstanceHead>, ProviderError> {
        const OPERATION: &str = "wait_for_change";
        let setup = &self.store.setup;
        let mut deadline = setup.clock.sleep(max_wait);
        let mut poll = Poll::new(setup.options.mode);
        let instances = watched.iter().map(|watch| watch.instance.clone());
        let watching = setup.hub.watchers.watch(instances.collect());
        let mut in_question = watched.to_vec();
        loop {
            self.check_open(OPERATION)?;
            if !in_question.is_empty() {
                let now_ms = setup.clock.now_ms();
                let ask = move |sql: &Sql| heads_that_meet(sql, &in_question, now_ms);
                let changed = self.query(OPERATION, Reach::Narrow, ask).await?;
                if !changed.is_empty() {
                    return Ok(changed);
                }
            }
            tokio::select! {
                biased;
                () = self.closed() => return Err(error::closed(OPERATION)),
                changes = watching.changed() => {
                    let told = told(watched, &changes);
                    if !told.met.is_empty() {
                        return Ok(told.met);
                    }
                    in_question = told.in_question;
                }
                () = &mut deadline => return Ok(Vec::new()),
                () = poll.pause(self) => in_question = watched.to_vec(),
            }
        }
    }
}

/// What changes say of the conditions that somebody waits for.
#[derive(Default)]
struct Told {
    met: Vec<InstanceHead>,
    /// Those that have to be asked of the database.
    in_question: Vec<Watch>,
}

/// A head that is known spares its waiter a look, unless that waits for a value.
fn told(watched: &[Watch], changes: &Changes) -> Told {
    let mut told = Told::default();
    for watch in watched {
        match changes.get(&watch.instance) {
            Some(Some(head)) if watch.until.value_key().is_none() => {
                let met = watch.until.is_met_by(head, |_| None).then_some(head);
                told.met.extend(met.map(|head| InstanceHead::clone(head)));
            }
            Some(_) => told.in_question.push(watch.clone()),
            None => {}
        }
    }
    told
}

fn heads_that_meet(
    sql: &Sql,
    watched: &[Watch],
    now_ms: u64,
) -> rusqlite::Result<Vec<InstanceHead>> {
    let mut heads = Vec::new();
    for watch in watched {
        let found = match watch.until.value_key() {
            Some(key) => value::head_with_version(sql, &watch.instance, key, now_ms)?,
            None => head::read(sql, &watch.instance)?.map(|head| (head, None)),
        };
        let met = found.filter(|(head, version)| watch.until.is_met_by(head, |_| *version));
        heads.extend(met.map(|(head, _)| head));
    }
    Ok(heads)
}

/// When to look for what other processes did.
struct Poll {
    next: Option<Duration>,
}

impl Poll {
    fn new(mode: SqliteMode) -> Self {
        Self {
            next: (mode == SqliteMode::MultiProcess).then_some(POLL_FIRST),
        }
    }

    /// Waits a little longer each time; for ever if there are no other processes.
    async fn pause(&mut self, provider: &SqliteProvider) {
        match self.next {
            None => pending().await,
            Some(pause) => {
                let sleep: Sleep = provider.store.setup.clock.sleep(pause);
                sleep.await;
                self.next = Some((pause * 2).min(POLL_LAST));
            }
        }
    }
}
