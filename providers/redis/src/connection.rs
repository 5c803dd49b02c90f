//! Making a connection, and calling a script on it.

use std::convert::Infallible;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use redis::aio::MultiplexedConnection;
use redis::{
    AsyncConnectionConfig, Client, Cmd, PushInfo, PushKind, RedisResult, Value, cmd, pipe,
};

use crate::access::Access;
use crate::codes::millis;
use crate::credentials::Login;
use crate::error::Failure;
use crate::location::Node;
use crate::script::{Script, Scripts};

/// A connection, and whether it has been found lost, by a call or while nobody used it.
#[derive(Clone)]
pub(crate) struct Connected {
    pub(crate) connection: MultiplexedConnection,
    pub(crate) node: Node,
    is_lost: Arc<AtomicBool>,
}

impl Connected {
    pub(crate) fn is_lost(&self) -> bool {
        self.is_lost.load(Ordering::Relaxed)
    }

    /// Has it replaced.
    pub(crate) fn set_lost(&self) {
        self.is_lost.store(true, Ordering::Relaxed);
    }

    /// Waits until as many replicas as are wanted have what was written on it.
    pub(crate) async fn confirm(&self, access: &Access) -> Result<(), Failure> {
        let wanted = access.options.replicas_min;
        if wanted == 0 {
            return Ok(());
        }
        access.count_call();
        let within = access.options.answer_timeout / 2;
        let mut wait = cmd("WAIT");
        wait.arg(wanted).arg(millis(within).max(1));
        let have: RedisResult<usize> = wait.query_async(&mut self.connection.clone()).await;
        // Whatever has failed here, the commit itself was made.
        let have = have.map_err(|cause| Failure::unconfirmed(Some(cause), &self.node.name))?;
        if have < wanted {
            return Err(Failure::unconfirmed(None, &self.node.name));
        }
        Ok(())
    }

    /// Calls a script on it.
    pub(crate) async fn call(
        &self,
        access: &Access,
        scripts: &Scripts,
        call: ScriptCall<'_>,
    ) -> Result<Vec<u8>, Failure> {
        let answer = call_script(access, scripts, self, call).await;
        if answer.as_ref().is_err_and(Failure::breaks_connection) {
            self.set_lost();
        }
        answer
    }
}

/// The login as it is now, if there is a callback that tells it.
async fn login(access: &Access, node: &Node) -> Result<Option<Login>, Failure> {
    let Some(credentials) = &access.options.credentials else {
        return Ok(None);
    };
    let login = tokio::time::timeout(access.options.connect_timeout, credentials.login());
    let login = login.await.map_err(|_| {
        let why = "it did not answer within the time of `connect_timeout`";
        Failure::credentials(&why, &node.name)
    })?;
    let login = login.map_err(|why| Failure::credentials(&why, &node.name))?;
    Ok(Some(login))
}

/// A new connection.
pub(crate) async fn connect(access: &Access, node: &Node) -> Result<Connected, Failure> {
    connect_and_hear(access, node, |_| {}).await
}

/// A new connection to a sentinel.
pub(crate) async fn connect_to_sentinel(
    access: &Access,
    sentinel: &Node,
) -> Result<Connected, Failure> {
    let client = access.location.sentinel_client(sentinel);
    connect_by(access, sentinel, client, |_| {}).await
}

/// A new connection by which the server also tells something.
pub(crate) async fn connect_and_hear(
    access: &Access,
    node: &Node,
    hear: impl Fn(PushInfo) + Send + Sync + 'static,
) -> Result<Connected, Failure> {
    let login = login(access, node).await?;
    let client = access.location.client(node, login.as_ref());
    connect_by(access, node, client, hear).await
}

async fn connect_by(
    access: &Access,
    node: &Node,
    client: RedisResult<Client>,
    hear: impl Fn(PushInfo) + Send + Sync + 'static,
) -> Result<Connected, Failure> {
    let failed = |cause| Failure::connect(cause, &node.name);
    let client = client.map_err(failed)?;
    let is_lost = Arc::<AtomicBool>::default();
    let config = AsyncConnectionConfig::new()
        .set_connection_timeout(Some(access.options.connect_timeout))
        .set_response_timeout(Some(access.options.answer_timeout))
        .set_push_sender({
            let is_lost = Arc::clone(&is_lost);
            move |push: PushInfo| {
                if push.kind == PushKind::Disconnection {
                    is_lost.store(true, Ordering::Relaxed);
                }
                hear(push);
                Ok::<(), Infallible>(())
            }
        });
    let connected = client
        .get_multiplexed_async_connection_with_config(&config)
        .await;
    let connection = connected.map_err(failed)?;
    #[cfg(feature = "conformance")]
    crate::conformance::name(connection.clone(), &access.options.key_prefix).await;
    Ok(Connected {
        connection,
        node: node.clone(),
        is_lost,
    })
}

/// Tells the server all scripts, so that calls name them by their hashes.
pub(crate) async fn load_scripts(
    scripts: &Scripts,
    connected: &mut Connected,
) -> Result<(), Failure> {
    let mut load = pipe();
    for text in scripts.texts() {
        load.cmd("SCRIPT").arg("LOAD").arg(text);
    }
    let hashes: RedisResult<Vec<String>> = load.query_async(&mut connected.connection).await;
    let hashes = hashes.map_err(|cause| Failure::of_call(cause, &connected.node.name))?;
    scripts.set_hashes(hashes);
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
async fn call_script(
    access: &Access,
    scripts: &Scripts,
    connected: &Connected,
    call: ScriptCall<'_>,
) -> Result<Vec<u8>, Failure> {
    let failed = |cause| Failure::of_call(cause, &connected.node.name);
    let mut connection = connected.connection.clone();
    let hash = scripts.hash(call.script).unwrap_or_default();
    access.count_call();
    let by_hash = send(&mut connection, "EVALSHA", hash, call).await;
    match by_hash.map_err(failed) {
        Err(failure) if failure.is_unknown_script() => {
            access.count_call();
            let text = scripts.text(call.script);
            let by_text = send(&mut connection, "EVAL", text, call).await;
            by_text.map_err(failed)
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
