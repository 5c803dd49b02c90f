//! Errors.

use std::time::Duration;

use duroxide_core::providers::{ErrorKind, Release, ReleasedAttempts, Retry};

use crate::support::{Cx, random_token, refused, to};

/// What can never succeed does not advise to try again, and says what operation it was.
pub(crate) async fn refusals_advise_against_a_retry(cx: &Cx) {
    cx.running_with_activities("a", 1).await;
    let turn = cx.poke_and_claim("a").await;
    let work = cx.work_only().await;
    let mut ahead = turn.head.position;
    ahead.next_event_id += 1;
    let mut forged = work.lease;
    forged.token = random_token();
    let mut oversized = cx.message();
    oversized.body = vec![0; cx.limits().body_bytes_max + 1].into();
    let release = Release::new(
        duroxide_core::providers::Lease::Activity(forged.clone()),
        Duration::ZERO,
        ReleasedAttempts::Keep,
    );
    let position = turn.head.position;

    let errors = [
        cx.refuse(
            cx.turn(&turn).at(random_token(), position),
            ErrorKind::LeaseLost,
        )
        .await,
        cx.refuse(
            cx.turn(&turn).at(turn.lease.token, ahead),
            ErrorKind::PositionConflict,
        )
        .await,
        cx.refuse(cx.creation("a"), ErrorKind::AlreadyExists).await,
        refused(cx.try_finish(&forged, None).await, ErrorKind::LeaseLost),
        refused(cx.try_release(release).await, ErrorKind::LeaseLost),
        refused(
            cx.try_send(cx.start_of("a")).await,
            ErrorKind::AlreadyExists,
        ),
        refused(
            cx.try_send(to("b", cx.message())).await,
            ErrorKind::NotFound,
        ),
        refused(
            cx.try_send(to("a", oversized)).await,
            ErrorKind::LimitExceeded,
        ),
    ];

    for error in errors {
        assert_eq!(error.retry(), Retry::Never, "{error:?}");
        assert!(!error.operation().is_empty(), "{error:?}");
        assert!(!error.message().is_empty(), "{error:?}");
    }
}
