//! `Authorization` in all forms that clients, proxies and attackers send, raw to a real server.
//!
//! A case is a line of `cases.jsonl` or `more.jsonl`; [`case::Case`] says how it reads.

mod answer;
mod case;
mod every_byte;
mod h1;
mod h2;
mod template;

use std::convert::Infallible;
use std::net::SocketAddr;

use bytes::Bytes;
use http::{HeaderValue, Request, Response};
use http_body_util::Full;
use hyper::body::Incoming;
use tower::ServiceBuilder;
use tower_expiring_token::{
    Authenticated, ExpiringTokenLayer, Lifetime, MemoryStore, Reason, Rejection, TokenAuthority,
};

use self::answer::Answer;
use self::case::Case;
use self::template::Words;
use crate::support::wire::serve;

type Layer = ExpiringTokenLayer<MemoryStore>;

/// A server whose layer takes these schemes, and what the cases say to it.
struct Peer {
    address: SocketAddr,
    words: Words,
    /// Whether the cases' second scheme is served too.
    alias: bool,
    /// Whether who shows nothing passes as nobody.
    optional: bool,
}

impl Peer {
    /// The first scheme is the one that the cases mean by theirs.
    async fn start(schemes: &[&str], cases: &[Case]) -> Self {
        Self::start_with(schemes, cases, |layer| layer).await
    }

    async fn start_optional(schemes: &[&str], cases: &[Case]) -> Self {
        let peer = Self::start_with(schemes, cases, ExpiringTokenLayer::optional).await;
        Self {
            optional: true,
            ..peer
        }
    }

    async fn start_with(
        schemes: &[&str],
        cases: &[Case],
        manner: impl FnOnce(Layer) -> Layer,
    ) -> Self {
        let mut tokens = TokenAuthority::builder(MemoryStore::new()).expiry(Lifetime::hours(24));
        for scheme in schemes {
            tokens = tokens.scheme(*scheme);
        }
        let tokens = tokens.build().unwrap();
        let issue = async || tokens.issue("alice").await.unwrap().secret().to_owned();
        let alias = if schemes[0] == "Token" {
            "Bearer"
        } else {
            "Token"
        };
        let words = loop {
            let words = Words {
                scheme: schemes[0].to_owned(),
                alias: alias.to_owned(),
                token: issue().await,
                other_token: issue().await,
            };
            // A change of some character to `_` changes nothing where it stands by chance.
            if cases.iter().all(|case| case.changes_what_it_says(&words)) {
                break words;
            }
        };
        let service = ServiceBuilder::new()
            .map_response(name_the_reason)
            .layer(manner(tokens.layer()))
            .service_fn(say_if_nobody_calls);
        Self {
            address: serve(service).await,
            words,
            alias: schemes.len() > 1,
            optional: false,
        }
    }

    /// Sends every case, and names those that are not answered as they should be.
    async fn judge(&self, cases: &[Case], send: impl AsyncFn(&Self, &Case) -> Option<Answer>) {
        let mut failures = Vec::new();
        let mut sent = 0;
        for case in cases {
            let Some(answer) = send(self, case).await else {
                continue;
            };
            sent += 1;
            let expected = case.expected(self.alias);
            let mut faults = if self.optional {
                answer.faults_of_optional(expected, &self.words)
            } else {
                answer.faults(expected, &self.words)
            };
            if h1::send(self.address, &Case::good(), &self.words)
                .await
                .status()
                != Some(200)
            {
                faults.push("a good request is not answered afterwards".to_owned());
            }
            if !faults.is_empty() {
                failures.push(format!(
                    "{}: {} -- {}",
                    case.id,
                    faults.join("; "),
                    case.why
                ));
            }
        }
        let failed = failures.len();
        assert!(
            failures.is_empty(),
            "{failed} of {sent} cases:\n{}",
            failures.join("\n")
        );
        assert!(
            sent * 10 > cases.len() * 8,
            "only {sent} of {} cases could be sent",
            cases.len()
        );
    }
}

async fn say_if_nobody_calls(
    request: Request<Incoming>,
) -> Result<Response<Full<Bytes>>, Infallible> {
    let caller = Authenticated::optional(request.extensions()).expect("there is a layer");
    let mut response = Response::new(Full::default());
    if caller.is_none() {
        let nobody = HeaderValue::from_static("nobody");
        response.headers_mut().insert("x-caller", nobody);
    }
    Ok(response)
}

/// Outermost: tells clients of these tests, in a field of its own, why they are refused.
fn name_the_reason<B>(mut response: Response<B>) -> Response<B> {
    let name = match response.extensions().get().map(Rejection::reason) {
        None => "ok",
        Some(Reason::NoCredentials) => "no_credentials",
        Some(Reason::OtherScheme) => "other_scheme",
        Some(Reason::DuplicateHeader) => "duplicate_header",
        Some(Reason::Malformed(_)) => "malformed_credentials",
        Some(Reason::UnknownToken) => "unknown_token",
        Some(_) => "another",
    };
    response
        .headers_mut()
        .insert("x-reason", HeaderValue::from_static(name));
    response
}

async fn over_http_1(schemes: &[&str]) {
    let cases = Case::all();
    judge_over_http_1(&Peer::start(schemes, &cases).await, &cases).await;
}

async fn of_an_optional_layer(schemes: &[&str]) {
    let cases = Case::all();
    judge_over_http_1(&Peer::start_optional(schemes, &cases).await, &cases).await;
}

async fn judge_over_http_1(peer: &Peer, cases: &[Case]) {
    let send =
        async |peer: &Peer, case: &Case| Some(h1::send(peer.address, case, &peer.words).await);
    peer.judge(cases, send).await;
}

async fn over_http_2(schemes: &[&str]) {
    let cases = Case::all();
    let peer = Peer::start(schemes, &cases).await;
    let send = async |peer: &Peer, case: &Case| h2::send(peer.address, case, &peer.words).await;
    peer.judge(&cases, send).await;
}

#[tokio::test]
async fn every_case_is_answered_as_it_should_be_over_http_1_with_bearer_and_token() {
    over_http_1(&["Bearer", "Token"]).await;
}

#[tokio::test]
async fn every_case_is_answered_as_it_should_be_over_http_1_with_token_and_bearer() {
    over_http_1(&["Token", "Bearer"]).await;
}

#[tokio::test]
async fn every_case_is_answered_as_it_should_be_over_http_1_with_bearer_alone() {
    over_http_1(&["Bearer"]).await;
}

#[tokio::test]
async fn every_case_is_answered_as_it_should_be_over_http_1_with_token_alone() {
    over_http_1(&["Token"]).await;
}

#[tokio::test]
async fn every_case_is_answered_as_it_should_be_over_http_2_with_bearer_and_token() {
    over_http_2(&["Bearer", "Token"]).await;
}

#[tokio::test]
async fn every_case_is_answered_as_it_should_be_over_http_2_with_bearer_alone() {
    over_http_2(&["Bearer"]).await;
}

#[tokio::test]
async fn an_optional_layer_lets_exactly_those_pass_as_nobody_whom_a_required_one_tells_no_error() {
    of_an_optional_layer(&["Bearer", "Token"]).await;
    of_an_optional_layer(&["Bearer"]).await;
}
