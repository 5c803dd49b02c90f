//! A store, a runtime and a client to measure.

use std::sync::Arc;
use std::time::{Duration, Instant};

use duroxide::providers::Provider;
use duroxide::providers::memory::MemoryProvider;
use duroxide::providers::sqlite::SqliteProvider;
use duroxide::runtime::registry::ActivityRegistry;
use duroxide::runtime::{Runtime, RuntimeOptions};
use duroxide::{Client, OrchestrationRegistry, OrchestrationStatus};
use tempfile::TempDir;

use super::Failure;
use super::meter::Counts;
use super::server::{self, Server};

/// How long anything may take.
pub(crate) const PATIENCE: Duration = Duration::from_secs(300);

/// A kind of store.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Backend {
    Memory,
    /// A file, with an fsync for each commit.
    Sqlite,
    /// A schema of the server that the environment names.
    Postgres,
    /// Keys on the server that the environment names.
    Redis,
}

impl Backend {
    pub(crate) const ALL: [Self; 4] = [Self::Memory, Self::Sqlite, Self::Postgres, Self::Redis];

    pub(crate) fn parse(name: &str) -> Result<Self, String> {
        match name {
            "memory" => Ok(Self::Memory),
            "sqlite" => Ok(Self::Sqlite),
            "postgres" => Ok(Self::Postgres),
            "redis" => Ok(Self::Redis),
            _ => Err(format!(
                "there is no backend {name:?}; memory, sqlite, postgres and redis are"
            )),
        }
    }

    pub(crate) fn name(self) -> &'static str {
        match self {
            Self::Memory => "memory",
            Self::Sqlite => "sqlite",
            Self::Postgres => "postgres",
            Self::Redis => "redis",
        }
    }
}

/// A store, a runtime and a client to measure.
pub(crate) struct Stage {
    pub(crate) store: Arc<dyn Provider>,
    sqlite: Option<Arc<SqliteProvider>>,
    pub(crate) server: Option<Box<dyn Server>>,
    runtime: Option<Arc<Runtime>>,
    pub(crate) client: Client,
    _directory: TempDir,
}

impl Stage {
    /// A store with a runtime on it.
    pub(crate) async fn open(
        backend: Backend,
        activities: ActivityRegistry,
        orchestrations: OrchestrationRegistry,
    ) -> Result<Self, Failure> {
        let mut stage = Self::without_runtime(backend).await?;
        stage.start_runtime(activities, orchestrations).await;
        Ok(stage)
    }

    /// A store on which nothing runs.
    pub(crate) async fn without_runtime(backend: Backend) -> Result<Self, Failure> {
        // Beside what cargo builds: the system's folder for temporary files may be no disk at all.
        let directory = TempDir::new_in(env!("CARGO_TARGET_TMPDIR"))?;
        let mut sqlite = None;
        let server = server::find(backend).await?;
        let store: Arc<dyn Provider> = match backend {
            Backend::Memory => Arc::new(MemoryProvider::new()),
            Backend::Sqlite => {
                let url = format!("sqlite:{}", directory.path().join("bench.db").display());
                let provider = Arc::new(SqliteProvider::new(&url, None).await?);
                sqlite = Some(Arc::clone(&provider));
                provider
            }
            Backend::Postgres | Backend::Redis => {
                let server = server.as_ref().ok_or("there is no server")?;
                server::open(backend, server.url(), server.place()).await?
            }
        };
        Ok(Self {
            client: Client::new(Arc::clone(&store)),
            store,
            sqlite,
            server,
            runtime: None,
            _directory: directory,
        })
    }

    pub(crate) async fn start_runtime(
        &mut self,
        activities: ActivityRegistry,
        orchestrations: OrchestrationRegistry,
    ) {
        let runtime = Runtime::start_with_options(
            Arc::clone(&self.store),
            Arc::new(activities),
            orchestrations,
            RuntimeOptions::default(),
        );
        self.runtime = Some(runtime.await);
    }

    pub(crate) async fn stop_runtime(&mut self) {
        if let Some(runtime) = self.runtime.take() {
            runtime.shutdown(None).await;
        }
    }

    /// What was asked of the store so far, where that is counted.
    pub(crate) async fn counts(&self) -> Result<Option<Counts>, Failure> {
        if let Some(server) = &self.server {
            return server.counts().await.map(Some);
        }
        Ok(self.sqlite.as_ref().map(|provider| {
            let stats = provider.stats();
            Counts {
                statements: stats.statements,
                durable_commits: Some(stats.durable_commits),
            }
        }))
    }

    /// Starts an instance and waits for its end; answers how long that took.
    pub(crate) async fn run_one(
        &self,
        instance: &str,
        orchestration: &str,
        input: &str,
    ) -> Result<Duration, Failure> {
        let began = Instant::now();
        self.client
            .start_orchestration(instance, orchestration, input)
            .await?;
        self.completed(instance).await?;
        Ok(began.elapsed())
    }

    /// Waits for the end of an instance, which must be a good one; answers its output.
    pub(crate) async fn completed(&self, instance: &str) -> Result<String, Failure> {
        let status = self
            .client
            .wait_for_orchestration(instance, PATIENCE)
            .await?;
        if let OrchestrationStatus::Completed { output } = status {
            Ok(output)
        } else {
            Err(format!("{instance} ended otherwise: {status:?}").into())
        }
    }

    pub(crate) async fn close(mut self) {
        self.stop_runtime().await;
        self.store.close().await;
        if let Some(server) = self.server {
            server.remove().await;
        }
    }
}
