//! Proving again who one is (RFC 9470).

use std::convert::Infallible;
use std::time::Duration;

use bytes::Bytes;
use futures_util::FutureExt;
use http::{Request, Response};
use http_body_util::Full;
use serde_json::json;
use tower::{Layer, ServiceBuilder, service_fn};

use super::people::{People, from, login};
use crate::support::ask::{Answered, Ask, ask, json as post};

async fn step_up(people: &People, ask: Ask) -> Answered {
    let service = people.tokens.step_up_endpoint(&people.passwords);
    ask.of(people.tokens.layer().layer(service)).await
}

async fn danger(people: &People, token: &str) -> Answered {
    let service = ServiceBuilder::new()
        .layer(people.tokens.layer())
        .layer(people.tokens.require_recent(Duration::from_secs(300)))
        .service(service_fn(async |_: Request<Full<Bytes>>| {
            Ok::<_, Infallible>(Response::new(Full::<Bytes>::default()))
        }));
    ask("POST", "/").bearer(token).of(service).await
}

#[tokio::test]
async fn a_stale_login_proves_itself_and_then_may() {
    let people = People::new();
    let stale = people.token("alice", "wonderland").await;
    people.wait(301);
    assert_eq!(danger(&people, &stale).await.status, 401);

    let proof = json!({"password": "wonderland"});
    let answered = step_up(&people, post("/", &proof).bearer(&stale)).await;
    assert_eq!(answered.status, 200, "{answered:?}");
    let fresh = answered.member("token");
    assert_eq!(danger(&people, &fresh).await.status, 200);
    assert_eq!(danger(&people, &stale).await.status, 401);
    let sessions = people.tokens.sessions(&"alice".into()).await.unwrap();
    assert_eq!(sessions.len(), 1, "it is the same session");
}

#[tokio::test]
async fn it_is_no_oracle_for_a_stolen_token() {
    let people = People::new();
    let stolen = people.token("alice", "wonderland").await;
    let guess = |password: &str| from(post("/", &json!({"password": password})), 1).bearer(&stolen);
    for _ in 0..10 {
        let answered = step_up(&people, guess("guess")).await;
        assert_eq!(
            (answered.status.as_u16(), &answered.json()["error"]),
            (400, &json!("invalid_grant"))
        );
    }
    assert_eq!(step_up(&people, guess("wonderland")).await.status, 429);
    let elsewhere = people.log_in(from(login("alice", "wonderland"), 2)).await;
    assert_eq!(elsewhere.status, 200);
}

#[tokio::test]
async fn without_a_token_or_a_password_nothing_is_proved() {
    let people = People::new();
    let proof = json!({"password": "wonderland"});
    assert_eq!(step_up(&people, post("/", &proof)).await.status, 401);
    let token = people.token("alice", "wonderland").await;
    let before = people.users.asked();
    let answered = step_up(&people, post("/", &json!({})).bearer(&token)).await;
    assert_eq!(answered.json()["error"], "invalid_request");
    assert_eq!(people.users.asked(), before);
}

#[tokio::test]
async fn who_is_logged_out_meanwhile_is_told_so_and_not_to_try_again() {
    let people = People::new();
    let token = people.token("alice", "wonderland").await;
    let tokens = people.tokens.clone();
    people.users.meanwhile(move |_| {
        let alice = "alice".into();
        let revoked = tokens.revoke_all(&alice).now_or_never();
        revoked.expect("memory answers at once").expect("it does");
    });
    let proof = json!({"password": "wonderland"});
    let answered = step_up(&people, post("/", &proof).bearer(&token)).await;
    assert_eq!(answered.status, 401, "{answered:?}");
    assert_eq!(answered.json()["error"], "invalid_token");
    assert!(answered.header("www-authenticate").is_some());
}
