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
        let records = match store.list(caller.subject()).await {
            Ok(records) => records,
            Err(error) => {
                let _ = store.remove(&digest).await;
                return Err(error.into());
            }
        };
        if records.iter().any(|it| is_same(it, caller.record())) {
            let expires_at = record.times().expires_at;
            return Ok(IssuedToken::new(secret, record, expires_at));
        }
        store.remove(&digest).await?;
        Err(IssueError::Ended)
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
