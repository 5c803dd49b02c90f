//! Drawing a sequence, and cutting a failing one down.
//!
//! `proptest` draws and shrinks. Its state machine tests are not used: they drive a synchronous
//! system, and their generator follows a state that decides which transition is possible. Here every
//! operation is possible in every state, so that a plain list shrinks as well.

use proptest::strategy::Strategy;
use proptest::test_runner::{Config, RngAlgorithm, TestCaseError, TestError, TestRng, TestRunner};
use tokio::runtime::Handle;
use tokio::task::block_in_place;

use super::draw::sequence;
use super::op::Op;
use super::play::play;
use super::report::Found;
use crate::support::Cx;

/// How often a failing sequence is played again, to make it smaller.
const SHRINKS_MAX: u32 = 2_000;
/// For how long of real time; less than half of what the case may take.
const SHRINK_MS_MAX: u32 = 50_000;

/// Draws the sequence of this seed and plays it; what was found, if anything, as small as it gets.
pub(super) fn search(cx: &Cx, seed: u64) -> Option<Found> {
    let config = Config {
        max_shrink_iters: SHRINKS_MAX,
        max_shrink_time: SHRINK_MS_MAX,
        failure_persistence: None,
        ..Config::default()
    };
    let mut runner = TestRunner::new_with_rng(config, rng(seed));
    let play = |ops: &[Op]| block_in_place(|| Handle::current().block_on(play(cx, ops)));
    let tree = sequence().new_tree(&mut runner);
    let tree = tree.expect("nothing that is drawn is rejected");
    let played = runner.run_one(tree, |ops| {
        play(&ops).map_err(|difference| TestCaseError::fail(difference.to_string()))
    });
    let (reason, ops) = match played {
        Ok(_) => return None,
        Err(TestError::Fail(reason, ops)) => (reason.to_string(), ops),
        Err(TestError::Abort(reason)) => panic!("nothing was drawn: {reason}"),
    };
    let ops = without_idle(ops, |ops| play(ops).is_err());
    // Once more, so that the calls of the report are those of this sequence.
    let difference = play(&ops).err().map_or_else(
        || format!("not always, but once: {reason}"),
        |difference| difference.to_string(),
    );
    Some(Found {
        seed,
        ops,
        difference,
    })
}

/// Leaves out each operation without which the sequence fails as well, until none is left: operations
/// are drawn in episodes, which shrink as a whole.
fn without_idle(mut ops: Vec<Op>, fails: impl Fn(&[Op]) -> bool) -> Vec<Op> {
    loop {
        let before = ops.len();
        for index in (0..before).rev() {
            let mut fewer = ops.clone();
            fewer.remove(index);
            if fails(&fewer) {
                ops = fewer;
            }
        }
        if ops.len() == before {
            return ops;
        }
    }
}

fn rng(seed: u64) -> TestRng {
    let mut bytes = [0; 32];
    for (byte, of_seed) in bytes.iter_mut().zip(seed.to_le_bytes()) {
        *byte = of_seed;
    }
    TestRng::from_seed(RngAlgorithm::ChaCha, &bytes)
}
