//! Loses power under the SQLite provider, and lets its disk fail.
//!
//! SQLite is given a disk in memory that logs every write, truncation, deletion and
//! synchronisation. While the provider works on it, everything that is acknowledged is noted with
//! the length of the log. `images` rebuilds what may be on the disk after a loss of power at any
//! position of the log: what was synchronised, and an arbitrary part of the rest, sector by sector.
//! `faults` lets each operation of the disk fail in turn. Then the provider opens what is left, and
//! everything in it is compared with what was acknowledged.
#![allow(
    clippy::print_stdout,
    clippy::print_stderr,
    reason = "a command-line tool talks to the person who runs it"
)]

mod actor;
mod disk;
mod faults;
mod found;
mod images;
mod ledger;
mod operations;
mod store;
mod verify;
mod vfs;

use std::process::ExitCode;
use std::sync::atomic::Ordering;

use duroxide_core::entropy::Entropy;
use duroxide_sqlite::Synchronous;

use disk::Fault;
use vfs::Mounts;

type Failure = Box<dyn std::error::Error + Send + Sync>;

const USAGE: &str = "\
usage: duroxide-sqlite-faults [images|faults] [--short] [--seed N]

  images      crash images: a loss of power at 20,000 moments, 2,000 in the short form
  faults      a full disk, errors of writing, reading and synchronising, short reads, at every
              place of a run, at some of them in the short form
  neither     both

  --short     fewer, for every day
  --seed N    what is done and lost, drawn anew for each run otherwise";

/// A seed that is drawn is short enough to be typed.
const SEEDS: u128 = 1_000_000_000;
/// How many findings are shown of each kind.
const SHOWN_MAX: usize = 10;
const IMAGE_COUNT: usize = 20_000;
const IMAGE_COUNT_SHORT: usize = 2_000;
/// How many images show that lost commits are found where they may be lost.
const IMAGE_COUNT_NORMAL: usize = 500;

/// What is to be done.
#[derive(Debug, Default)]
struct Plan {
    part: Option<String>,
    is_short: bool,
    seed: u64,
}

impl Plan {
    fn parse(mut arguments: impl Iterator<Item = String>) -> Option<Self> {
        let mut plan = Self {
            seed: u64::try_from(Entropy.seed() % SEEDS).ok()?,
            ..Self::default()
        };
        while let Some(argument) = arguments.next() {
            match argument.as_str() {
                "images" | "faults" if plan.part.is_none() => plan.part = Some(argument),
                "--short" => plan.is_short = true,
                "--seed" => plan.seed = arguments.next()?.parse().ok()?,
                _ => return None,
            }
        }
        Some(plan)
    }

    fn includes(&self, part: &str) -> bool {
        self.part.as_deref().is_none_or(|chosen| chosen == part)
    }
}

fn main() -> ExitCode {
    let Some(plan) = Plan::parse(std::env::args().skip(1)) else {
        eprintln!("{USAGE}");
        return ExitCode::from(2);
    };
    println!("seed {0}: repeat with --seed {0}", plan.seed);
    match run(&plan) {
        Ok(0) => ExitCode::SUCCESS,
        Ok(finding_count) => {
            eprintln!(
                "FAILED: {finding_count} findings, with --seed {}",
                plan.seed
            );
            ExitCode::FAILURE
        }
        Err(error) => {
            eprintln!("FAILED: {error}");
            ExitCode::FAILURE
        }
    }
}

/// Answers how much was found to be wrong.
fn run(plan: &Plan) -> Result<usize, Failure> {
    let mounts = Mounts::register()?;
    let mut finding_count = 0;
    if plan.includes("images") {
        finding_count += lose_power(&mounts, plan)?;
        finding_count += lose_power_without_waiting(&mounts, plan)?;
    }
    if plan.includes("faults") {
        for fault in Fault::ALL {
            let sweep = faults::sweep(&mounts, fault, plan.seed, plan.is_short)?;
            println!(
                "{fault:?}: {} runs, {} faults, {} findings",
                sweep.run_count,
                sweep.struck_count,
                sweep.findings.len()
            );
            show(&sweep.findings);
            finding_count += sweep.findings.len();
        }
    }
    Ok(finding_count)
}

fn lose_power(mounts: &Mounts, plan: &Plan) -> Result<usize, Failure> {
    let image_count = if plan.is_short {
        IMAGE_COUNT_SHORT
    } else {
        IMAGE_COUNT
    };
    let tally = images::check_images(mounts, Synchronous::Full, plan.seed, image_count)?;
    let findings = tally.findings.into_inner();
    println!(
        "synchronous=FULL: {} images of logs with {} entries and {} acknowledged commits, {} \
         findings",
        tally.image_count.load(Ordering::Relaxed),
        tally.event_count.load(Ordering::Relaxed),
        tally.acknowledged_count.load(Ordering::Relaxed),
        findings.len()
    );
    show(&findings);
    Ok(findings.len())
}

/// With `synchronous=NORMAL` acknowledged commits may be lost. That they are found to be shows that
/// the check can fail; everything else has to hold even so.
fn lose_power_without_waiting(mounts: &Mounts, plan: &Plan) -> Result<usize, Failure> {
    let tally = images::check_images(mounts, Synchronous::Normal, plan.seed, IMAGE_COUNT_NORMAL)?;
    let mut findings = tally.findings.into_inner();
    let count = findings.len();
    findings.retain(|finding| !finding.contains("was acknowledged and is lost"));
    let lost_count = count - findings.len();
    println!(
        "synchronous=NORMAL: {} images, lost commits found in {lost_count}, as they have to be; {} \
         other findings",
        tally.image_count.load(Ordering::Relaxed),
        findings.len()
    );
    if lost_count == 0 {
        findings.push("no image had lost anything: the check is blind".to_owned());
    }
    show(&findings);
    Ok(findings.len())
}

fn show(findings: &[String]) {
    for finding in findings.iter().take(SHOWN_MAX) {
        println!("  {finding}");
    }
}

/// Runs something on this thread.
fn block_on<T>(future: impl Future<Output = T>) -> Result<T, Failure> {
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_time()
        .build()?;
    Ok(runtime.block_on(future))
}
