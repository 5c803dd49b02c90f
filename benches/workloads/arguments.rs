//! What to measure.

use super::stage::Backend;
use super::workload::{self, Size, Workload};

pub(crate) const USAGE: &str = "\
usage: cargo bench --bench workloads -- [WORKLOAD ...] [--backend memory|sqlite] [--short]

Without a workload all of them are run, on each backend that they are meant for.
  --short   small sizes, to see that everything works
  --list    the workloads";

/// What to measure.
pub(crate) struct Arguments {
    names: Vec<&'static str>,
    backend: Option<Backend>,
    pub(crate) size: Size,
    /// One workload on one backend, in this process.
    pub(crate) one: Option<(&'static Workload, Backend)>,
}

impl Arguments {
    /// Reads the arguments. Without cargo's `--bench` this is a test run, which is short.
    pub(crate) fn parse(arguments: impl Iterator<Item = String>) -> Result<Self, String> {
        let mut parsed = Self {
            names: Vec::new(),
            backend: None,
            size: Size::Short,
            one: None,
        };
        let mut is_short = false;
        let mut arguments = arguments.peekable();
        while let Some(argument) = arguments.next() {
            let mut value = || {
                arguments
                    .next()
                    .ok_or(format!("{argument} lacks its value"))
            };
            match argument.as_str() {
                "--bench" | "--full" => parsed.size = Size::Full,
                "--short" => is_short = true,
                "--list" => return Err(workload::list()),
                "--backend" => parsed.backend = Some(Backend::parse(&value()?)?),
                "--one" => {
                    let workload = workload::find(&value()?)?;
                    parsed.one = Some((workload, Backend::parse(&value()?)?));
                }
                name => parsed.names.push(workload::find(name)?.name),
            }
        }
        if is_short {
            parsed.size = Size::Short;
        }
        Ok(parsed)
    }

    pub(crate) fn chooses(&self, workload: &Workload) -> bool {
        self.names.is_empty() || self.names.contains(&workload.name)
    }

    pub(crate) fn is_on(&self, backend: Backend) -> bool {
        self.backend.is_none_or(|chosen| chosen == backend)
    }
}
