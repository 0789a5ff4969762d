//! Responses that last end with their token: Server-Sent Events, gRPC streams, downloads.

use std::convert::Infallible;
use std::net::SocketAddr;
use std::pin::Pin;
use std::task::{Context, Poll};
use std::time::Duration;

use axum::Router;
use axum::body::Body;
use axum::response::sse::{Event, Sse};
use axum::routing::get;
use bytes::Bytes;
use futures_util::FutureExt;
use futures_util::stream::{self, Stream, StreamExt};
use http::{Request, Response};
use http_body::{Frame, SizeHint};
use http_body_util::{BodyExt, Empty, Full};
use hyper::body::Incoming;
use hyper_util::client::legacy::Client;
use hyper_util::rt::TokioExecutor;
use tokio::time::sleep;
use tonic::Code;
use tonic::transport::Server;
use tonic::transport::server::TcpIncoming;
use tonic_health::pb::health_server::HealthServer;
use tonic_health::server::{HealthReporter, HealthService};
use tower::{Layer, Service, ServiceBuilder, ServiceExt, service_fn};
use tower_expiring_token::{EndStreamsLayer, Json, Lifetime, MemoryStore, TokenAuthority};

use crate::support::curl::curl;
use crate::support::grpc::{connect, question};
use crate::support::house::{AnyStore, House};
use crate::support::wire::{listen, serve_axum};

const DAY: Duration = Duration::from_secs(24 * 3600);
const SIZE: u64 = 40;

/// One piece in a few milliseconds, for ever.
fn ticks<T>(tick: impl Fn() -> T) -> impl Stream<Item = Result<T, Infallible>> {
    stream::unfold(tick, async |tick| {
        sleep(Duration::from_millis(3)).await;
        Some((Ok(tick()), tick))
    })
}

/// A body that says how long it is, a byte in a few milliseconds.
struct Download {
    pieces: Pin<Box<dyn Stream<Item = Result<Bytes, Infallible>> + Send>>,
    left: u64,
}

impl http_body::Body for Download {
    type Data = Bytes;
    type Error = Infallible;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, Infallible>>> {
        if self.left == 0 {
            return Poll::Ready(None);
        }
        let piece = self.pieces.as_mut().poll_next(context);
        if piece.is_ready() {
            self.left -= 1;
        }
        piece.map_ok(Frame::data)
    }

    fn size_hint(&self) -> SizeHint {
        SizeHint::with_exact(self.left)
    }
}

async fn serve(house: &House, layer: EndStreamsLayer<AnyStore>) -> SocketAddr {
    let byte = || Bytes::from_static(b".");
    let download = move || Download {
        pieces: Box::pin(ticks(byte)),
        left: SIZE,
    };
    let events = async || Sse::new(ticks(|| Event::default().data("tick")));
    let routes = Router::new()
        .route("/events", get(events))
        .route("/lines", get(async move || Body::from_stream(ticks(byte))))
        .route("/file", get(async move || Body::new(download())))
        .route(
            "/piped",
            get(async move || {
                let length = [("content-length", SIZE.to_string())];
                let pieces = ticks(byte).take(SIZE as usize);
                (length, Body::from_stream(pieces))
            }),
        )
        .layer(layer)
        .layer(house.tokens.layer().optional().respond(Json));
    serve_axum(routes).await
}

async fn open(address: SocketAddr, path: &str, token: Option<&str>) -> Incoming {
    let mut request = Request::builder().uri(format!("http://{address}{path}"));
    if let Some(token) = token {
        request = request.header("authorization", format!("Bearer {token}"));
    }
    let client = Client::builder(TokioExecutor::new()).build_http();
    let request = request.body(Empty::<Bytes>::new()).unwrap();
    let mut body = client.request(request).await.unwrap().into_body();
    body.frame().await.expect("it begins").expect("well");
    body
}

/// Reads on while the store is asked three times more.
async fn outlives_looks(house: &House, body: &mut Incoming) {
    let before = house.asked();
    while house.asked() < before + 3 {
        body.frame().await.expect("it lasts").expect("well");
    }
}

#[tokio::test]
async fn events_come_to_a_clean_end_with_their_token_however_that_ends() {
    for house in [House::at_once(), House::that_waits()] {
        let address = serve(&house, house.tokens.end_streams()).await;
        let token = house.token("alice", &[]).await;
        let other = house.token("bob", &[]).await;
        let mut revoked = open(address, "/events", Some(&token)).await;
        let mut expired = open(address, "/events", Some(&other)).await;
        outlives_looks(&house, &mut revoked).await;
        assert_eq!(house.touched(), 0, "to ask again is no use");

        house.revoke(&token).await;
        while let Some(frame) = revoked.frame().await {
            frame.expect("the end is clean");
        }
        outlives_looks(&house, &mut expired).await;
        house.wait(DAY);
        while let Some(frame) = expired.frame().await {
            frame.expect("the end is clean");
        }

        let token = house.token("carol", &[]).await;
        let mut suspended = open(address, "/events", Some(&token)).await;
        house.suspend_everybody();
        while let Some(frame) = suspended.frame().await {
            frame.expect("the end is clean");
        }
    }
}

