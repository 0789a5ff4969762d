//! An optional layer: who shows nothing passes as nobody, and nobody else does.

use std::convert::Infallible;

use http::{Request, Response};
use tower::{Layer, service_fn};
use tower_expiring_token::{Authenticated, Rejection};

use crate::support::ask::{Answered, ask};
use crate::support::challenge;
use crate::support::house::{House, changed};

/// Says who calls, or that nobody does.
async fn who<B>(request: Request<B>) -> Result<Response<String>, Infallible> {
    Ok(match Authenticated::optional(request.extensions()) {
        Ok(Some(caller)) => Response::new(caller.subject().to_string()),
        Ok(None) => Response::new("nobody".to_owned()),
        Err(rejection) => Rejection::response(&rejection, rejection.to_string()),
    })
}

async fn answer(house: &House, values: &[&str]) -> Answered {
    let request = values.iter().fold(ask("GET", "/"), |request, value| {
        request.header("authorization", value)
    });
    request
        .of(house.tokens.layer().optional().layer(service_fn(who)))
        .await
}

#[tokio::test]
async fn nothing_and_credentials_of_other_schemes_pass_as_nobody() {
    let house = House::at_once();
    for values in [&[][..], &[""], &["  "], &["Basic YTpi"], &["Session x"]] {
        let heard = answer(&house, values).await;
        assert_eq!((heard.status.as_u16(), &*heard.body), (200, &b"nobody"[..]));
    }
    let good = format!("Bearer {}", house.token("alice", &[]).await);
    assert_eq!(answer(&house, &[&good]).await.body, "alice");
}

#[tokio::test]
async fn credentials_that_say_nothing_clear_are_refused_all_the_same() {
    let house = House::at_once();
    let good = format!("Bearer {}", house.token("alice", &[]).await);
    for values in [
        &["Bearer"][..],
        &["Bearer a b"],
        &["\"Bearer\" a"],
        &["Bearer,"],
        &[&good, &good],
        &[&good, "Basic YTpi"],
        &["", ""],
        &["Basic YTpi", "Session x"],
    ] {
        let heard = answer(&house, values).await;
        let error = challenge::error(&heard.headers);
        let found = (heard.status.as_u16(), error.as_deref());
        assert_eq!(found, (400, Some("invalid_request")), "{values:?}");
    }
}

#[tokio::test]
async fn a_token_that_is_not_good_is_refused_all_the_same() {
    let house = House::at_once();
    for token in [
        house.expired().await,
        house.revoked().await,
        house.token("mallory", &[]).await,
        changed(&house.token("alice", &[]).await),
        "never-issued".to_owned(),
    ] {
        let heard = answer(&house, &[&format!("Bearer {token}")]).await;
        let error = challenge::error(&heard.headers);
        let found = (heard.status.as_u16(), error.as_deref());
        assert_eq!(found, (401, Some("invalid_token")));
    }
}

#[tokio::test]
async fn a_store_that_cant_say_is_a_503_and_never_nobody() {
    for house in [House::at_once(), House::that_waits()] {
        let good = format!("Bearer {}", house.token("alice", &[]).await);
        house.fail();
        let heard = answer(&house, &[&good]).await;
        assert_eq!(heard.status, 503);
        assert_eq!(heard.header("retry-after"), Some("1"));
        assert_eq!(answer(&house, &[]).await.body, "nobody", "it is not asked");
        house.heal();
        assert_eq!(answer(&house, &[&good]).await.body, "alice");
    }
}
