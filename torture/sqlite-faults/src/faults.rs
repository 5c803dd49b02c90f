//! Faults of the disk while the provider works, one at every place where there can be one.

use duroxide_core::clock::ManualClock;
use duroxide_core::providers::Provider;
use duroxide_sqlite::{SqliteProvider, Synchronous};
use fastrand::Rng;
use parking_lot::Mutex;

use crate::actor::{Actor, Tolerance, within};
use crate::disk::{Disk, Fault, FaultPlan, Image};
use crate::images::{keep, lose_power};
use crate::ledger::Ledger;
use crate::store::{Bay, NOW_MS};
use crate::verify::{Expected, verify};
use crate::vfs::Mounts;
use crate::{Failure, block_on};

const STEPS: usize = 16;
const STEPS_AFTERWARDS: usize = 4;
/// How many operations in a row fail, and what comes then.
const VARIANTS: [(u64, Sequel); 3] = [(1, Sequel::Work), (5, Sequel::Work), (1, Sequel::Death)];
/// How often the provider may refuse after the fault is gone, before that is a finding.
const REFUSALS_MAX: usize = 2;
/// How often each kind of fault is tried at least.
const RUN_COUNT_MIN: usize = 1_000;
const RUN_COUNT_MIN_SHORT: usize = 60;
/// In how many places of a script at least the short form lets a fault strike, where there are so
/// many.
const SHORT_PLACES: u64 = 12;

/// What a sweep came to.
#[derive(Debug, Default)]
pub(crate) struct Sweep {
    pub(crate) run_count: usize,
    pub(crate) struck_count: u64,
    pub(crate) findings: Vec<String>,
}

/// Lets each operation fail that this fault can strike, in as many scripts as it takes for a good
/// number of runs; in the short form, some of the operations.
pub(crate) fn sweep(
    mounts: &Mounts,
    fault: Fault,
    seed: u64,
    is_short: bool,
) -> Result<Sweep, Failure> {
    let bay = Bay::new(mounts)?;
    let mut sweep = Sweep::default();
    let run_count_min = if is_short {
        RUN_COUNT_MIN_SHORT
    } else {
        RUN_COUNT_MIN
    };
    let mut script = seed;
    while sweep.run_count < run_count_min {
        sweep.add(&bay, fault, script, is_short)?;
        script = script.wrapping_add(1);
    }
    Ok(sweep)
}

impl Sweep {
    /// Adds the runs of one script.
    fn add(&mut self, bay: &Bay, fault: Fault, seed: u64, is_short: bool) -> Result<(), Failure> {
        let never = FaultPlan {
            fault,
            first: u64::MAX,
            count: 1,
        };
        let (seen, _) = block_on(run(bay, never, Sequel::Work, seed))??;
        if seen == 0 {
            return Err(format!("{fault:?} can strike nowhere").into());
        }
        let step = if is_short {
            (seen / SHORT_PLACES).max(1)
        } else {
            1
        };
        let mut first = 1;
        while first <= seen {
            for (count, sequel) in VARIANTS {
                let plan = FaultPlan {
                    fault,
                    first,
                    count,
                };
                self.run_count += 1;
                match block_on(run(bay, plan, sequel, seed))? {
                    Ok((_, struck)) => self.struck_count += struck,
                    Err(failure) => {
                        let finding = format!("script {seed}, {plan:?}, {sequel:?}: {failure}");
                        self.findings.push(finding);
                    }
                }
            }
            first += step;
        }
        Ok(())
    }
}

/// What follows a fault.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Sequel {
    /// The provider goes on working.
    Work,
    /// Its process dies, and another one opens the store.
    Death,
}

/// One run with one fault. Answers how many operations could have failed, and how many did.
async fn run(bay: &Bay, plan: FaultPlan, sequel: Sequel, seed: u64) -> Result<(u64, u64), Failure> {
    let mut disk = bay.mount(&Image::new(), seed)?;
    disk.arm(plan);
    let clock = ManualClock::at_ms(NOW_MS);
    // Opening may fail as everything else may, but not once the fault is gone.
    let opened = within("open", bay.open_at(Synchronous::Full, &clock)).await??;
    let mut at_opening = None;
    let mut provider = match opened {
        Ok(provider) => provider,
        Err(_) => {
            at_opening = Some(disk.lift());
            bay.open_at(Synchronous::Full, &clock).await??
        }
    };
    let ledger = Mutex::new(Ledger::default());
    let mut actor = Actor {
        provider: &provider,
        clock: &clock,
        disk: &disk,
        ledger: &ledger,
        tolerance: tolerance(plan.fault),
        stops_at_fault: sequel == Sequel::Death,
        rng: Rng::with_seed(seed),
    };
    actor.start_all().await?;
    actor.work(STEPS).await?;
    let counts = at_opening.unwrap_or_else(|| disk.lift());
    if sequel == Sequel::Death {
        let survivor = disk.survivor(seed);
        // What it does to the old disk until it ends is seen by nobody.
        within("close", provider.close()).await?;
        disk = bay.mount_disk(survivor)?;
        provider = bay.open_at(Synchronous::Full, &clock).await??;
    }
    let mut actor = Actor {
        provider: &provider,
        clock: &clock,
        disk: &disk,
        ledger: &ledger,
        tolerance: tolerance(plan.fault),
        stops_at_fault: false,
        rng: Rng::with_seed(seed ^ plan.first),
    };
    recover(&mut actor).await?;
    actor.work(STEPS_AFTERWARDS).await?;
    verify_later(bay, &provider, &disk, ledger, seed ^ plan.first).await?;
    Ok(counts)
}

/// Compares what is there after a loss of power, after closing, and after a loss of power then.
async fn verify_later(
    bay: &Bay,
    provider: &SqliteProvider,
    disk: &Disk,
    ledger: Mutex<Ledger>,
    seed: u64,
) -> Result<(), Failure> {
    let working = (lose_power(disk, seed), disk.log_position());
    within("close", provider.close()).await?;
    let closed = (lose_power(disk, seed), disk.log_position());
    let ledger = ledger.into_inner();
    let everything = Expected {
        ledger: &ledger,
        position: usize::MAX,
        counts_from: usize::MAX,
    };
    let outcome = verify(bay, everything).await;
    outcome.map_err(|failure| format!("after closing: {failure}"))?;
    for (image, position) in [working, closed] {
        bay.mount(&image, seed)?;
        let what_is_durable = Expected {
            ledger: &ledger,
            position,
            counts_from: ledger.durable_before(position),
        };
        if let Err(failure) = verify(bay, what_is_durable).await {
            let kept = keep(&image, seed)?;
            let kept = kept.display();
            return Err(format!("after a loss of power: {failure}; the image is in {kept}").into());
        }
    }
    Ok(())
}

/// Works on after the fault: the provider has to find its way back by itself.
async fn recover(actor: &mut Actor<'_>) -> Result<(), Failure> {
    let mut refusals = Vec::new();
    while let Some(kind) = actor.probe().await? {
        refusals.push(kind);
        if refusals.len() > REFUSALS_MAX {
            return Err(format!("the fault is gone, but the provider says {refusals:?}").into());
        }
    }
    Ok(())
}

fn tolerance(fault: Fault) -> Tolerance {
    match fault {
        Fault::ShortRead => Tolerance::Damage,
        Fault::NoSpace
        | Fault::WriteError
        | Fault::SyncError
        | Fault::ReadError
        | Fault::NoSharedMemory => Tolerance::Faults,
    }
}
