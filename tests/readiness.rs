//! tower's bargain: only what was polled ready is called, and what readiness reserved is used or
//! given back.

use std::convert::Infallible;
use std::fmt::Debug;
use std::future::ready;
use std::rc::Rc;
use std::task::{Context, Poll};
use std::time::Duration;

use futures_util::FutureExt;
use http::{Request, Response};
use tower::buffer::{Buffer, BufferLayer};
use tower::limit::{
    ConcurrencyLimit, ConcurrencyLimitLayer, RateLimit, RateLimitLayer, rate::Rate,
};
use tower::{Layer, Service, ServiceExt, service_fn};
use tower_expiring_token::{Authenticated, Lifetime, MemoryStore, RequireLayer, TokenAuthority};

use crate::support::gate::Gated;
use crate::support::house::{House, changed};
use crate::support::strict::Strict;

const HOUR: Duration = Duration::from_secs(3600);

fn request(token: &str) -> Request<String> {
    let request = Request::builder().header("authorization", format!("Bearer {token}"));
    request.body(String::new()).expect("a request")
}

fn anonymous() -> Request<String> {
    Request::default()
}

async fn answer<B>(_request: Request<B>) -> Result<Response<String>, Infallible> {
    Ok(Response::default())
}

/// Polls a service ready and calls it. The status.
async fn call<S, B>(service: &mut S, request: Request<B>) -> u16
where
    S: Service<Request<B>, Response = Response<String>, Error: Debug>,
{
    let response = service.ready().await.expect("is ready").call(request).await;
    response.expect("is answered").status().as_u16()
}

/// Whether a service is ready without waiting.
fn is_ready<S>(service: &mut S) -> bool
where
    S: Service<Request<String>, Error: Debug>,
{
    let ready = service.ready().now_or_never();
    ready.is_some_and(|ready| ready.is_ok())
}

/// Calls one after the other and two at once, all from one value.
async fn call_in_all_ways<S>(mut service: S, request: impl Fn() -> Request<String>, status: u16)
where
    S: Service<Request<String>, Response = Response<String>, Error = Infallible>,
{
    for _ in 0..3 {
        assert_eq!(call(&mut service, request()).await, status);
    }
    let Ok(first) = service.ready().await.map(|ready| ready.call(request()));
    let Ok(second) = service.ready().await.map(|ready| ready.call(request()));
    let (Ok(second), Ok(first)) = (second.await, first.await);
    assert!(first.status() == status && second.status() == status);
}

#[tokio::test]
async fn what_is_called_was_polled_ready_itself() {
    for house in [House::at_once(), House::that_waits()] {
        let layer = house.tokens.layer();
        let strict = || layer.layer(Strict::new());
        let good = house.token("alice", &["read"]).await;
        call_in_all_ways(strict(), || request(&good), 200).await;
        call_in_all_ways(strict(), || request(&changed(&good)), 401).await;
        call_in_all_ways(strict(), anonymous, 401).await;

        let optional = layer.clone().optional().layer(Strict::new());
        call_in_all_ways(optional, anonymous, 200).await;

        let readers = RequireLayer::all(["read"]).unwrap();
        let scoped = layer.layer(readers.layer(Strict::new()));
        call_in_all_ways(scoped, || request(&good), 200).await;
        let writers = RequireLayer::all(["write"]).unwrap();
        let scoped = layer.layer(writers.layer(Strict::new()));
        call_in_all_ways(scoped, || request(&good), 403).await;

        // Good and bad ones in turn.
        let mut service = strict();
        for _ in 0..3 {
            assert_eq!(call(&mut service, request(&good)).await, 200);
            assert_eq!(call(&mut service, request(&changed(&good))).await, 401);
        }
        // A use is written down first, which is waited for.
        house.wait(HOUR);
        call_in_all_ways(service, || request(&good), 200).await;
        assert!(house.touched() > 0);
    }
}

#[tokio::test]
#[should_panic(expected = "called without readiness")]
async fn the_strict_service_finds_a_layer_that_calls_a_clone() {
    let strict = Strict::new();
    let mut careless = service_fn(move |request| strict.clone().call(request));
    call(&mut careless, anonymous()).await;
}

