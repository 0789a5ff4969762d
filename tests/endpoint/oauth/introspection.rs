//! The introspection endpoint (RFC 7662).

use serde_json::json;
use tower_expiring_token::{OAuth, TokenDigest, TokenKind};

use super::{Clients, Server, Store, inactive, is_uncached, refuses, subject};
use crate::support::ask::{Answered, Ask, ask, form};

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
            "sub": "alice", "sid": sid, "kind": "access",
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

/// The same server, where tokens with the scope `introspect` may ask.
fn by_bearer(server: &Server) -> OAuth<Store, Clients> {
    let oauth = server.oauth.clone().introspection_scope("introspect");
    oauth.expect("is a scope")
}

/// A token of a service's.
async fn service(server: &Server, scope: &str) -> String {
    let issued = server.tokens.issue("the gateway").scopes([scope]).await;
    issued.expect("is issued").secret().to_owned()
}

fn question(token: &str) -> Ask {
    form("/introspect", &[("token", token)])
}

#[tokio::test]
async fn a_bearer_token_with_the_scope_may_ask_about_all_tokens_where_it_is_served() {
    let server = Server::new();
    let gateway = service(&server, "introspect").await;
    let (access, refresh) = server.login("app").await;
    let ask = async |token: &str| {
        let asked = question(token).bearer(&gateway);
        asked.of(by_bearer(&server).introspection()).await
    };
    let answered = ask(&access).await;
    is_uncached(&answered);
    assert_eq!(answered.json()["client_id"], "app");
    for token in [&*refresh, "zzz", "ä"] {
        assert_eq!(ask(token).await.json(), inactive());
    }
    let client = question(&access).basic("app", "app-secret");
    let told = client.of(by_bearer(&server).introspection()).await;
    assert_eq!(told.json()["active"], true, "clients may ask as before");

    let off = question(&access).bearer(&gateway);
    let answered = off.of(server.oauth.introspection()).await;
    refuses(&answered, 401, "invalid_client");
}

#[tokio::test]
async fn a_bearer_token_that_may_not_ask_is_refused_in_the_words_of_rfc_6750() {
    let server = Server::new();
    let gateway = service(&server, "introspect").await;
    let (access, refresh) = server.login("app").await;
    let refused = async |ask: Ask, status: u16, error: &str| {
        let answered = ask.of(by_bearer(&server).introspection()).await;
        assert_eq!(answered.status.as_u16(), status, "{answered:?}");
        assert_eq!(answered.json()["error"], error);
        assert_eq!(answered.header("cache-control"), Some("no-store"));
        let challenge = answered.header("www-authenticate").expect("a challenge");
        assert!(challenge.starts_with("Bearer realm="), "{challenge}");
        let code = format!(r#"error="{error}""#);
        assert!(challenge.contains(&code), "{challenge}");
        challenge.to_owned()
    };
    let narrow = question(&gateway).bearer(&access);
    let challenge = refused(narrow, 403, "insufficient_scope").await;
    assert!(challenge.contains(r#"scope="introspect""#), "{challenge}");
    for bad in [&*refresh, "zzz"] {
        refused(question(&access).bearer(bad), 401, "invalid_token").await;
    }
    let malformed = question(&access).bearer("two words");
    refused(malformed, 400, "invalid_request").await;
    server.wait(3600);
    refused(question(&access).bearer(&gateway), 401, "invalid_token").await;
}

#[tokio::test]
async fn who_asks_shows_one_or_the_other_and_is_told_of_both_ways() {
    let server = Server::new();
    let gateway = service(&server, "introspect").await;
    let fields = [
        ("token", &*gateway),
        ("client_id", "app"),
        ("client_secret", "app-secret"),
    ];
    let both = form("/introspect", &fields).bearer(&gateway);
    let answered = both.of(by_bearer(&server).introspection()).await;
    refuses(&answered, 400, "invalid_request");

    let nobody = question(&gateway);
    let answered = nobody.of(by_bearer(&server).introspection()).await;
    refuses(&answered, 401, "invalid_client");
    let challenges = answered.headers.get_all("www-authenticate").iter();
    let challenges: Vec<&str> = challenges.filter_map(|value| value.to_str().ok()).collect();
    assert!(challenges[0].starts_with("Basic "), "{challenges:?}");
    assert_eq!(challenges[1..], [r#"Bearer realm="api""#]);
}

#[tokio::test]
async fn a_store_that_fails_says_nothing_of_the_bearer_either() {
    let server = Server::new();
    let gateway = service(&server, "introspect").await;
    server.store.fail();
    let asked = question(&gateway).bearer(&gateway);
    let answered = asked.of(by_bearer(&server).introspection()).await;
    refuses(&answered, 503, "temporarily_unavailable");
}

#[tokio::test]
async fn what_can_be_no_scope_is_an_error() {
    for scope in ["", "two words", "\"", "ä"] {
        let oauth = Server::new().oauth.introspection_scope(scope);
        assert!(oauth.is_err(), "{scope}");
    }
}
