//! This crate's layer, accepting and refusing.

use std::sync::Arc;
use std::time::Duration;

use http::header::AUTHORIZATION;
use http::{HeaderValue, StatusCode};
use tower::Layer;
use tower_expiring_token::{
    Clock, Finding, Lifetime, MemoryStore, StoreError, Subject, SystemClock, Timestamp,
    TokenAuthority, TokenDigest, TokenStore, Touch, async_trait,
};

use crate::case::{CREDENTIALS, Case, inner, now};

pub(crate) const ACCEPTED: &str = "ours, accepted";
pub(crate) const GARBAGE: &str = "ours, refused: checksum";

/// Each as it comes, the layer's checks all on.
pub(crate) fn cases() -> Vec<Case> {
    let store = MemoryStore::new();
    let tokens = authority(store.clone(), SystemClock);
    let shared: Arc<dyn TokenStore<Principal = Subject>> = Arc::new(store.clone());
    let good = bearers(&issue(&tokens));
    let expired = bearers(&issue(&authority(store.clone(), Yesterday)));
    let unknown = issue(&authority(MemoryStore::new(), SystemClock));
    let mistyped: Vec<String> = unknown.iter().map(|secret| mistype(secret)).collect();
    let none = vec![None; CREDENTIALS];
    let case = |name, status, layer, values| {
        let service = tower_expiring_token::ExpiringTokenLayer::layer(&layer, inner());
        Case::new(name, status, service, AUTHORIZATION, values)
    };
    let required = || tokens.layer();
    vec![
        case(ACCEPTED, StatusCode::OK, required(), good.clone()),
        Case::new(
            "ours, Arc<dyn TokenStore>",
            StatusCode::OK,
            authority(shared, SystemClock).layer().layer(inner()),
            AUTHORIZATION,
            good.clone(),
        ),
        Case::new(
            "ours, a store that is asked by `find`",
            StatusCode::OK,
            authority(Asked(store), SystemClock).layer().layer(inner()),
            AUTHORIZATION,
            good,
        ),
        case(
            "ours, optional, anonymous",
            StatusCode::OK,
            tokens.layer().optional(),
            none.clone(),
        ),
        case(
            "ours, refused: no header",
            StatusCode::UNAUTHORIZED,
            required(),
            none,
        ),
        case(
            GARBAGE,
            StatusCode::UNAUTHORIZED,
            required(),
            bearers(&mistyped),
        ),
        case(
            "ours, refused: unknown",
            StatusCode::UNAUTHORIZED,
            required(),
            bearers(&unknown),
        ),
        case(
            "ours, refused: expired",
            StatusCode::UNAUTHORIZED,
            required(),
            expired,
        ),
    ]
}

/// An authority whose tokens live for a day.
pub(crate) fn authority<S>(store: S, clock: impl Clock) -> TokenAuthority<S> {
    TokenAuthority::builder(store)
        .expiry(Lifetime::hours(24))
        .clock(clock)
        .build()
        .expect("a lifetime is all that it takes")
}

/// The secrets of as many new tokens as there are credentials.
pub(crate) fn issue(tokens: &TokenAuthority<MemoryStore>) -> Vec<String> {
    let issue = |index| {
        let request = tokens.issue(format!("user-{index:08}"));
        let issued = now(request
            .scopes(["read", "write"])
            .label("phone")
            .into_future());
        issued.expect("memory takes them all").secret().to_owned()
    };
    (0..CREDENTIALS).map(issue).collect()
}

/// `Authorization` values for these secrets.
pub(crate) fn bearers(secrets: &[String]) -> Vec<Option<HeaderValue>> {
    let value = |secret| HeaderValue::try_from(format!("Bearer {secret}")).ok();
    secrets.iter().map(value).collect()
}

/// The same text, but for one character in the middle.
fn mistype(secret: &str) -> String {
    let mut text: Vec<char> = secret.chars().collect();
    let middle = text.len() / 2;
    text[middle] = if text[middle] == 'A' { 'B' } else { 'A' };
    text.into_iter().collect()
}

struct Yesterday;

impl Clock for Yesterday {
    fn now(&self) -> Timestamp {
        SystemClock.now() - Duration::from_secs(25 * 3600)
    }
}

/// Memory that answers as a database would: by a future.
struct Asked(MemoryStore);

#[async_trait]
impl TokenStore for Asked {
    type Principal = Subject;

    async fn find(&self, digest: &TokenDigest) -> Finding<Subject> {
        self.0.find_now(digest).expect("memory knows at once")
    }

    async fn extend(&self, touches: &[Touch]) -> Result<(), StoreError> {
        self.0.extend(touches).await
    }
}
