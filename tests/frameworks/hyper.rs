//! hyper: any tower service, HTTP/1.1 and HTTP/2.

use std::convert::Infallible;
use std::future::ready;

use bytes::Bytes;
use http::{Request, Response, StatusCode};
use http_body_util::{Either, Empty, Full};
use hyper::body::Incoming;
use hyper_util::client::legacy::Client;
use hyper_util::rt::TokioExecutor;
use tower::{Layer, ServiceBuilder, ServiceExt, service_fn};
use tower_expiring_token::{Authenticated, Reason, Rejection, RequireLayer, Scopes};

use super::{bearer, tells_tokens_apart};
use crate::support::house::{House, User};
use crate::support::wire::{get, get_h2, serve};

type Body = Full<Bytes>;

/// Says who calls.
async fn name<B>(request: Request<B>) -> Result<Response<Body>, Infallible> {
    let name = || {
        let caller = Authenticated::of(request.extensions())?;
        Ok::<_, Rejection>(caller.principal::<User>()?.name.clone())
    };
    Ok(match name() {
        Ok(name) => Response::new(Full::from(name)),
        Err(rejection) => rejection.response(Full::from(rejection.to_string())),
    })
}

#[tokio::test]
async fn over_http_1_and_2_a_good_token_is_let_in_and_all_others_are_told_apart() {
    for house in [House::at_once(), House::that_waits()] {
        let address = serve(house.tokens.layer().layer(service_fn(name))).await;
        tells_tokens_apart(&house, async |token| {
            let field = token.map(bearer);
            let fields = field.as_deref().map(|value| ("authorization", value));
            get(address, "/", fields.as_slice()).await
        })
        .await;
        tells_tokens_apart(&house, async |token| {
            let field = token.map(bearer);
            let fields = field.as_deref().map(|value| ("authorization", value));
            get_h2(address, "/", fields.as_slice()).await
        })
        .await;
    }
}

#[tokio::test]
async fn the_first_layer_of_a_service_builder_is_outermost_so_scopes_come_second() {
    let house = House::at_once();
    let admins = RequireLayer::all(["admin"]).unwrap();
    let address = serve(
        ServiceBuilder::new()
            .layer(house.tokens.layer())
            .layer(admins)
            .service_fn(name),
    )
    .await;

    let reader = bearer(&house.token("alice", &["read"]).await);
    let refused = get(address, "/", &[("authorization", &reader)]).await;
    assert_eq!(refused.status, 403);
    assert_eq!(
        refused.challenges(),
        [
            r#"Bearer realm="api", error="insufficient_scope", error_description="the token lacks a scope that is needed here", scope="admin""#
        ]
    );
    let admin = bearer(&house.token("alice", &["admin"]).await);
    let heard = get(address, "/", &[("authorization", &admin)]).await;
    assert_eq!((heard.status.as_u16(), heard.body.as_str()), (200, "alice"));
}

#[tokio::test]
async fn scopes_outside_of_the_layer_are_a_500_even_for_who_has_them() {
    let house = House::at_once();
    let admins = RequireLayer::all(["admin"]).unwrap();
    // By hand, what is applied last is outermost.
    let inside = house.tokens.layer().layer(service_fn(name::<Incoming>));
    let address = serve(admins.layer(inside)).await;

    let admin = bearer(&house.token("alice", &["admin"]).await);
    let heard = get(address, "/", &[("authorization", &admin)]).await;
    assert_eq!(heard.status, 500);
    assert!(heard.challenges().is_empty());
}

#[tokio::test]
async fn scopes_without_the_layer_are_a_500_that_says_so() {
    let admins = RequireLayer::all(["admin"]).unwrap();
    let address = serve(
        ServiceBuilder::new()
            .layer(admins.respond(tower_expiring_token::Json))
            .service_fn(name),
    )
    .await;

    for fields in [&[][..], &[("authorization", "Bearer x")]] {
        let heard = get(address, "/", fields).await;
        assert_eq!(heard.status, 500);
        assert!(
            heard.body.contains("no ExpiringTokenLayer is around"),
            "{heard:?}"
        );
    }
}

#[tokio::test]
async fn a_service_that_asks_who_calls_without_the_layer_gets_a_500_that_says_so() {
    let address = serve(service_fn(name)).await;
    let heard = get(address, "/", &[("authorization", "Bearer x")]).await;
    assert_eq!(heard.status, 500);
    assert!(
        heard.body.contains("no ExpiringTokenLayer is around"),
        "{heard:?}"
    );
}

#[tokio::test]
async fn a_refusal_of_the_services_own_tells_layers_outside_why_as_the_layers_does() {
    let house = House::at_once();
    let writer = Scopes::parse("write").unwrap();
    let service = house
        .tokens
        .layer()
        .layer(service_fn(|request: Request<()>| {
            let caller = Authenticated::of(request.extensions());
            let check = caller.and_then(|caller| caller.require_all(&writer));
            let rejection = check.expect_err("she may not write");
            ready(Ok::<_, Infallible>(rejection.response(())))
        }));
    let reader = house.token("alice", &["read"]).await;
    let request = Request::builder().header("authorization", bearer(&reader));
    let response = service.oneshot(request.body(()).unwrap()).await.unwrap();
    let rejection: &Rejection = response.extensions().get().expect("says why");
    assert_eq!(
        rejection.reason(),
        &Reason::InsufficientScope(writer.clone())
    );
}

/// Passes a request on, its answer's body untouched: `Incoming`, which has no default.
async fn proxy(
    request: Request<Incoming>,
    upstream: &str,
) -> Result<Response<Either<Incoming, Empty<Bytes>>>, Infallible> {
    let (mut parts, body) = request.into_parts();
    parts.uri = upstream.parse().unwrap();
    let client = Client::builder(TokioExecutor::new()).build_http();
    let answer = client.request(Request::from_parts(parts, body)).await;
    Ok(answer.unwrap().map(Either::Left))
}

#[tokio::test]
async fn a_proxy_answers_by_a_closure_and_can_keep_the_credential_to_itself() {
    let upstream = serve(service_fn(async |request: Request<Incoming>| {
        let has = request.headers().contains_key("authorization");
        Ok::<_, Infallible>(Response::new(Full::<Bytes>::from(has.to_string())))
    }))
    .await;
    let upstream: &'static str = format!("http://{upstream}/").leak();

    let house = House::at_once();
    let layer = house.tokens.layer().respond_with(|rejection, _request| {
        rejection.response(Either::Right(Empty::<Bytes>::new()))
    });
    let service = service_fn(move |request| proxy(request, upstream));
    let passes = serve(layer.layer(service)).await;
    let strips = serve(layer.strip_credential().layer(service)).await;

    let good = bearer(&house.token("alice", &[]).await);
    for (address, seen) in [(passes, "true"), (strips, "false")] {
        assert_eq!(
            get(address, "/", &[]).await.status,
            StatusCode::UNAUTHORIZED
        );
        let heard = get(address, "/", &[("authorization", &good)]).await;
        assert_eq!((heard.status.as_u16(), heard.body.as_str()), (200, seen));
    }
}
