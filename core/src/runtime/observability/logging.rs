//! Console logging, for programs that install no subscriber of their own.

use super::config::ObservabilityConfig;

/// Installs a console subscriber, unless there is a subscriber already or the feature is off.
pub(crate) fn init_logging(config: &ObservabilityConfig) {
    #[cfg(feature = "logging")]
    console::install(config);
    let endpoints = [
        ("log_export_endpoint", &config.log_export_endpoint),
        ("metrics_export_endpoint", &config.metrics_export_endpoint),
    ];
    for (setting, _) in endpoints.iter().filter(|(_, endpoint)| endpoint.is_some()) {
        tracing::warn!(
            target: "duroxide::runtime",
            setting,
            "nothing is exported to this endpoint; collect logs from the console or a subscriber \
             of your own, and metrics from `metrics_snapshot`"
        );
    }
}

#[cfg(feature = "logging")]
mod console {
    use std::io::{self, IsTerminal, Write};

    use tracing_subscriber::EnvFilter;
    use tracing_subscriber::filter::ParseError;

    use crate::runtime::observability::config::{LogFormat, ObservabilityConfig};

    pub(super) fn install(config: &ObservabilityConfig) {
        let from_environment = std::env::var(EnvFilter::DEFAULT_ENV).ok();
        let (filter, mistake) = filter(from_environment.as_deref(), &config.log_level);
        // What the program prints is its own; logs go beside it.
        let builder = tracing_subscriber::fmt()
            .with_env_filter(filter)
            .with_writer(|| Rows(io::stderr()))
            .with_ansi(io::stderr().is_terminal());
        let installed = match config.log_format {
            LogFormat::Json => builder.json().try_init(),
            // The place in the source is that of the library and says nothing to its users.
            LogFormat::Pretty => builder
                .pretty()
                .with_file(false)
                .with_line_number(false)
                .try_init(),
            LogFormat::Compact => builder.compact().try_init(),
        };
        // A program that has a subscriber has decided for itself, filter and all.
        if installed.is_err() {
            return;
        }
        if let Some(error) = mistake {
            tracing::warn!(
                target: "duroxide::runtime",
                %error,
                "a log filter cannot be understood and is ignored; correct RUST_LOG or log_level"
            );
        }
        tracing::info!(
            target: "duroxide::runtime",
            service_name = %config.service_name,
            service_version = config.service_version.as_deref(),
            "logging to the console"
        );
    }

    /// Writes events without the empty line that the pretty format puts between them. Each comes in
    /// one piece, and goes on as one, so that nothing is printed in its middle.
    struct Rows<W>(W);

    impl<W: Write> Write for Rows<W> {
        fn write(&mut self, event: &[u8]) -> io::Result<usize> {
            let mut row = event.trim_ascii_end().to_vec();
            row.push(b'\n');
            self.0.write_all(&row)?;
            Ok(event.len())
        }

        fn flush(&mut self) -> io::Result<()> {
            self.0.flush()
        }
    }

    /// The filter of the environment, or else that of the level, or else the default one; with
    /// the mistake that made one of them unusable.
    fn filter(from_environment: Option<&str>, level: &str) -> (EnvFilter, Option<ParseError>) {
        let directives = |level: &str| {
            format!("warn,duroxide::orchestration={level},duroxide::activity={level}")
        };
        let chosen = match from_environment {
            Some(text) if !text.trim().is_empty() => EnvFilter::try_new(text),
            _ => EnvFilter::try_new(directives(level)),
        };
        match chosen {
            Ok(filter) => (filter, None),
            Err(error) => (EnvFilter::new(directives("info")), Some(error)),
        }
    }

    #[cfg(test)]
    mod tests {
        use super::*;

        fn chosen(from_environment: Option<&str>, level: &str) -> (String, bool) {
            let (filter, mistake) = filter(from_environment, level);
            (filter.to_string(), mistake.is_some())
        }

        #[test]
        fn there_is_no_empty_line_between_two_events() {
            use std::sync::Arc;

            use parking_lot::Mutex;

            #[derive(Clone, Default)]
            struct Written(Arc<Mutex<Vec<u8>>>);

            impl Write for Written {
                fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
                    self.0.lock().extend(bytes);
                    Ok(bytes.len())
                }

                fn flush(&mut self) -> io::Result<()> {
                    Ok(())
                }
            }

            let written = Written::default();
            let to = written.clone();
            let builder = tracing_subscriber::fmt().with_ansi(false);
            let builder = builder.with_writer(move || Rows(to.clone()));
            tracing::subscriber::with_default(builder.pretty().finish(), || {
                tracing::info!("one");
                tracing::info!("two");
            });
            let text = String::from_utf8(written.0.lock().clone()).unwrap();
            assert!(text.contains("one") && text.ends_with('\n'), "{text:?}");
            assert!(!text.contains("\n\n"), "{text:?}");
        }

        #[test]
        fn the_environment_overrides_the_level_and_mistakes_fall_back() {
            let (of_level, mistake) = chosen(None, "debug");
            assert!(
                of_level.contains("duroxide::activity=debug") && !mistake,
                "{of_level}"
            );
            assert!(
                of_level.contains("duroxide::orchestration=debug"),
                "{of_level}"
            );
            assert!(of_level.contains("warn"), "{of_level}");
            assert_eq!(chosen(Some(" "), "debug").0, of_level);
            let overridden = chosen(Some("duroxide::runtime=debug"), "info");
            assert_eq!(overridden, ("duroxide::runtime=debug".to_owned(), false));
            let (fallen_back, mistake) = chosen(None, "loud");
            assert!(
                fallen_back.contains("duroxide::activity=info") && mistake,
                "{fallen_back}"
            );
            assert!(chosen(Some("a=b=c"), "info").1);
        }
    }
}
