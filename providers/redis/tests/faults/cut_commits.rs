//! The connection breaks at every place of a commit.

use std::sync::Arc;

use duroxide_core::providers::{Commit, Committed, ErrorKind, Provider as _, ProviderError};
use duroxide_provider_tests::network::{Boundary, Direction, Fault, Proxy};
use duroxide_redis::RedisProvider;

use super::proxies::{next, open_through, proxy};
use super::store::{Look, open, options};
use crate::operations::{
    activities, activity, apply, apply_all, claim_all, commit, commit_of, envelope, outcome, send,
    start, turns,
};
use crate::private_server::PrivateServer;

/// A commit of a turn, an outcome and a send, for instances that nobody else uses.
struct Trial {
    instances: [String; 4],
    operations: Vec<Commit>,
}

/// What is in the store of a trial, in numbers.
#[derive(Debug, PartialEq, Eq)]
struct Stored {
    chunks: usize,
    /// The new activity, and the one that ends.
    activities: [usize; 2],
    /// By instance.
    messages: [usize; 4],
}

const BEFORE: Stored = Stored {
    chunks: 0,
    activities: [0, 1],
    messages: [1, 1, 0, 1],
};
const AFTER: Stored = Stored {
    chunks: 1,
    activities: [1, 0],
    messages: [0, 2, 1, 2],
};

impl Trial {
    /// Prepares everything by a provider whose connections are whole.
    async fn new(whole: &RedisProvider, number: usize) -> Self {
        let instances = ["turn", "receiver", "worker", "target"];
        let instances = instances.map(|name| format!("{name} {number}"));
        let names = instances.each_ref().map(String::as_str);
        apply_all(whole, names.map(start).to_vec()).await;
        let turns = claim_all(whole, &names).await;
        let of_worker = commit_of(&turns[2], vec![activity(1)]);
        apply(whole, Commit::Turn(of_worker)).await;
        let claimed = whole.claim_activities(&activities(9)).await.unwrap();
        let mut turn = commit_of(&turns[0], vec![activity(1)]);
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

    async fn stored(&self, look: &mut Look) -> Stored {
        let mut all = Vec::new();
        for instance in &self.instances {
            all.push(look.instance(instance).await.unwrap());
        }
        Stored {
            chunks: all[0].history.len(),
            activities: [all[0].activities, all[2].activities],
            messages: [0, 1, 2, 3].map(|place: usize| all[place].messages),
        }
    }

    /// Commits once more, and checks that everything is there once.
    async fn repeat(&self, cut: &RedisProvider, has_happened: bool) {
        let answers = cut.commit(self.operations.clone()).await;
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

    /// Takes out of the queues what the next trial could claim.
    async fn finish(&self, whole: &RedisProvider) {
        let claimed = whole.claim_activities(&activities(9)).await.unwrap();
        for activity in &claimed.items {
            apply(whole, outcome(activity)).await;
        }
        whole.claim_turns(&turns(9)).await.unwrap();
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

/// What of a provider is there when the commit begins.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum State {
    /// The connection, and the server knows the script.
    Warm,
    /// The connection, and the server has forgotten the script.
    Forgotten,
    /// The connection is made for this commit.
    Cold,
}

/// A provider behind the proxy. What it does beside the commit is a sign of life each second, which may be
/// what is cut now and then; that changes nothing of what is checked.
async fn prepare(server: &PrivateServer, proxy: &Proxy, state: State) -> Arc<RedisProvider> {
    let cut = open_through(proxy, options()).await;
    let error = commit(&*cut, send("nobody")).await.unwrap_err();
    assert_eq!(error.kind(), ErrorKind::NotFound);
    match state {
        State::Warm => {}
        State::Forgotten => server.command("SCRIPT FLUSH").await,
        State::Cold => {
            let mut kind = ErrorKind::NotFound;
            // Now and then it is the sign of life that is cut.
            while kind == ErrorKind::NotFound {
                proxy.arm(Fault::cut(next(proxy, Direction::ToServer)));
                kind = commit(&*cut, send("nobody")).await.unwrap_err().kind();
                proxy.settled().await;
            }
            assert_eq!(kind, ErrorKind::CommitUnknown);
        }
    }
    proxy.reset();
    cut
}

async fn cut_everywhere(state: State) {
    let server = PrivateServer::start(&[]).await;
    let whole = open(&server.url()).await;
    let mut look = Look::at(&server).await;
    let through = proxy(&server).await;

    let trial = Trial::new(&whole, 0).await;
    assert_eq!(trial.stored(&mut look).await, BEFORE);
    let cut = prepare(&server, &through, state).await;
    let answers = cut.commit(trial.operations.clone()).await;
    assert!(answers.iter().all(Result::is_ok), "{answers:?}");
    let counts = through.counts();
    assert_eq!(trial.stored(&mut look).await, AFTER);
    trial.finish(&whole).await;
    cut.close().await;

    let (mut unknown, mut unsent, mut fine) = (0, 0, 0);
    for (number, at) in (1..).zip(counts.boundaries()) {
        let trial = Trial::new(&whole, number).await;
        let cut = prepare(&server, &through, state).await;
        through.arm(Fault::cut(at));
        let answers = cut.commit(trial.operations.clone()).await;
        through.settled().await;
        check_one(&mut look, &trial, &cut, &answers, at).await;
        match &answers[0] {
            Ok(_) => fine += 1,
            Err(error) if error.kind() == ErrorKind::CommitUnknown => unknown += 1,
            Err(_) => unsent += 1,
        }
        cut.close().await;
        trial.finish(&whole).await;
    }
    println!("{state:?}: {unknown} unknown, {unsent} not sent, {fine} fine of {counts:?}");
    // Without each of these the cuts have missed the commit.
    assert!(unknown > 3 && fine > 0, "{unknown} {fine} {counts:?}");
    assert_eq!(unsent > 0, state == State::Cold, "{unsent} {counts:?}");
    look.everything().await;
    whole.close().await;
}

async fn check_one(
    look: &mut Look,
    trial: &Trial,
    cut: &RedisProvider,
    answers: &[Result<Committed, ProviderError>],
    at: Boundary,
) {
    let stored = trial.stored(look).await;
    let has_happened = stored.chunks == 1;
    assert_eq!(stored, if has_happened { AFTER } else { BEFORE }, "{at:?}");
    check_answers(answers, has_happened, at);
    trial.repeat(cut, has_happened).await;
    assert_eq!(trial.stored(look).await, AFTER, "{at:?}");
}

#[tokio::test(flavor = "multi_thread")]
#[ignore = "needs a Redis server: `cargo xtask test servers` gets one"]
async fn a_commit_is_there_once_wherever_its_connection_breaks() {
    cut_everywhere(State::Warm).await;
}

#[tokio::test(flavor = "multi_thread")]
#[ignore = "needs a Redis server: `cargo xtask test servers` gets one"]
async fn a_commit_is_there_once_wherever_the_script_is_told_again() {
    cut_everywhere(State::Forgotten).await;
}

#[tokio::test(flavor = "multi_thread")]
#[ignore = "needs a Redis server: `cargo xtask test servers` gets one"]
async fn a_commit_is_there_once_wherever_its_first_connection_breaks() {
    cut_everywhere(State::Cold).await;
}
