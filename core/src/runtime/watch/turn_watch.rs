//! Watches the turns on this node from the runtime's own thread.

use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::time::Duration;

use futures_util::StreamExt;
use futures_util::future::BoxFuture;
use futures_util::stream::FuturesUnordered;
use parking_lot::Mutex;
use tokio::sync::Notify;

use super::running_turn::{Hold, RunningTurn};
use super::running_turns::RunningTurns;
use crate::clock::{Clock, Stopwatch, SystemClock};
use crate::limits::{BLOCKED_THREADS_MAX, HEALTH_ITEMS_MAX, OUTCOME_HELD_MAX};
use crate::providers::{InstanceHead, LeaseToken};
use crate::runtime::activity_worker;
use crate::runtime::attempts::Item;
use crate::runtime::health::BlockingTurn;
use crate::runtime::node::Node;

/// How often the watch looks while there are turns.
const TICK: Duration = Duration::from_millis(25);
/// After so many looks at nothing it sleeps until the next turn: it is not woken for each of them.
const QUIET_TICKS: u32 = 40;
/// How long code runs before everything else leaves its executor, if it runs alone.
const LEFT_FROM: Duration = Duration::from_millis(100);
/// How long code runs before it is logged.
const LOGGED_FROM: Duration = Duration::from_secs(1);
/// For how long an instance is given back while another turn of it is still running its code here.
const PAUSE_MIN: Duration = Duration::from_millis(25);
const PAUSE_MAX: Duration = Duration::from_secs(1);

/// The turns on this node whose code may be running.
#[derive(Debug)]
pub(in crate::runtime) struct TurnWatch {
    time: Stopwatch,
    running: Mutex<Running>,
    begun: Notify,
}

#[derive(Debug, Default)]
struct Running {
    turns: RunningTurns,
    is_watched: bool,
    quiet_ticks: u32,
}

/// Why the code of an instance must not be entered now.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(in crate::runtime) enum Blocked {
    /// It is running here, and may yet yield: look again after this pause.
    ForNow(Duration),
    /// It hangs here, and other nodes have not been asked in this round: their code may work.
    PassOn,
    /// It hangs here, and the instance has come back. The attempt counts.
    Hanging,
}

/// What the watch does besides looking.
type Errands<'a> = FuturesUnordered<BoxFuture<'a, ()>>;

impl Default for TurnWatch {
    fn default() -> Self {
        Self {
            time: Stopwatch::start(),
            running: Mutex::default(),
            begun: Notify::new(),
        }
    }
}

impl TurnWatch {
    /// How long the watch has run.
    pub(super) fn now(&self) -> Duration {
        self.time.elapsed()
    }

    /// A poll of the turn's code begins.
    pub(super) fn enter(&self, turn: &RunningTurn) {
        turn.enter(self.time.elapsed());
    }

    /// It is over.
    pub(super) fn leave(&self, turn: &RunningTurn) {
        let entered_at = turn.entered_at();
        turn.leave();
        if turn.is_seen.swap(false, Ordering::Relaxed)
            && let Some(entered_at) = entered_at
        {
            tracing::warn!(
                target: "duroxide::runtime",
                instance_id = %turn.instance,
                orchestration_name = turn.orchestration,
                after = ?self.time.elapsed().saturating_sub(entered_at),
                "the code of an orchestration has yielded after all{}",
                if turn.is_taken() { "; what it did is thrown away" } else { "" }
            );
        }
    }

    /// Watches a turn from now on.
    pub(super) fn begin(&self, turn: &Arc<RunningTurn>) {
        let was_watched = {
            let mut running = self.running.lock();
            running.turns.insert(turn);
            std::mem::replace(&mut running.is_watched, true)
        };
        if !was_watched {
            self.begun.notify_one();
        }
    }

    /// Takes a turn off the list.
    pub(super) fn end(&self, turn: &Arc<RunningTurn>) {
        self.running.lock().turns.remove(turn);
    }

    /// Whether the turn with this lease must leave the instance's code alone: another turn is still
    /// within it on this node. So an instance blocks one thread at most.
    pub(in crate::runtime) fn blocked(
        &self,
        head: &InstanceHead,
        lease: LeaseToken,
    ) -> Option<Blocked> {
        let running = self.running.lock();
        let beside = running.turns.of(head);
        let (turn, entered_at) = beside
            .filter(|turn| !turn.has_ended())
            .filter(|turn| !matches!(turn.hold, Hold::Lease(held) if held == lease))
            .find_map(|turn| Some((turn, turn.entered_at()?)))?;
        if turn.is_overdue.load(Ordering::Acquire) {
            return Some(if turn.pass_on() {
                Blocked::PassOn
            } else {
                Blocked::Hanging
            });
        }
        let blocked_for = self.time.elapsed().saturating_sub(entered_at);
        Some(Blocked::ForNow(blocked_for.clamp(PAUSE_MIN, PAUSE_MAX)))
    }

