//! Logs and metrics.

mod config;
mod logging;
mod metrics;

pub use config::{LogFormat, ObservabilityConfig};
pub use metrics::MetricsSnapshot;

pub(crate) use logging::init_logging;
pub(crate) use metrics::Metrics;
