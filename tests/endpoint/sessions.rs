//! What users see of their logins, and how they end them.

use axum::Router;
use axum::body::Body;
use bytes::Bytes;
use http::Request;
use http_body_util::Full;
use serde_json::{Value, json};
use tower::{Layer, Service, service_fn};
use tower_expiring_token::testing::{FaultyStore, ManualClock};
use tower_expiring_token::{Drf, IssuedToken, Lifetime, MemoryStore, TokenAuthority, TokenKind};

use crate::support::ask::{Answered, Ask, ask};
use crate::support::wire::{get_h2, request, send, serve};

type Store = FaultyStore<MemoryStore>;

struct House {
    tokens: TokenAuthority<Store>,
    store: Store,
}

impl House {
    fn new() -> Self {
        let store = FaultyStore::new(MemoryStore::new());
        let tokens = TokenAuthority::builder(store.clone())
            .expiry(Lifetime::hours(24))
            .refresh(Lifetime::days(30))
            .kind(TokenKind::new("personal", "pat_"), Lifetime::days(90))
            .clock(ManualClock::default());
        Self {
            tokens: tokens.build().unwrap(),
            store,
        }
    }

    async fn login(&self, subject: &str) -> IssuedToken {
        let issue = self.tokens.issue(subject).scopes(["read", "write"]);
        issue.label("phone").refresh().await.unwrap()
    }

    fn router(&self) -> Router {
        let Self { tokens, .. } = self;
        let layer = tokens.layer().kinds(&["access", "personal"]).unwrap();
        Router::new()
            .route_service("/logout", tokens.logout())
            .route_service("/logout-all", tokens.logout_all())
            .route_service("/tokens", tokens.session_list())
            .route_service("/tokens/{id}", tokens.session_end())
            .route_service("/drf/logout", tokens.logout().drf(Drf::stock()))
            .route_service("/drf/tokens/{id}", tokens.session_end().drf(Drf::stock()))
            .layer(layer)
    }

    async fn ask(&self, ask: Ask) -> Answered {
        let mut router = self.router();
        let service =
            service_fn(move |request: Request<Full<Bytes>>| router.call(request.map(Body::new)));
        ask.of(service).await
    }

    async fn lives(&self, issued: &IssuedToken) -> bool {
        let asked = self
            .ask(ask("GET", "/tokens").bearer(issued.secret()))
            .await;
        asked.status == 200
    }

    async fn list(&self, issued: &IssuedToken) -> Vec<Value> {
        let answered = self
            .ask(ask("GET", "/tokens").bearer(issued.secret()))
            .await;
        assert_eq!(answered.status, 200, "{answered:?}");
        answered.json()["tokens"].as_array().unwrap().clone()
    }
}

#[tokio::test]
async fn a_logout_ends_the_session_and_its_refresh_token_and_no_other() {
    let house = House::new();
    let (phone, laptop) = (house.login("alice").await, house.login("alice").await);
    let answered = house
        .ask(ask("POST", "/logout").bearer(phone.secret()))
        .await;
    assert_eq!((answered.status.as_u16(), answered.body.len()), (204, 0));
    assert!(!house.lives(&phone).await);
    assert!(house.lives(&laptop).await);
    let refresh = tower_expiring_token::BearerToken::parse(phone.refresh_secret().unwrap());
    assert!(house.tokens.refresh(&refresh.unwrap()).await.is_err());
}

#[tokio::test]
async fn a_second_logout_is_a_401() {
    let house = House::new();
    let phone = house.login("alice").await;
    for status in [204, 401] {
        let answered = house
            .ask(ask("POST", "/logout").bearer(phone.secret()))
            .await;
        assert_eq!(answered.status, status);
    }
}

#[tokio::test]
async fn a_logout_of_all_ends_every_session_of_the_user_or_all_but_this_one() {
    let house = House::new();
    let (bob, phone, laptop) = (
        house.login("bob").await,
        house.login("alice").await,
        house.login("alice").await,
    );
    let others = ask("POST", "/logout-all?keep=current").bearer(phone.secret());
    assert_eq!(house.ask(others).await.status, 204);
    assert!(house.lives(&phone).await);
    assert!(!house.lives(&laptop).await);

    for unclear in ["keep=curent", "keep=current&keep=all", "keep=", "keep"] {
        let path = format!("/logout-all?{unclear}");
        let refused = house.ask(ask("POST", &path).bearer(phone.secret())).await;
        assert_eq!(refused.json()["error"], "invalid_request");
        assert!(house.lives(&phone).await);
    }

    let all = ask("POST", "/logout-all").bearer(phone.secret());
    assert_eq!(house.ask(all).await.status, 204);
    assert!(!house.lives(&phone).await);
    assert!(house.lives(&bob).await);
}