/// Of one permit: a refusal at once gives it back, also while its answer is not read yet.
async fn refuses_and_gives_back<S>(
    service: S,
    good: Request<String>,
    bad: Request<String>,
    status: u16,
) where
    S: Service<Request<String>, Response = Response<String>, Error = Infallible> + Clone,
{
    let (mut one, mut other) = (service.clone(), service);
    assert!(is_ready(&mut one));
    assert!(!is_ready(&mut other), "the one permit is taken");
    let refusal = one.call(bad);
    assert!(is_ready(&mut other), "the permit is back");
    assert_eq!(call(&mut other, good).await, 200);
    let Ok(refused) = refusal.await;
    assert_eq!(refused.status(), status);
}

#[tokio::test]
async fn a_refusal_at_once_gives_back_the_permit_that_readiness_took() {
    let house = House::at_once();
    let limited = ConcurrencyLimit::new(service_fn(answer), 1);
    let layer = house.tokens.layer();
    let writers = RequireLayer::all(["write"]).unwrap();
    let good = house.token("alice", &["write"]).await;
    let reader = house.token("alice", &["read"]).await;
    let revoked = house.revoked().await;

    for bad in [anonymous(), request(&changed(&good)), request(&revoked)] {
        let service = layer.layer(limited.clone());
        refuses_and_gives_back(service, request(&good), bad, 401).await;
    }
    let service = layer.layer(writers.layer(limited));
    refuses_and_gives_back(service, request(&good), request(&reader), 403).await;
}

/// An authority whose look-ups wait at a gate, a good token and one that was revoked.
async fn gated() -> (TokenAuthority<Gated<MemoryStore>>, String, String) {
    let memory = MemoryStore::new();
    let issuer = TokenAuthority::builder(memory.clone()).expiry(Lifetime::hours(24));
    let issuer = issuer.build().unwrap();
    let good = issuer.issue("alice").await.unwrap().secret().to_owned();
    let gone = issuer.issue("bob").await.unwrap().secret().to_owned();
    issuer.revoke_all(&"bob".into()).await.unwrap();
    let tokens = TokenAuthority::builder(Gated::new(memory)).expiry(Lifetime::hours(24));
    (tokens.build().unwrap(), good, gone)
}

#[tokio::test]
async fn a_request_holds_its_permit_during_the_look_up_and_a_refusal_gives_it_back() {
    let (tokens, good, gone) = gated().await;
    let limited = ConcurrencyLimit::new(service_fn(answer), 1);
    let mut one = tokens.layer().layer(limited);
    let mut other = one.clone();

    assert!(is_ready(&mut one));
    let mut refusal = Box::pin(one.call(request(&gone)));
    assert!((&mut refusal).now_or_never().is_none(), "it waits");
    assert!(!is_ready(&mut other), "the one permit is taken");

    tokens.store().open();
    let Ok(refused) = (&mut refusal).await;
    assert_eq!(refused.status(), 401);
    assert!(is_ready(&mut other), "the permit is back");
    tokens.store().open();
    assert_eq!(call(&mut other, request(&good)).await, 200);
}

#[tokio::test]
async fn a_request_that_is_dropped_during_its_look_up_gives_its_permit_back() {
    let (tokens, good, _) = gated().await;
    let limited = ConcurrencyLimit::new(service_fn(answer), 1);
    let mut one = tokens.layer().layer(limited);
    let mut other = one.clone();

    assert!(is_ready(&mut one));
    let mut dropped = Box::pin(one.call(request(&good)));
    assert!((&mut dropped).now_or_never().is_none(), "it waits");
    drop(dropped);
    assert!(is_ready(&mut other), "the permit is back");
}

/// Good and bad requests in turn, as many as a rate of six lets through.
async fn answers_all<S>(mut service: S, good: &str)
where
    S: Service<Request<String>, Response = Response<String>, Error: Debug>,
{
    for _ in 0..3 {
        assert_eq!(call(&mut service, request(good)).await, 200);
        assert_eq!(call(&mut service, request(&changed(good))).await, 401);
    }
}

