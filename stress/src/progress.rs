//! How far a run is, on standard error: a bar on a terminal, and a line elsewhere.

use std::sync::Arc;
use std::time::Duration;

use duroxide_core::clock::{Clock as _, SystemClock};
use indicatif::{ProgressBar, ProgressDrawTarget, ProgressStyle};
use tokio::task::AbortHandle;

use crate::console::mention;
use crate::load::{Load, SoFar};

/// How often a bar is drawn anew.
const LOOK: Duration = Duration::from_millis(200);
const TEMPLATE: &str = "{prefix} {bar:20} {elapsed} {msg}";

/// How far a run is, until this is dropped.
pub(crate) struct Progress(ProgressBar);

/// Follows a load until this is dropped.
pub(crate) struct Following(AbortHandle);

impl Progress {
    /// Begins a run, which is prepared first.
    pub(crate) fn begin(what: &str) -> Self {
        let bar = ProgressBar::with_draw_target(None, ProgressDrawTarget::stderr());
        if bar.is_hidden() {
            mention(&format!("{what} ...\n"));
        } else {
            // A template that is not understood would leave the bar as it is by default.
            bar.set_style(
                ProgressStyle::with_template(TEMPLATE)
                    .unwrap_or_else(|_| ProgressStyle::default_bar()),
            );
            bar.set_prefix(what.to_owned());
            bar.set_message("is prepared");
            bar.enable_steady_tick(LOOK);
        }
        Self(bar)
    }

    /// Shows from now on how far a load is.
    pub(crate) fn follow(&self, load: &Arc<Load>) -> Following {
        let (bar, load) = (self.0.clone(), Arc::clone(load));
        let task = tokio::spawn(async move {
            while !bar.is_hidden() {
                let so_far = load.so_far();
                bar.set_length(millis(so_far.end));
                bar.set_position(millis(so_far.elapsed.min(so_far.end)));
                bar.set_message(said(so_far));
                SystemClock.sleep(LOOK).await;
            }
        });
        Following(task.abort_handle())
    }
}

impl Drop for Progress {
    fn drop(&mut self) {
        let was_shown = !self.0.is_hidden();
        self.0.finish_and_clear();
        if was_shown {
            mention(&format!("{} has ended\n", self.0.prefix()));
        }
    }
}

impl Drop for Following {
    fn drop(&mut self) {
        self.0.abort();
    }
}

/// The operations so far, and their rate.
fn said(so_far: SoFar) -> String {
    let seconds = so_far.elapsed.as_secs_f64().max(LOOK.as_secs_f64());
    let rate = so_far.operations as f64 / seconds;
    let rest = if so_far.elapsed > so_far.end {
        ", the last ones end"
    } else {
        ""
    };
    format!("{} operations, {rate:.0} a second{rest}", so_far.operations)
}

fn millis(time: Duration) -> u64 {
    u64::try_from(time.as_millis()).unwrap_or(u64::MAX)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_operations_and_their_rate_are_said() {
        let so_far = |elapsed| SoFar {
            operations: 300,
            elapsed: Duration::from_secs(elapsed),
            end: Duration::from_secs(4),
        };
        assert_eq!(said(so_far(2)), "300 operations, 150 a second");
        assert_eq!(
            said(so_far(5)),
            "300 operations, 60 a second, the last ones end"
        );
    }

    #[test]
    fn a_template_is_understood() {
        assert!(ProgressStyle::with_template(TEMPLATE).is_ok());
    }
}
