//! What is sent to the writer, and how it is answered.

use std::fmt::Debug;

use duroxide_core::providers::ProviderError;
use tokio::sync::oneshot;

use crate::error::{Applied, Failure, Fault};
use crate::session::Session;
use duroxide_core::providers::room::Taken;

/// What a commit of an operation has to survive.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Access {
    /// The end of the process: leases are worth nothing after a loss of power.
    Lease,
    /// Whatever the provider promises.
    Durable,
}

/// One operation, that runs within a transaction and may have to run again in another one.
pub(crate) trait Member: Debug + Send + 'static {
    type Answer: Debug + Send + 'static;

    const OPERATION: &'static str;
    const ACCESS: Access;
    /// Whether the operation is not worth doing once nobody waits for its answer.
    const NEEDS_LISTENER: bool = false;

    /// How many bytes it carries, roughly.
    fn bytes(&self) -> usize {
        0
    }

    /// Answers outside any transaction if nothing has to be written.
    fn peek(&self, _session: &mut Session) -> rusqlite::Result<Option<Self::Answer>> {
        Ok(None)
    }

    /// Does it. Every guard comes before the first write.
    fn apply(&self, session: &mut Session) -> Applied<Self::Answer>;
}

/// Operations of one caller, of whatever kind.
pub(crate) trait Job: Debug + Send {
    fn access(&self) -> Access;
    fn bytes(&self) -> usize;
    fn part_count(&self) -> usize;
    /// Whether it can be dropped, since nobody waits for its answer.
    fn is_moot(&self) -> bool;
    /// Answers without a transaction what can be answered so. True if that is everything.
    fn peek(&mut self, session: &mut Session) -> bool;
    /// Runs one part. An error is SQLite's; a refusal is an answer.
    fn run(&mut self, part: usize, session: &mut Session) -> rusqlite::Result<()>;
    /// Answers one part with the failure of its transaction.
    fn fail(&mut self, part: usize, failure: &Failure);
    fn answer(self: Box<Self>);
}

type Answers<M> = Vec<Result<<M as Member>::Answer, ProviderError>>;

/// Operations of one kind and one caller.
#[derive(Debug)]
pub(crate) struct Batch<M: Member> {
    parts: Vec<Part<M>>,
    reply: oneshot::Sender<Answers<M>>,
    /// What it takes of the writer's queue, until it is answered.
    room: Option<Taken>,
}

#[derive(Debug)]
struct Part<M: Member> {
    member: M,
    answer: Option<Result<M::Answer, ProviderError>>,
}

impl<M: Member> Batch<M> {
    pub(crate) fn new(
        members: Vec<M>,
        room: Option<Taken>,
    ) -> (Self, oneshot::Receiver<Answers<M>>) {
        let (reply, answers) = oneshot::channel();
        let parts = members
            .into_iter()
            .map(|member| Part {
                member,
                answer: None,
            })
            .collect();
        let batch = Self { parts, reply, room };
        (batch, answers)
    }
}

impl<M: Member> Job for Batch<M> {
    fn access(&self) -> Access {
        M::ACCESS
    }

    fn bytes(&self) -> usize {
        let bytes = self.parts.iter().map(|part| part.member.bytes());
        bytes.fold(0, usize::saturating_add)
    }

    fn part_count(&self) -> usize {
        self.parts.len()
    }

    fn is_moot(&self) -> bool {
        M::NEEDS_LISTENER && self.reply.is_closed()
    }

    fn peek(&mut self, session: &mut Session) -> bool {
        session.enter();
        for part in &mut self.parts {
            match part.member.peek(session) {
                Ok(answer) => part.answer = answer.map(Ok),
                // The transaction will meet the error again, if it is still there.
                Err(_) => return false,
            }
        }
        self.parts.iter().all(|part| part.answer.is_some())
    }

    fn run(&mut self, part: usize, session: &mut Session) -> rusqlite::Result<()> {
        session.enter();
        if let Some(part) = self.parts.get_mut(part) {
            part.answer = Some(match part.member.apply(session) {
                Ok(answer) => Ok(answer),
                Err(Fault::Refused(error)) => Err(error),
                Err(Fault::Store(error)) => return Err(error),
            });
        }
        Ok(())
    }

    fn fail(&mut self, part: usize, failure: &Failure) {
        if let Some(part) = self.parts.get_mut(part) {
            let is_durable = M::ACCESS == Access::Durable;
            part.answer = Some(Err(failure.error(M::OPERATION, is_durable)));
        }
    }

    fn answer(self: Box<Self>) {
        let Self { parts, reply, room } = *self;
        let answers = parts.into_iter().filter_map(|part| part.answer).collect();
        // Whoever has the answer finds the room free.
        drop(room);
        // A caller who has gone away wants no answer.
        reply.send(answers).ok();
    }
}
