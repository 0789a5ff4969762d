//! warp: filters made a service, the layer around it.

use http::StatusCode;
use tower::ServiceBuilder;
use tower_expiring_token::{Authenticated, Rejection, RequireLayer};
use warp::reply::{Reply, Response};
use warp::{Filter, ext};

use super::{bearer, tells_tokens_apart};
use crate::support::house::{House, User};
use crate::support::wire::{get, serve};

/// Says who calls.
fn name(caller: Authenticated) -> Response {
    let answer = caller.principal::<User>().map(|user| user.name.clone());
    answer.map_or_else(refuse, Reply::into_response)
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
