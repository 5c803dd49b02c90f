//! Code that does not yield: noticing it from outside, and going on without it.

mod activity_timeouts;
mod movable_task;
mod running_turn;
mod running_turns;
#[cfg(test)]
mod tests;
mod timed_attempt;
mod turn_executor;
mod turn_watch;
mod watched_turn;

pub(super) use activity_timeouts::ActivityTimeouts;
pub(super) use movable_task::Work;
pub(super) use running_turn::RunningTurn;
pub(super) use timed_attempt::TimedAttempt;
pub(super) use turn_executor::{TurnExecutor, UserThread};
pub(super) use turn_watch::{Blocked, TurnWatch};
pub(super) use watched_turn::WatchedTurn;
