//! Calls each target with its seeds, and with what chance, the same in every run, makes of them.
#![expect(
    clippy::unwrap_used,
    clippy::expect_used,
    reason = "a test fails by panicking"
)]

use std::fs;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::path::PathBuf;
use std::sync::mpsc;
use std::thread;
use std::time::Duration;

use duroxide_fuzz::TARGETS;
use fastrand::Rng;

/// How many inputs are made of the seeds of one target.
const MADE: usize = 4_000;
/// How large one may be.
const INPUT_BYTES_MAX: usize = 4_096;
/// A target needs a second or two; one that hangs is noticed all the same.
const TIME_LIMIT: Duration = Duration::from_secs(120);

fn seeds_of(name: &str) -> Vec<Vec<u8>> {
    let folder = PathBuf::from(env!("CARGO_MANIFEST_DIR"))
        .join("seeds")
        .join(name);
    let mut paths: Vec<PathBuf> = fs::read_dir(&folder)
        .unwrap_or_else(|error| panic!("{}: {error}", folder.display()))
        .map(|entry| entry.unwrap().path())
        .collect();
    // The order of a folder differs between machines.
    paths.sort();
    assert!(!paths.is_empty(), "{} has seeds", folder.display());
    paths.iter().map(|path| fs::read(path).unwrap()).collect()
}

/// One of the seeds, changed in a few places.
fn made(rng: &mut Rng, seeds: &[Vec<u8>]) -> Vec<u8> {
    let mut bytes = rng.choice(seeds).unwrap().clone();
    for _ in 0..rng.usize(1..=4) {
        let at = rng.usize(..=bytes.len());
        let end = (at + rng.usize(..32)).min(bytes.len());
        match rng.u8(..6) {
            0 => drop(bytes.drain(at..end)),
            1 => {
                let repeated = bytes[at..end].to_vec();
                drop(bytes.splice(at..at, repeated));
            }
            2 => bytes.insert(at, rng.u8(..)),
            3 => {
                let other = rng.choice(seeds).unwrap();
                let from = rng.usize(..=other.len());
                drop(bytes.splice(at..end, other[from..].iter().copied()));
            }
            4 if at < bytes.len() => bytes[at] = *rng.choice(&[0, 1, 0x7f, 0x80, 0xff]).unwrap(),
            _ if at < bytes.len() => bytes[at] ^= 1 << rng.u8(..8),
            _ => bytes.push(rng.u8(..)),
        }
    }
    bytes.truncate(INPUT_BYTES_MAX);
    bytes
}

fn call(run: fn(&[u8]), bytes: &[u8]) {
    let called = catch_unwind(AssertUnwindSafe(|| run(bytes)));
    assert!(
        called.is_ok(),
        "the input was b\"{}\"",
        bytes.escape_ascii()
    );
}

fn check(name: &'static str) {
    let target = TARGETS.iter().find(|target| target.name == name).unwrap();
    let seeds = seeds_of(name);
    let (sender, receiver) = mpsc::channel();
    let calls = thread::spawn(move || {
        for seed in &seeds {
            call(target.run, seed);
        }
        let mut rng = Rng::with_seed(1);
        for _ in 0..MADE {
            call(target.run, &made(&mut rng, &seeds));
        }
        sender.send(()).unwrap();
    });
    let answer = receiver.recv_timeout(TIME_LIMIT);
    assert_ne!(
        answer,
        Err(mpsc::RecvTimeoutError::Timeout),
        "{name} hangs on some input"
    );
    calls.join().expect("a promise is broken");
}

macro_rules! targets {
    ($($name:ident),*) => {
        $(#[test]
        fn $name() {
            check(stringify!($name));
        })*

        #[test]
        fn every_target_is_called() {
            let called = [$(stringify!($name)),*];
            assert!(TARGETS.iter().map(|target| target.name).eq(called));
        }
    };
}

targets!(bodies, command_line, framings, history, replay, urls);
