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
    /// What is done to its processes and to its disk besides.
    tortures: &'static [Torture],
}

/// A run that ends processes, and in which everything that was acknowledged must survive.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Torture {
    /// One process is killed.
    Kill,
    /// Several share a store, and are killed.
    Processes,
    /// The disk loses what was not flushed.
    PowerCut,
}

impl Torture {
    /// How a process ends by it.
    pub(crate) fn ending(self) -> &'static str {
        match self {
            Self::Kill | Self::Processes => "process_killed",
            Self::PowerCut => "power_cut",
        }
    }

    /// What cargo is given to run it, on the server with this URL if it needs one.
    pub(crate) fn run_arguments(self, server: Option<&str>) -> Vec<&str> {
        const PROGRAM: [&str; 5] = ["run", "--quiet", "--package", "duroxide-torture", "--"];
        const FAULTS: [&str; 7] = [
            "run",
            "--quiet",
            "--locked",
            "--manifest-path",
            "torture/sqlite-faults/Cargo.toml",
            "--",
            "images",
        ];
        let mut arguments = match self {
            Self::Kill => [&PROGRAM[..], &["kill"]].concat(),
            Self::Processes => [&PROGRAM[..], &["processes"]].concat(),
            Self::PowerCut => FAULTS.to_vec(),
        };
        if let Some(url) = server {
            arguments.extend(["--backend", url]);
        }
        arguments.extend(["--short", "--seed", "1"]);
        arguments
    }
}

/// Every backend in each of its modes.
pub(crate) const BACKENDS: &[Backend] = &[
    Backend {
        name: "memory",
        url: "memory:",
        mode: None,
        server: None,
        tortures: &[],
    },
    Backend {
        name: "sqlite-single_process",
        url: "sqlite:data.db",
        mode: Some("single_process"),
        server: None,
        tortures: &[Torture::Kill, Torture::PowerCut],
    },
    Backend {
        name: "sqlite-multi_process",
        url: "sqlite:data.db",
        mode: Some("multi_process"),
        server: None,
        tortures: &[Torture::Processes],
    },
    Backend {
        name: "sqlite-in_memory",
        url: "sqlite::memory:",
        mode: None,
        server: None,
        tortures: &[],
    },
    Backend {
        name: "postgres-listening",
        url: "postgres://postgres@localhost/postgres",
        mode: Some("listening"),
        server: Some("postgres"),
        tortures: &[Torture::Kill, Torture::Processes],
    },
    Backend {
        name: "postgres-polling",
        url: "postgres://postgres@localhost/postgres",
        mode: Some("polling"),
        server: Some("postgres"),
        tortures: &[],
    },
    Backend {
        name: "redis-single",
        url: "redis://localhost",
        mode: Some("single"),
        server: Some("redis"),
        tortures: &[Torture::Kill, Torture::Processes],
    },
    Backend {
        name: "redis-cluster",
        url: "redis://localhost:7000,localhost:7001",
        mode: Some("cluster"),
        server: Some("redis-cluster"),
        tortures: &[Torture::Kill, Torture::Processes],
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

    /// What is done besides, each with the command by which anybody sees the same.
    pub(crate) fn tortures(&self) -> impl Iterator<Item = (Torture, String)> {
        let server = self.server.map(|_| self.url);
        self.tortures.iter().map(move |torture| {
            let arguments = torture.run_arguments(server);
            (*torture, format!("cargo {}", arguments.join(" ")))
        })
    }
}
