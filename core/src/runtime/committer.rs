//! Group commit: what is ready while a commit is in flight goes out together with the next one.

use std::collections::BTreeSet;
use std::sync::Arc;

use tokio::sync::{mpsc, oneshot};

use crate::providers::{
    Commit, Committed, ErrorKind, InstanceId, Limits, Provider, ProviderError, check,
};

type Answer = Result<Committed, ProviderError>;

struct Request {
    operation: Commit,
    /// Whether it goes into no batch with others.
    is_alone: bool,
    answer: oneshot::Sender<Answer>,
}

#[expect(
    clippy::large_enum_variant,
    reason = "all but the last are of the large variant"
)]
enum Order {
    Commit(Request),
    /// Commit what came before, then no more.
    Close(oneshot::Sender<()>),
}

/// The door to [`run`].
#[derive(Debug, Clone)]
pub(super) struct Committer {
    orders: mpsc::UnboundedSender<Order>,
}

/// The other end of the door.
#[derive(Debug)]
pub(super) struct Requests {
    orders: mpsc::UnboundedReceiver<Order>,
}

/// A committer, and what its task is to be given. The queue needs no bound of its own: each slot
/// of the runtime has at most one operation in it.
pub(super) fn channel() -> (Committer, Requests) {
    let (sender, receiver) = mpsc::unbounded_channel();
    (Committer { orders: sender }, Requests { orders: receiver })
}

impl Committer {
    /// Commits one operation together with others.
    pub(super) fn commit(&self, operation: Commit) -> impl Future<Output = Answer> + use<> {
        self.request(operation, false)
    }

    /// Commits one operation by itself.
    pub(super) fn commit_alone(&self, operation: Commit) -> impl Future<Output = Answer> + use<> {
        self.request(operation, true)
    }

    /// Hands the operation over at once, so that whoever waits holds none of it.
    fn request(&self, operation: Commit, is_alone: bool) -> impl Future<Output = Answer> + use<> {
        let (answer, answered) = oneshot::channel();
        let request = Request {
            operation,
            is_alone,
            answer,
        };
        // If nobody takes it, the answer's sender is dropped with it.
        self.orders.send(Order::Commit(request)).ok();
        async move {
            answered.await.unwrap_or_else(|_| {
                Err(ProviderError::new(
                    ErrorKind::CommitUnknown,
                    "commit",
                    "the runtime has stopped",
                ))
            })
        }
    }

    /// Waits until everything that was asked for so far is committed; nothing is from then on.
    pub(super) async fn close(&self) {
        let (done, closed) = oneshot::channel();
        if self.orders.send(Order::Close(done)).is_ok() {
            closed.await.ok();
        }
    }
}

/// Commits until a [`Committer`] is closed, or all of them are gone.
pub(super) async fn run(store: Arc<dyn Provider>, mut requests: Requests) {
    let limits = store.capabilities().limits;
    let mut held_over: Option<Order> = None;
    loop {
        let next = match held_over.take() {
            Some(order) => Some(order),
            None => requests.orders.recv().await,
        };
        let first = match next {
            Some(Order::Commit(request)) => request,
            Some(Order::Close(done)) => {
                requests.orders.close();
                done.send(()).ok();
                return;
            }
            None => return,
        };
        let mut batch = Batch::starting_with(first);
        while let Ok(order) = requests.orders.try_recv() {
            match order {
                Order::Commit(request) if batch.has_room_for(&request, &limits) => {
                    batch.push(request);
                }
                Order::Commit(_) | Order::Close(_) => {
                    held_over = Some(order);
                    break;
                }
            }
        }
        batch.commit(&*store).await;
    }
}

struct Batch {
    operations: Vec<Commit>,
    answers: Vec<oneshot::Sender<Answer>>,
    bytes: usize,
    /// Two turns of one instance would both be refused (FEN-06).
    turns: BTreeSet<InstanceId>,
    is_closed: bool,
}

impl Batch {
    fn starting_with(first: Request) -> Self {
        let mut batch = Self {
            operations: Vec::new(),
            answers: Vec::new(),
            bytes: 0,
            turns: BTreeSet::new(),
            is_closed: false,
        };
        batch.push(first);
        batch
    }

    fn has_room_for(&self, request: &Request, limits: &Limits) -> bool {
        let same_instance = matches!(&request.operation, Commit::Turn(turn)
            if self.turns.contains(&turn.instance));
        !same_instance
            && !self.is_closed
            && !request.is_alone
            && self.operations.len() < limits.commit_operations_max
            && self
                .bytes
                .saturating_add(check::commit_bytes(&request.operation))
                <= limits.commit_bytes_max
    }

    fn push(&mut self, request: Request) {
        if let Commit::Turn(turn) = &request.operation {
            self.turns.insert(turn.instance.clone());
        }
        self.bytes += check::commit_bytes(&request.operation);
        self.is_closed |= request.is_alone;
        self.operations.push(request.operation);
        self.answers.push(request.answer);
    }

    async fn commit(self, store: &dyn Provider) {
        let results = store.commit(self.operations).await;
        for (answer, result) in self.answers.into_iter().zip(results) {
            // Whoever asked may have been aborted; the commit stands all the same, and what it
            // granted is given back by what the asker left (see `Reserved`).
            answer.send(result).ok();
        }
    }
}
