//! Logs and metrics.

#[cfg(test)]
mod captured;
mod config;
mod logging;
mod metrics;

#[cfg(test)]
pub(crate) use captured::CapturedLogs;
pub use config::{LogFormat, ObservabilityConfig};
pub use metrics::MetricsSnapshot;

pub(crate) use logging::init_logging;
pub(crate) use metrics::Metrics;
