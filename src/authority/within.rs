//! Further tokens within a session that is there.

use super::{Authenticated, IssueError, IssuedToken, Kind, TokenAuthority};
use crate::store::{IssuingStore, NewSession, NewToken, Place, Slot, StoreError};
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
        let refused = match self.is_there(caller).await {
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

    /// Whether the caller's token is there. A store may remember what it has found of late, but no
    /// list; and in a list one token may look like another that was stepped up in the same instant,
    /// where its digest is not kept for streams.
    async fn is_there(&self, caller: &Authenticated) -> Result<bool, StoreError> {
        let store = &self.shared.store;
        #[cfg(feature = "stream")]
        if let Some(digest) = caller.digest()
            && store.find(digest).await?.is_none()
        {
            return Ok(false);
        }
        let records = store.list(caller.subject()).await?;
        Ok(records.iter().any(|it| is_same(it, caller.record())))
    }
}

/// Whether two records are of one token, as far as can be told without its digest.
fn is_same(one: &TokenRecord, other: &TokenRecord) -> bool {
    if let (Some(seed), None) = (one.seed(), one.generation()) {
        // A login may have renewed its times.
        return other.seed() == Some(seed);
    }
    let key = |record: &TokenRecord| {
        let times = record.times();
        (
            *record.session(),
            record.generation(),
            times.issued_at,
            times.authenticated_at,
        )
    };
    one.kind() == other.kind() && key(one) == key(other)
}
