//! What a store costs its servers.

use std::collections::HashMap;
use std::time::Duration;

use async_trait::async_trait;
use duroxide_core::providers::ProviderError;
use duroxide_provider_tests::{CostMeter, CostScope, Costs, Unavailable};
use redis::aio::MultiplexedConnection;
use redis::cmd;
use tokio::sync::Mutex;

use super::place::{self, Place};

/// What a provider sends while somebody waits for it: a call of a script, and the question whether replicas have what
/// was written.
const ROUND_TRIPS: [&str; 3] = ["evalsha", "eval", "wait"];
/// What a replica says to its primary, which nobody has asked for.
const OF_REPLICAS: [&str; 2] = ["replconf", "psync"];
/// What uses memory beside what is stored.
const NOT_STORED: [&str; 6] = [
    "used_memory_startup",
    "mem_clients_normal",
    "mem_clients_slaves",
    "mem_replication_backlog",
    "mem_aof_buffer",
    "used_memory_scripts",
];
/// The processor time, in seconds. That of children is what writing a file anew takes.
const CPU: [&str; 4] = [
    "used_cpu_sys",
    "used_cpu_user",
    "used_cpu_sys_children",
    "used_cpu_user_children",
];

/// Reads what the servers that are written to count, on connections of its own.
///
/// Commands are those inside scripts too. No server tells how often it flushed. The bytes that were written are those
/// by which the append-only file grew, as long as it is not written anew, which makes it shorter. What is stored is
/// the memory that neither the empty server nor connections use, that of other stores included. A server looks only
/// now and then what its connections use, so that some tens of kilobytes mean nothing.
pub(super) struct RedisMeter {
    place: Place,
    state: Mutex<State>,
}

#[derive(Default)]
struct State {
    primaries: Vec<Primary>,
    /// By what the servers of the first reading are known: counts of others, or of one that was started again, have
    /// nothing to do with those.
    servers: Option<Vec<String>>,
    /// By what their files are known.
    files: Option<Vec<String>>,
}

struct Primary {
    connection: MultiplexedConnection,
    /// How often it was asked here.
    asked: u64,
}

impl RedisMeter {
    /// One that reads from a store that is there. Whether anything can be read shows when it is.
    pub(super) fn new(place: Place) -> Self {
        Self {
            place,
            state: Mutex::default(),
        }
    }

    async fn read_by(&self, state: &mut State) -> Result<Costs, ProviderError> {
        let mut primaries = std::mem::take(&mut state.primaries);
        let mut told = ask(&mut primaries).await;
        if primaries.is_empty() || told.is_err() {
            // A connection was lost, or another server has taken over.
            let connections = self.place.primaries().await?.into_iter();
            let fresh = |connection| Primary {
                connection,
                asked: 0,
            };
            primaries = connections.map(fresh).collect();
            told = ask(&mut primaries).await;
        }
        let told = told?;
        state.primaries = primaries;
        Ok(state.costs(&told))
    }
}

async fn ask(primaries: &mut [Primary]) -> Result<Vec<Info>, ProviderError> {
    let mut told = Vec::new();
    for primary in primaries {
        told.push(primary.ask().await?);
    }
    Ok(told)
}

#[async_trait]
impl CostMeter for RedisMeter {
    fn scope(&self) -> CostScope {
        CostScope::Server
    }

    async fn read(&self) -> Result<Costs, Unavailable> {
        let mut state = self.state.lock().await;
        let costs = self.read_by(&mut state).await;
        costs.map_err(|error| Unavailable::new(format!("the costs cannot be read: {error}")))
    }
}

impl Primary {
    async fn ask(&mut self) -> Result<Info, ProviderError> {
        let mut info = cmd("INFO");
        for section in ["server", "commandstats", "cpu", "memory", "persistence"] {
            info.arg(section);
        }
        let text = info.query_async::<String>(&mut self.connection).await;
        let mut info = Info::of(&text.map_err(place::failed)?);
        // The answer does not count itself yet.
        info.calls = info.calls.saturating_sub(self.asked);
        self.asked += 1;
        Ok(info)
    }
}