#[tokio::test]
async fn curl_hears_events_to_their_end_over_http_1_and_2() {
    for version in ["--http1.1", "--http2-prior-knowledge"] {
        let house = House::at_once();
        let address = serve(&house, house.tokens.end_streams()).await;
        let token = house.token("alice", &[]).await;
        let field = format!("authorization: Bearer {token}");
        let url = format!("http://{address}/events");
        let heard = tokio::task::spawn_blocking(move || curl(&[version, "-N", &url, "-H", &field]));
        while house.asked() < 4 {
            sleep(Duration::from_millis(1)).await;
        }
        house.revoke(&token).await;
        let printed = heard.await.expect("curl ends");
        assert_eq!(printed.status, 200);
        assert!(printed.body.starts_with("data: tick"), "{printed:?}");
    }
}

#[tokio::test]
async fn while_the_store_can_not_say_a_stream_lasts_to_its_last_known_end() {
    for house in [House::at_once(), House::that_waits()] {
        let address = serve(&house, house.tokens.end_streams()).await;
        let token = house.token("alice", &[]).await;
        let mut body = open(address, "/events", Some(&token)).await;
        house.fail();
        outlives_looks(&house, &mut body).await;
        house.wait(DAY);
        while let Some(frame) = body.frame().await {
            frame.expect("the end is clean");
        }
    }
}

#[tokio::test]
async fn what_could_be_taken_for_the_whole_breaks_off_with_an_error() {
    let house = House::at_once();
    let address = serve(&house, house.tokens.end_streams().cut_downloads()).await;
    for path in ["/lines", "/file"] {
        let token = house.token("alice", &[]).await;
        let body = open(address, path, Some(&token)).await;
        house.revoke(&token).await;
        body.collect().await.expect_err("it is broken off");
    }
}

#[tokio::test]
async fn a_download_of_known_length_is_left_alone_and_so_is_an_anonymous_one() {
    let house = House::at_once();
    let address = serve(&house, house.tokens.end_streams()).await;
    for path in ["/file", "/piped"] {
        let token = house.token("alice", &[]).await;
        let body = open(address, path, Some(&token)).await;
        house.revoke(&token).await;
        let rest = body.collect().await.expect("it is whole").to_bytes();
        assert_eq!(rest.len() as u64, SIZE - 1);
    }

    let anonymous = serve(&house, house.tokens.end_streams().cut_downloads()).await;
    let body = open(anonymous, "/file", None).await;
    let rest = body.collect().await.expect("it is whole").to_bytes();
    assert_eq!(rest.len() as u64, SIZE - 1);
}

#[tokio::test]
async fn a_grpc_stream_ends_unauthenticated_and_says_why() {
    for house in [House::at_once(), House::that_waits()] {
        let health = HealthServer::new(HealthService::from_health_reporter(HealthReporter::new()));
        let server = Server::builder()
            .layer(house.tokens.layer())
            .layer(house.tokens.end_streams())
            .add_service(health);
        let (listener, address) = listen().await;
        tokio::spawn(server.serve_with_incoming(TcpIncoming::from(listener)));

        let token = house.token("alice", &[]).await;
        let mut client = connect(&format!("http://{address}")).await;
        let answer = client.check(question(Some(&token))).await;
        answer.expect("a call that is not a stream is served");
        let watched = client.watch(question(Some(&token))).await;
        let mut watched = watched.expect("is served").into_inner();
        assert!(watched.message().await.expect("a message").is_some());
        house.revoke(&token).await;
        let status = watched.message().await.expect_err("it ends");
        assert_eq!(status.code(), Code::Unauthenticated);
        assert_eq!(
            status.message(),
            "invalid_token: the token is unknown, expired or revoked"
        );
    }
}

#[tokio::test]
async fn outside_of_the_layer_it_is_a_500_and_the_permit_goes_back() {
    let tokens = TokenAuthority::builder(MemoryStore::new())
        .expiry(Lifetime::hours(24))
        .build()
        .unwrap();
    let inner = service_fn(async |_: Request<()>| {
        Ok::<_, Infallible>(Response::new(Full::<Bytes>::default()))
    });
    let limited = ServiceBuilder::new().concurrency_limit(1).service(inner);
    let mut service = tokens.end_streams().layer(limited.clone());
    let response = service.ready().await.unwrap().call(Request::default());
    let response = response.await.unwrap();
    assert_eq!(response.status(), 500);
    assert!(http_body::Body::is_end_stream(response.body()));
    let mut other = tokens.end_streams().layer(limited);
    assert!(other.ready().now_or_never().is_some(), "is ready at once");
}
