//! The token endpoint (RFC 6749 sections 3.2, 4.4, 5 and 6).

use serde_json::json;

use super::{OWN, Server, is_uncached, keys, refuses, subject};
use crate::support::ask::{Ask, ask, form};

fn of_app(fields: &[(&str, &str)]) -> Ask {
    form("/token", fields).basic("app", "app-secret")
}

#[tokio::test]
async fn a_refresh_token_gives_a_new_pair() {
    let server = Server::new();
    let (access, refresh) = server.login("app").await;
    let answered = server.refresh("app", &refresh).await;
    assert_eq!(answered.status, 200, "{answered:?}");
    is_uncached(&answered);
    let content = answered.json();
    assert_eq!(
        keys(&content),
        [
            "access_token",
            "expires_in",
            "refresh_token",
            "scope",
            "token_type"
        ]
    );
    assert_eq!(content["token_type"], "Bearer");
    assert_eq!(content["expires_in"], 3600);
    assert_eq!(content["scope"], "read write");
    assert!(!server.lives(&access).await);
    assert!(server.lives(&answered.member("access_token")).await);
    assert_ne!(answered.member("refresh_token"), refresh);
}

#[tokio::test]
async fn what_is_left_of_a_life_is_said_in_whole_seconds_and_never_more_than_it_is() {
    let server = Server::new();
    let (_, refresh) = server.login("app").await;
    server.wait(30 * 86_400 - 10);
    let content = server.refresh("app", &refresh).await.json();
    assert_eq!(content["expires_in"], 10);
}

#[tokio::test]
async fn a_used_refresh_token_seen_again_ends_its_session() {
    let server = Server::new();
    let (_, refresh) = server.login("app").await;
    let next = server.refresh("app", &refresh).await;
    refuses(&server.refresh("app", &refresh).await, 400, "invalid_grant");
    refuses(
        &server.refresh("app", &next.member("refresh_token")).await,
        400,
        "invalid_grant",
    );
    assert!(!server.lives(&next.member("access_token")).await);
}

#[tokio::test]
async fn refresh_tokens_that_are_not_good_are_told_apart_by_nobody() {
    let server = Server::new();
    let (access, refresh) = server.login("app").await;
    let (_, of_other) = server.login("other").await;
    let mut bodies = Vec::new();
    for bad in ["garbage", "ä", &access, &of_other] {
        let answered = server.refresh("app", bad).await;
        refuses(&answered, 400, "invalid_grant");
        bodies.push(answered.body);
    }
    server.wait(30 * 86_400);
    bodies.push(server.refresh("app", &refresh).await.body);
    assert!(bodies.windows(2).all(|pair| pair[0] == pair[1]));
}

#[tokio::test]
async fn a_refresh_token_works_for_its_client_alone_and_survives_another_that_tries() {
    let server = Server::new();
    let (_, refresh) = server.login("app").await;
    refuses(
        &server.refresh("other", &refresh).await,
        400,
        "invalid_grant",
    );
    assert_eq!(server.refresh("app", &refresh).await.status, 200);
}

#[tokio::test]
async fn a_refresh_may_narrow_the_scope_never_widen_it_and_the_next_may_have_all_again() {
    let server = Server::new();
    let (_, first) = server.login("app").await;
    let ask = |refresh: &str, scope: &str| {
        of_app(&[
            ("grant_type", "refresh_token"),
            ("refresh_token", refresh),
            ("scope", scope),
        ])
    };
    refuses(
        &server.token(ask(&first, "read admin")).await,
        400,
        "invalid_scope",
    );
    refuses(
        &server.token(ask(&first, "re\tad")).await,
        400,
        "invalid_scope",
    );
    let narrow = server.token(ask(&first, "read")).await;
    assert_eq!(narrow.json()["scope"], "read");
    let wide = server.refresh("app", &narrow.member("refresh_token")).await;
    assert_eq!(wide.json()["scope"], "read write");
}

