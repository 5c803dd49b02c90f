//! Who was tested.

use duroxide_core::clock::millis_ceil;
use duroxide_core::providers::{Durability, Limits, Provider};
use serde::Serialize;

use crate::fixture::Pace;

/// Who was tested, in the provider's own words.
#[derive(Debug, Serialize)]
pub(crate) struct Implementation {
    pub(crate) name: &'static str,
    pub(crate) version: &'static str,
    pub(crate) backend: String,
    pub(crate) mode: String,
    /// The version of the contract that it was written for.
    pub(crate) contract: u32,
    pub(crate) durability: &'static str,
    pub(crate) capabilities: CapabilitiesReport,
}

/// What it promises besides its durability.
#[derive(Debug, Serialize)]
pub(crate) struct CapabilitiesReport {
    pub(crate) management: bool,
    pub(crate) multi_process: bool,
    pub(crate) push_wakeups: bool,
    pub(crate) visibility_bound_ms: u64,
    pub(crate) body_bytes_max: usize,
    pub(crate) commit_bytes_max: usize,
    pub(crate) core_state_bytes_max: usize,
    pub(crate) commit_operations_max: usize,
    pub(crate) history_events_max: u64,
}

impl Implementation {
    pub(crate) fn of(provider: &dyn Provider, mode: &str) -> Self {
        let about = provider.about();
        let capabilities = provider.capabilities();
        let Limits {
            body_bytes_max,
            commit_bytes_max,
            core_state_bytes_max,
            commit_operations_max,
            history_events_max,
            ..
        } = capabilities.limits;
        Self {
            name: about.name,
            version: about.version,
            backend: about.backend,
            mode: mode.to_owned(),
            contract: about.contract,
            durability: durability(capabilities.durability),
            capabilities: CapabilitiesReport {
                management: true,
                multi_process: capabilities.multi_process,
                push_wakeups: capabilities.push_wakeups,
                visibility_bound_ms: millis_ceil(capabilities.visibility_bound),
                body_bytes_max,
                commit_bytes_max,
                core_state_bytes_max,
                commit_operations_max,
                history_events_max,
            },
        }
    }
}

/// How the store's time passed.
#[derive(Debug, Clone, Copy, Serialize)]
#[serde(tag = "mode", rename_all = "snake_case")]
pub(crate) enum Time {
    Virtual,
    Real { speedup: u32 },
}

impl From<Pace> for Time {
    fn from(pace: Pace) -> Self {
        match pace {
            Pace::Virtual => Self::Virtual,
            Pace::Real { speedup } => Self::Real { speedup },
        }
    }
}

/// The name of a durability in reports.
fn durability(durability: Durability) -> &'static str {
    match durability {
        Durability::Volatile => "volatile",
        Durability::ProcessCrash => "process_crash",
        Durability::PowerLoss => "power_loss",
        // A level that this version of the suite does not know yet.
        _ => "unknown",
    }
}
