//! A case as raw bytes over HTTP/1.

use std::net::SocketAddr;

use super::answer::Answer;
use super::case::Case;
use super::template::{Words, expand};
use crate::support::raw::exchange;

pub(super) async fn send(address: SocketAddr, case: &Case, words: &Words) -> Answer {
    Answer(exchange(address, &request(address, case, words)).await)
}

/// Asks with this value of `Authorization`.
pub(super) async fn ask(address: SocketAddr, value: &[u8]) -> Answer {
    let head =
        format!("GET /me HTTP/1.1\r\nHost: {address}\r\nConnection: close\r\nAuthorization: ");
    Answer(exchange(address, &[head.as_bytes(), value, b"\r\n\r\n"].concat()).await)
}

fn request(address: SocketAddr, case: &Case, words: &Words) -> Vec<u8> {
    let fill_in = |text: &str| expand(text, words).expect("the words were chosen for that");
    let query = case.query.as_deref().map(fill_in);
    let body = case.body.as_deref().map(fill_in).unwrap_or_default();
    let version = case.version.as_deref().unwrap_or("1.1");
    let sep = case.sep.as_deref().unwrap_or(": ");

    let mut head = format!("{} /me", case.method).into_bytes();
    if let Some(query) = query {
        head.push(b'?');
        head.extend(query);
    }
    head.extend(format!(" HTTP/{version}\r\nHost: {address}\r\nConnection: close\r\n").bytes());
    let line = |(name, value): &(String, String), sep| {
        [&fill_in(name)[..], sep, &fill_in(value), b"\r\n"].concat()
    };
    for field in &case.headers {
        head.extend(line(field, sep.as_bytes()));
    }
    if !case.trailer.is_empty() {
        head.extend(b"Transfer-Encoding: chunked\r\nTrailer: Authorization\r\n\r\n0\r\n");
        for field in &case.trailer {
            head.extend(line(field, b": "));
        }
    } else if !body.is_empty() || case.method == "POST" {
        head.extend(format!("Content-Length: {}\r\n", body.len()).bytes());
    }
    [&head[..], b"\r\n", &body].concat()
}
