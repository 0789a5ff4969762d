#![cfg_attr(docsrs, feature(doc_cfg))]
#![cfg_attr(not(test), warn(clippy::unwrap_used))]
//! Tower middleware that authenticates HTTP and gRPC requests by opaque bearer tokens that expire.
//!
//! ```
//! use std::convert::Infallible;
//! use http::{Request, Response, StatusCode};
//! use tower::{Layer, Service, ServiceExt, service_fn};
//! use tower_expiring_token::{Authenticated, Lifetime, MemoryStore, TokenAuthority};
//!
//! # #[tokio::main(flavor = "current_thread")]
//! # async fn main() -> Result<(), Box<dyn std::error::Error>> {
//! let tokens = TokenAuthority::builder(MemoryStore::new()).expiry(Lifetime::hours(24)).build()?;
//!
//! // Any tower service: hyper's, axum's, tonic's, warp's.
//! let mut service = tokens.layer().layer(service_fn(async |request: Request<String>| {
//!     Ok::<_, Infallible>(match Authenticated::of(request.extensions()) {
//!         Ok(caller) => Response::new(format!("hello {}", caller.subject())),
//!         Err(rejection) => rejection.response(String::new()),
//!     })
//! }));
//!
//! let issued = tokens.issue("alice").await?;
//! let request = |token: &str| {
//!     Request::builder().header("authorization", format!("Bearer {token}")).body(String::new())
//! };
//! let response = service.ready().await?.call(request(issued.secret())?).await?;
//! assert_eq!(response.into_body(), "hello alice");
//!
//! tokens.revoke_all(issued.record().subject()).await?;
//! let response = service.ready().await?.call(request(issued.secret())?).await?;
//! assert_eq!(response.status(), StatusCode::UNAUTHORIZED);
//! # Ok(())
//! # }
//! ```
//!
//! # The nouns
//!
//! - [`TokenAuthority`] owns the store, the policies and the clock. It issues, refreshes,
//!   authenticates, lists, revokes and purges. All that can be wrong with a configuration is said
//!   when it is [built](AuthorityBuilder::build).
//! - [`ExpiringTokenLayer`] is the door for requests: [`TokenAuthority::layer`] makes it.
//! - [`Authenticated`] is the proof in a request's extensions: who calls, by which session, with
//!   which scopes, until when. [`RequireLayer`] and its own checks ask for more: scopes, a kind, a
//!   recent login ([`TokenAuthority::require_recent`]).
//! - [`TokenStore`] is where tokens are kept. [`MemoryStore`] is bundled; implement the trait over
//!   tables that you have, and [`IssuingStore`] and [`RotatingStore`] where you issue and refresh.
//!   [`WithPrincipals`] gives any store principals of your own type.
//! - [`Lifetime`] says when tokens end; [`ExpiryPolicy`] is for rules of your own.
//! - [`LoginMode`] says what a login does to the tokens that are there. [`ServerKey`] is what tokens
//!   are derived from that are told again: renewed ones and refresh tokens.
//! - [`Events`] hears what becomes of tokens.
//! - [`Rejection`] is why not, as data. It is in the extensions of every response that refuses;
//!   [`Empty`], [`Json`], [`Drf`] or a closure give it a body.
//!
//! # Where to put the layer
//!
//! Outside of handlers and of [`RequireLayer`] (a recent login outside of scopes, so that a stale
//! one learns nothing of them); inside of CORS, tracing and compression. A
//! `tower::ServiceBuilder` lists the outermost first; chained `Router::layer` calls put the last
//! one outermost. Mark `authorization` as sensitive outside of tracing, since this layer's own
//! mark comes after it. In axum, routes added after `.layer(..)` are not behind it, and an
//! extractor there answers 500, never 401. A 500 without content says that a [`RequireLayer`]
//! stands outside. In tonic, `Server::layer` guards health and reflection too; guard one service by
//! `tonic::service::LayerExt::named_layer`. In hyper and tonic a service that fails cuts its
//! connection: answer a [`Rejection`] by its [`response`](Rejection::response), or by its
//! [`grpc_status`](Rejection::grpc_status), and do not return it as an error.
//!
//! For scripts of other origins to send a token, the CORS layer must allow `Authorization` by its
//! name, since `*` does not cover it (Fetch standard). For them to read a challenge it must expose
//! `WWW-Authenticate`; and [`TOKEN_EXPIRES_IN`], where the layer
//! [announces](ExpiringTokenLayer::announce_expiry) that a token ends soon.
//!
//! # Sessions or tokens
//!
//! To let requests in by a cookie session or a token, put the session layer outside, then
//! [`ExpiringTokenLayer::optional`], and a small layer inside that asks for one of the two.
//!
//! # What it does not do
//!
//! It keeps no users, reads tokens from the `Authorization` header alone, and is no OAuth
//! authorization server. A browser's `EventSource` and `WebSocket` can't send that field: read event
//! streams by `fetch`, and let a WebSocket's first message bring its token to
//! [`TokenAuthority::authenticate`]. A WebSocket outlives the response that began it: wait in its
//! handler for `TokenAuthority::ended` (feature `stream`).
//!
//! # Features
//!
//! None is on by default.
//!
//! - `axum`: the extractors [`Principal`] and [`Authenticated`]; pulls axum-core.
//! - `endpoints`: [`TokenAuthority::login`] and its kin, [`OAuth`]; pulls bodies, forms, JSON,
//!   Argon2 and tokio's runtime, timer and locks.
//! - `multipart`: logins by forms in several parts, too; pulls multer.
//! - `sqlite`: [`SqliteStore`]; pulls rusqlite, which links the system's SQLite, and tokio's
//!   channels. `sqlite-bundled`: the same, with a SQLite that is built from source.
//! - `postgres`: [`PostgresStore`]; pulls tokio-postgres, deadpool-postgres and tokio.
//! - `stream`: response streams and WebSockets that end with their token (`EndStreamsLayer`,
//!   `TokenAuthority::ended`); pulls http-body and tokio's timer.
//! - `cache`: [`Cached`], a store's answers kept for some seconds; pulls tokio's runtime, timer and
//!   locks.
//! - `tasks`: [`AuthorityBuilder::touch_behind`] and [`TokenAuthority::purge_every`]; pulls tokio's
//!   runtime, timer and locks.
//! - `redis`: [`RedisStore`]; pulls the redis crate and tokio.
//! - `test-util`: [`testing`], for your handlers and your store; pulls nothing.
//! - `tls`: TLS to databases; pulls rustls with ring.
//! - `tracing`: [`TracingEvents`], what becomes of tokens as events of tracing; pulls tracing.