#[tokio::test]
async fn the_list_has_an_entry_a_session_and_no_secret() {
    let house = House::new();
    let (_, phone, laptop) = (
        house.login("bob").await,
        house.login("alice").await,
        house.login("alice").await,
    );
    let list = house.list(&phone).await;
    assert_eq!(list.len(), 2);
    let current = list.iter().find(|entry| entry["current"] == true).unwrap();
    let now = house.tokens.now();
    let ends = now + std::time::Duration::from_secs(30 * 86_400);
    assert_eq!(
        *current,
        json!({
            "id": phone.session().to_string(), "name": "phone", "kind": "access", "client": null,
            "scopes": ["read", "write"], "created": now.to_string(), "last_used": now.to_string(),
            "expires": ends.to_string(), "current": true,
        })
    );
    let other = list.iter().find(|entry| entry["current"] == false).unwrap();
    assert_eq!(other["id"], laptop.session().to_string());
}

#[tokio::test]
async fn one_session_is_ended_by_its_id_and_never_anothers() {
    let house = House::new();
    let (bob, phone, laptop) = (
        house.login("bob").await,
        house.login("alice").await,
        house.login("alice").await,
    );
    let end = |id: &str| ask("DELETE", &format!("/tokens/{id}")).bearer(phone.secret());
    for id in [&*bob.session().to_string(), "zz", "%00", &"0".repeat(32)] {
        assert_eq!(house.ask(end(id)).await.status, 404, "{id}");
    }
    assert!(house.lives(&bob).await);
    assert_eq!(
        house.ask(end(&laptop.session().to_string())).await.status,
        204
    );
    assert!(!house.lives(&laptop).await);
    assert!(house.lives(&phone).await);
}

#[tokio::test]
async fn a_token_of_another_kind_ends_and_lists_nothing() {
    let house = House::new();
    let phone = house.login("alice").await;
    let personal = house.tokens.issue("alice").kind("personal").await.unwrap();
    let id = phone.session().to_string();
    for (method, uri) in [
        ("POST", "/logout".to_owned()),
        ("POST", "/logout-all".to_owned()),
        ("GET", "/tokens".to_owned()),
        ("DELETE", format!("/tokens/{id}")),
    ] {
        let answered = house.ask(ask(method, &uri).bearer(personal.secret())).await;
        assert_eq!(answered.status, 401, "{method} {uri}");
        assert_eq!(answered.json()["error"], "invalid_token");
    }
    assert!(house.lives(&phone).await);
}

#[tokio::test]
async fn without_a_layer_around_it_is_a_500_that_says_so() {
    let house = House::new();
    let answered = ask("POST", "/logout").of(house.tokens.logout()).await;
    assert_eq!(answered.status, 500);
    assert!(
        answered
            .member("error_description")
            .contains("ExpiringTokenLayer")
    );
}

#[tokio::test]
async fn a_store_that_can_not_say_is_a_503() {
    let house = House::new();
    let phone = house.login("alice").await;
    let session = house.tokens.logout();
    let service = house.tokens.layer();
    let service = service.layer(session);
    house.store.fail();
    let answered = ask("POST", "/logout")
        .bearer(phone.secret())
        .of(service)
        .await;
    assert_eq!(answered.status, 503);
    assert_eq!(answered.header("retry-after"), Some("1"));
}

#[tokio::test]
async fn another_method_is_a_405_and_django_says_which() {
    let house = House::new();
    let phone = house.login("alice").await;
    let answered = house
        .ask(ask("GET", "/logout").bearer(phone.secret()))
        .await;
    assert_eq!(
        (answered.status.as_u16(), answered.header("allow")),
        (405, Some("POST"))
    );
    let answered = house
        .ask(ask("GET", "/drf/logout").bearer(phone.secret()))
        .await;
    assert_eq!(
        answered.json(),
        json!({"detail": "Method \"GET\" not allowed."})
    );
    let missing = ask("DELETE", "/drf/tokens/1").bearer(phone.secret());
    assert_eq!(
        house.ask(missing).await.json(),
        json!({"detail": "Not found."})
    );
}

/// RFC 9110 section 9.3.2, with no router that takes the content off.
#[tokio::test]
async fn a_head_over_http2_gets_no_content() {
    let house = House::new();
    let bearer = format!("Bearer {}", house.login("alice").await.secret());
    let fields = [("authorization", &*bearer)];
    let (layer, list) = (house.tokens.layer(), house.tokens.session_list());
    let address = serve(layer.layer(list)).await;
    let head = send(request("HEAD", address, "/", &fields), true).await;
    let get = get_h2(address, "/", &fields).await;
    assert_eq!((head.status.as_u16(), &*head.body), (200, ""));
    assert_eq!(head.headers["content-length"], get.body.len().to_string());
    assert_eq!(head.headers["content-type"], get.headers["content-type"]);

    let logout = house.tokens.logout().drf(Drf::stock());
    let address = serve(house.tokens.layer().layer(logout)).await;
    let head = send(request("HEAD", address, "/", &fields), true).await;
    assert_eq!((head.status.as_u16(), &*head.body), (405, ""));
}
