//! Reads: whatever callers bring while a script is under way goes out together with the next one.

use std::sync::Arc;

use bytes::Bytes;
use duroxide_core::providers::room::Taken;
use tokio::sync::{mpsc, oneshot};
use tokio::task::JoinSet;

use crate::codec;
use crate::connection::Connected;
use crate::error::Failure;
use crate::link::Link;
use crate::script::Script;
use crate::setup::Setup;

/// How many scripts are under way at a time: a long page must not keep short reads waiting.
const UNDER_WAY_MAX: usize = 2;
/// How many reads a script answers.
const BATCH_MAX: usize = 64;

/// How an answer begins that is why there is none; MessagePack never uses this byte.
const FAILED: u8 = 0xc1;

/// A read of one caller.
pub(crate) struct ReadJob {
    /// What is read, as the script is asked for it.
    pub(crate) argument: Vec<u8>,
    pub(crate) reply: oneshot::Sender<Result<Bytes, Failure>>,
    /// What it takes of the queue, until it is answered.
    pub(crate) _room: Taken,
}

/// Serves until the queue is closed and empty.
pub(crate) async fn run(
    setup: Arc<Setup>,
    link: Link,
    mut queue: mpsc::UnboundedReceiver<ReadJob>,
) {
    let mut under_way = JoinSet::new();
    let mut waiting = Vec::new();
    while queue.recv_many(&mut waiting, BATCH_MAX).await > 0 {
        if under_way.len() >= UNDER_WAY_MAX {
            under_way.join_next().await;
        }
        // What has come meanwhile goes along.
        while waiting.len() < BATCH_MAX
            && let Ok(job) = queue.try_recv()
        {
            waiting.push(job);
        }
        let jobs = std::mem::take(&mut waiting);
        match link.connected().await {
            Ok(connected) => {
                under_way.spawn(serve(Arc::clone(&setup), link.clone(), connected, jobs));
            }
            Err(failure) => {
                fail(jobs, &failure);
                // Whoever waits meanwhile would wait for as long once more.
                while let Ok(job) = queue.try_recv() {
                    fail(vec![job], &failure);
                }
            }
        }
    }
    under_way.join_all().await;
}

fn fail(jobs: Vec<ReadJob>, failure: &Failure) {
    for job in jobs {
        // A caller who has gone away wants no answer.
        job.reply.send(Err(failure.clone())).ok();
    }
}

/// Has all of them answered, by one script unless the answers are long.
async fn serve(setup: Arc<Setup>, link: Link, connected: Connected, mut jobs: Vec<ReadJob>) {
    while !jobs.is_empty() {
        let arguments: Vec<Vec<u8>> = jobs
            .iter_mut()
            .map(|job| std::mem::take(&mut job.argument))
            .collect();
        match call(&setup, &link, connected.clone(), &arguments).await {
            Ok(answers) => {
                let mut left = Vec::new();
                let each = jobs.into_iter().zip(arguments).zip(answers);
                for ((mut job, argument), answer) in each {
                    if answer.is_empty() {
                        job.argument = argument;
                        left.push(job);
                        continue;
                    }
                    let answer = answer_of(answer, &setup.access.location.server);
                    job.reply.send(answer).ok();
                }
                jobs = left;
            }
            Err(failure) => return fail(jobs, &failure),
        }
    }
}

/// What a script has answered to one of those who called it together.
pub(crate) fn answer_of(answer: Bytes, server: &Arc<str>) -> Result<Bytes, Failure> {
    match answer.strip_prefix(&[FAILED]) {
        Some(why) => Err(Failure::damaged(String::from_utf8_lossy(why), server)),
        None => Ok(answer),
    }
}

async fn call(
    setup: &Arc<Setup>,
    link: &Link,
    connected: Connected,
    arguments: &[Vec<u8>],
) -> Result<Vec<Bytes>, Failure> {
    let server = &setup.access.location.server;
    let request = codec::list("reads", arguments);
    let answer = link.call(connected, Script::Read, &request).await?;
    let answers: Vec<Bytes> =
        codec::decode(&answer).map_err(|why| Failure::damaged(&why, server))?;
    // The first one is always answered, so that each call brings the work on.
    if answers.len() != arguments.len() || answers.first().is_none_or(Bytes::is_empty) {
        return Err(Failure::damaged("an answer is missing", server));
    }
    Ok(answers)
}
