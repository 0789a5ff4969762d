//! Any `Authorization` fields, a line each, are read as the RFCs say. 0x01 stands for the live
//! token, which no input could know.

#![no_main]

use std::convert::Infallible;
use std::sync::LazyLock;

use futures_util::FutureExt;
use http::{HeaderValue, Request, Response};
use libfuzzer_sys::{Corpus, fuzz_target};
use tower::{Layer, ServiceExt, service_fn};
use tower_expiring_token::{
    DigestKey, ErrorCode, Lifetime, MemoryStore, Rejection, TokenAuthority, TokenKind,
};

#[path = "../../tests/support/reference.rs"]
mod reference;

const SCHEMES: [&str; 2] = ["Bearer", "Token"];

/// An authority of each form of text, and its one live token.
static LIVE: LazyLock<[(TokenAuthority<MemoryStore>, String); 3]> = LazyLock::new(|| {
    let keyed = TokenKind::new("access", "a-longer-prefix_").keyed(DigestKey::new([7; 32]));
    [
        TokenKind::new("access", "tet_"),
        keyed,
        TokenKind::hex("access", 40),
    ]
    .map(|kind| {
        let tokens = TokenAuthority::builder(MemoryStore::new())
            .scheme(SCHEMES[0])
            .scheme(SCHEMES[1])
            .access(kind)
            .expiry(Lifetime::hours(24))
            .build()
            .expect("is valid");
        let issued = tokens.issue("alice").into_future().now_or_never();
        let issued = issued
            .expect("memory answers at once")
            .expect("memory takes it");
        let token = issued.secret().to_owned();
        (tokens, token)
    })
});

fuzz_target!(|input: &[u8]| -> Corpus {
    let Some((first, lines)) = input.split_first() else {
        return Corpus::Reject;
    };
    let (tokens, token) = &LIVE[usize::from(*first) % LIVE.len()];
    let values: Vec<Vec<u8>> = lines
        .split(|&byte| byte == b'\n')
        .map(|line| match line.iter().position(|&byte| byte == 1) {
            Some(place) => [&line[..place], token.as_bytes(), &line[place + 1..]].concat(),
            None => line.to_vec(),
        })
        .collect();
    let mut request = Request::new(());
    for value in &values {
        let Ok(value) = HeaderValue::from_bytes(value) else {
            return Corpus::Reject;
        };
        request.headers_mut().append("authorization", value);
    }
    let inner = service_fn(async |_| Ok::<_, Infallible>(Response::new(())));
    let answered = tokens.layer().layer(inner).oneshot(request).now_or_never();
    let Ok(response) = answered.expect("memory answers at once");
    let code = response
        .extensions()
        .get()
        .and_then(|rejection: &Rejection| rejection.reason().code())
        .map(ErrorCode::as_str);
    assert_eq!(
        (response.status().as_u16(), code),
        reference::read(&values, &SCHEMES).answer(&[token])
    );
    Corpus::Keep
});
