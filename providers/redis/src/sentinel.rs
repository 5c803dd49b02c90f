//! Which server is the primary, as Sentinel knows it.

use redis::{RedisResult, cmd};

use crate::access::Access;
use crate::connection;
use crate::error::Failure;
use crate::location::Node;

/// Asks a sentinel which server is the primary of the name in the URL.
pub(crate) async fn primary(access: &Access, sentinel: &Node) -> Result<Node, Failure> {
    let name = access.location.primary_name().unwrap_or_default();
    let asked = connection::connect_to_sentinel(access, sentinel).await;
    let mut asked = asked.map_err(|failure| {
        if failure.lacks_password() {
            Failure::locked_sentinel(&sentinel.name)
        } else {
            failure
        }
    })?;
    access.count_call();
    let mut get = cmd("SENTINEL");
    get.arg("GET-MASTER-ADDR-BY-NAME").arg(name);
    let told: RedisResult<Option<(String, u16)>> = get.query_async(&mut asked.connection).await;
    let told = told.map_err(|cause| {
        // A server knows no such command.
        if cause.code() == Some("ERR") {
            Failure::not_a_sentinel(&sentinel.name)
        } else {
            Failure::of_call(cause, &sentinel.name)
        }
    })?;
    let (host, port) = told.ok_or_else(|| Failure::unknown_primary(&sentinel.name))?;
    Ok(access.location.server_at(&host, port))
}
