//! Making a connection, and calling a script on it.

use std::convert::Infallible;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use redis::aio::MultiplexedConnection;
use redis::{
    AsyncConnectionConfig, Client, Cmd, PushInfo, PushKind, RedisResult, Value, cmd, pipe,
};

use crate::error::Failure;
use crate::script::Script;
use crate::setup::Setup;

/// The client for one connection, with the login as it is now.
pub(crate) async fn client(setup: &Setup) -> Result<Client, Failure> {
    let server = &setup.location.server;
    let login = match &setup.options.credentials {
        Some(credentials) => {
            let login = tokio::time::timeout(setup.options.connect_timeout, credentials.login());
            let login = login.await.map_err(|_| {
                let why = "it did not answer within the time of `connect_timeout`";
                Failure::credentials(&why, server)
            })?;
            Some(login.map_err(|why| Failure::credentials(&why, server))?)
        }
        None => None,
    };
    let client = setup.location.client(login.as_ref());
    client.map_err(|cause| Failure::connect(cause, server))
}

/// A new connection. `is_lost` is set when it ends, also while nobody uses it.
pub(crate) async fn connect(
    setup: &Setup,
    is_lost: &Arc<AtomicBool>,
) -> Result<MultiplexedConnection, Failure> {
    let is_lost = Arc::clone(is_lost);
    let config = AsyncConnectionConfig::new()
        .set_connection_timeout(Some(setup.options.connect_timeout))
        .set_response_timeout(Some(setup.options.answer_timeout))
        .set_push_sender(move |push: PushInfo| {
            if push.kind == PushKind::Disconnection {
                is_lost.store(true, Ordering::Relaxed);
            }
            Ok::<(), Infallible>(())
        });
    let client = client(setup).await?;
    let connected = client
        .get_multiplexed_async_connection_with_config(&config)
        .await;
    let connection = connected.map_err(|cause| Failure::connect(cause, &setup.location.server))?;
    #[cfg(feature = "conformance")]
    crate::conformance::name(connection.clone(), &setup.options.key_prefix).await;
    Ok(connection)
}

/// Tells the server all scripts, so that calls name them by their hashes.
pub(crate) async fn load_scripts(
    setup: &Setup,
    connection: &mut MultiplexedConnection,
) -> Result<(), Failure> {
    let mut load = pipe();
    for text in setup.scripts.texts() {
        load.cmd("SCRIPT").arg("LOAD").arg(text);
    }
    let hashes: RedisResult<Vec<String>> = load.query_async(connection).await;
    let hashes = hashes.map_err(|cause| Failure::of_call(cause, &setup.location.server))?;
    setup.scripts.set_hashes(hashes);
    Ok(())
}

/// A script, on which keys it works, and what it is asked.
#[derive(Clone, Copy)]
pub(crate) struct ScriptCall<'a> {
    pub(crate) script: Script,
    pub(crate) key_tag: &'a str,
    pub(crate) argument: &'a [u8],
}

/// Calls a script. One that the server has forgotten is told again, which it keeps.
pub(crate) async fn call(
    setup: &Arc<Setup>,
    mut connection: MultiplexedConnection,
    call: ScriptCall<'_>,
) -> Result<Vec<u8>, Failure> {
    let server = &setup.location.server;
    let hash = setup.scripts.hash(call.script).unwrap_or_default();
    setup.count_call();
    let by_hash = send(&mut connection, "EVALSHA", hash, call).await;
    match by_hash.map_err(|cause| Failure::of_call(cause, server)) {
        Err(failure) if failure.is_unknown_script() => {
            setup.count_call();
            let text = setup.scripts.text(call.script);
            let by_text = send(&mut connection, "EVAL", text, call).await;
            by_text.map_err(|cause| Failure::of_call(cause, server))
        }
        answer => answer,
    }
}

async fn send(
    connection: &mut MultiplexedConnection,
    command: &'static str,
    script: &str,
    call: ScriptCall<'_>,
) -> RedisResult<Vec<u8>> {
    let mut eval: Cmd = cmd(command);
    eval.arg(script).arg(1).arg(call.key_tag).arg(call.argument);
    let answer: Value = eval.query_async(connection).await?;
    redis::from_redis_value(answer).map_err(Into::into)
}
