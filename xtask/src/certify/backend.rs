//! The backends that have a certificate.

/// A backend in one of its modes.
#[derive(Debug)]
pub(crate) struct Backend {
    /// The name of its certificate.
    pub(crate) name: &'static str,
    /// What the command line calls it; of a server, one that many machines have.
    url: &'static str,
    mode: Option<&'static str>,
    /// The kind of the server that it needs.
    pub(crate) server: Option<&'static str>,
}

/// Every backend in each of its modes.
pub(crate) const BACKENDS: &[Backend] = &[
    Backend {
        name: "memory",
        url: "memory:",
        mode: None,
        server: None,
    },
    Backend {
        name: "sqlite-single_process",
        url: "sqlite:data.db",
        mode: Some("single_process"),
        server: None,
    },
    Backend {
        name: "sqlite-multi_process",
        url: "sqlite:data.db",
        mode: Some("multi_process"),
        server: None,
    },
    Backend {
        name: "sqlite-in_memory",
        url: "sqlite::memory:",
        mode: None,
        server: None,
    },
    Backend {
        name: "postgres-listening",
        url: "postgres://postgres@localhost/postgres",
        mode: Some("listening"),
        server: Some("postgres"),
    },
    Backend {
        name: "postgres-polling",
        url: "postgres://postgres@localhost/postgres",
        mode: Some("polling"),
        server: Some("postgres"),
    },
];

impl Backend {
    /// The certificate's path from the root.
    pub(crate) fn file(&self) -> String {
        format!("docs/conformance/{}.json", self.name)
    }

    /// What cargo is given to run the suite on it, or on the server with this URL.
    pub(crate) fn run_arguments<'a>(&self, server: Option<&'a str>) -> Vec<&'a str> {
        let mut arguments = vec![
            "run",
            "--quiet",
            "--package",
            "duroxide-cli",
            "--",
            "conformance",
            "--backend",
            server.unwrap_or(self.url),
        ];
        if let Some(mode) = self.mode {
            arguments.extend(["--mode", mode]);
        }
        arguments.extend(["--seed", "1"]);
        arguments
    }

    /// The command by which anybody sees the same.
    pub(crate) fn command(&self) -> String {
        format!("cargo {}", self.run_arguments(None).join(" "))
    }
}