    /// The turns whose code blocks a thread now, and has for so long that it was logged.
    pub(in crate::runtime) fn blocking(&self, clock: &dyn Clock) -> Vec<BlockingTurn> {
        let now = self.time.elapsed();
        let now_ms = clock.now_ms();
        let running = self.running.lock();
        let seen = running.turns.all();
        let seen = seen.filter(|turn| turn.is_seen.load(Ordering::Relaxed));
        let mut blocking: Vec<BlockingTurn> = seen
            .filter_map(|turn| {
                let blocked_for = now.saturating_sub(turn.entered_at()?);
                let blocked_ms = u64::try_from(blocked_for.as_millis()).unwrap_or(u64::MAX);
                Some(BlockingTurn {
                    instance_id: turn.instance.to_string(),
                    orchestration_name: turn.orchestration.clone(),
                    since_ms: now_ms.saturating_sub(blocked_ms),
                    is_overdue: turn.is_overdue.load(Ordering::Acquire),
                })
            })
            .collect();
        drop(running);
        blocking.sort_unstable_by_key(|turn| turn.since_ms);
        blocking.truncate(HEALTH_ITEMS_MAX);
        blocking
    }

    /// Watches for ever.
    pub(in crate::runtime) async fn run(&self, node: &Node) {
        let mut errands = Errands::new();
        loop {
            let is_quiet = {
                let mut running = self.running.lock();
                running.quiet_ticks = if running.turns.is_empty() {
                    running.quiet_ticks + 1
                } else {
                    0
                };
                running.is_watched = running.quiet_ticks < QUIET_TICKS;
                !running.is_watched
            };
            tokio::select! {
                biased;
                Some(()) = errands.next() => {}
                () = self.begun.notified(), if is_quiet => {
                    self.running.lock().quiet_ticks = 0;
                }
                () = SystemClock.sleep(TICK), if !is_quiet => self.look(node, &mut errands),
            }
        }
    }

    fn look<'a>(&self, node: &'a Node, errands: &mut Errands<'a>) {
        let now = self.time.elapsed();
        let slow: Vec<(Arc<RunningTurn>, Duration)> = self
            .running
            .lock()
            .turns
            .all()
            .filter_map(|turn| Some((turn, turn.entered_at()?)))
            .filter(|(_, entered_at)| now.saturating_sub(*entered_at) >= OUTCOME_HELD_MAX)
            .map(|(turn, entered_at)| (Arc::clone(turn), entered_at))
            .collect();
        node.turns.note_blocked(!slow.is_empty());
        for (turn, entered_at) in &slow {
            let blocked_for = now.saturating_sub(*entered_at);
            Self::judge(node, turn, blocked_for, errands);
        }
        let in_code_for = |at: &Duration| now.saturating_sub(*at);
        let at_work = slow.iter().filter(|(turn, entered_at)| {
            !turn.is_overdue.load(Ordering::Acquire) && in_code_for(entered_at) >= LEFT_FROM
        });
        let patience = patience(at_work.count(), node.turns.threads());
        let blocked_since: Vec<Duration> = slow
            .iter()
            .map(|(_, entered_at)| *entered_at)
            .filter(|entered_at| in_code_for(entered_at) >= patience)
            .collect();
        node.go_on(&blocked_since, now);
        let blocked = slow
            .iter()
            .filter(|(turn, _)| turn.is_seen.load(Ordering::Relaxed));
        withhold_turns(node, blocked.count() > BLOCKED_THREADS_MAX);
    }

    fn judge<'a>(
        node: &'a Node,
        turn: &RunningTurn,
        blocked_for: Duration,
        errands: &mut Errands<'a>,
    ) {
        if let Hold::Outcome(outcome) = &turn.hold
            && turn.take()
        {
            // The activity has its slot until its outcome is recorded, as every other one.
            let slot = turn.take_slot();
            let record = activity_worker::record_unattended(node, Arc::clone(outcome));
            errands.push(Box::pin(async move {
                record.await;
                drop(slot);
            }));
        }
        let deadline = node.options.turn_deadline;
        if blocked_for >= LOGGED_FROM.min(deadline) && !turn.is_seen.swap(true, Ordering::Relaxed) {
            node.metrics.turn_blocks();
            tracing::error!(
                target: "duroxide::runtime",
                instance_id = %turn.instance,
                orchestration_name = turn.orchestration,
                blocked_for = ?blocked_for,
                "the code of an orchestration does not yield and blocks its thread; move what takes \
                 long into an activity"
            );
        }
        if blocked_for >= deadline && !turn.is_overdue.swap(true, Ordering::AcqRel) {
            node.metrics.turn_is_overdue();
            // The lease first, so that whoever finds the turn taken cannot give it back. Even one
            // that has ended by itself, and hangs in what it drops, holds up nobody else.
            if let Hold::Lease(lease) = &turn.hold {
                node.leases.forget(*lease);
            }
            node.attempts
                .note_unyielding(Item::Turn(turn.instance.clone()));
            let is_given_up = turn.take();
            drop(turn.take_slot());
            tracing::error!(
                target: "duroxide::runtime",
                instance_id = %turn.instance,
                orchestration_name = turn.orchestration,
                deadline = ?deadline,
                is_given_up,
                "the code of an orchestration still blocks its thread after turn_deadline: its turn is \
                 given up and counts as an attempt"
            );
        }
    }
}

