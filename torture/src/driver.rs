//! The parent: keeps orchestrations in flight, kills workers, and has the end checked.

use std::ops::Range;
use std::time::{Duration, Instant};

use fastrand::Rng;
use tempfile::TempDir;

use crate::child::Worker;
use crate::ledger::Ledger;
use crate::plan::Plan;
use crate::shape::Shape;
use crate::{Failure, verify};

/// How long the rest may take once nobody is killed any more.
const PATIENCE: Duration = Duration::from_secs(90);
/// How long the parent listens to one worker before it turns to the next.
const LISTEN: Duration = Duration::from_millis(1);

struct Driver<'a> {
    plan: &'a Plan,
    url: String,
    rng: Rng,
    workers: Vec<Worker>,
    ledger: Ledger,
    kills: usize,
}

pub(crate) fn run(plan: &Plan) -> Result<(), Failure> {
    let directory = TempDir::new()?;
    let url = format!("sqlite:{}", directory.path().join("torture.db").display());
    println!("{}: seed {}", plan.name, plan.seed);
    let began = Instant::now();
    let mut driver = Driver {
        plan,
        url,
        rng: Rng::with_seed(plan.seed),
        workers: Vec::new(),
        ledger: Ledger::default(),
        kills: 0,
    };
    let checked = driver
        .torture()
        .and_then(|()| verify::check(&driver.url, plan.mode, &driver.ledger));
    match checked {
        Ok(summary) => {
            let took = began.elapsed();
            println!(
                "{}: PASSED, {} kills, {summary}, {took:.1?}",
                plan.name, driver.kills
            );
            Ok(())
        }
        Err(error) => {
            let kept = directory.keep();
            Err(format!(
                "{error}\nthe store is kept in {}; the same again, as far as processes allow: \
                 duroxide-torture {} --seed {}",
                kept.display(),
                plan.name,
                plan.seed
            )
            .into())
        }
    }
}

impl Driver<'_> {
    fn torture(&mut self) -> Result<(), Failure> {
        for _ in 0..self.plan.processes {
            self.workers.push(Worker::start(&self.url, self.plan.mode)?);
        }
        while self.kills < self.plan.kills || self.ledger.records.len() < self.plan.instances_min {
            let until = Instant::now() + self.draw_moment();
            while Instant::now() < until {
                self.top_up();
                self.listen()?;
            }
            self.kill_one()?;
        }
        self.finish()
    }

    fn draw_moment(&mut self) -> Duration {
        let Range { start, end } = &self.plan.kill_after;
        let spread_us = (*end - *start).as_micros();
        *start + Duration::from_micros(self.rng.u64(0..u64::try_from(spread_us).unwrap_or(1)))
    }

    /// Starts new orchestrations in the place of those that have ended.
    fn top_up(&mut self) {
        for _ in self.ledger.open().len()..self.plan.in_flight {
            let index = self.rng.usize(0..Shape::ALL.len());
            let shape = Shape::ALL[index];
            let instance = self.ledger.add(shape);
            self.entrust(&instance);
        }
    }

    /// Has a worker start an instance, or wait for it if it was started before, and raises its
    /// events.
    fn entrust(&mut self, instance: &str) {
        let worker = self.rng.usize(0..self.workers.len());
        let Some(record) = self.ledger.records.get(instance) else {
            return;
        };
        let (is_started, shape) = (record.is_started, record.shape.name());
        self.workers[worker].order(&format!("start {instance} {shape}"));
        if is_started {
            self.raise(instance);
        }
    }

    fn raise(&mut self, instance: &str) {
        for event in self.ledger.missing_raises(instance) {
            let worker = self.rng.usize(0..self.workers.len());
            self.workers[worker].order(&format!("raise {instance} {event}"));
        }
    }

    /// Takes in what the workers say.
    fn listen(&mut self) -> Result<(), Failure> {
        for index in 0..self.workers.len() {
            while let Some(line) = self.workers[index].line(LISTEN)? {
                self.note(&line)?;
            }
        }
        Ok(())
    }

    fn note(&mut self, line: &str) -> Result<(), Failure> {
        self.ledger.note(line)?;
        if let Some(instance) = line.strip_prefix("started ") {
            self.raise(instance);
        }
        Ok(())
    }

    /// Kills a worker, and gives a new one and the others what it had in hand.
    fn kill_one(&mut self) -> Result<(), Failure> {
        let victim = self.rng.usize(0..self.workers.len());
        let said = self.workers.swap_remove(victim).kill()?;
        self.kills += 1;
        self.workers.push(Worker::start(&self.url, self.plan.mode)?);
        for line in said {
            self.note(&line)?;
        }
        for instance in self.ledger.open() {
            self.entrust(&instance);
        }
        Ok(())
    }

    /// Lets everything come to its end.
    fn finish(&mut self) -> Result<(), Failure> {
        let deadline = Instant::now() + PATIENCE;
        while !self.ledger.open().is_empty() {
            self.listen()?;
            if Instant::now() > deadline {
                let open = self.ledger.open().join(", ");
                return Err(format!("stuck for {PATIENCE:?}: {open}").into());
            }
        }
        for worker in self.workers.drain(..) {
            let (said, status) = worker.end()?;
            if !status.success() {
                return Err(format!("a worker ended with {status}").into());
            }
            for line in said {
                self.ledger.note(&line)?;
            }
        }
        Ok(())
    }
}
