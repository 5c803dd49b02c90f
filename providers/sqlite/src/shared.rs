//! The databases that this process has open for itself: a second opener shares the first one's.

use std::collections::HashMap;
use std::path::{Path, PathBuf};
use std::sync::{Arc, LazyLock, Weak};

use duroxide_core::providers::ProviderError;
use parking_lot::Mutex;

use crate::error::config;
use crate::location::Location;
use crate::options::{SqliteMode, SqliteOptions};
use crate::store::Store;

/// A place for the store of one file. Whoever opens the same file at the same time waits here, and
/// then shares what the first one has opened.
type Place = Arc<tokio::sync::Mutex<Weak<Store>>>;

static PLACES: LazyLock<Mutex<HashMap<PathBuf, Place>>> = LazyLock::new(Mutex::default);

/// Opens a database, or joins those who have it open.
///
/// Providers in memory have nobody to share with, and those of several processes work side by side
/// by the file alone.
pub(crate) async fn open(
    location: Location,
    options: SqliteOptions,
) -> Result<Arc<Store>, ProviderError> {
    let Some(path) = location.path().map(Path::to_owned) else {
        return Store::open(location, options).await.map(Arc::new);
    };
    let place = place_of(path.clone());
    let mut place = place.lock().await;
    if let Some(store) = place.upgrade().filter(|store| store.join()) {
        return match options.differs_in(&store.setup.options) {
            None => Ok(store),
            Some(option) => {
                store.leave();
                Err(open_otherwise(&path, option))
            }
        };
    }
    let is_shared = options.mode == SqliteMode::SingleProcess;
    let store = Arc::new(Store::open(location, options).await?);
    if is_shared {
        *place = Arc::downgrade(&store);
    }
    Ok(store)
}

fn place_of(path: PathBuf) -> Place {
    let mut places = PLACES.lock();
    // Those that somebody waits at, and those of stores that are still there.
    places.retain(|_, place| {
        Arc::strong_count(place) > 1 || place.try_lock().is_ok_and(|it| it.strong_count() > 0)
    });
    Arc::clone(places.entry(path).or_default())
}

fn open_otherwise(path: &Path, option: &str) -> ProviderError {
    config(format!(
        "this process has the database `{}` open with another `{option}`; pass the same options, \
         or close that provider first",
        path.display()
    ))
}
