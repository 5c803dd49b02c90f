//! The model test: what a seed draws is done by a provider and by the reference, side by side.
//!
//! After each operation both must have answered the same, and show the same where they can be read
//! without disturbing them. What is queued shows only to claims that disturb it, so it is compared
//! once, at the end of a sequence. A failing sequence is cut down to the operations it takes, and
//! since that cuts off what comes after the failing one, the comparison at the end is then the one
//! after the operation that went wrong.
//!
//! A sequence consists of [`Op`]s. The smallest failing one is printed as a test that can be pasted
//! beside a provider's other tests, where [`replay`] does it again.
//!
//! What the contract leaves open is not compared: the order of items that became claimable in the same
//! millisecond, the order in which the members of a batch take effect, which of several flaws a turn is refused for, what a store answers to a repeated
//! commit beside that it was repeated, texts, and when it wants to be called again. Both stores need
//! clocks that stand still until they are moved ([`Pace::Virtual`](crate::Pace::Virtual)); on another
//! one the case fails and says so.

#[macro_use]
mod spoken;
mod answer;
mod apply;
mod calls;
mod claims;
mod difference;
mod draw;
mod duel;
mod mail;
mod op;
mod part;
mod phases;
mod plan;
mod play;
mod report;
mod search;
mod words;
mod world;

pub use op::Op;
pub use part::{At, Known, Member, Members, Part, Parts};
pub use play::replay;
pub use words::{Attempts, Line, Queue, Shown, Span, Topics, Who};

use crate::support::Cx;

/// How many sequences are drawn where nobody says how many.
const ROUNDS: u32 = 30;

pub(crate) async fn the_reference_does_the_same(cx: &Cx) {
    let options = cx.options();
    let rounds = u64::from(options.rounds.unwrap_or(ROUNDS));
    for round in 0..rounds {
        // Each sequence has a seed of its own, so that it can be drawn again without the others.
        let seed = options.seed.0.wrapping_add(round);
        if let Some(found) = search::search(cx, seed) {
            panic!("{found}");
        }
    }
}
