//! Every framing finds the same messages, however the bytes arrive.

use std::num::NonZeroUsize;

use duroxide_provider_tests::network::Direction::{self, ToClient, ToServer};
use duroxide_provider_tests::network::{EveryBytes, Framing, Http, Postgres, Resp};

/// Feeds each message byte by byte: it is complete with its last byte and not before, whatever
/// comes after it.
fn check(mut framing: impl Framing + Clone, conversation: &[(Direction, &[u8])]) {
    for (direction, message) in conversation {
        let text = String::from_utf8_lossy(message);
        for bytes in 0..message.len() {
            let found = framing.first_message(*direction, &message[..bytes]);
            assert_eq!(found, Ok(None), "{text:?} after {bytes} bytes");
        }
        let more = [message, b"*1\r\nmore".as_slice()].concat();
        let found = framing.clone().first_message(*direction, &more);
        assert_eq!(found, Ok(Some(message.len())), "{text:?} with more");
        let found = framing.first_message(*direction, message);
        assert_eq!(found, Ok(Some(message.len())), "{text:?}");
    }
}

fn refuses(mut framing: impl Framing, direction: Direction, bytes: &[u8]) {
    let found = framing.first_message(direction, bytes);
    assert!(found.is_err(), "{bytes:?}: {found:?}");
}

#[test]
fn every_so_many_bytes() {
    let five = EveryBytes(NonZeroUsize::new(5).unwrap());
    check(five, &[(ToServer, b"12345"), (ToClient, b"abcde")]);
}

const TLS_REQUEST: &[u8] = &[0, 0, 0, 8, 0x04, 0xd2, 0x16, 0x2f];
const STARTUP: &[u8] = b"\0\0\0\x10\0\x03\0\0user\0me\0";
const READY: &[u8] = b"Z\0\0\0\x05I";

#[test]
fn postgres_with_and_without_the_question_for_encryption() {
    let query: &[u8] = b"Q\0\0\0\x0dSELECT 1\0";
    let plain: &[(Direction, &[u8])] = &[
        (ToServer, STARTUP),
        (ToClient, b"R\0\0\0\x08\0\0\0\0"),
        (ToClient, READY),
        (ToServer, query),
        (ToClient, b"C\0\0\0\x0dSELECT 1\0"),
        (ToClient, READY),
        (ToServer, b"X\0\0\0\x04"),
    ];
    check(Postgres::default(), plain);
    let mut asked: Vec<(Direction, &[u8])> = vec![(ToServer, TLS_REQUEST), (ToClient, b"N")];
    asked.extend(plain);
    check(Postgres::default(), &asked);
    let cancel: &[u8] = b"\0\0\0\x10\x04\xd2\x16\x2e12345678";
    check(Postgres::default(), &[(ToServer, cancel)]);
}

#[test]
fn postgres_that_is_encrypted_or_something_else() {
    let mut encrypted = Postgres::default();
    check(encrypted.clone(), &[(ToServer, TLS_REQUEST)]);
    encrypted.first_message(ToServer, TLS_REQUEST).unwrap();
    encrypted.first_message(ToClient, b"S").unwrap();
    refuses(encrypted, ToServer, &[22, 3, 1, 0, 0, 1, 2, 3]);
    refuses(Postgres::default(), ToServer, b"GET / HTTP/1.1\r\n");
    refuses(Postgres::default(), ToClient, b"Z\0\0\0\x01");
}

#[test]
fn redis_in_both_versions_of_its_protocol() {
    check(
        Resp,
        &[
            (ToServer, b"*2\r\n$3\r\nGET\r\n$1\r\na\r\n"),
            (ToServer, b"PING\r\n"),
            (ToClient, b"+OK\r\n"),
            (ToClient, b"-ERR no\r\n"),
            (ToClient, b":12\r\n"),
            (ToClient, b"$-1\r\n"),
            (ToClient, b"*-1\r\n"),
            (ToClient, b"*0\r\n"),
            (ToClient, b"$0\r\n\r\n"),
            (ToClient, b"$4\r\na\r\nb\r\n"),
            (ToClient, b"*3\r\n:1\r\n*1\r\n$1\r\nx\r\n$-1\r\n"),
            (ToClient, b"_\r\n"),
            (ToClient, b"#t\r\n"),
            (ToClient, b",1.5\r\n"),
            (ToClient, b"(123456789012345678901\r\n"),
            (ToClient, b"=6\r\ntxt:ab\r\n"),
            (ToClient, b"!5\r\nERR x\r\n"),
            (ToClient, b"%2\r\n+a\r\n:1\r\n+b\r\n~1\r\n:2\r\n"),
            (ToClient, b">2\r\n+invalidate\r\n*1\r\n$1\r\nk\r\n"),
            (ToClient, b"|1\r\n+ttl\r\n:3\r\n$1\r\nx\r\n"),
        ],
    );
    refuses(Resp, ToClient, b"$abc\r\n");
    refuses(Resp, ToClient, &b"*1\r\n".repeat(40));
}

#[test]
fn http_with_every_kind_of_body() {
    let get: &[u8] = b"GET / HTTP/1.1\r\nHost: x\r\n\r\n";
    let head: &[u8] = b"HEAD / HTTP/1.1\r\nHost: x\r\n\r\n";
    let post: &[u8] = b"POST / HTTP/1.1\r\nContent-Length: 4\r\n\r\na\r\nb";
    let chunked: &[u8] =
        b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n4;x=y\r\na\r\nb\r\nA\r\n0123456789\r\n0\r\nT: u\r\n\r\n";
    check(
        Http::default(),
        &[
            (ToServer, get),
            (ToServer, post),
            (ToServer, head),
            (ToServer, get),
            (ToClient, chunked),
            (ToClient, b"HTTP/1.1 100 Continue\r\n\r\n"),
            (ToClient, b"HTTP/1.1 400 Bad\r\ncontent-length: 2\r\n\r\nno"),
            (ToClient, b"HTTP/1.1 200 OK\r\nContent-Length: 99\r\n\r\n"),
            (ToClient, b"HTTP/1.1 204 Nothing\r\n\r\n"),
        ],
    );
    let mut endless = Http::default();
    let until_closed = b"HTTP/1.1 200 OK\r\n\r\nall the rest";
    assert_eq!(endless.first_message(ToClient, until_closed), Ok(None));
    refuses(Http::default(), ToClient, b"HTTP/1.1 abc\r\n\r\n");
    refuses(Http::default(), ToServer, b"GET /\r\nno header\r\n\r\n");
}

#[test]
fn requests_that_nobody_answers_are_not_remembered_without_end() {
    let mut framing = Http::default();
    let request = b"GET / HTTP/1.1\r\n\r\n";
    for number in 0..1_024 {
        let found = framing.first_message(ToServer, request);
        assert_eq!(found, Ok(Some(request.len())), "request {number}");
    }
    let error = framing.first_message(ToServer, request).unwrap_err();
    assert!(error.to_string().contains("wait for a response"), "{error}");
}
