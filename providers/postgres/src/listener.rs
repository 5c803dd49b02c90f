//! Hearing of what other processes do.

use std::sync::Arc;
use std::time::Duration;

use duroxide_core::clock::{Clock as _, SystemClock};
use duroxide_core::entropy::Entropy;
use sqlx::Connection as _;
use sqlx::postgres::{PgConnectOptions, PgListener, PgPoolOptions};
use tokio::sync::oneshot;
use tokio::time::timeout;

use crate::bell::Bell;
use crate::connection;
use crate::pulse::HEARTBEAT;
use crate::setup::Setup;

/// How long a connection may be silent before it is taken to be dead: one heartbeat may be late.
const SILENCE_MAX: Duration = Duration::from_secs(HEARTBEAT.as_secs() * 5 / 2);
/// The pauses between attempts to listen again.
const PAUSE_MIN: Duration = Duration::from_millis(100);
const PAUSE_MAX: Duration = Duration::from_secs(5);

/// Listens as long as the provider is open; says once that it does, or that it could not begin.
pub(crate) async fn run(setup: Arc<Setup>, heard: oneshot::Sender<()>) {
    let Some(connect) = &setup.listen else {
        return;
    };
    let mut first = Some(heard);
    let mut pause = PAUSE_MIN;
    loop {
        let listening = async {
            let mut listener = begin(&setup, connect).await?;
            pause = PAUSE_MIN;
            // Whatever happened before is looked for once.
            setup.hub.set_listening(true);
            if let Some(first) = first.take() {
                first.send(()).ok();
            }
            listen(&setup, &mut listener).await
        };
        let ended = tokio::select! {
            biased;
            () = setup.hub.closed() => return,
            ended = listening => ended,
        };
        setup.hub.set_listening(false);
        if let Err(error) = ended {
            tracing::warn!(
                target: "duroxide::postgres",
                %error,
                "others' work cannot be heard of and is asked for until it can"
            );
        }
        if let Some(first) = first.take() {
            first.send(()).ok();
        }
        tokio::select! {
            biased;
            () = setup.hub.closed() => return,
            () = SystemClock.sleep(Entropy.jittered(pause)) => {}
        }
        pause = (pause * 2).min(PAUSE_MAX);
    }
}

async fn begin(setup: &Setup, connect: &PgConnectOptions) -> Result<PgListener, sqlx::Error> {
    // A pool tries again, for all of `connect_timeout`, where nobody listens, and cannot say why in the
    // end. The provider does not wait for that.
    let probe = connection::connect(connect, &setup.options).await?;
    probe.close().await?;
    // A pool of one, whose connection the listener keeps for itself.
    let pool = PgPoolOptions::new()
        .max_connections(1)
        .acquire_timeout(setup.options.connect_timeout)
        .max_lifetime(None)
        .idle_timeout(None)
        .connect_with(connect.clone())
        .await?;
    let mut listener = PgListener::connect_with(&pool).await?;
    // A lost connection ends `listen`, so that there is one way to begin.
    listener.eager_reconnect(false);
    listener.listen(&setup.schema.channel()).await?;
    Ok(listener)
}

/// Takes in what is heard until the connection is lost.
async fn listen(setup: &Setup, listener: &mut PgListener) -> Result<(), sqlx::Error> {
    loop {
        // A connection may die without a word. Its own heartbeat is what it hears at least.
        let heard = timeout(SILENCE_MAX, listener.try_recv()).await;
        let Some(notification) = heard.unwrap_or(Err(sqlx::Error::PoolTimedOut))? else {
            return Ok(());
        };
        if let Some(bell) = Bell::read(notification.payload(), setup.node) {
            if bell.turns || bell.activities {
                setup.hub.forget(bell.turns, bell.activities);
            }
            setup.hub.watchers.wake_where(|id| bell.has_changed(id));
        }
    }
}
