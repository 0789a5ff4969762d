use std::collections::HashMap;

use axum::body::Body;
use axum::extract::Request;
use axum::response::Response;
use http::header::COOKIE;
use http::{HeaderValue, StatusCode};
use tower::{Layer, service_fn};
use tower_sessions::session::{Id, Record};
use tower_sessions::{MemoryStore, Session, SessionManagerLayer, SessionStore};

use crate::case::{CREDENTIALS, Case, now};

/// tower-sessions; the inner service asks its session who it is.
pub(super) fn case() -> Case {
    let store = MemoryStore::default();
    let cookies = (0..CREDENTIALS)
        .map(|index| cookie(&store, index))
        .collect();
    let inner = service_fn(async |request: Request| {
        let session = request.extensions().get::<Session>().cloned();
        let session = session.expect("the layer has put it there");
        let user: Option<String> = session.get("user").await.expect("memory answers");
        let mut response = Response::new(Body::empty());
        if user.is_none() {
            *response.status_mut() = StatusCode::UNAUTHORIZED;
        }
        Ok(response)
    });
    Case::new(
        "tower-sessions 0.15, memory store, one get",
        StatusCode::OK,
        SessionManagerLayer::new(store).layer(inner),
        COOKIE,
        cookies,
    )
}

fn cookie(store: &MemoryStore, index: usize) -> Option<HeaderValue> {
    let tomorrow = std::time::SystemTime::now() + std::time::Duration::from_secs(24 * 3600);
    let mut record = Record {
        id: Id::default(),
        data: HashMap::from([("user".to_owned(), format!("user-{index:08}").into())]),
        expiry_date: tomorrow.into(),
    };
    now(store.create(&mut record)).expect("memory takes it");
    HeaderValue::try_from(format!("id={}", record.id)).ok()
}
