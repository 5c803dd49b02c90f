//! What to measure.

use super::stage::Backend;
use super::workload::{self, Size, Workload};

pub(crate) const USAGE: &str = "\
usage: cargo bench --bench workloads -- [WORKLOAD ...] 
       [--backend memory|sqlite|postgres|redis] [--short]

Without a workload all of them are run, on each backend that they are meant for; on postgres if
DUROXIDE_BENCH_POSTGRES_URL names a server, with pg_stat_statements loaded, and the benchmark is
built with --features postgres; on redis if DUROXIDE_BENCH_REDIS_URL names a server, and it is built
with --features redis. A statement of redis is a call of a script.
  --short   small sizes, to see that everything works
  --list    the workloads";

/// What to measure.
pub(crate) struct Arguments {
    names: Vec<String>,
    backend: Option<Backend>,
    pub(crate) size: Size,
    pub(crate) is_list: bool,
    /// One workload on one backend, in this process.
    pub(crate) one: Option<(&'static Workload, Backend)>,
    /// Nothing but a runtime at this place of this server, in this process.
    pub(crate) worker: Option<(Backend, String, String)>,
}

impl Arguments {
    /// Reads the arguments. Without cargo's `--bench` this is a test run, which is short, and
    /// whose arguments are mostly meant for tests.
    pub(crate) fn parse(arguments: &[String]) -> Result<Self, String> {
        let mut parsed = Self {
            names: Vec::new(),
            backend: None,
            size: Size::Short,
            is_list: false,
            one: None,
            worker: None,
        };
        let is_bench = arguments.iter().any(|it| it == "--bench");
        let mut is_short = false;
        let mut arguments = arguments.iter();
        while let Some(argument) = arguments.next() {
            let mut value = || {
                let missing = || format!("{argument} lacks its value");
                arguments.next().ok_or_else(missing)
            };
            match argument.as_str() {
                "--bench" | "--full" => parsed.size = Size::Full,
                "--short" => is_short = true,
                "--list" => parsed.is_list = true,
                "--backend" => parsed.backend = Some(Backend::parse(value()?)?),
                "--one" => {
                    let workload = workload::find(value()?)?;
                    parsed.one = Some((workload, Backend::parse(value()?)?));
                }
                "--worker" => {
                    let (backend, url) = (Backend::parse(value()?)?, value()?.clone());
                    parsed.worker = Some((backend, url, value()?.clone()));
                }
                flag if flag.starts_with("--") && !is_bench => {}
                name if is_bench => parsed.names.push(workload::find(name)?.name.to_owned()),
                filter => parsed.names.push(filter.to_owned()),
            }
        }
        if is_short {
            parsed.size = Size::Short;
        }
        Ok(parsed)
    }

    pub(crate) fn chooses(&self, workload: &Workload) -> bool {
        self.names.is_empty() || self.names.iter().any(|it| it == workload.name)
    }

    pub(crate) fn is_on(&self, backend: Backend) -> bool {
        self.backend.is_none_or(|chosen| chosen == backend)
    }
}
