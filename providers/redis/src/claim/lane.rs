//! The way of claims to the server: those of turns and of activities that are brought together go out together.

use std::sync::Arc;

use bytes::Bytes;
use duroxide_core::entropy::Entropy;
use serde::Serialize;
use tokio::sync::{mpsc, oneshot};
use tokio::task::JoinSet;

use super::request::{ITEMS_MAX, Request};
use crate::codec;
use crate::connection::Connected;
use crate::error::Failure;
use crate::link::Link;
use crate::read_lane::answer_of;
use crate::script::Script;
use crate::setup::Setup;

/// A claim of one caller.
pub(crate) struct ClaimJob {
    pub(crate) request: Request,
    pub(crate) reply: oneshot::Sender<Result<Bytes, Failure>>,
}

/// Claims, as the script is asked for them.
#[derive(Serialize)]
struct Requests<'a> {
    claims: Vec<&'a Request>,
    /// A fresh one for each item that may be leased, one behind another (LEA-02).
    tokens: Bytes,
}

/// Serves until the queue is closed and empty. Scripts go out as claims come; the server answers them in
/// their order.
pub(crate) async fn run(
    setup: Arc<Setup>,
    link: Link,
    mut queue: mpsc::UnboundedReceiver<ClaimJob>,
) {
    let mut under_way = JoinSet::new();
    let mut next = queue.recv().await;
    while let Some(first) = next.take() {
        let connected = link.connected().await;
        let mut jobs = vec![first];
        while let Ok(job) = queue.try_recv() {
            if items_of(&jobs) + job.request.max > ITEMS_MAX {
                next = Some(job);
                break;
            }
            jobs.push(job);
        }
        match connected {
            Ok(connected) => {
                under_way.spawn(serve(Arc::clone(&setup), link.clone(), connected, jobs));
            }
            Err(failure) => {
                // Whoever waits meanwhile would wait for as long once more. Whoever hears of it and tries
                // again is not among them.
                jobs.extend(next.take());
                while let Ok(job) = queue.try_recv() {
                    jobs.push(job);
                }
                fail(jobs, &failure);
            }
        }
        while under_way.try_join_next().is_some() {}
        if next.is_none() {
            next = queue.recv().await;
        }
    }
    under_way.join_all().await;
}

/// How many items these lease at most.
fn items_of(jobs: &[ClaimJob]) -> usize {
    jobs.iter().map(|job| job.request.max).sum()
}

fn fail(jobs: Vec<ClaimJob>, failure: &Failure) {
    for job in jobs {
        // A caller who has gone away wants no answer.
        job.reply.send(Err(failure.clone())).ok();
    }
}

/// Has all of them answered by one script.
async fn serve(setup: Arc<Setup>, link: Link, connected: Connected, mut jobs: Vec<ClaimJob>) {
    // It would lease for nobody.
    jobs.retain(|job| !job.reply.is_closed());
    if jobs.is_empty() {
        return;
    }
    match call(&setup, &link, connected, &jobs).await {
        Ok(answers) => {
            for (job, answer) in jobs.into_iter().zip(answers) {
                let answer = answer_of(answer, &setup.access.location.server);
                job.reply.send(answer).ok();
            }
        }
        Err(failure) => fail(jobs, &failure),
    }
}

async fn call(
    setup: &Arc<Setup>,
    link: &Link,
    connected: Connected,
    jobs: &[ClaimJob],
) -> Result<Vec<Bytes>, Failure> {
    let server = &setup.access.location.server;
    let tokens = (0..items_of(jobs)).flat_map(|_| Entropy.lease_token().0.into_bytes());
    let request = Requests {
        claims: jobs.iter().map(|job| &job.request).collect(),
        tokens: tokens.collect(),
    };
    let argument = codec::encode(&request).map_err(|why| Failure::damaged(why, server))?;
    let answer = link.call(connected, Script::Claim, &argument).await?;
    let answers: Vec<Bytes> =
        codec::decode(&answer).map_err(|why| Failure::damaged(why, server))?;
    if answers.len() != jobs.len() {
        return Err(Failure::damaged("an answer is missing", server));
    }
    Ok(answers)
}
