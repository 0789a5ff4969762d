//! warp: filters made a service, the layer around it.

use http::StatusCode;
use tower::ServiceBuilder;
use tower_expiring_token::{Authenticated, Rejection, RequireLayer};
use warp::reply::{Reply, Response};
use warp::{Filter, ext};

use super::{BARE, bearer, tells_tokens_apart};
use crate::support::house::{House, User};
use crate::support::wire::{get, serve};

/// Says who calls.
fn name(caller: Authenticated) -> Response {
    let answer = caller.principal::<User>().map(|user| user.name.clone());
    answer.map_or_else(refuse, Reply::into_response)
}

/// `/perhaps` says who calls, if somebody does; to `/needed` somebody must.
fn perhaps() -> impl Filter<Extract = (Response,), Error = warp::Rejection> + Clone {
    let name = |caller: Option<Authenticated>| caller.map_or("nobody".into_response(), name);
    warp::path("perhaps")
        .and(ext::optional().and(ext::optional()))
        .map(Authenticated::optional_of_extracted)
        .map(move |caller: Result<_, _>| caller.map_or_else(refuse, name))
}

fn needed() -> impl Filter<Extract = (Response,), Error = warp::Rejection> + Clone {
    warp::path("needed")
        .and(ext::optional().and(ext::optional()))
        .map(Authenticated::of_extracted)
        .map(|caller: Result<_, _>| caller.map_or_else(refuse, name))
}

fn refuse(rejection: Rejection) -> Response {
    rejection.response(rejection.to_string().into())
}

#[tokio::test]
async fn a_good_token_is_let_in_and_all_others_are_told_apart() {
    for house in [House::at_once(), House::that_waits()] {
        let address = serve(
            ServiceBuilder::new()
                .layer(house.tokens.layer())
                .service(warp::service(ext::get().map(name))),
        )
        .await;
        tells_tokens_apart(&house, async |token| {
            let field = token.map(bearer);
            let fields = field.as_deref().map(|value| ("authorization", value));
            get(address, "/", fields.as_slice()).await
        })
        .await;
    }
}

#[tokio::test]
async fn a_scope_layer_stands_between_the_layer_and_the_filters() {
    let house = House::at_once();
    let address = serve(
        ServiceBuilder::new()
            .layer(house.tokens.layer())
            .layer(RequireLayer::any(["admin", "root"]).unwrap())
            .service(warp::service(ext::get().map(name))),
    )
    .await;
    for (scopes, status) in [(&[][..], 403), (&["root"], 200)] {
        let field = bearer(&house.token("alice", scopes).await);
        let heard = get(address, "/", &[("authorization", &field)]).await;
        assert_eq!(heard.status, status);
    }
}

#[tokio::test]
async fn a_filter_that_asks_who_calls_without_the_layer_is_a_500() {
    let address = serve(warp::service(ext::get().map(name))).await;
    let heard = get(address, "/", &[("authorization", "Bearer x")]).await;
    assert_eq!(heard.status, StatusCode::INTERNAL_SERVER_ERROR);
}

#[tokio::test]
async fn behind_an_optional_layer_filters_tell_nobody_from_somebody_and_may_need_one() {
    let house = House::at_once();
    let service = ServiceBuilder::new()
        .layer(house.tokens.layer().optional())
        .service(warp::service(perhaps().or(needed())));
    let address = serve(service).await;

    let anonymous = get(address, "/perhaps", &[]).await;
    assert_eq!(
        (anonymous.status.as_u16(), &*anonymous.body),
        (200, "nobody")
    );
    let refused = get(address, "/needed", &[]).await;
    assert_eq!(refused.status, StatusCode::UNAUTHORIZED);
    assert_eq!(refused.challenges(), [BARE]);
    let field = bearer(&house.token("alice", &[]).await);
    for path in ["/perhaps", "/needed"] {
        let alice = get(address, path, &[("authorization", &field)]).await;
        assert_eq!((alice.status.as_u16(), &*alice.body), (200, "alice"));
    }
}

#[tokio::test]
async fn filters_that_no_layer_is_around_say_so_and_never_that_nobody_calls() {
    let address = serve(warp::service(perhaps().or(needed()))).await;
    for path in ["/perhaps", "/needed"] {
        let heard = get(address, path, &[("authorization", "Bearer x")]).await;
        assert_eq!(heard.status, StatusCode::INTERNAL_SERVER_ERROR);
        assert!(
            heard.body.contains("no ExpiringTokenLayer is around"),
            "{heard:?}"
        );
    }
}
