//! Requests that arrive together: each is sent but for its last byte, and then all those bytes.

use std::io::{Read, Write};
use std::net::TcpStream;
use std::sync::Barrier;
use std::thread;
use std::time::Duration;

use super::server::{Pair, Server, json_of, password};
use crate::support::curl::Printed;

/// How many. They share two cores at least.
pub(super) const MANY: usize = 6;

/// The tokens that many logins of one user at the same moment are told.
pub(super) fn logins(server: &Server, name: &str) -> Vec<String> {
    let form = format!("username={name}&password={}", password(name));
    let answers = posted(server, "/login", &form);
    let tokens = answers
        .iter()
        .map(|answer| json_of(answer)["token"].clone());
    let tokens = tokens.map(|token| token.as_str().expect("a token").to_owned());
    tokens.collect()
}

/// The pairs that many uses of one refresh token at the same moment are told.
pub(super) fn refreshes(server: &Server, refresh: &str) -> Vec<Pair> {
    let client = "client_id=app&client_secret=appsecret";
    let form = format!("grant_type=refresh_token&refresh_token={refresh}&{client}");
    let answers = posted(server, "/oauth/token", &form);
    answers.iter().map(Pair::of).collect()
}

fn posted(server: &Server, path: &str, form: &str) -> Vec<Printed> {
    let request = format!(
        "POST {path} HTTP/1.1\r\nhost: here\r\nconnection: close\r\n\
        content-type: application/x-www-form-urlencoded\r\ncontent-length: {}\r\n\r\n{form}",
        form.len()
    );
    let address = server.url.strip_prefix("http://").expect("a URL");
    let (first, last) = request.as_bytes().split_at(request.len() - 1);
    let ready = Barrier::new(MANY);
    let post = || {
        let mut stream = TcpStream::connect(address).expect("the server is there");
        let patience = Some(Duration::from_secs(20));
        stream
            .set_read_timeout(patience)
            .expect("is more than none");
        stream.set_nodelay(true).expect("TCP can");
        stream.write_all(first).expect("is sent");
        ready.wait();
        stream.write_all(last).expect("is sent");
        let mut heard = String::new();
        stream.read_to_string(&mut heard).expect("an answer");
        Printed::read(&heard)
    };
    server.crowded(|| {
        thread::scope(|scope| {
            let posts = [(); MANY].map(|()| scope.spawn(post));
            let answers = posts.map(|post| post.join().expect("an answer"));
            answers.into()
        })
    })
}
