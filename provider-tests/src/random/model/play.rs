//! Doing a sequence.

use std::time::Duration;

use tokio::task::JoinError;
use tokio::time::timeout;

use super::difference::Difference;
use super::duel::Duel;
use super::op::Op;
use crate::suite::{RunOptions, Subject, runtime};
use crate::support::{Cx, Setting};
use crate::transcript::Transcript;

/// The real time that one operation may take. It is only spent when a provider hangs.
const OPERATION_TIME_MAX: Duration = Duration::from_secs(10);

/// Does a sequence again, as a failing model test prints it.
///
/// # Panics
/// When the provider does not do what the reference does, or the subject has no reference, or there
/// is no store.
pub fn replay(subject: &Subject, ops: &[Op]) {
    assert!(
        subject.reference.is_some(),
        "a sequence is compared with the reference; give the subject one by `with_reference`"
    );
    let transcript = Transcript::default();
    let setting = Setting {
        subject: subject.clone(),
        options: RunOptions::default(),
        transcript: transcript.clone(),
    };
    let runtime = runtime().unwrap_or_else(|message| panic!("{message}"));
    let played = runtime.block_on(async {
        let cx = Cx::open(setting).await;
        let cx = cx.unwrap_or_else(|remedy| panic!("there is no store: {remedy}"));
        play(&cx, ops).await
    });
    if let Err(difference) = played {
        panic!("{difference}\ncalls:\n{transcript}");
    }
}

/// Does a sequence on a new store and a new reference. It fails as well if a provider panics or
/// hangs.
pub(super) async fn play(cx: &Cx, ops: &[Op]) -> Result<(), Difference> {
    cx.forget_calls();
    let (cx, ops) = (cx.clone(), ops.to_vec());
    let played = tokio::spawn(async move { play_here(&cx, &ops).await });
    let panicked = |error: JoinError| Err(Difference::new(error.to_string()));
    played.await.unwrap_or_else(panicked)
}

async fn play_here(cx: &Cx, ops: &[Op]) -> Result<(), Difference> {
    let mut duel = Duel::begin(cx).await;
    for (index, op) in ops.iter().enumerate() {
        let step = in_time(duel.step(op)).await;
        duel = step.map_err(|difference| difference.after(index, op))?;
    }
    in_time(duel.end()).await
}

async fn in_time<T>(step: impl Future<Output = Result<T, Difference>>) -> Result<T, Difference> {
    let hanging = |_| {
        Err(Difference::new(format!(
            "no end within {OPERATION_TIME_MAX:?}"
        )))
    };
    timeout(OPERATION_TIME_MAX, step)
        .await
        .unwrap_or_else(hanging)
}
