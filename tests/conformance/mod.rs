//! What standards and the clients of today ask of the layer, a file a source. What `frameworks`,
//! `headers` and `secrets` hold already is not said again here.

mod bearer;
mod cors;
mod credentials;
mod dpop;
mod drf;
mod grpc;
mod refusal;

use std::convert::Infallible;
use std::net::SocketAddr;

use bytes::Bytes;
use http::{HeaderName, HeaderValue, Request, Response};
use http_body_util::Full;
use hyper::body::Incoming;
use tower::{Layer, service_fn};
use tower_expiring_token::testing::ManualClock;
use tower_expiring_token::{
    AuthorityBuilder, ExpiringTokenLayer, Lifetime, MemoryStore, Respond, TokenAuthority,
    TokenStore,
};

use crate::support::challenge;
use crate::support::wire::{Heard, request, send, serve};

/// Serves, behind a layer, what says hello to whoever is let in.
async fn behind<S, R>(layer: ExpiringTokenLayer<S, R>) -> SocketAddr
where
    S: TokenStore,
    R: Respond<Full<Bytes>>,
{
    serve(layer.layer(service_fn(hello))).await
}

async fn hello(_request: Request<Incoming>) -> Result<Response<Full<Bytes>>, Infallible> {
    Ok(Response::builder()
        .header("vary", "accept")
        .body("hello".into())
        .unwrap())
}

fn builder() -> AuthorityBuilder<MemoryStore> {
    TokenAuthority::builder(MemoryStore::new())
        .expiry(Lifetime::hours(24))
        .clock(ManualClock::default())
}

/// An authority of these schemes, and a good token of its.
async fn serving(schemes: &[&str]) -> (TokenAuthority<MemoryStore>, String) {
    let tokens = schemes
        .iter()
        .fold(builder(), |tokens, scheme| tokens.scheme(*scheme));
    let tokens = tokens.build().unwrap();
    let good = tokens.issue("alice").await.unwrap().secret().to_owned();
    (tokens, good)
}

/// Sends any bytes that the client lets out as the values of fields, over HTTP/1.1.
async fn ask_all(address: SocketAddr, method: &str, fields: &[(&str, &[u8])]) -> Heard {
    let mut request = request(method, address, "/", &[]);
    for (name, value) in fields {
        let name = HeaderName::from_bytes(name.as_bytes()).expect("a name");
        request
            .headers_mut()
            .append(name, HeaderValue::from_bytes(value).expect("a value"));
    }
    send(request, false).await
}

/// Asks with this value of `Authorization`.
async fn ask(address: SocketAddr, value: impl AsRef<[u8]>) -> Heard {
    ask_all(address, "GET", &[("authorization", value.as_ref())]).await
}

/// Status and error code.
type Verdict = (u16, Option<&'static str>);

const OK: Verdict = (200, None);
const NOTHING_SHOWN: Verdict = (401, None);
const MALFORMED: Verdict = (400, Some("invalid_request"));
const INVALID: Verdict = (401, Some("invalid_token"));
const TOO_FEW_SCOPES: Verdict = (403, Some("insufficient_scope"));

#[track_caller]
fn assert_verdict(heard: &Heard, (status, error): Verdict) {
    let found = challenge::error(&heard.headers);
    assert_eq!(
        (heard.status.as_u16(), found.as_deref()),
        (status, error),
        "{heard:?}"
    );
}

/// Asks with each value, and compares.
async fn asked(address: SocketAddr, cases: &[(&[u8], Verdict)]) {
    for (value, verdict) in cases {
        println!("{}", value.escape_ascii());
        assert_verdict(&ask(address, value).await, *verdict);
    }
}