/// How long code runs before everything else leaves its executor, beside so many turns that have run
/// for long: they may merely share the processors, and more threads would make each of them slower
/// still, until none ends in time. What is past its deadline is not among them.
fn patience(at_work: usize, threads: usize) -> Duration {
    let doublings = u32::try_from(at_work / threads.max(1)).unwrap_or(u32::MAX);
    LEFT_FROM.saturating_mul(2_u32.saturating_pow(doublings))
}

/// Claims no turns while so many threads are blocked that the next ones might be blocked as well.
fn withhold_turns(node: &Node, are_withheld: bool) {
    let slots = &node.turn_slots;
    if are_withheld && !slots.is_paused() {
        tracing::error!(
            target: "duroxide::runtime",
            threads_max = BLOCKED_THREADS_MAX,
            "the code of orchestrations blocks too many threads; no turns are claimed until one of \
             them is free, or this process is restarted with code that yields"
        );
        slots.pause();
    } else if !are_withheld && slots.is_paused() {
        slots.resume();
    }
}

#[cfg(test)]
mod tests {
    use bytes::Bytes;
    use uuid::Uuid;

    use super::*;
    use crate::clock::ManualClock;
    use crate::providers::{InstanceId, InstanceStatus, MessageId, Position, Turn, TurnLease};
    use crate::runtime::observability::CapturedLogs;
    use crate::runtime::one_activity;

    /// A claimed turn of an instance of `Order`.
    fn turn(instance: &str) -> Turn {
        let instance = InstanceId::new(instance).unwrap();
        Turn {
            lease: TurnLease {
                instance: instance.clone(),
                token: LeaseToken(Uuid::nil()),
            },
            head: InstanceHead {
                instance,
                incarnation: MessageId(Uuid::nil()).incarnation(),
                queue: crate::providers::TaskQueue::default(),
                parent: None,
                orchestration: "Order".to_owned(),
                version: None,
                status: InstanceStatus::Running,
                output: None,
                position: Position::START,
                commit_id: None,
                core_state: Bytes::new(),
                awaited: Vec::new(),
                suspended: false,
                created_at_ms: 0,
                updated_at_ms: 0,
                note: None,
                expires_at_ms: None,
            },
            attempt: 1,
            messages: Vec::new(),
            has_mail: false,
        }
    }

    /// Other nodes are asked in each round, and each claim after that counts, however long it took.
    #[tokio::test]
    async fn what_hangs_is_passed_on_once_in_each_round() {
        let node = one_activity::idle_node(&ManualClock::at_ms(0));
        let slot = node.turn_slots.try_take().unwrap();
        let claimed = turn("i");
        let running = RunningTurn::claimed(&claimed, slot);
        node.watch.begin(&running);
        node.watch.enter(&running);
        running.is_overdue.store(true, Ordering::Release);
        let next = LeaseToken(Uuid::from_u128(1));
        let rounds: Vec<_> = (0..4)
            .filter_map(|_| node.watch.blocked(&claimed.head, next))
            .collect();
        let [passed_on, counted] = [Blocked::PassOn, Blocked::Hanging];
        assert_eq!(rounds, [passed_on, counted, passed_on, counted]);
    }

    #[tokio::test]
    async fn code_that_blocks_for_a_second_is_logged_once_with_its_instance() {
        let node = one_activity::idle_node(&ManualClock::at_ms(0));
        let slot = node.turn_slots.try_take().unwrap();
        let turn = RunningTurn::claimed(&turn("order-17"), slot);
        let (logs, _capturing) = CapturedLogs::begin();
        let judge = |blocked_ms| {
            let mut errands = Errands::new();
            let blocked_for = Duration::from_millis(blocked_ms);
            TurnWatch::judge(&node, &turn, blocked_for, &mut errands);
            logs.take()
        };
        assert_eq!(judge(999), [""; 0]);
        assert_eq!(
            judge(1_000),
            [
                "ERROR the code of an orchestration does not yield and blocks its thread; move what \
                 takes long into an activity instance_id=order-17 orchestration_name=\"Order\" \
                 blocked_for=1s"
            ]
        );
        assert_eq!(judge(9_999), [""; 0]);
        let overdue = judge(10_000);
        assert_eq!(overdue.len(), 1, "{overdue:?}");
        assert!(overdue[0].contains("instance_id=order-17"), "{overdue:?}");
    }

    #[test]
    fn the_more_turns_are_at_work_the_longer_one_is_given() {
        let ms = |at_work| patience(at_work, 2).as_millis();
        assert_eq!([0, 1, 2, 4, 8].map(ms), [100, 100, 200, 400, 1_600]);
        assert!(patience(usize::MAX, 1) > Duration::from_hours(1));
    }
}
