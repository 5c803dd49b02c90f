//! The mutants, area by area.

mod claims;
mod commits;
mod details;
mod lives;
mod looks;
mod mail;
mod messages;
mod rest;
mod values;

use std::time::Duration;

use duroxide_core::providers::{
    Commit, Committed, Envelope, ErrorKind, ProviderError, TurnCommit, TurnCommitted,
};

use super::mutant::Mutant;

/// All of them, in the order of the table of kills.
pub(super) fn mutants() -> impl Iterator<Item = &'static Mutant> {
    let areas = [
        claims::CLAIMS,
        commits::COMMITS,
        messages::MESSAGES,
        mail::MAIL,
        values::VALUES,
        details::DETAILS,
        lives::LIVES,
        rest::ACTIVITIES,
        rest::READS,
        rest::MANAGEMENT,
        looks::LOOKS,
    ];
    areas.into_iter().flatten()
}

/// Longer than any case lets pass.
const YEAR: Duration = Duration::from_hours(365 * 24);

/// The whole milliseconds of a time.
fn floor(time: Duration) -> Duration {
    Duration::from_millis(u64::try_from(time.as_millis()).unwrap_or(u64::MAX))
}

fn each_turn(commit: &mut Commit, change: impl FnOnce(&mut TurnCommit)) {
    if let Commit::Turn(turn) = commit {
        change(turn);
    }
}

fn each_envelope(commit: &mut Commit, change: impl FnMut(&mut Envelope)) {
    match commit {
        Commit::Turn(turn) => turn.messages.iter_mut().for_each(change),
        Commit::Send(envelope) => std::iter::once(envelope).for_each(change),
        Commit::Activity(_) => {}
    }
}

fn each_turn_answer(
    answers: &mut [Result<Committed, ProviderError>],
    mut change: impl FnMut(&mut TurnCommitted),
) {
    for answer in answers {
        if let Ok(Committed::Turn(turn)) = answer {
            change(turn);
        }
    }
}

/// Answers a refusal of this kind with success.
fn forgive<T: Clone>(answers: &mut [Result<T, ProviderError>], kind: ErrorKind, success: T) {
    for answer in answers {
        if answer.as_ref().is_err_and(|error| error.kind() == kind) {
            *answer = Ok(success.clone());
        }
    }
}
