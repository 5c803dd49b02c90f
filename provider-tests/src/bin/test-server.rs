//! Finds or starts the server of one kind, prints its URL, and keeps it until its input ends.
//!
//! ```sh
//! cargo run -p duroxide-provider-tests --features servers,containers --bin test-server postgres
//! ```
#![allow(
    clippy::print_stdout,
    clippy::print_stderr,
    reason = "a command-line tool talks to whoever runs it"
)]

use std::io;
use std::process::ExitCode;

use duroxide_provider_tests::servers::{Server, ServerKind};

fn main() -> ExitCode {
    let kind = std::env::args().nth(1);
    let Some(kind) = kind.and_then(|id| ServerKind::from_id(&id)) else {
        let ids = ServerKind::ALL.map(ServerKind::id).join("|");
        eprintln!("usage: test-server {ids}");
        return ExitCode::from(2);
    };
    match Server::find(kind) {
        Ok(server) => {
            eprintln!("{kind}: {server}");
            println!("{}={}", kind.url_variable(), server.url());
            // Whether it ended or broke, nobody needs the server any more.
            io::copy(&mut io::stdin(), &mut io::sink()).ok();
            ExitCode::SUCCESS
        }
        Err(unavailable) => {
            eprintln!("{unavailable}");
            ExitCode::FAILURE
        }
    }
}
