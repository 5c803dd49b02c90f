//! Channels, as the tables have them.

use duroxide_core::providers::{Channel, Topic};
use sqlx::Error;

const CONTROL: &[u8] = b"c";
const SYSTEM: &[u8] = b"s";
/// The name of the topic follows. It comes after the others, and bytes hold what a text of the server
/// cannot, such as NUL.
const TOPIC: u8 = b't';

pub(crate) fn of(channel: &Channel) -> Vec<u8> {
    match channel {
        Channel::Control => CONTROL.to_vec(),
        Channel::System => SYSTEM.to_vec(),
        Channel::Topic(topic) => of_topic(topic),
    }
}

pub(crate) fn of_topic(topic: &Topic) -> Vec<u8> {
    let mut channel = vec![TOPIC];
    channel.extend_from_slice(topic.as_str().as_bytes());
    channel
}

/// The channel that is stored as this.
pub(crate) fn read(stored: &[u8]) -> Result<Channel, Error> {
    match stored {
        CONTROL => Ok(Channel::Control),
        SYSTEM => Ok(Channel::System),
        topic => read_topic(topic).map(Channel::Topic),
    }
}

/// The topic whose channel is stored as this.
pub(crate) fn read_topic(stored: &[u8]) -> Result<Topic, Error> {
    let name = stored.strip_prefix(&[TOPIC]);
    let name = name.ok_or_else(|| Error::Decode("there is no such channel".into()))?;
    let name = std::str::from_utf8(name).map_err(|error| Error::Decode(error.into()))?;
    Ok(Topic::from(name))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_channel_reads_back_and_mail_comes_last() {
        let topic = |name| Channel::Topic(Topic::from(name));
        let channels = [
            Channel::Control,
            Channel::System,
            topic(""),
            topic("\0"),
            topic("c"),
            topic("t\u{fc}"),
        ];
        let stored = channels.each_ref().map(of);
        assert!(stored.is_sorted());
        for (channel, stored) in channels.iter().zip(&stored) {
            assert_eq!(read(stored).unwrap(), *channel);
        }
        for wrong in [&b""[..], b"x", b"t\xff"] {
            assert!(read(wrong).is_err());
        }
    }
}
