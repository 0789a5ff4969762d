//! What an authorization server says of itself (RFC 8414).

use http::StatusCode;
use serde_json::json;
use tower_expiring_token::{Lifetime, MemoryStore, OAuth, Scopes, TokenAuthority};

use super::{Server, refuses};
use crate::support::ask::{ask, form};

#[tokio::test]
async fn the_document_names_what_is_mounted_and_nothing_else() {
    let server = Server::new();
    let metadata = server.oauth.metadata("https://api.example").unwrap();
    let metadata = metadata
        .token("/oauth/token")
        .scopes(&Scopes::parse("read write").unwrap());
    let answered = ask("GET", &metadata.path()).of(metadata.endpoint()).await;
    assert_eq!(answered.header("content-type"), Some("application/json"));
    assert_eq!(
        answered.json(),
        json!({
            "issuer": "https://api.example",
            "token_endpoint": "https://api.example/oauth/token",
            "token_endpoint_auth_methods_supported":
                ["client_secret_basic", "client_secret_post", "none"],
            "response_types_supported": [],
            "grant_types_supported": ["client_credentials", "refresh_token"],
            "scopes_supported": ["read", "write"],
        })
    );
    let all = metadata.revocation("/revoke").introspection("introspect");
    let content = ask("GET", "/").of(all.endpoint()).await.json();
    assert_eq!(content["revocation_endpoint"], "https://api.example/revoke");
    assert_eq!(
        content["introspection_endpoint"],
        "https://api.example/introspect"
    );
}

#[tokio::test]
async fn the_grants_are_exactly_those_that_are_served() {
    let plain = TokenAuthority::builder(MemoryStore::new());
    let plain = plain.expiry(Lifetime::hours(1)).build().unwrap();
    let oauth = OAuth::new(&plain, []);
    let metadata = oauth.metadata("https://api.example").unwrap();
    let content = ask("GET", "/").of(metadata.endpoint()).await.json();
    assert_eq!(
        content["grant_types_supported"],
        json!(["client_credentials"])
    );

    let server = Server::new();
    for grant in [
        "client_credentials",
        "refresh_token",
        "password",
        "authorization_code",
    ] {
        let fields = [("grant_type", grant), ("refresh_token", "x")];
        let answered = server
            .token(form("/", &fields).basic("app", "app-secret"))
            .await;
        let served = !matches!(grant, "password" | "authorization_code");
        if served {
            assert_ne!(answered.json()["error"], "unsupported_grant_type");
        } else {
            refuses(
                &answered,
                StatusCode::BAD_REQUEST.as_u16(),
                "unsupported_grant_type",
            );
        }
    }
}

#[test]
fn the_well_known_name_comes_between_the_issuers_host_and_its_path() {
    let server = Server::new();
    for (issuer, path) in [
        ("https://h", "/.well-known/oauth-authorization-server"),
        ("https://h/", "/.well-known/oauth-authorization-server"),
        (
            "https://h:8443/auth",
            "/.well-known/oauth-authorization-server/auth",
        ),
        (
            "https://h/a/b/",
            "/.well-known/oauth-authorization-server/a/b",
        ),
        (
            "http://127.0.0.1:3000",
            "/.well-known/oauth-authorization-server",
        ),
    ] {
        assert_eq!(server.oauth.metadata(issuer).unwrap().path(), path);
    }
}

#[test]
fn an_issuer_that_can_not_be_one_is_refused_when_it_is_named() {
    let server = Server::new();
    for issuer in [
        "",
        "api.example",
        "http://api.example",
        "ftp://h",
        "https://h?x",
        "https://h/#f",
        "https:///x",
        "/x",
    ] {
        let error = server.oauth.metadata(issuer).unwrap_err().to_string();
        assert!(error.contains("expected an issuer such as"), "{error}");
    }
}

#[tokio::test]
async fn a_bearer_token_is_named_where_it_may_introspect() {
    let server = Server::new();
    let named = async |oauth: &OAuth<_, _>| {
        let metadata = oauth.metadata("https://api.example").unwrap();
        let endpoint = metadata.introspection("/introspect").endpoint();
        let mut content = ask("GET", "/").of(endpoint).await.json();
        content["introspection_endpoint_auth_methods_supported"].take()
    };
    let clients = ["client_secret_basic", "client_secret_post"];
    assert_eq!(named(&server.oauth).await, json!(clients));
    let oauth = server.oauth.introspection_scope("introspect").unwrap();
    let [basic, post] = clients;
    assert_eq!(named(&oauth).await, json!([basic, post, "Bearer"]));
}
