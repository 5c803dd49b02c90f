//! The parent: keeps orchestrations in flight, kills workers, and has the end checked.

use std::fs;
use std::ops::Range;
use std::time::{Duration, Instant};

use duroxide_core::entropy::Entropy;
use fastrand::Rng;

use super::child::Worker;
use super::ledger::Ledger;
use super::plan::{Plan, Plans};
use super::scene::Scene;
use super::shape::Shape;
use super::{Failure, verify};
use crate::runner::Console;
use crate::suite::Subject;

/// How long the rest may take once nobody is killed any more.
const PATIENCE: Duration = Duration::from_secs(90);
/// How long the parent listens to one worker before it turns to the next.
const LISTEN: Duration = Duration::from_millis(1);

struct Driver<'a, 'b> {
    console: &'a mut Console<'b>,
    plan: &'a Plan,
    scene: Scene,
    rng: Rng,
    workers: Vec<Worker>,
    ledger: Ledger,
    kills: usize,
}

/// Runs the kinds that were asked for, or that the provider's stores allow.
pub(super) fn run_all(
    console: &mut Console<'_>,
    subject: &Subject,
    plans: &Plans,
) -> Result<(), Failure> {
    let can_be_shared = run(console, subject, plans, &plans.first())?;
    match plans.second(can_be_shared) {
        Some(plan) => run(console, subject, plans, &plan).map(drop),
        None => Ok(()),
    }
}

/// Runs one kind; answers whether the provider's stores can be shared.
fn run(
    console: &mut Console<'_>,
    subject: &Subject,
    plans: &Plans,
    plan: &Plan,
) -> Result<bool, Failure> {
    // A namespace on a server has the name of the folder.
    let name = format!("duroxide-torture-{}", Entropy.lease_token().0.simple());
    let folder = std::env::temp_dir().join(name);
    fs::create_dir_all(&folder)?;
    let scene = Scene::new(folder, subject);
    let (kind, mode) = (plan.name, scene.mode().to_owned());
    console.print(&format!("{kind} on {mode}: seed {}\n", plan.seed));
    let result = torture(console, plan, &scene);
    match result {
        Ok(can_be_shared) if !plan.keep => {
            scene.remove()?;
            return Ok(can_be_shared);
        }
        Ok(_) | Err(_) => console.print(&format!(
            "{kind}: the store and the ledger are kept; `torture check {}` of this program checks \
             them again\n",
            scene.folder().display()
        )),
    }
    result.map_err(|error| {
        let flags = plans.flags();
        format!(
            "{error}\nthe same again, as far as processes allow: `torture {kind} {flags}` of this \
             program"
        )
        .into()
    })
}

fn torture(console: &mut Console<'_>, plan: &Plan, scene: &Scene) -> Result<bool, Failure> {
    let began = Instant::now();
    let ledger = Ledger::create(&scene.ledger())?;
    let mut driver = Driver {
        console,
        plan,
        scene: scene.clone(),
        rng: Rng::with_seed(plan.seed),
        workers: Vec::new(),
        ledger,
        kills: 0,
    };
    driver.torture()?;
    let checked = verify::check(&driver.scene, &driver.ledger)?;
    let (name, kills, took) = (plan.name, driver.kills, began.elapsed());
    driver.console.print(&format!(
        "{name} on {}: PASSED, {kills} kills, {}, {took:.1?}\n",
        scene.mode(),
        checked.summary
    ));
    Ok(checked.can_be_shared)
}

impl Driver<'_, '_> {
    fn torture(&mut self) -> Result<(), Failure> {
        for _ in 0..self.plan.processes {
            self.start_worker()?;
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

    fn start_worker(&mut self) -> Result<(), Failure> {
        let (worker, printed) = Worker::start(&self.scene)?;
        self.workers.push(worker);
        for line in printed {
            self.console.mention(&format!("a worker printed: {line}\n"));
        }
        Ok(())
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
        self.start_worker()?;
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
