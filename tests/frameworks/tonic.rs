//! tonic: its server, its services, its client.

use std::net::SocketAddr;
use std::time::Duration;

use tonic::metadata::MetadataMap;
use tonic::service::LayerExt;
use tonic::transport::Server;
use tonic::transport::server::TcpIncoming;
use tonic::{Code, Request, Response, Status, async_trait};
use tonic_health::pb::health_server::{Health, HealthServer};
use tonic_health::pb::{HealthCheckRequest, HealthCheckResponse};
use tonic_health::server::{HealthReporter, HealthService};
use tower::ServiceBuilder;
use tower_expiring_token::{Authenticated, Rejection, RequireLayer};

use crate::support::grpc::{check, connect, question};
use crate::support::house::{House, User, changed};
use crate::support::wire::{self, Heard, listen};

/// The health service, which says in its metadata who asked.
struct Named(HealthService);

#[async_trait]
impl Health for Named {
    async fn check(
        &self,
        request: Request<HealthCheckRequest>,
    ) -> Result<Response<HealthCheckResponse>, Status> {
        let caller = Authenticated::of(request.extensions()).map_err(status)?;
        let name = caller.principal::<User>().map_err(status)?.name.clone();
        let mut response = self.0.check(request).await?;
        let name = name.parse().expect("names are ASCII here");
        response.metadata_mut().insert("caller", name);
        Ok(response)
    }

    type WatchStream = <HealthService as Health>::WatchStream;

    async fn watch(
        &self,
        request: Request<HealthCheckRequest>,
    ) -> Result<Response<Self::WatchStream>, Status> {
        self.0.watch(request).await
    }
}

fn status(rejection: Rejection) -> Status {
    Status::new(
        Code::from(rejection.grpc_status()),
        rejection.grpc_message(),
    )
}

fn health() -> HealthServer<Named> {
    HealthServer::new(Named(HealthService::from_health_reporter(
        HealthReporter::new(),
    )))
}

/// Serves a router of tonic's. Where it is.
macro_rules! serve {
    ($router:expr) => {{
        let (listener, address) = listen().await;
        tokio::spawn($router.serve_with_incoming(TcpIncoming::from(listener)));
        address
    }};
}

/// Asks with all sorts of tokens by tonic's client; who is let in must hear his name.
async fn tells_tokens_apart(house: &House, address: SocketAddr) {
    let url = format!("http://{address}");
    let ask = async |token: Option<&str>| check(&url, token).await;
    let refused = async |token: Option<&str>| {
        let status = ask(token).await.expect_err("is refused");
        (status.code(), status.message().to_owned())
    };

    let (code, message) = refused(None).await;
    assert_eq!(code, Code::Unauthenticated);
    assert_eq!(
        message,
        "authentication is needed: send one Authorization field with a scheme and a token"
    );

    let expired = house.expired().await;
    let good = house.token("alice", &["read"]).await;
    let invalid = "invalid_token: the token is unknown, expired or revoked".to_owned();
    for bad in [
        expired,
        house.revoked().await,
        house.token("mallory", &["read"]).await,
        changed(&good),
    ] {
        assert_eq!(
            refused(Some(&bad)).await,
            (Code::Unauthenticated, invalid.clone())
        );
    }

    let heard: MetadataMap = ask(Some(&good)).await.expect("is served");
    assert_eq!(heard.get("caller").unwrap(), "alice");

    house.fail();
    let (code, message) = refused(Some(&good)).await;
    house.heal();
    assert_eq!(code, Code::Unavailable);
    assert_eq!(message, "tokens can not be checked right now; try again");
}

#[tokio::test]
async fn around_a_server_or_a_service_a_real_client_is_told_good_tokens_from_bad() {
    for house in [House::at_once(), House::that_waits()] {
        let layer = house.tokens.layer();
        let server = Server::builder().layer(layer.clone()).add_service(health());
        tells_tokens_apart(&house, serve!(server)).await;

        let service = Server::builder().add_service(layer.named_layer(health()));
        tells_tokens_apart(&house, serve!(service)).await;
    }
}

