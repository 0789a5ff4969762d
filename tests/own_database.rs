//! Tokens beside the users of an own database: what is done to the users there bites at once.

use std::path::PathBuf;

use axum::Router;
use axum::routing::{get, post};
use bytes::Bytes;
use example_own_database::{User, UserStore};
use http::{Request, StatusCode};
use http_body_util::{BodyExt, Empty};
use hyper_util::client::legacy::Client;
use hyper_util::rt::TokioExecutor;
use tower_expiring_token::{
    Authenticated, BearerToken, Lifetime, Principal, TokenAuthority, TokenKind,
};

use crate::support::database::{Databases, run};

/// A service over a database of its own, on a port of its own.
struct Service {
    url: String,
    tokens: TokenAuthority<UserStore>,
    database: PathBuf,
    _databases: Databases,
}

impl Service {
    async fn start() -> Self {
        let databases = Databases::new();
        let database = databases.create(&["alice", "bob"]);
        let store = UserStore::open(&database).unwrap();
        let tokens = TokenAuthority::builder(store)
            .expiry(Lifetime::hours(24))
            .build()
            .unwrap();
        let me = async |user: Principal<User>| format!("{} {} {}", user.id, user.name, user.email);
        let logout = {
            let tokens = tokens.clone();
            async move |caller: Authenticated| {
                let ended = tokens
                    .revoke_session(caller.subject(), caller.session())
                    .await;
                ended.unwrap().to_string()
            }
        };
        let app = Router::new()
            .route("/me", get(me))
            .route("/logout", post(logout))
            .layer(tokens.layer());
        let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
        let url = format!("http://{}", listener.local_addr().unwrap());
        tokio::spawn(async { axum::serve(listener, app).await });
        Self {
            url,
            tokens,
            database,
            _databases: databases,
        }
    }

    async fn login(&self, name: &str) -> Option<String> {
        let user = self.tokens.store().user_named(name).unwrap()?;
        let issued = self.tokens.issue(user.id.to_string()).await.unwrap();
        Some(issued.secret().to_owned())
    }

    async fn call(&self, method: &str, path: &str, token: &str) -> (StatusCode, String) {
        let client = Client::builder(TokioExecutor::new()).build_http::<Empty<Bytes>>();
        let request = Request::builder()
            .method(method)
            .uri(format!("{}{path}", self.url))
            .header("authorization", format!("Bearer {token}"))
            .body(Empty::new())
            .unwrap();
        let response = client.request(request).await.unwrap();
        let (status, body) = (response.status(), response.into_body());
        let body = body.collect().await.unwrap().to_bytes();
        (status, String::from_utf8(body.to_vec()).unwrap())
    }

    async fn me(&self, token: &str) -> StatusCode {
        self.call("GET", "/me", token).await.0
    }

    fn sql(&self, sql: &str) -> usize {
        run(&self.database, sql)
    }
}

#[tokio::test]
async fn a_handler_gets_the_user_as_the_database_has_him() {
    let service = Service::start().await;
    let token = service.login("alice").await.unwrap();
    let (status, body) = service.call("GET", "/me", &token).await;
    assert_eq!(
        (status, body.as_str()),
        (StatusCode::OK, "1 alice alice@example.com")
    );
    service.sql("UPDATE users SET email = 'alice@new.example' WHERE name = 'alice'");
    let (_, body) = service.call("GET", "/me", &token).await;
    assert_eq!(body, "1 alice alice@new.example");
}

#[tokio::test]
async fn a_suspended_user_is_refused_and_his_tokens_wait_for_him() {
    let service = Service::start().await;
    let [alice, bob] = ["alice", "bob"].map(|name| service.login(name));
    let (alice, bob) = (alice.await.unwrap(), bob.await.unwrap());
    assert_eq!(
        service.sql("UPDATE users SET active = 0 WHERE name = 'alice'"),
        1
    );
    assert_eq!(service.me(&alice).await, StatusCode::UNAUTHORIZED);
    assert_eq!(service.login("alice").await, None);
    assert_eq!(service.me(&bob).await, StatusCode::OK);
    assert_eq!(
        service.sql("UPDATE users SET active = 1 WHERE name = 'alice'"),
        1
    );
    assert_eq!(service.me(&alice).await, StatusCode::OK);
}

#[tokio::test]
async fn a_token_whose_row_is_deleted_is_refused() {
    let service = Service::start().await;
    let (phone, laptop) = (service.login("alice").await, service.login("alice").await);
    let (phone, laptop) = (phone.unwrap(), laptop.unwrap());
    let digest = TokenKind::new("access", "tet_").digest(&BearerToken::parse(&phone).unwrap());
    let one = format!("DELETE FROM tokens WHERE digest = x'{}'", digest.unwrap());
    assert_eq!(service.sql(&one), 1);
    assert_eq!(service.me(&phone).await, StatusCode::UNAUTHORIZED);
    assert_eq!(service.me(&laptop).await, StatusCode::OK);
    assert_eq!(service.sql("DELETE FROM tokens"), 1);
    assert_eq!(service.me(&laptop).await, StatusCode::UNAUTHORIZED);
}

#[tokio::test]
async fn a_user_who_is_deleted_takes_his_tokens_along() {
    let service = Service::start().await;
    let token = service.login("alice").await.unwrap();
    // By the foreign key, and were that not enforced, the JOIN would find nobody.
    service.sql("DELETE FROM users WHERE name = 'alice'");
    assert_eq!(service.me(&token).await, StatusCode::UNAUTHORIZED);
}

#[tokio::test]
async fn a_session_that_logs_out_ends_alone() {
    let service = Service::start().await;
    let (phone, laptop) = (service.login("alice").await, service.login("alice").await);
    let (phone, laptop) = (phone.unwrap(), laptop.unwrap());
    let out = service.call("POST", "/logout", &phone).await;
    assert_eq!(out, (StatusCode::OK, "true".to_owned()));
    assert_eq!(service.me(&phone).await, StatusCode::UNAUTHORIZED);
    assert_eq!(service.me(&laptop).await, StatusCode::OK);
}

#[tokio::test]
async fn the_database_knows_no_secret() {
    let service = Service::start().await;
    let token = service.login("alice").await.unwrap();
    let digest = TokenKind::new("access", "tet_").digest(&BearerToken::parse(&token).unwrap());
    let digest = digest.unwrap();
    let secret = token.strip_prefix("tet_").unwrap().as_bytes();
    let mut kept = Vec::new();
    for file in ["", "-wal"] {
        let path = format!("{}{file}", service.database.display());
        kept.extend(std::fs::read(path).unwrap());
    }
    let holds = |part: &[u8]| kept.windows(part.len()).any(|window| window == part);
    assert!(holds(digest.as_bytes()));
    assert!(!secret.windows(16).any(holds));
}

#[tokio::test]
async fn a_subject_that_is_no_user_gets_no_token() {
    let service = Service::start().await;
    for subject in ["3", "01", "+1", "alice", ""] {
        let refused = service.tokens.issue(subject).await;
        assert!(refused.is_err(), "{subject:?}");
        assert_eq!(service.tokens.revoke_all(&subject.into()).await.unwrap(), 0);
    }
}
