//! Whether a fixture is believed that says it has killed a process.
//!
//! Its word alone would let a provider pass that keeps everything until a handle is dropped. What can
//! be seen from outside is that the dead do nothing any more: what a handle does after
//! [`Store::crash`](crate::Store::crash), and at its end, must not be in what is opened next.

use std::time::Duration;

use bytes::Bytes;
use duroxide_core::entropy::Entropy;
use duroxide_core::providers::{
    Channel, Commit, Envelope, InstanceId, Message, NewInstance, Recipient,
};

use super::probe::apart;
use crate::Unavailable;
use crate::ending::Ending;
use crate::suite::{Subject, runtime};

/// How long a dead handle may take to answer, or not to.
const ANSWER_MAX: Duration = Duration::from_secs(5);

/// What has been done to the processes, as far as the fixture is believed; and why it is not.
pub(super) fn believed(
    subject: &Subject,
    seen: Vec<Ending>,
    time_limit: Option<Duration>,
) -> (Vec<Ending>, Option<String>) {
    if seen.iter().all(|ending| *ending <= Ending::HandleDropped) {
        return (seen, None);
    }
    let subject = subject.clone();
    let looked = apart(time_limit, move || look(&subject));
    match looked.unwrap_or_else(Err) {
        Ok(()) => (seen, None),
        Err(why) => (vec![Ending::HandleDropped], Some(why)),
    }
}

fn look(subject: &Subject) -> Result<(), String> {
    let runtime = runtime()?;
    let looked = runtime.block_on(kill_and_look(subject));
    runtime.shutdown_background();
    looked.map_err(|unavailable| format!("that could not be checked: {unavailable}"))?
}

async fn kill_and_look(subject: &Subject) -> Result<Result<(), String>, Unavailable> {
    let instance = InstanceId::new("sent-by-the-dead");
    let instance = instance.map_err(|error| Unavailable::new(error.to_string()))?;
    let store = subject.fixture.create().await?;
    let dead = store.connect().await?;
    store.crash().await?;
    // It fails, or goes to where nobody looks, or hangs since its server is gone.
    let sent = dead.commit(vec![start(instance.clone())]);
    tokio::time::timeout(ANSWER_MAX, sent).await.ok();
    // What it has kept back until now.
    drop(dead);

    let next = store.connect().await?;
    let found = next.read_head(&instance).await;
    next.close().await;
    Ok(match found {
        Ok(None) => Ok(()),
        Ok(Some(_)) => Err(
            "what a handle did after its `crash` is in the store that was opened next".to_owned(),
        ),
        Err(error) => Err(format!("the store cannot be read after a crash: {error}")),
    })
}

fn start(instance: InstanceId) -> Commit {
    Commit::Send(Envelope {
        recipient: Recipient::NewInstance(NewInstance::new(instance, "None")),
        delay: Duration::ZERO,
        message: Message {
            id: Entropy.message_id(),
            channel: Channel::System,
            execution: None,
            body: Bytes::from_static(b"start"),
        },
    })
}