#[tokio::test]
async fn a_token_that_ends_soon_is_announced_in_the_metadata() {
    let house = House::at_once();
    let layer = house.tokens.layer().announce_expiry(Duration::MAX);
    let guarded = ServiceBuilder::new()
        .layer(layer)
        .layer(RequireLayer::all(["admin"]).unwrap())
        .named_layer(health());
    let address = serve!(Server::builder().add_service(guarded));
    let url = format!("http://{address}");
    let admin = house.token("alice", &["admin"]).await;
    let heard = check(&url, Some(&admin)).await.expect("is served");
    assert_eq!(heard.get("token-expires-in").unwrap(), "86400");
    let reader = house.token("alice", &["read"]).await;
    let refused = check(&url, Some(&reader)).await.expect_err("is refused");
    assert_eq!(refused.code(), Code::PermissionDenied);
    assert!(refused.metadata().get("token-expires-in").is_none());
}

#[tokio::test]
async fn scopes_within_the_layer_guard_one_service() {
    let house = House::that_waits();
    let guarded = ServiceBuilder::new()
        .layer(house.tokens.layer())
        .layer(RequireLayer::all(["admin"]).unwrap())
        .named_layer(health());
    let address = serve!(Server::builder().add_service(guarded));
    let url = format!("http://{address}");

    let reader = house.token("alice", &["read"]).await;
    let refused = check(&url, Some(&reader)).await.expect_err("is refused");
    assert_eq!(refused.code(), Code::PermissionDenied);
    assert_eq!(
        refused.message(),
        "insufficient_scope: the token lacks a scope that is needed here"
    );
    let admin = house.token("alice", &["admin"]).await;
    check(&url, Some(&admin)).await.expect("is served");
}

/// What a call of a method that nobody serves is answered.
async fn unknown_method(address: SocketAddr) -> Heard {
    let fields = [("content-type", "application/grpc")];
    let request = wire::request("POST", address, "/nobody.Serves/This", &fields);
    wire::send(request, true).await
}

#[tokio::test]
async fn a_layer_around_a_server_guards_all_of_it_and_a_named_layer_one_service() {
    let house = House::at_once();
    let layer = house.tokens.layer();
    let server = Server::builder().layer(layer.clone()).add_service(health());
    let heard = unknown_method(serve!(server)).await;
    assert_eq!(heard.headers["grpc-status"], "16");

    let service = Server::builder().add_service(layer.named_layer(health()));
    let heard = unknown_method(serve!(service)).await;
    assert_eq!(heard.headers["grpc-status"], "12");
}

#[tokio::test]
async fn a_refusal_is_trailers_only_and_has_the_content_type_of_its_request() {
    let house = House::at_once();
    let server = Server::builder()
        .accept_http1(true)
        .layer(house.tokens.layer())
        .add_service(health());
    let address = serve!(server);
    for (content_type, h2) in [
        ("application/grpc", true),
        ("application/grpc+proto", true),
        ("application/grpc-web+proto", false),
    ] {
        let fields = [("content-type", content_type)];
        let path = "/grpc.health.v1.Health/Check";
        let heard = wire::send(wire::request("POST", address, path, &fields), h2).await;
        assert_eq!(heard.status, 200);
        assert_eq!(heard.headers["content-type"], content_type);
        assert_eq!(heard.headers["grpc-status"], "16");
        assert_eq!(heard.body, "");
    }
}

#[tokio::test]
async fn a_handler_behind_no_layer_answers_internal_and_says_so() {
    let address = serve!(Server::builder().add_service(health()));
    let status = check(&format!("http://{address}"), Some("x")).await;
    let status = status.expect_err("is refused");
    assert_eq!(status.code(), Code::Internal);
    assert!(
        status.message().contains("no ExpiringTokenLayer is around"),
        "{status}"
    );
}

#[tokio::test]
async fn a_handler_behind_an_optional_layer_refuses_the_anonymous_itself() {
    let house = House::at_once();
    let guarded = house.tokens.layer().optional().named_layer(health());
    let address = serve!(Server::builder().add_service(guarded));
    let status = check(&format!("http://{address}"), None).await;
    assert_eq!(
        status.expect_err("is refused").code(),
        Code::Unauthenticated
    );
}

#[tokio::test]
async fn a_stream_begins_behind_the_layer_and_is_refused_by_it() {
    let house = House::that_waits();
    let guarded = house.tokens.layer().named_layer(health());
    let address = serve!(Server::builder().add_service(guarded));
    let mut client = connect(&format!("http://{address}")).await;

    let refused = client.watch(question(None)).await.expect_err("is refused");
    assert_eq!(refused.code(), Code::Unauthenticated);
    let good = house.token("alice", &[]).await;
    let watched = client.watch(question(Some(&good))).await;
    let first = watched.expect("is served").get_mut().message().await;
    assert!(first.expect("a message").is_some());
}
