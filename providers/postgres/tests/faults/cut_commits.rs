//! The connection breaks at every place of a commit.

use std::sync::Arc;

use duroxide_core::providers::{Commit, Committed, ErrorKind, Provider, ProviderError};
use duroxide_postgres::{Listen, Migrations, PostgresProvider};
use duroxide_provider_tests::network::{Boundary, Direction, Fault, Place, Proxy};
use sqlx::Row as _;

use super::store::Store;
use crate::operations::{
    activities, activity, apply, apply_all, claim_all, commit, commit_of, envelope, id, outcome,
    start,
};

/// The name of the connections that are cut.
const CUT: &str = "cut";

/// A commit of a turn, an outcome and a send, for instances that nobody else uses.
struct Trial {
    instances: [String; 4],
    operations: Vec<Commit>,
}

/// What is in the store of a trial, in numbers.
#[derive(Debug, PartialEq, Eq)]
struct Stored {
    commits: i64,
    chunks: i64,
    /// The new activity.
    scheduled: i64,
    /// The activity that ends.
    open: i64,
    /// By instance.
    messages: [i64; 4],
}

const BEFORE: Stored = Stored {
    commits: 0,
    chunks: 0,
    scheduled: 0,
    open: 1,
    messages: [1, 1, 0, 1],
};
const AFTER: Stored = Stored {
    commits: 1,
    chunks: 1,
    scheduled: 1,
    open: 0,
    messages: [0, 2, 1, 2],
};

impl Trial {
    /// Prepares everything by a provider whose connections are whole.
    async fn new(whole: &PostgresProvider, number: usize) -> Self {
        let instances = ["turn", "receiver", "worker", "target"];
        let instances = instances.map(|name| format!("{name} {number}"));
        let names = instances.each_ref().map(String::as_str);
        apply_all(whole, names.map(start).to_vec()).await;
        let turns = claim_all(whole, &names).await;
        let mut of_worker = commit_of(&turns[2], Vec::new());
        of_worker.activities = vec![activity(1)];
        apply(whole, Commit::Turn(of_worker)).await;
        let claimed = whole.claim_activities(&activities(9)).await.unwrap();
        let mut turn = commit_of(&turns[0], Vec::new());
        turn.activities = vec![activity(1)];
        turn.messages = vec![envelope(names[1])];
        let operations = vec![
            Commit::Turn(turn),
            outcome(&claimed.items[0]),
            Commit::Send(envelope(names[3])),
        ];
        Self {
            instances,
            operations,
        }
    }

    async fn stored(&self, store: &Store) -> Stored {
        let [turn, receiver, worker, target] = &self.instances;
        let row = store
            .row(&format!(
                "WITH n AS (SELECT ino, id AS name, commit_id FROM instance) SELECT
                (SELECT count(commit_id) FROM n WHERE name = '{turn}'),
                (SELECT count(*) FROM n JOIN history USING (ino) WHERE name = '{turn}'),
                (SELECT count(*) FROM n JOIN activity USING (ino) WHERE name = '{turn}'),
                (SELECT count(*) FROM n JOIN activity USING (ino) WHERE name = '{worker}'),
                (SELECT count(*) FROM n JOIN inbox USING (ino) WHERE name = '{turn}'),
                (SELECT count(*) FROM n JOIN inbox USING (ino) WHERE name = '{receiver}'),
                (SELECT count(*) FROM n JOIN inbox USING (ino) WHERE name = '{worker}'),
                (SELECT count(*) FROM n JOIN inbox USING (ino) WHERE name = '{target}')"
            ))
            .await;
        Stored {
            commits: row.get(0),
            chunks: row.get(1),
            scheduled: row.get(2),
            open: row.get(3),
            messages: [4, 5, 6, 7].map(|column| row.get(column)),
        }
    }