#[tokio::test]
async fn a_client_gets_a_token_of_its_own_and_no_refresh_token() {
    let server = Server::new();
    let answered = server.token(of_app(&[OWN[0], ("scope", "write")])).await;
    let content = answered.json();
    assert_eq!(
        keys(&content),
        ["access_token", "expires_in", "scope", "token_type"]
    );
    assert_eq!(content["scope"], "write");
    let sessions = server.tokens.sessions(&subject("the app")).await.unwrap();
    assert_eq!(sessions[0].client.as_deref(), Some("app"));
}

#[tokio::test]
async fn a_client_without_a_subject_or_without_a_secret_gets_no_token_of_its_own() {
    let server = Server::new();
    let other = form("/token", OWN).basic("other", "other-secret");
    refuses(&server.token(other).await, 400, "unauthorized_client");
    let page = form("/token", &[OWN[0], ("client_id", "page")]);
    refuses(&server.token(page).await, 400, "unauthorized_client");
}

#[tokio::test]
async fn scopes_beyond_the_clients_are_refused_and_none_asked_means_all_it_may_have() {
    let server = Server::new();
    for scope in ["nope", "read nope", "read  write", "READ"] {
        let answered = server.token(of_app(&[OWN[0], ("scope", scope)])).await;
        refuses(&answered, 400, "invalid_scope");
    }
    for fields in [
        &[OWN[0]][..],
        &[OWN[0], ("scope", "")],
        &[OWN[0], ("scope", "write read")],
    ] {
        assert_eq!(
            server.token(of_app(fields)).await.json()["scope"],
            "read write"
        );
    }
}

#[tokio::test]
async fn the_grant_must_be_one_that_is_served() {
    let server = Server::new();
    for (fields, error) in [
        (&[][..], "invalid_request"),
        (&[("grant_type", "")], "invalid_request"),
        (&[("grant_type", "frob")], "unsupported_grant_type"),
        (&[("grant_type", "password")], "unsupported_grant_type"),
        (&[("grant_type", "refresh_token")], "invalid_request"),
    ] {
        refuses(&server.token(of_app(fields)).await, 400, error);
    }
}

#[tokio::test]
async fn no_parameter_may_be_there_twice_and_unknown_ones_are_ignored() {
    let server = Server::new();
    for twice in ["grant_type", "scope", "foo"] {
        let answered = server
            .token(of_app(&[OWN[0], (twice, "read"), (twice, "read")]))
            .await;
        refuses(&answered, 400, "invalid_request");
    }
    assert_eq!(
        server.token(of_app(&[OWN[0], ("foo", "bar")])).await.status,
        200
    );
}

#[tokio::test]
async fn only_a_post_of_a_form_of_reasonable_length_is_read() {
    let server = Server::new();
    let got = server.token(ask("GET", "/token")).await;
    refuses(&got, 405, "invalid_request");
    assert_eq!(got.header("allow"), Some("POST"));

    let json = json!({"grant_type": "client_credentials"}).to_string();
    let posted = ask("POST", "/token").content("application/json", json);
    refuses(
        &server.token(posted.basic("app", "app-secret")).await,
        400,
        "invalid_request",
    );

    let long = "x".repeat(17 * 1024);
    refuses(
        &server.token(of_app(&[OWN[0], ("foo", &long)])).await,
        400,
        "invalid_request",
    );
}

#[tokio::test]
async fn a_store_that_can_not_say_is_a_503_and_nothing_is_lost() {
    let server = Server::new();
    let (_, refresh) = server.login("app").await;
    server.store.fail();
    for ask in [
        of_app(OWN),
        of_app(&[("grant_type", "refresh_token"), ("refresh_token", &refresh)]),
    ] {
        let answered = server.token(ask).await;
        refuses(&answered, 503, "temporarily_unavailable");
        assert_eq!(answered.header("retry-after"), Some("1"));
    }
    server.store.heal();
    assert_eq!(server.refresh("app", &refresh).await.status, 200);
}
