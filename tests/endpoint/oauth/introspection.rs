//! The introspection endpoint (RFC 7662).

use serde_json::json;
use tower_expiring_token::{TokenDigest, TokenKind};

use super::{Server, inactive, is_uncached, refuses, subject};
use crate::support::ask::{Answered, ask, form};

async fn introspect(server: &Server, client: &str, token: &str) -> Answered {
    let ask = form("/introspect", &[("token", token)]);
    let ask = ask.basic(client, &format!("{client}-secret"));
    ask.of(server.oauth.introspection()).await
}

#[tokio::test]
async fn a_live_token_is_told_with_its_end_its_user_and_its_session() {
    let server = Server::new();
    let (access, _) = server.login("app").await;
    let answered = introspect(&server, "app", &access).await;
    is_uncached(&answered);
    let now = server.tokens.now().as_micros() / 1_000_000;
    let sessions = server.tokens.sessions(&subject("alice")).await.unwrap();
    let sid = sessions[0].id.to_string();
    assert_eq!(
        answered.json(),
        json!({
            "active": true, "scope": "read write", "client_id": "app", "username": "alice",
            "token_type": "Bearer", "exp": now + 3600, "iat": now, "auth_time": now,
            "sub": "alice", "sid": sid,
        })
    );
    let token = tower_expiring_token::BearerToken::parse(&access).unwrap();
    let digest: TokenDigest = TokenKind::new("access", "tet_").digest(&token).unwrap();
    assert!(!digest.to_string().contains(&sid));
}

#[tokio::test]
async fn all_that_is_not_active_is_told_in_the_same_bytes() {
    let server = Server::new();
    let (revoked, _) = server.login("app").await;
    let token = tower_expiring_token::BearerToken::parse(&revoked).unwrap();
    server.tokens.revoke(&token).await.unwrap();
    let (expired, refresh) = server.login("app").await;
    server.wait(3600);
    let (others, _) = server.login("other").await;
    for token in [
        "zzz", "no token", "ä", &revoked, &expired, &refresh, &others,
    ] {
        let answered = introspect(&server, "app", token).await;
        assert_eq!(
            (answered.status.as_u16(), answered.json()),
            (200, inactive())
        );
        assert_eq!(answered.body, r#"{"active":false}"#);
    }
}

#[tokio::test]
async fn one_that_may_ask_about_all_tokens_is_told_of_others_too() {
    let server = Server::new();
    let (access, _) = server.login("app").await;
    assert_eq!(
        introspect(&server, "checker", &access).await.json()["active"],
        true
    );
    assert_eq!(
        introspect(&server, "other", &access).await.json(),
        inactive()
    );
}

#[tokio::test]
async fn to_ask_is_no_use() {
    let server = Server::new();
    let (access, _) = server.login("app").await;
    server.wait(600);
    introspect(&server, "app", &access).await;
    let sessions = server.tokens.sessions(&subject("alice")).await.unwrap();
    assert_eq!(sessions[0].last_used_at, sessions[0].issued_at);
}

#[tokio::test]
async fn who_asks_must_be_a_client_with_a_secret() {
    let server = Server::new();
    let (access, _) = server.login("app").await;
    let token = ("token", &*access);
    for ask in [
        form("/introspect", &[token]),
        form("/introspect", &[token]).basic("app", "wrong"),
        form("/introspect", &[token, ("client_id", "page")]),
    ] {
        let answered = ask.of(server.oauth.introspection()).await;
        refuses(&answered, 401, "invalid_client");
        assert!(answered.header("www-authenticate").is_some());
    }
}

#[tokio::test]
async fn a_token_must_be_named_by_post_and_a_store_that_fails_says_nothing_of_it() {
    let server = Server::new();
    let none = form("/introspect", &[]).basic("app", "app-secret");
    refuses(
        &none.of(server.oauth.introspection()).await,
        400,
        "invalid_request",
    );
    let got = ask("GET", "/introspect?token=x")
        .of(server.oauth.introspection())
        .await;
    assert_eq!(got.status, 405);

    let (access, _) = server.login("app").await;
    server.store.fail();
    refuses(
        &introspect(&server, "app", &access).await,
        503,
        "temporarily_unavailable",
    );
}
