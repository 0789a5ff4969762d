#[cfg(any(feature = "postgres", feature = "redis"))]
use std::time::Duration;

use async_trait::async_trait;

use super::{StoreError, TokenStore};
use crate::token::TokenDigest;

/// How long a channel is trusted while it says nothing. Then it is asked whether it is there.
#[cfg(any(feature = "postgres", feature = "redis"))]
pub(super) const HEARTBEAT: Duration = Duration::from_millis(400);
/// How long it may take to answer. Both together: how late a removal is felt at most, when a
/// network swallows what tells of it.
#[cfg(any(feature = "postgres", feature = "redis"))]
pub(super) const PATIENCE: Duration = Duration::from_millis(400);

/// A store that tells which tokens are no longer what they were, also when another process has
/// changed them: what a cache must hear of.
///
/// Told is each token that
/// - was removed: by [`remove`](super::IssuingStore::remove),
///   [`remove_session`](super::IssuingStore::remove_session) or
///   [`remove_subject`](super::IssuingStore::remove_subject), by a limit or the
///   [`Place`](super::Place) of a login, by a rotation as an older access token or as reuse, or
///   past this crate, such as by hand;
/// - was replaced, since a token with its digest was kept;
/// - was renewed ([`Place::Renew`](super::Place::Renew)): it may end earlier, or open less.
///
/// Not told is what only moves forward, such as a use, and what nobody can be let in by: tokens
/// that have ended by the clock, whoever removes them, and refresh tokens. Telling more than that
/// costs look-ups and is no error; telling one twice neither.
///
/// It is told soon after the change can be seen, never before: who hears of it and asks
/// [`find`](TokenStore::find) gets the new answer. A verb need not wait until it is told.
///
/// Where removals are read from a table by their growing numbers, read those of the last seconds
/// again: a number is drawn before its transaction commits, and a lower one may be seen later.
///
/// A store whose principals are more than the token's subject tells the tokens of a principal
/// that has changed, too; that is why [`WithPrincipals`](super::WithPrincipals) is no such store.
#[async_trait]
pub trait WatchedStore: TokenStore {
    /// Starts to listen. Each watch is told everything, whichever value of the store made it.
    ///
    /// # Errors
    ///
    /// [`StoreError`] when there is no way to listen now. Whoever calls may try again.
    async fn watch(&self) -> Result<Box<dyn Watch>, StoreError>;
}

/// What a [`WatchedStore`] tells. It connects again by itself; it ends when it is dropped.
#[async_trait]
pub trait Watch: Send + 'static {
    /// Waits for what happens next. Cancel safe: a future that is dropped has lost nothing.
    async fn next(&mut self) -> Change;
}

/// What a [`Watch`] tells.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Change {
    /// From here on each change is told: of every look-up that begins now, what changes later is
    /// heard. It comes first, and again after each [`Lost`](Self::Lost).
    Connected,
    /// These tokens were removed, replaced or renewed.
    Removed(Vec<TokenDigest>),
    /// The channel is cut, or has been silent for so long that it may be (a heartbeat was
    /// missed): changes may have happened that are never told. Nothing that was found before may
    /// be used until [`Connected`](Self::Connected).
    Lost,
}
