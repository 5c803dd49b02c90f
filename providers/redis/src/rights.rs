//! Whether the user may do what will be done.
//!
//! It is looked at once, before anything is: a script that is refused a command in its middle leaves its
//! first half behind.

use duroxide_core::providers::ProviderError;
use redis::RedisResult;
use redis::cmd;

use crate::connection::Connected;
use crate::error::{self, Failure};
use crate::options::RedisOptions;
use crate::partition::{Partition, pattern};
use crate::server::Kind;

/// It writes nothing, so that a server without room for more can be opened and cleared.
const HEADER: &str = "#!lua flags=no-writes\n";
const TEXT: &str = include_str!("../lua/rights.lua");

/// Looks whether the user may use all commands, the keys of the prefix and the channel.
pub(crate) async fn check(
    partition: &Partition,
    (kind, options): (Kind, &RedisOptions),
    connected: &mut Connected,
) -> Result<(), ProviderError> {
    let denied: RedisResult<Denied> = cmd("EVAL")
        .arg([HEADER, TEXT].concat())
        .arg(1)
        .arg(&partition.key_tag)
        .arg(&partition.bell)
        .arg(match kind {
            Kind::Single => "single",
            Kind::Cluster => "cluster",
        })
        .arg(if options.replicas_min > 0 { "wait" } else { "" })
        .query_async(&mut connected.connection)
        .await;
    let denied = denied
        .map_err(|cause| of_opening(&Failure::of_call(cause, &connected.node.name), options))?;
    let names = [&*denied.0, &denied.1, &denied.2].concat();
    if names.is_empty() {
        return Ok(());
    }
    let error = error::config(error::LACKS_RIGHTS).with_context("denied", names.join(", "));
    let error = error.with_context("grant", grant(&denied, &pattern(&options.key_prefix)));
    Err(error.with_context("server", &connected.node.name))
}

/// The error of a call with a key, which says how to grant the keys if that is what it lacks.
pub(crate) fn of_opening(failure: &Failure, options: &RedisOptions) -> ProviderError {
    let error = failure.error("open", false);
    if failure.is_of_denied_key() {
        error.with_context("grant", format!("~{}", pattern(&options.key_prefix)))
    } else {
        error
    }
}

/// The commands that the user may not use: with the keys, with the channel, and by themselves.
type Denied = (Vec<String>, Vec<String>, Vec<String>);

/// What to write behind the user's name in `ACL SETUSER`. Whether a command is denied or what it is used with is
/// not told, so that both are named.
fn grant((with_keys, with_channel, alone): &Denied, keys: &str) -> String {
    let mut words = Vec::new();
    if !with_keys.is_empty() {
        words.push(format!("~{keys}"));
    }
    if !with_channel.is_empty() {
        words.push(format!("&{keys}"));
    }
    let names = [with_keys, with_channel, alone].into_iter().flatten();
    words.extend(names.map(|name| format!("+{}", name.to_lowercase())));
    words.join(" ")
}

#[cfg(test)]
mod tests {
    use crate::script::{Script, Scripts, TimeSource};
    use crate::server::Kind;

    #[test]
    fn every_command_of_the_scripts_is_asked_for() {
        let scripts = Scripts::new(TimeSource::Server, Kind::Single, 1);
        let mut commands = 0;
        for script in Script::ALL {
            for after in scripts.text(script).split("call('").skip(1) {
                let command = after.split('\'').next().unwrap_or_default();
                let is_asked_for = super::TEXT.contains(&format!("'{command}'"));
                assert!(is_asked_for, "{command} of {script:?}");
                commands += 1;
            }
        }
        assert!(commands > 100, "{commands}");
    }
}
