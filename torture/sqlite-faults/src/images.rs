//! Loss of power: images of the disk as it may be found afterwards.

use std::path::PathBuf;
use std::sync::atomic::{AtomicUsize, Ordering};

use duroxide_core::providers::Provider;
use duroxide_sqlite::Synchronous;
use fastrand::Rng;
use parking_lot::Mutex;

use crate::actor::{Actor, Tolerance};
use crate::disk::{Disk, Event, Image, Loss, Platter};
use crate::ledger::Ledger;
use crate::store::Bay;
use crate::verify::{Expected, verify};
use crate::vfs::Mounts;
use crate::{Failure, block_on};

/// How much is done before the store is closed and opened again, and afterwards.
const STEPS: usize = 25;
/// How many images are made of one run of the workload.
const IMAGES_OF_RUN: usize = 125;

/// What was done to a disk, and what was acknowledged meanwhile.
struct Run {
    log: Vec<Event>,
    ledger: Ledger,
}

/// The moment of a loss of power.
#[derive(Debug, Clone, Copy)]
struct Moment {
    position: usize,
    loss: Loss,
    seed: u64,
}

/// What checking many images came to.
#[derive(Debug, Default)]
pub(crate) struct Tally {
    pub(crate) image_count: AtomicUsize,
    pub(crate) acknowledged_count: AtomicUsize,
    pub(crate) event_count: AtomicUsize,
    pub(crate) findings: Mutex<Vec<String>>,
}

/// Checks so many images, of as many runs as that takes, on all processors.
pub(crate) fn check_images(
    mounts: &Mounts,
    synchronous: Synchronous,
    seed: u64,
    image_count: usize,
) -> Result<Tally, Failure> {
    let tally = Tally::default();
    let run_count = image_count.div_ceil(IMAGES_OF_RUN);
    let next = AtomicUsize::new(0);
    let worker = || -> Result<(), Failure> {
        let bay = Bay::new(mounts)?;
        loop {
            let number = next.fetch_add(1, Ordering::Relaxed);
            if number >= run_count {
                return Ok(());
            }
            let seed = seed.wrapping_add(u64::try_from(number)?);
            block_on(check_run(&bay, synchronous, seed, &tally))??;
        }
    };
    let threads = std::thread::available_parallelism()?.get();
    std::thread::scope(|scope| {
        let workers: Vec<_> = (0..threads).map(|_| scope.spawn(worker)).collect();
        for worker in workers {
            worker.join().map_err(|_| "a worker panicked")??;
        }
        Ok::<(), Failure>(())
    })?;
    Ok(tally)
}

async fn check_run(
    bay: &Bay,
    synchronous: Synchronous,
    seed: u64,
    tally: &Tally,
) -> Result<(), Failure> {
    let run = run(bay, synchronous, seed).await?;
    let acknowledged = run.ledger.acknowledged();
    tally
        .acknowledged_count
        .fetch_add(acknowledged, Ordering::Relaxed);
    tally
        .event_count
        .fetch_add(run.log.len(), Ordering::Relaxed);
    let mut platter = Platter::default();
    let mut followed = 0;
    for moment in moments(&run, seed) {
        let mut rng = Rng::with_seed(moment.seed);
        for event in &run.log[followed..moment.position] {
            platter.follow(event, &mut rng);
        }
        followed = moment.position;
        let image = platter.crash(moment.loss, &mut rng);
        bay.mount(&image, moment.seed)?;
        let counts_from = match (moment.loss, synchronous) {
            (Loss::Nothing, _) => moment.position,
            (_, Synchronous::Full) => run.ledger.durable_before(moment.position),
            (_, Synchronous::Normal) => 0,
        };
        let expected = Expected {
            ledger: &run.ledger,
            position: moment.position,
            counts_from,
        };
        tally.image_count.fetch_add(1, Ordering::Relaxed);
        if let Err(failure) = verify(bay, expected).await {
            let mut finding = format!("run {seed}, {moment:?} of {}: {failure}", run.log.len());
            // Without waiting for the disk most findings are as they should be.
            if synchronous == Synchronous::Full {
                let kept = keep(&image, moment.seed)?;
                finding += &format!("; the image is in {}", kept.display());
            }
            tally.findings.lock().push(finding);
        }
    }
    Ok(())
}

/// Works on an empty disk, closes the store, opens it again and works on.
async fn run(bay: &Bay, synchronous: Synchronous, seed: u64) -> Result<Run, Failure> {
    let disk = bay.mount(&Image::new(), seed)?;
    let ledger = Mutex::new(Ledger::default());
    for part in 0..2 {
        let opened = bay.open(synchronous).await?;
        let mut actor = Actor {
            provider: &opened.provider,
            clock: &opened.clock,
            disk: &disk,
            ledger: &ledger,
            tolerance: Tolerance::Nothing,
            stops_at_fault: false,
            rng: Rng::with_seed(seed.wrapping_mul(2).wrapping_add(part)),
        };
        if part == 0 {
            actor.start_all().await?;
        }
        actor.work(STEPS).await?;
        opened.provider.close().await;
    }
    Ok(Run {
        log: disk.log(),
        ledger: ledger.into_inner(),
    })
}

/// Moments all over the run, in order.
fn moments(run: &Run, seed: u64) -> Vec<Moment> {
    let mut rng = Rng::with_seed(seed);
    let mut moments: Vec<Moment> = (0..IMAGES_OF_RUN)
        .map(|_| Moment {
            position: rng.usize(0..=run.log.len()),
            loss: match rng.u8(0..10) {
                0 => Loss::Nothing,
                1 | 2 => Loss::Everything,
                _ => Loss::Some,
            },
            seed: rng.u64(..),
        })
        .collect();
    moments.sort_by_key(|moment| moment.position);
    moments
}

/// Keeps an image in which something is wrong, for those who want to look at it.
pub(crate) fn keep(image: &Image, seed: u64) -> Result<PathBuf, Failure> {
    let directory = std::env::temp_dir().join(format!("duroxide-faults-image-{seed}"));
    std::fs::create_dir_all(&directory)?;
    for (name, bytes) in image {
        std::fs::write(directory.join(name), bytes)?;
    }
    Ok(directory)
}

/// An image of what a disk holds now, after a loss of power.
pub(crate) fn lose_power(disk: &Disk, seed: u64) -> Image {
    let mut rng = Rng::with_seed(seed);
    let mut platter = Platter::default();
    for event in disk.log() {
        platter.follow(&event, &mut rng);
    }
    platter.crash(Loss::Some, &mut rng)
}