mod authority;
mod clock;
mod credential;
#[cfg(feature = "endpoints")]
mod endpoint;
mod expiry;
mod layer;
mod rejection;
mod store;
#[cfg(feature = "test-util")]
pub mod testing;
mod token;

/// The README's examples are compiled too.
#[cfg(all(doctest, feature = "axum", feature = "cache", feature = "test-util"))]
#[doc = include_str!("../README.md")]
struct Readme;

/// For implementing this crate's traits: the very macro that they are declared with.
pub use async_trait::async_trait;

#[cfg(feature = "tracing")]
pub use authority::TracingEvents;
pub use authority::{
    About, Anonymous, Authenticated, AuthorityBuilder, BuildError, DelegateRequest, Event, Events,
    IssueError, IssueRequest, IssuedToken, LoginMode, RefreshError, RefreshRequest, RevokeRequest,
    Revoked, Session, TokenAuthority,
};
#[cfg(feature = "tasks")]
pub use authority::{PurgeReport, Purging};
pub use clock::{Clock, SystemClock, Timestamp};
#[cfg(feature = "endpoints")]
pub use endpoint::{
    Allowance, ChangePassword, CheckPassword, Checked, Client, ClientSecret, Clients, Endpoint,
    HashError, Introspection, InvalidIssuer, Login, LoginEndpoint, Logins, Metadata, OAuth,
    PasswordChange, PasswordGuard, PhcPasswords, Revocation, Sessions, StepUp, Throttle,
    TokenEndpoint, Verified, Who, hash_password,
};
pub use expiry::{Bound, ExpiryPolicy, Lifetime, Rule, Verdict, judge};
#[cfg(feature = "axum")]
pub use layer::Principal;
#[cfg(feature = "stream")]
pub use layer::{EndStreams, EndStreamsFuture, EndStreamsLayer, EndingBody};
pub use layer::{
    ExpiringToken, ExpiringTokenLayer, Require, RequireLayer, ResponseFuture, TOKEN_EXPIRES_IN,
    unless_forwarded_https, unless_marked,
};
pub use rejection::{Drf, Empty, ErrorCode, Json, Malformed, Reason, Rejection, Respond};
#[cfg(feature = "cache")]
pub use store::{CacheError, CacheStats, Cached};
pub use store::{
    Change, Finding, Found, Inserted, IssuingStore, MemoryStore, NewSession, NewToken, Place,
    Principals, Rotated, RotatingStore, Rotation, Slot, StoreError, TokenStore, Touch, Watch,
    WatchedStore, WithPrincipals,
};
#[cfg(feature = "postgres")]
pub use store::{PostgresBuilder, PostgresStore};
#[cfg(feature = "redis")]
pub use store::{RedisBuilder, RedisStore};
#[cfg(feature = "sqlite")]
pub use store::{SqliteBuilder, SqliteError, SqliteStore};
pub use token::{
    BearerToken, DigestKey, InvalidDigits, InvalidScope, MalformedToken, RecordBuilder, Scopes,
    Seed, ServerKey, SessionId, Subject, TokenDigest, TokenKind, TokenRecord, TokenTimes,
};