    /// Commits once more, and checks that everything is there once. Where a connection has broken
    /// unnoticed, one more attempt is due.
    async fn repeat(&self, cut: &PostgresProvider, has_happened: bool, attempts_max: u32) {
        let mut attempt = 1;
        let answers = loop {
            let answers = cut.commit(self.operations.clone()).await;
            let is_unsure = |it: &Result<_, ProviderError>| {
                it.as_ref().is_err_and(|error| error.is_retryable())
            };
            if attempt == attempts_max || !answers.iter().any(is_unsure) {
                break answers;
            }
            attempt += 1;
        };
        let [turn, outcome, sent] = &answers[..] else {
            panic!("{answers:?}");
        };
        let Ok(Committed::Turn(turn)) = turn else {
            panic!("{answers:?}");
        };
        assert_eq!(turn.repeated, has_happened);
        match outcome {
            // The first one has removed the activity (IDM-04).
            Err(error) => assert!(has_happened && error.kind() == ErrorKind::LeaseLost),
            Ok(_) => assert!(!has_happened),
        }
        assert!(sent.is_ok(), "{answers:?}");
    }

    /// Removes what the next trial could claim.
    async fn forget(&self, store: &Store) {
        let forgotten = "WITH r AS (DELETE FROM ready RETURNING 1),
            a AS (DELETE FROM activity RETURNING 1) SELECT count(*) FROM r";
        store.number(forgotten).await;
    }
}

/// Checks what a commit said against what it did (ERR-02).
fn check_answers(
    answers: &[Result<Committed, ProviderError>],
    has_happened: bool,
    at: impl std::fmt::Debug,
) {
    for answer in answers {
        let is_true = match answer {
            Ok(Committed::Turn(turn)) => has_happened && !turn.repeated,
            Ok(_) => has_happened,
            Err(error) if error.kind() == ErrorKind::CommitUnknown => true,
            Err(error) => error.kind() == ErrorKind::Unavailable && !has_happened,
        };
        assert!(is_true, "{at:?}: happened: {has_happened}, but {answers:?}");
    }
}

