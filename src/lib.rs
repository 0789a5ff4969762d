#![cfg_attr(docsrs, feature(doc_cfg))]
#![doc = include_str!("../README.md")]

mod authority;
mod clock;
mod credential;
mod expiry;
mod layer;
mod rejection;
mod store;
#[cfg(feature = "test-util")]
pub mod testing;
mod token;

pub use async_trait::async_trait;

pub use authority::{
    Anonymous, Authenticated, AuthorityBuilder, BuildError, IssueError, IssueRequest, IssuedToken,
    Session, TokenAuthority,
};
pub use clock::{Clock, SystemClock, Timestamp};
pub use expiry::{Bound, ExpiryPolicy, Lifetime, Rule, Verdict, judge};
#[cfg(feature = "axum")]
pub use layer::Principal;
pub use layer::{
    ExpiringToken, ExpiringTokenLayer, RequireScopes, RequireScopesLayer, ResponseFuture,
};
pub use rejection::{Drf, Empty, ErrorCode, Json, Malformed, Reason, Rejection, Respond};
pub use store::{
    Finding, Found, Inserted, IssuingStore, MemoryStore, NewSession, NewToken, Place, Principals,
    Rotated, RotatingStore, Rotation, Slot, StoreError, TokenStore, Touch, WithPrincipals,
};
pub use token::{
    BearerToken, DigestKey, InvalidDigits, InvalidScope, MalformedToken, RecordBuilder, Scopes,
    Seed, SessionId, Subject, TokenDigest, TokenKind, TokenRecord, TokenTimes,
};
