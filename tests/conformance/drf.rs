//! What clients of Django REST framework are used to, byte by byte.

use std::net::SocketAddr;
use std::time::Duration;

use tower::ServiceBuilder;
use tower_expiring_token::{Drf, RequireLayer};

use super::{ask, ask_all, behind, hello};
use crate::support::house::House;
use crate::support::wire::{Heard, serve};

const NOT_PROVIDED: &str = "Authentication credentials were not provided.";

async fn serving(style: Drf) -> (House, SocketAddr) {
    let house = House::of_schemes(&["Token"]);
    let address = behind(house.tokens.layer().respond(style)).await;
    (house, address)
}

/// A 401 with these words, and the one challenge that there is.
#[track_caller]
fn assert_detail(heard: &Heard, detail: &str) {
    assert_eq!(heard.status, 401, "{heard:?}");
    assert_eq!(heard.body, format!(r#"{{"detail":"{detail}"}}"#));
    assert_eq!(heard.headers["content-type"], "application/json");
    assert_eq!(heard.challenges(), ["Token"]);
}

/// What stock and recipes say alike.
async fn says_what_all_say(house: &House, address: SocketAddr) {
    let good = house.token("alice", &[]).await;
    let let_in = ask(address, format!("Token {good}")).await;
    assert_eq!((let_in.status.as_u16(), &*let_in.body), (200, "hello"));

    assert_detail(&ask_all(address, "GET", &[]).await, NOT_PROVIDED);
    assert_detail(&ask(address, "").await, NOT_PROVIDED);
    assert_detail(&ask(address, format!("Bearer {good}")).await, NOT_PROVIDED);
    let header = "Invalid token header.";
    assert_detail(
        &ask(address, "Token").await,
        &format!("{header} No credentials provided."),
    );
    let spaces = format!("{header} Token string should not contain spaces.");
    assert_detail(&ask(address, "Token a b").await, &spaces);
    let characters = format!("{header} Token string should not contain invalid characters.");
    assert_detail(&ask(address, b"Token \xFF\xFE").await, &characters);
}

#[tokio::test]
async fn stock_answers_what_token_authentication_answers() {
    let (house, address) = serving(Drf::stock()).await;
    says_what_all_say(&house, address).await;
    assert_detail(&ask(address, "Token unknown").await, "Invalid token.");
    let revoked = house.revoked().await;
    assert_detail(
        &ask(address, format!("Token {revoked}")).await,
        "Invalid token.",
    );
    let suspended = house.token("mallory", &[]).await;
    assert_detail(
        &ask(address, format!("Token {suspended}")).await,
        "User inactive or deleted.",
    );
    // As knox, since stock tokens never end.
    let expired = house.expired().await;
    assert_detail(
        &ask(address, format!("Token {expired}")).await,
        "Invalid token.",
    );
}

#[tokio::test]
async fn recipes_answers_what_the_recipes_for_expiring_tokens_answer() {
    let (house, address) = serving(Drf::recipes()).await;
    says_what_all_say(&house, address).await;
    assert_detail(&ask(address, "Token unknown").await, "Invalid token");
    let revoked = house.revoked().await;
    assert_detail(
        &ask(address, format!("Token {revoked}")).await,
        "Invalid token",
    );
    let suspended = house.token("mallory", &[]).await;
    assert_detail(
        &ask(address, format!("Token {suspended}")).await,
        "User inactive or deleted",
    );
    let token = house.token("alice", &[]).await;
    house.wait(Duration::from_secs(365 * 86_400));
    assert_detail(
        &ask(address, format!("Token {token}")).await,
        "Token has expired",
    );
}

#[tokio::test]
async fn a_scope_that_is_lacking_and_a_store_that_can_not_say_challenge_nobody() {
    let house = House::of_schemes(&["Token"]);
    let layer = house.tokens.layer().respond(Drf::stock());
    let writers = RequireLayer::all(["write"]).unwrap().respond(Drf::stock());
    let address = serve(
        ServiceBuilder::new()
            .layer(layer)
            .layer(writers)
            .service_fn(hello),
    )
    .await;
    let reader = format!("Token {}", house.token("alice", &["read"]).await);
    let lacks = "You do not have permission to perform this action.";
    let unavailable = "Service temporarily unavailable, try again later.";
    for (status, detail) in [(403, lacks), (503, unavailable)] {
        let heard = ask(address, &reader).await;
        assert_eq!(heard.status, status);
        assert_eq!(heard.body, format!(r#"{{"detail":"{detail}"}}"#));
        assert!(heard.challenges().is_empty(), "{heard:?}");
        house.fail();
    }
}

#[tokio::test]
async fn head_and_options_are_answered_alike() {
    let (_, address) = serving(Drf::stock()).await;
    let head = ask_all(address, "HEAD", &[]).await;
    assert_eq!((head.status.as_u16(), &*head.body), (401, ""));
    assert_eq!(head.challenges(), ["Token"]);
    assert_detail(&ask_all(address, "OPTIONS", &[]).await, NOT_PROVIDED);
}

#[tokio::test]
async fn malformed_credentials_are_a_401_whatever_they_are() {
    let (_, address) = serving(Drf::stock()).await;
    for value in [&b"\""[..], b"\xFF", b"Token:x", b"Token\xA0x", b"Token\tx"] {
        assert_detail(&ask(address, value).await, NOT_PROVIDED);
    }
    for value in ["Token @", "Token \"x\"", "Token \u{e9}", "Token x="] {
        assert_detail(&ask(address, value).await, "Invalid token.");
    }
    let twice: [(&str, &[u8]); 2] = [("authorization", b"Token a"); 2];
    let heard = ask_all(address, "GET", &twice).await;
    assert_detail(
        &heard,
        "Invalid token header. Token string should not contain spaces.",
    );
}
