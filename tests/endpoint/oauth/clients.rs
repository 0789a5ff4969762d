//! How clients authenticate (RFC 6749 section 2.3).

use tower_expiring_token::{Client, ClientSecret, Lifetime, MemoryStore, OAuth, TokenAuthority};

use super::{OWN, REFRESH, Server, refuses};
use crate::support::ask::form;

#[tokio::test]
async fn a_secret_comes_by_basic_or_in_the_form() {
    let server = Server::new();
    let basic = form("/token", OWN).basic("app", "app-secret");
    assert_eq!(server.token(basic).await.status, 200);

    let fields = [
        OWN[0],
        ("client_id", "app"),
        ("client_secret", "app-secret"),
    ];
    assert_eq!(server.token(form("/token", &fields)).await.status, 200);
}

#[tokio::test]
async fn an_id_and_a_secret_in_basic_are_form_decoded() {
    let tokens = TokenAuthority::builder(MemoryStore::new())
        .expiry(Lifetime::hours(1))
        .build()
        .unwrap();
    let client = Client::confidential("a:b c", ClientSecret::of("p+%é &="));
    let client = client.scopes(["read"]).unwrap().acts_as("x");
    let oauth = OAuth::new(&tokens, [client]);
    for (id, secret) in [
        ("a%3Ab+c", "p%2B%25%C3%A9+%26%3D"),
        ("a%3Ab%20c", "p%2b%25%c3%a9%20&="),
    ] {
        let answered = form("/token", OWN)
            .basic(id, secret)
            .of(oauth.token())
            .await;
        assert_eq!(answered.status, 200, "{answered:?}");
    }
}

#[tokio::test]
async fn a_client_that_is_unknown_or_has_no_right_secret_is_challenged_for_basic() {
    let server = Server::new();
    for ask in [
        form("/token", OWN),
        form("/token", OWN).basic("app", "wrong"),
        form("/token", OWN).basic("app", ""),
        form("/token", OWN).basic("nobody", "app-secret"),
        form("/token", OWN).basic("page", "guess"),
        form("/token", OWN).bearer("app"),
        form("/token", OWN).header("authorization", "Basic"),
        form("/token", OWN).header("authorization", "Basic !!!"),
        form("/token", OWN).header("authorization", "Basic YXBw"),
        form("/token", &[OWN[0], ("client_id", "app")]),
        form(
            "/token",
            &[OWN[0], ("client_id", "app"), ("client_secret", "wrong")],
        ),
    ] {
        let answered = server.token(ask).await;
        refuses(&answered, 401, "invalid_client");
        let challenge = answered.header("www-authenticate").unwrap();
        assert!(challenge.starts_with("Basic realm="), "{challenge}");
    }
}

#[tokio::test]
async fn events_hear_of_a_refused_client_if_there_is_one_and_never_what_was_sent() {
    let server = Server::new();
    for (ask, client) in [
        (form("/token", OWN), "None"),
        (form("/token", OWN).basic("a secret", "x"), "None"),
        (form("/token", OWN).basic("app", "wrong"), r#"Some("app")"#),
        (form("/token", OWN).basic("page", "x"), r#"Some("page")"#),
    ] {
        refuses(&server.token(ask).await, 401, "invalid_client");
        let refused = format!("ClientRefused {{ client: {client} }}");
        assert_eq!(server.heard.take(), [refused]);
    }
    // Whoever has no secret may not ask, though he is who he says.
    let page = form("/introspect", &[("client_id", "page"), ("token", "x")]);
    page.of(server.oauth.introspection()).await;
    let refused = r#"ClientRefused { client: Some("page") }"#;
    assert_eq!(server.heard.take(), [refused]);

    let right = form("/token", OWN).basic("app", "app-secret");
    assert_eq!(server.token(right).await.status, 200);
    assert!(server.heard.take().is_empty());
}

#[tokio::test]
async fn two_ways_to_authenticate_are_one_too_many() {
    let server = Server::new();
    let both = [
        OWN[0],
        ("client_id", "app"),
        ("client_secret", "app-secret"),
    ];
    let other = [OWN[0], ("client_id", "other")];
    for ask in [
        form("/token", &both).basic("app", "app-secret"),
        form("/token", &other).basic("app", "app-secret"),
        form("/token", OWN)
            .basic("app", "app-secret")
            .basic("app", "app-secret"),
    ] {
        refuses(&server.token(ask).await, 400, "invalid_request");
    }
    let same = [OWN[0], ("client_id", "app")];
    let answered = server
        .token(form("/token", &same).basic("app", "app-secret"))
        .await;
    assert_eq!(answered.status, 200);
}

#[tokio::test]
async fn credentials_in_the_uri_are_refused_even_when_they_are_right() {
    let server = Server::new();
    for uri in [
        "/token?client_id=app&client_secret=app-secret",
        "/token?client_secret=x",
    ] {
        let answered = server
            .token(form(uri, OWN).basic("app", "app-secret"))
            .await;
        refuses(&answered, 400, "invalid_request");
    }
}

#[tokio::test]
async fn a_public_client_says_its_id_alone() {
    let server = Server::new();
    let fields = [REFRESH[0], REFRESH[1], ("client_id", "page")];
    refuses(
        &server.token(form("/token", &fields)).await,
        400,
        "invalid_grant",
    );
    let basic = form("/token", REFRESH).basic("page", "");
    refuses(&server.token(basic).await, 400, "invalid_grant");
}

#[test]
fn a_secret_is_kept_as_its_hash_and_never_printed() {
    let secret = ClientSecret::of("app-secret");
    assert_eq!(format!("{secret:?}"), "ClientSecret(..)");
    let kept = secret.to_hex();
    assert_eq!(ClientSecret::from_hex(&kept).unwrap().to_hex(), kept);
    assert!(ClientSecret::from_hex("zz").is_err());
}
