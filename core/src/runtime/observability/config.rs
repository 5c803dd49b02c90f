//! The settings of logs and metrics.

/// How log lines look.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub enum LogFormat {
    /// One JSON object a line, for machines.
    Json,
    /// Several lines each, for people who look closely.
    Pretty,
    /// One line each, for people.
    #[default]
    Compact,
}

/// The settings of logs and metrics.
///
/// Logs go to the console if the feature `observability` is on and the program has installed no
/// subscriber of its own. Nothing is exported over the network: an endpoint that is set here is
/// named in a warning.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ObservabilityConfig {
    /// Whether the runtime counts what it does; see
    /// [`MetricsSnapshot`](super::MetricsSnapshot).
    pub metrics_enabled: bool,
    /// Where metrics would be sent.
    pub metrics_export_endpoint: Option<String>,
    /// How often metrics would be sent, in milliseconds.
    pub metrics_export_interval_ms: u64,
    /// How log lines look.
    pub log_format: LogFormat,
    /// Where logs would be sent.
    pub log_export_endpoint: Option<String>,
    /// The level of what orchestrations and activities log; everything else is logged from `warn`
    /// on. The environment variable `RUST_LOG` overrides both.
    pub log_level: String,
    /// What the program is called.
    pub service_name: String,
    /// Which version of it runs.
    pub service_version: Option<String>,
}

impl Default for ObservabilityConfig {
    fn default() -> Self {
        Self {
            metrics_enabled: false,
            metrics_export_endpoint: None,
            metrics_export_interval_ms: 60_000,
            log_format: LogFormat::Pretty,
            log_export_endpoint: None,
            log_level: "info".to_owned(),
            service_name: "duroxide".to_owned(),
            service_version: None,
        }
    }
}