#[tokio::test]
async fn limits_and_buffers_work_outside_and_inside() {
    for house in [House::at_once(), House::that_waits()] {
        let good = house.token("alice", &[]).await;
        let layer = house.tokens.layer();
        let inner = service_fn(answer);

        let concurrency = ConcurrencyLimitLayer::new(1);
        answers_all(concurrency.layer(layer.layer(inner)), &good).await;
        answers_all(layer.layer(concurrency.layer(inner)), &good).await;

        let buffer = BufferLayer::new(1);
        answers_all(buffer.layer(layer.layer(inner)), &good).await;
        answers_all(layer.layer(buffer.layer(inner)), &good).await;

        // A rate limit is no `Clone`: inside, it stands behind a buffer.
        let rate = RateLimitLayer::new(6, HOUR);
        answers_all(rate.layer(layer.layer(inner)), &good).await;
        answers_all(layer.layer(buffer.layer(rate.layer(inner))), &good).await;
    }
}

#[tokio::test]
async fn refusals_use_up_a_rate_limit_outside_and_none_inside() {
    let house = House::at_once();
    let layer = house.tokens.layer();
    let good = house.token("alice", &[]).await;
    let inner = service_fn(answer);

    let mut outside = RateLimit::new(layer.layer(inner), Rate::new(2, HOUR));
    assert_eq!(call(&mut outside, anonymous()).await, 401);
    assert_eq!(call(&mut outside, anonymous()).await, 401);
    assert!(!is_ready(&mut outside), "the rate is used up");

    let limited = RateLimit::new(inner, Rate::new(2, HOUR));
    let mut inside = layer.layer(Buffer::new(limited, 1));
    for _ in 0..5 {
        assert_eq!(call(&mut inside, anonymous()).await, 401);
    }
    assert_eq!(call(&mut inside, request(&good)).await, 200);
    assert_eq!(call(&mut inside, request(&good)).await, 200);
}

#[tokio::test]
async fn neither_a_service_nor_a_body_need_be_send() {
    for house in [House::at_once(), House::that_waits()] {
        let names: Rc<str> = "hello ".into();
        let mut service = house.tokens.layer().layer(service_fn(|request| {
            let names = Rc::clone(&names);
            async move {
                let request: Request<Rc<str>> = request;
                let who = Authenticated::of(request.extensions())
                    .unwrap()
                    .subject()
                    .clone();
                tokio::task::yield_now().await;
                let body: Rc<str> = format!("{names}{who}{}", request.body()).into();
                Ok::<_, Rc<str>>(Response::new(body))
            }
        }));
        let good = house.token("alice", &[]).await;
        for (token, status, body) in [(&good, 200, "hello alice!"), (&changed(&good), 401, "")] {
            let request = request(token).map(|_| Rc::from("!"));
            let response = service.ready().await.unwrap().call(request).await.unwrap();
            assert_eq!(response.status(), status);
            assert_eq!(&**response.body(), body);
        }
    }
}

/// Is never ready, or fails, in the way that it is told.
#[derive(Clone)]
struct Unwell {
    readiness: Poll<Result<(), Failure>>,
}

#[derive(Clone, Debug, PartialEq)]
struct Failure(&'static str);

impl Service<Request<String>> for Unwell {
    type Response = Response<String>;
    type Error = Failure;
    type Future = std::future::Ready<Result<Response<String>, Failure>>;

    fn poll_ready(&mut self, _context: &mut Context<'_>) -> Poll<Result<(), Failure>> {
        self.readiness.clone()
    }

    fn call(&mut self, _request: Request<String>) -> Self::Future {
        ready(Err(Failure("inner says no")))
    }
}

#[tokio::test]
async fn what_the_inner_service_says_passes_as_it_is() {
    for house in [House::at_once(), House::that_waits()] {
        let good = house.token("alice", &[]).await;
        let around = |readiness| house.tokens.layer().layer(Unwell { readiness });

        let mut service = around(Poll::Ready(Ok(())));
        let failed = service.ready().await.unwrap().call(request(&good)).await;
        assert_eq!(failed.unwrap_err(), Failure("inner says no"));

        let mut service = around(Poll::Ready(Err(Failure("closed"))));
        let failed = ServiceExt::<Request<String>>::ready(&mut service).await;
        assert_eq!(failed.err(), Some(Failure("closed")));

        assert!(!is_ready(&mut around(Poll::Pending)));
    }
}
