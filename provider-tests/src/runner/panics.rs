//! Panics of cases, kept from the terminal while cases run.

use std::collections::BTreeMap;
use std::panic::{PanicHookInfo, set_hook, take_hook};
use std::sync::Arc;
use std::thread;

use parking_lot::Mutex;

use crate::case::CATALOGUE;
use crate::suite::WORKER_THREADS;

type Hook = dyn Fn(&PanicHookInfo<'_>) + Send + Sync;

/// The hook that was there before, while there is a [`QuietPanics`], and how many there are.
static REPLACED: Mutex<Option<(usize, Arc<Hook>)>> = Mutex::new(None);

/// Where each case panicked last. A lock of its own: the hook takes it, and must not wait for
/// whoever is exchanging hooks.
static PLACES: Mutex<BTreeMap<&'static str, String>> = Mutex::new(BTreeMap::new());

/// As long as one of these lives, a panic in a thread of a case prints nothing: it becomes the
/// case's failure. Panics of other threads go to the hook that was there before, which comes back
/// with the end of the last one.
#[derive(Debug)]
pub(super) struct QuietPanics(());

impl QuietPanics {
    pub(super) fn begin() -> Self {
        let mut replaced = REPLACED.lock();
        match &mut *replaced {
            Some((users, _)) => *users += 1,
            None => {
                let original: Arc<Hook> = Arc::from(take_hook());
                let others = Arc::clone(&original);
                set_hook(Box::new(move |info| match name_of_this_thread() {
                    Some(Name::Case(id)) => {
                        if let Some(at) = info.location() {
                            let place = format!("{}:{}", at.file(), at.line());
                            PLACES.lock().insert(id, place);
                        }
                    }
                    Some(Name::Worker) => {}
                    None => others(info),
                }));
                *replaced = Some((1, original));
            }
        }
        Self(())
    }

    /// Where this case panicked last, once.
    pub(super) fn take_place(&self, id: &str) -> Option<String> {
        PLACES.lock().remove(id)
    }
}

impl Drop for QuietPanics {
    fn drop(&mut self) {
        let mut replaced = REPLACED.lock();
        let Some((users, original)) = replaced.take() else {
            return;
        };
        if users > 1 {
            *replaced = Some((users - 1, original));
        } else if !thread::panicking() {
            // A hook cannot be exchanged by a thread that is panicking.
            set_hook(Box::new(move |info| original(info)));
        }
    }
}

enum Name {
    Case(&'static str),
    Worker,
}

fn name_of_this_thread() -> Option<Name> {
    let thread = thread::current();
    let name = thread.name()?;
    if name == WORKER_THREADS {
        return Some(Name::Worker);
    }
    let mut cases = CATALOGUE.iter().copied().flatten();
    let case = cases.find(|case| case.id == name)?;
    Some(Name::Case(case.id))
}