/// A provider behind the proxy whose one write connection is used by nothing but commits.
async fn open_cut(store: &Store, proxy: &Proxy) -> Arc<PostgresProvider> {
    let options = store
        .options()
        .listen(Listen::Never)
        .migrations(Migrations::Verify)
        .write_connections(1);
    let provider = store.open_through(proxy, CUT, options).await;
    // What a provider does by itself when it is opened is done.
    while provider.statements() < 1 {
        tokio::task::yield_now().await;
    }
    let head = provider.read_head(&id("nobody")).await;
    assert!(head.unwrap().is_none());
    provider
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum Connection {
    /// It is there, and the server knows the statement.
    Warm,
    /// It is made for this commit.
    Cold,
}

async fn prepare(store: &Store, proxy: &Proxy, connection: Connection) -> Arc<PostgresProvider> {
    let cut = open_cut(store, proxy).await;
    let nobody = || vec![Commit::Send(envelope("nobody"))];
    let answer = cut.commit(nobody()).await.pop().unwrap();
    assert_eq!(answer.unwrap_err().kind(), ErrorKind::NotFound);
    if connection == Connection::Cold {
        proxy.reset();
        let first_request = Boundary {
            direction: Direction::ToServer,
            message: 1,
            place: Place::Before,
        };
        proxy.arm(Fault::cut(first_request));
        let answer = cut.commit(nobody()).await.pop().unwrap();
        assert_eq!(answer.unwrap_err().kind(), ErrorKind::CommitUnknown);
        proxy.settled().await;
    }
    proxy.reset();
    cut
}

async fn cut_everywhere(connection: Connection) {
    let store = Store::shared().await;
    // Nobody listens, so that nobody is told, and nothing but the commit is counted.
    let options = store.options().listen(Listen::Never);
    let whole = store.open("whole", options).await;
    let proxy = store.proxy().await;

    let cut = prepare(&store, &proxy, connection).await;
    let trial = Trial::new(&whole, 0).await;
    assert_eq!(trial.stored(&store).await, BEFORE);
    let answers = cut.commit(trial.operations.clone()).await;
    assert!(answers.iter().all(Result::is_ok), "{answers:?}");
    assert_eq!(trial.stored(&store).await, AFTER);
    let counts = proxy.counts();
    trial.forget(&store).await;
    cut.close().await;
    store.until_connections(CUT, 0).await;

    let (mut unknown, mut fine) = (0, 0);
    let boundaries = counts.boundaries().into_iter();
    // After one message is before the next, so that a long conversation needs only one of the two.
    let is_needed = |at: &Boundary| {
        connection == Connection::Warm
            || at.place != Place::After
            || at.message == counts.of(at.direction)
    };
    for (number, at) in (1..).zip(boundaries.filter(is_needed)) {
        let cut = prepare(&store, &proxy, connection).await;
        let connections = store.connections(CUT).await;
        let trial = Trial::new(&whole, number).await;
        let fault = Fault::cut(at);
        proxy.arm(fault);
        let answers = cut.commit(trial.operations.clone()).await;
        proxy.settled().await;
        assert_eq!(proxy.fired(), [fault]);
        check_one(&store, &trial, &cut, &answers, at).await;
        unknown += usize::from(
            answers[0]
                .as_ref()
                .is_err_and(|error| error.kind() == ErrorKind::CommitUnknown),
        );
        fine += usize::from(answers[0].is_ok());
        // The connection that was cut is gone, and at most one has taken its place.
        assert!(
            store.connections(CUT).await <= connections + i64::from(connection == Connection::Cold)
        );
        cut.close().await;
        store.until_connections(CUT, 0).await;
        trial.forget(&store).await;
    }
    // Without each of these the cuts have missed the commit.
    assert!(unknown > 3 && fine > 0, "{unknown} {fine} {counts:?}");
    whole.close().await;
}

async fn check_one(
    store: &Store,
    trial: &Trial,
    cut: &PostgresProvider,
    answers: &[Result<Committed, ProviderError>],
    at: Boundary,
) {
    let stored = trial.stored(store).await;
    let has_happened = stored.commits == 1;
    assert_eq!(stored, if has_happened { AFTER } else { BEFORE }, "{at:?}");
    check_answers(answers, has_happened, at);
    // A connection that broke after the answer is noticed at its next use.
    let attempts_max = if answers[0].is_ok() { 2 } else { 1 };
    trial.repeat(cut, has_happened, attempts_max).await;
    assert_eq!(trial.stored(store).await, AFTER, "{at:?}");
}

#[tokio::test]
#[ignore = "needs a PostgreSQL server: `cargo xtask test servers` gets one"]
async fn a_commit_is_there_once_wherever_its_connection_breaks() {
    cut_everywhere(Connection::Warm).await;
}

#[tokio::test]
#[ignore = "needs a PostgreSQL server: `cargo xtask test servers` gets one"]
async fn a_commit_is_there_once_wherever_its_first_connection_breaks() {
    cut_everywhere(Connection::Cold).await;
}

#[tokio::test]
#[ignore = "needs a PostgreSQL server: `cargo xtask test servers` gets one"]
async fn connections_that_have_died_unused_cost_one_attempt() {
    let store = Store::shared().await;
    let provider = store.open(CUT, store.options().write_connections(1)).await;
    apply(&*provider, start("a")).await;
    store.terminate(CUT, 100).await;
    let send = Commit::Send(envelope("a"));
    let first = commit(&*provider, send.clone()).await;
    assert_eq!(first.unwrap_err().kind(), ErrorKind::CommitUnknown);
    commit(&*provider, send).await.unwrap();
    assert_eq!(store.number("SELECT count(*) FROM inbox").await, 2);
    // What may be repeated is, and nobody notices.
    store.terminate(CUT, 100).await;
    assert_eq!(claim_all(&*provider, &["a"]).await[0].messages.len(), 2);
    provider.close().await;
}
