//! The revocation endpoint (RFC 7009).

use super::{Server, is_uncached, refuses};
use crate::support::ask::{Answered, ask, form};

async fn revoke(server: &Server, client: &str, fields: &[(&str, &str)]) -> Answered {
    let ask = form("/revoke", fields).basic(client, &format!("{client}-secret"));
    ask.of(server.oauth.revocation()).await
}

fn is_done(answered: &Answered) {
    assert_eq!(answered.status, 200, "{answered:?}");
    assert!(answered.body.is_empty());
    is_uncached(answered);
}

#[tokio::test]
async fn an_access_token_goes_alone_and_a_refresh_token_with_its_session() {
    let server = Server::new();
    let (access, refresh) = server.login("app").await;
    is_done(&revoke(&server, "app", &[("token", &access)]).await);
    assert!(!server.lives(&access).await);
    let next = server.refresh("app", &refresh).await;
    assert_eq!(next.status, 200);

    let (access, refresh) = (next.member("access_token"), next.member("refresh_token"));
    is_done(&revoke(&server, "app", &[("token", &refresh)]).await);
    assert!(!server.lives(&access).await);
    refuses(&server.refresh("app", &refresh).await, 400, "invalid_grant");
}

#[tokio::test]
async fn a_wrong_or_unknown_hint_changes_nothing() {
    let server = Server::new();
    for hint in ["access_token", "frob", "id_token"] {
        let (access, refresh) = server.login("app").await;
        let fields = [("token", &*refresh), ("token_type_hint", hint)];
        is_done(&revoke(&server, "app", &fields).await);
        assert!(!server.lives(&access).await);
    }
}

#[tokio::test]
async fn what_is_unknown_or_dead_already_is_revoked_all_the_same() {
    let server = Server::new();
    let (access, _) = server.login("app").await;
    for token in ["zzz", "no token", "ä", &access, &access] {
        is_done(&revoke(&server, "app", &[("token", token)]).await);
    }
}

#[tokio::test]
async fn another_clients_token_lives_on_and_its_caller_learns_nothing() {
    let server = Server::new();
    let (access, refresh) = server.login("app").await;
    for token in [&access, &refresh] {
        is_done(&revoke(&server, "other", &[("token", token)]).await);
    }
    assert!(server.lives(&access).await);
    assert_eq!(server.refresh("app", &refresh).await.status, 200);
}

#[tokio::test]
async fn who_is_no_client_revokes_nothing() {
    let server = Server::new();
    let (access, _) = server.login("app").await;
    let wrong = form("/revoke", &[("token", &access)]).basic("app", "wrong");
    refuses(
        &wrong.of(server.oauth.revocation()).await,
        401,
        "invalid_client",
    );
    assert!(server.lives(&access).await);
}

#[tokio::test]
async fn a_token_must_be_named_by_post_and_a_store_that_fails_is_never_a_200() {
    let server = Server::new();
    refuses(&revoke(&server, "app", &[]).await, 400, "invalid_request");
    let got = ask("GET", "/revoke?token=x")
        .of(server.oauth.revocation())
        .await;
    assert_eq!(got.status, 405);

    let (access, _) = server.login("app").await;
    server.store.fail();
    let answered = revoke(&server, "app", &[("token", &access)]).await;
    refuses(&answered, 503, "temporarily_unavailable");
}
