//! The parent: keeps orchestrations in flight, kills workers, and has the end checked.

use std::ops::Range;
use std::time::{Duration, Instant};

use fastrand::Rng;

use crate::child::Worker;
use crate::ledger::Ledger;
use crate::plan::Plan;
use crate::scene::Scene;
use crate::shape::Shape;
use crate::{Failure, verify};

/// How long the rest may take once nobody is killed any more.
const PATIENCE: Duration = Duration::from_secs(90);
/// How long the parent listens to one worker before it turns to the next.
const LISTEN: Duration = Duration::from_millis(1);

struct Driver<'a> {
    plan: &'a Plan,
    scene: Scene,
    rng: Rng,
    workers: Vec<Worker>,
    ledger: Ledger,
    kills: usize,
}

pub(crate) fn run(plan: &Plan) -> Result<(), Failure> {
    println!("{} on {:?}: seed {}", plan.name, plan.backend, plan.seed);
    // A schema on a server has the name of the folder.
    let directory = tempfile::Builder::new()
        .prefix("duroxide-torture-")
        .tempdir()?;
    let scene = Scene::new(directory.path(), plan.backend.clone());
    let result = torture(plan, scene.clone());
    if result.is_ok() && !plan.keep {
        return scene.remove();
    }
    let kept = directory.keep();
    let (name, mode) = (plan.name, plan.backend.name());
    let (with_url, backend) = match scene.environment() {
        Some((variable, _)) => (format!(", with the URL in {variable}"), " --backend URL"),
        None => (String::new(), ""),
    };
    println!(
        "{name}: the store and the ledger are kept; to check them again{with_url}: duroxide-torture \
         check {mode} {}",
        kept.display()
    );
    result.map_err(|error| {
        let seed = plan.seed;
        let short = if plan.is_short { " --short" } else { "" };
        format!(
            "{error}\nthe same again, as far as processes allow: duroxide-torture \
             {name}{backend}{short} --seed {seed}"
        )
        .into()
    })
}

fn torture(plan: &Plan, scene: Scene) -> Result<(), Failure> {
    let began = Instant::now();
    let ledger = Ledger::create(&scene.ledger())?;
    let mut driver = Driver {
        plan,
        scene,
        rng: Rng::with_seed(plan.seed),
        workers: Vec::new(),
        ledger,
        kills: 0,
    };
    driver.torture()?;
    let summary = verify::check(&driver.scene, &driver.ledger)?;
    let (name, kills, took) = (plan.name, driver.kills, began.elapsed());
    println!(
        "{name} on {:?}: PASSED, {kills} kills, {summary}, {took:.1?}",
        plan.backend
    );
    Ok(())
}

impl Driver<'_> {
    fn torture(&mut self) -> Result<(), Failure> {
        for _ in 0..self.plan.processes {
            self.workers.push(Worker::start(&self.scene)?);
        }
        while self.kills < self.plan.kills || self.ledger.records.len() < self.plan.instances_min {
            let until = Instant::now() + self.draw_moment();
            while Instant::now() < until {
                self.top_up()?;
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
    fn top_up(&mut self) -> Result<(), Failure> {
        for _ in self.ledger.open().len()..self.plan.in_flight {
            let shape = Shape::ALL[self.rng.usize(0..Shape::ALL.len())];
            let instance = self.ledger.add(shape)?;
            self.entrust(&instance)?;
        }
        Ok(())
    }

    /// Has some worker do something.
    fn order(&mut self, order: &str) {
        let worker = self.rng.usize(0..self.workers.len());
        self.workers[worker].order(order);
    }

    /// Has an instance started, and what it needs raised. One whose start was acknowledged is not
    /// started again: that would hide that it was lost.
    fn entrust(&mut self, instance: &str) -> Result<(), Failure> {
        let Some(record) = self.ledger.records.get(instance) else {
            return Ok(());
        };
        if record.is_started {
            self.order(&format!("wait {instance}"));
            self.supply(instance)
        } else {
            let shape = record.shape.name();
            self.order(&format!("start {instance} {shape}"));
            Ok(())
        }
    }

    /// Has what an instance still needs from outside sent to it.
    fn supply(&mut self, instance: &str) -> Result<(), Failure> {
        for order in self.ledger.missing(instance)? {
            self.order(&order);
        }
        Ok(())
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
            self.supply(instance)?;
        }
        Ok(())
    }

    /// Kills a worker, and gives a new one and the others what it had in hand.
    fn kill_one(&mut self) -> Result<(), Failure> {
        self.top_up()?;
        let victim = self.rng.usize(0..self.workers.len());
        let said = self.workers.swap_remove(victim).kill()?;
        self.kills += 1;
        self.workers.push(Worker::start(&self.scene)?);
        for line in said {
            self.note(&line)?;
        }
        for instance in self.ledger.open() {
            self.entrust(&instance)?;
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
            for line in worker.end()? {
                self.ledger.note(&line)?;
            }
        }
        Ok(())
    }
}
