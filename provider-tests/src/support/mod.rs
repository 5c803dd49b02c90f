//! What the cases are written with.

mod activities;
mod cx;
mod dump;
mod ended;
mod looks;
mod messages;
pub(crate) mod proportion;
mod turn_builder;
mod turns;
mod view;
mod waiting;

use std::fmt::Debug;
use std::time::Duration;

use duroxide_core::providers::{ErrorKind, InstanceId, ProviderError};

pub(crate) use activities::random_token;
pub use cx::Cx;
pub(crate) use cx::Setting;
pub(crate) use dump::Dump;
pub(crate) use messages::{later, to};
pub(crate) use turn_builder::TurnBuilder;
pub(crate) use turns::turn_answer;
pub(crate) use waiting::{PROMPT, drop_after_polls, promptly};

/// For how long the helpers lease.
pub(crate) const LEASE: Duration = Duration::from_secs(30);
/// A time that is short beside a lease.
pub(crate) const SECOND: Duration = Duration::from_secs(1);

/// The instance id of this text.
pub(crate) fn id(text: &str) -> InstanceId {
    InstanceId::new(text).expect("the case uses a valid id")
}

/// Checks that an operation was refused for this reason, and returns the error.
#[track_caller]
pub(crate) fn refused<T: Debug>(
    result: Result<T, ProviderError>,
    kind: ErrorKind,
) -> ProviderError {
    let error = result.expect_err("this must be refused");
    assert_eq!(error.kind(), kind, "refused for another reason: {error:?}");
    error
}

/// What a case ends with that finds nothing in the provider which it could show anything by.
#[derive(Debug)]
pub(crate) struct NothingToShow;

/// Ends the case: the provider has nothing that it could show anything by, which is no fault and no
/// pass.
pub(crate) fn nothing_to_show() -> ! {
    std::panic::resume_unwind(Box::new(NothingToShow))
}
