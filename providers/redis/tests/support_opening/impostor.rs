//! Servers that are not what they should be.

use std::net::SocketAddr;

use duroxide_provider_tests::network::{Direction, Framing as _, Resp};
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::{TcpListener, TcpStream};
use tokio::task::AbortHandle;

/// A server that answers by what it is asked, until this is dropped.
#[derive(Debug)]
pub(crate) struct Impostor {
    address: SocketAddr,
    serving: AbortHandle,
}

/// What is answered to a command, of which these are the words.
type Answer = fn(&[String]) -> String;

impl Impostor {
    /// A Redis server that says this of itself, and knows no command that came later.
    pub(crate) async fn old_redis() -> Self {
        Self::start(Some(|words| match words[0].to_ascii_uppercase().as_str() {
            "HELLO" => {
                "%3\r\n+server\r\n+redis\r\n+version\r\n+6.2.14\r\n+proto\r\n:3\r\n".to_owned()
            }
            "INFO" => {
                let text = "# Server\r\nredis_version:6.2.14\r\nredis_mode:standalone\r\n\r\n\
                            # Replication\r\nrole:master\r\n";
                format!("${}\r\n{text}\r\n", text.len())
            }
            "CLIENT" => "-ERR Unknown subcommand or wrong number of arguments\r\n".to_owned(),
            _ => format!("-ERR unknown command `{}`\r\n", words[0]),
        }))
        .await
    }

    /// A web server, which takes the first word of anything for a bad request.
    pub(crate) async fn web_server() -> Self {
        Self::start(Some(|_| {
            "HTTP/1.1 400 Bad Request\r\nConnection: close\r\nContent-Length: 0\r\n\r\n".to_owned()
        }))
        .await
    }

    /// Somebody who takes connections and says nothing.
    pub(crate) async fn silent() -> Self {
        Self::start(None).await
    }

    async fn start(answer: Option<Answer>) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let address = listener.local_addr().unwrap();
        let serving = tokio::spawn(async move {
            loop {
                let (client, _) = listener.accept().await.unwrap();
                tokio::spawn(serve(client, answer));
            }
        });
        Self {
            address,
            serving: serving.abort_handle(),
        }
    }

    pub(crate) fn address(&self) -> SocketAddr {
        self.address
    }
}

impl Drop for Impostor {
    fn drop(&mut self) {
        self.serving.abort();
    }
}

/// Answers each command. It ends when the client does.
async fn serve(mut client: TcpStream, answer: Option<Answer>) {
    let mut buffer = Vec::new();
    while client
        .read_buf(&mut buffer)
        .await
        .is_ok_and(|read| read > 0)
    {
        let Some(answer) = answer else { continue };
        let mut replies = String::new();
        while let Some(words) = first_command(&mut buffer) {
            replies += &answer(&words);
        }
        if client.write_all(replies.as_bytes()).await.is_err() {
            return;
        }
    }
}

/// Takes a command out of what was received: an array of texts.
fn first_command(buffer: &mut Vec<u8>) -> Option<Vec<String>> {
    let Ok(length) = Resp.first_message(Direction::ToServer, buffer) else {
        // It is something else altogether.
        buffer.clear();
        return Some(vec!["?".to_owned()]);
    };
    let length = length.filter(|length| *length > 0)?;
    let command: Vec<u8> = buffer.drain(..length).collect();
    let text = String::from_utf8_lossy(&command).into_owned();
    let lines = text.split("\r\n").skip(1);
    // Each text has its length before it.
    Some(lines.skip(1).step_by(2).map(str::to_owned).collect())
}
