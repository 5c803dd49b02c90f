//! What the examples share: the choice of a backend.

use std::error::Error;
use std::sync::Arc;

use duroxide::providers::{self, Provider, ProviderError};
use tempfile::TempDir;

/// The store that an example works on: what `--backend URL` names, or a SQLite file that is
/// deleted in the end.
pub(crate) struct Backend {
    pub(crate) url: String,
    _dir: Option<TempDir>,
}

impl Backend {
    pub(crate) fn from_args() -> Result<Self, Box<dyn Error>> {
        let args: Vec<String> = std::env::args().skip(1).collect();
        match args.as_slice() {
            [] => {
                let dir = TempDir::new()?;
                let url = format!("sqlite:{}", dir.path().join("example.db").display());
                Ok(Self {
                    url,
                    _dir: Some(dir),
                })
            }
            [flag, url] if flag == "--backend" => Ok(Self {
                url: url.clone(),
                _dir: None,
            }),
            _ => Err("the only argument is --backend URL, for example --backend memory:".into()),
        }
    }

    pub(crate) async fn connect(&self) -> Result<Arc<dyn Provider>, ProviderError> {
        providers::connect(&self.url).await
    }
}
