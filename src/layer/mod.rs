//! The door for requests: a layer for any tower service.

mod announce;
mod cleartext;
#[cfg(feature = "stream")]
mod ending_body;
#[cfg(feature = "axum")]
mod extract;
mod future;
#[expect(
    clippy::module_inception,
    reason = "the folder's question and the file's role have one name"
)]
mod layer;
mod require;
mod service;
#[cfg(feature = "stream")]
mod streams;

pub use announce::TOKEN_EXPIRES_IN;
pub use cleartext::{unless_forwarded_https, unless_marked};
#[cfg(feature = "stream")]
pub use ending_body::EndingBody;
#[cfg(feature = "axum")]
pub use extract::Principal;
pub use future::ResponseFuture;
pub use layer::ExpiringTokenLayer;
pub use require::{Require, RequireLayer};
pub use service::ExpiringToken;
#[cfg(feature = "stream")]
pub use streams::{EndStreams, EndStreamsFuture, EndStreamsLayer};
