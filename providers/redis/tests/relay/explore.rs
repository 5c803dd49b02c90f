//! Every state that can be reached, breadth first.

use std::collections::{HashSet, VecDeque};
use std::fmt::Debug;

use super::mutants::Defect;
use super::shared::{Shared, hash_of};
use super::truth::Violation;
use super::world::{Action, Bounds, Relay, World};

/// A way to a broken promise, one of the shortest.
#[derive(Debug)]
pub(super) struct Counterexample {
    pub(super) violation: Violation,
    pub(super) actions: Vec<Action>,
}

/// What was found.
#[derive(Debug)]
pub(super) struct Exploration {
    /// How many states there are, up to the broken promise if there is one.
    pub(super) states: usize,
    /// From how many different ones a relay was run to its end.
    pub(super) runs: usize,
    pub(super) counterexample: Option<Counterexample>,
}

/// How a state was reached.
struct Origin {
    from: usize,
    action: Action,
}

/// Goes through all states within the bounds and stops at the first broken promise.
pub(super) fn explore(bounds: &Bounds, defect: Option<Defect>) -> Exploration {
    let first = World::new(bounds);
    let mut known = HashSet::from([hash_of(&first)]);
    let mut runs = Runs::default();
    let mut origins: Vec<Option<Origin>> = vec![None];
    let mut queue = VecDeque::from([(0, first)]);
    while let Some((index, world)) = queue.pop_front() {
        for action in world.actions(bounds) {
            let mut next = world.clone();
            let result = next.apply(action, defect);
            // Which relay is which makes no difference.
            next.relays.sort_by_key(|relay| relay.hash);
            if !known.insert(hash_of(&next)) && result.is_ok() {
                continue;
            }
            let place = origins.len();
            origins.push(Some(Origin {
                from: index,
                action,
            }));
            if let Err(violation) = result
                .and_then(|()| next.check())
                .and_then(|()| runs.check(&next, defect))
            {
                return Exploration {
                    states: origins.len(),
                    runs: runs.known.len(),
                    counterexample: Some(Counterexample {
                        violation,
                        actions: way_to(place, &origins),
                    }),
                };
            }
            queue.push_back((place, next));
        }
    }
    Exploration {
        states: origins.len(),
        runs: runs.known.len(),
        counterexample: None,
    }
}

fn way_to(place: usize, origins: &[Option<Origin>]) -> Vec<Action> {
    let mut actions = Vec::new();
    let mut place = place;
    while let Some(origin) = &origins[place] {
        actions.push(origin.action);
        place = origin.from;
    }
    actions.reverse();
    actions
}

/// What comes of each state if nothing fails from then on, looked at once for each that is different.
#[derive(Default)]
struct Runs {
    known: HashSet<u64>,
}

impl Runs {
    /// Whichever relay goes on from wherever it is, or a new one, the target gets all, and in the end
    /// nothing is kept.
    fn check(&mut self, world: &World, defect: Option<Defect>) -> Result<(), Violation> {
        let new = Shared::new(Relay::New);
        for relay in [&new].into_iter().chain(&world.relays) {
            let case = (world.source(), world.target(), relay, world.now());
            if self.known.insert(hash_of(&case)) {
                let mut alone = world.clone();
                alone.relays = vec![relay.clone()];
                run_to_the_end(alone, defect)?;
            }
        }
        Ok(())
    }
}

fn run_to_the_end(mut world: World, defect: Option<Defect>) -> Result<(), Violation> {
    /// After so many windows everything that was there is forgotten on both sides.
    const WINDOWS: usize = 3;
    world.run(0, defect)?;
    for _ in 0..WINDOWS {
        world.let_window_pass();
        world.relays[0] = Shared::new(Relay::New);
        world.run(0, defect)?;
    }
    let is_empty = world.source().chain.links.is_empty() && world.target().chain.links.is_empty();
    is_empty.then_some(()).ok_or(Violation::Unbounded)
}
