//! Further tokens within a session that is there.

use super::{Authenticated, IssueError, IssuedToken, Kind, TokenAuthority};
use crate::store::{IssuingStore, NewSession, NewToken, Place, Slot};
use crate::token::TokenRecord;

impl<S: IssuingStore> TokenAuthority<S> {
    /// Issues a further token of the caller's session, unless the caller's own token is gone by
    /// then: a logout at the same moment must not leave the further one behind.
    pub(super) async fn issue_within(
        &self,
        caller: &Authenticated,
        kind: &Kind,
        record: TokenRecord,
    ) -> Result<IssuedToken, IssueError> {
        let store = &self.shared.store;
        let drawn = kind.kind.draw(caller.subject().route());
        let (secret, digest) = drawn.map_err(IssueError::randomness)?;
        let further = NewToken {
            digest,
            record: record.clone(),
        };
        let new = NewSession {
            access: further,
            refresh: None,
        };
        // The session counts already: it is no login.
        let slot = Slot {
            place: Place::Add,
            limit: None,
        };
        store.insert(new, slot).await?;
        let there = match caller.digest() {
            Some(digest) => store.holds(digest).await,
            None => Ok(false),
        };
        let refused = match there {
            Ok(true) => {
                let expires_at = record.times().expires_at;
                return Ok(IssuedToken::new(secret, record, expires_at));
            }
            Ok(false) => IssueError::Ended,
            Err(error) => error.into(),
        };
        store.remove(&digest).await?;
        Err(refused)
    }
}