impl State {
    fn costs(&mut self, told: &[Info]) -> Costs {
        let sum = |field: fn(&Info) -> Option<u64>| -> Option<u64> { told.iter().map(field).sum() };
        let mut costs = Costs {
            stored_bytes: sum(Info::stored_bytes),
            server_peak_memory_bytes: sum(|it| it.number("used_memory_peak")),
            ..Costs::default()
        };
        let servers: Vec<String> = told.iter().map(|it| it.text("run_id")).collect();
        if *self.servers.get_or_insert_with(|| servers.clone()) != servers {
            return costs;
        }
        costs.round_trips = sum(|it| Some(it.round_trips));
        costs.statements = sum(|it| Some(it.calls));
        costs.server_cpu = told.iter().map(Info::cpu).sum();
        let files: Vec<String> = told.iter().map(Info::file).collect();
        if *self.files.get_or_insert_with(|| files.clone()) == files {
            costs.written_bytes = sum(|it| it.number("aof_current_size"));
        }
        costs
    }
}

/// What one server says of itself.
struct Info {
    fields: HashMap<String, String>,
    /// Of all commands.
    calls: u64,
    round_trips: u64,
}

impl Info {
    fn of(text: &str) -> Self {
        let mut info = Self {
            fields: HashMap::new(),
            calls: 0,
            round_trips: 0,
        };
        for (name, value) in text.lines().filter_map(|line| line.split_once(':')) {
            let Some(command) = name.strip_prefix("cmdstat_") else {
                info.fields.insert(name.to_owned(), value.to_owned());
                continue;
            };
            let calls = value.split(',').find_map(|it| it.strip_prefix("calls="));
            let calls: u64 = calls.and_then(|it| it.parse().ok()).unwrap_or(0);
            if !OF_REPLICAS.contains(&command) {
                info.calls += calls;
            }
            if ROUND_TRIPS.contains(&command) {
                info.round_trips += calls;
            }
        }
        info
    }

    fn text(&self, name: &str) -> String {
        self.fields.get(name).cloned().unwrap_or_default()
    }

    fn number(&self, name: &str) -> Option<u64> {
        self.fields.get(name)?.parse().ok()
    }

    fn stored_bytes(&self) -> Option<u64> {
        let others = NOT_STORED.iter().filter_map(|name| self.number(name));
        let used = self.number("used_memory")?;
        Some(used.saturating_sub(others.sum()))
    }

    fn cpu(&self) -> Option<Duration> {
        let seconds = CPU
            .iter()
            .map(|name| self.fields.get(*name)?.parse::<f64>().ok());
        Duration::try_from_secs_f64(seconds.sum::<Option<f64>>()?).ok()
    }

    /// Which append-only file it is: each time that it is written anew it is another one.
    fn file(&self) -> String {
        self.text("aof_rewrites") + " " + &self.text("aof_base_size")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn info(run_id: &str, calls: u64, rewrites: u64) -> Info {
        Info::of(&format!(
            "# Server\r\nrun_id:{run_id}\r\n# Memory\r\nused_memory:900\r\nused_memory_startup:500\r\n\
             mem_clients_normal:100\r\nused_memory_peak:1000\r\n# Persistence\r\naof_rewrites:{rewrites}\r\n\
             aof_current_size:{calls}000\r\naof_base_size:80\r\n# CPU\r\nused_cpu_sys:1.5\r\n\
             used_cpu_user:2.25\r\nused_cpu_sys_children:0.0\r\nused_cpu_user_children:0.25\r\n\
             # Commandstats\r\ncmdstat_evalsha:calls={calls},usec=1,usec_per_call=1.00\r\n\
             cmdstat_hset:calls={calls},usec=1\r\ncmdstat_replconf:calls=99,usec=1\r\n\
             cmdstat_client|setname:calls=1,usec=1\r\n"
        ))
    }

    #[test]
    fn all_servers_are_added_up() {
        let costs = State::default().costs(&[info("a", 3, 0), info("b", 4, 0)]);
        assert_eq!(costs.round_trips, Some(7));
        assert_eq!(costs.statements, Some(16));
        assert_eq!(costs.written_bytes, Some(7_000));
        assert_eq!(costs.stored_bytes, Some(600));
        assert_eq!(costs.server_cpu, Some(Duration::from_secs(8)));
        assert_eq!(costs.server_peak_memory_bytes, Some(2_000));
        assert_eq!(costs.durable_commits, None);
    }

    #[test]
    fn what_was_begun_anew_is_no_count() {
        let mut state = State::default();
        state.costs(&[info("a", 3, 0)]);
        let rewritten = state.costs(&[info("a", 4, 1)]);
        assert_eq!(
            (rewritten.round_trips, rewritten.written_bytes),
            (Some(4), None)
        );
        let restarted = state.costs(&[info("b", 1, 0)]);
        assert_eq!((restarted.round_trips, restarted.server_cpu), (None, None));
        assert_eq!(restarted.stored_bytes, Some(300));
    }
}
