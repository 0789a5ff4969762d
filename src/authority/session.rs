use std::collections::HashMap;
use std::collections::hash_map::Entry;

use super::{Kind, TokenAuthority};
use crate::clock::Timestamp;
use crate::expiry::judge;
use crate::store::{IssuingStore, StoreError};
use crate::token::{Scopes, SessionId, Subject, TokenRecord};

/// A live login, as its user may see it: no secret, and nothing to make one from.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct Session {
    /// Its name, for ending it.
    pub id: SessionId,
    /// The kind of its token.
    pub kind: String,
    /// What people call it.
    pub label: Option<String>,
    /// The OAuth client that it was issued to.
    pub client: Option<String>,
    /// What it may do.
    pub scopes: Scopes,
    /// When it began.
    pub issued_at: Timestamp,
    /// When its user last proved who he is.
    pub authenticated_at: Timestamp,
    /// When it was last used, as far as that is written down.
    pub last_used_at: Timestamp,
    /// When it ends, unless it is used.
    pub expires_at: Timestamp,
}

impl<S: IssuingStore> TokenAuthority<S> {
    /// The live sessions of a subject, the most recently used first.
    ///
    /// ```
    /// # use tower_expiring_token::{Lifetime, MemoryStore, Subject, TokenAuthority};
    /// # #[tokio::main(flavor = "current_thread")]
    /// # async fn main() -> Result<(), Box<dyn std::error::Error>> {
    /// # let tokens = TokenAuthority::builder(MemoryStore::new()).expiry(Lifetime::hours(24)).build()?;
    /// # tokens.issue("alice").label("phone").await?;
    /// let alice = Subject::new("alice");
    /// for session in tokens.sessions(&alice).await? {
    ///     println!("{}, last used {}", session.label.as_deref().unwrap_or("-"), session.last_used_at);
    ///     if session.label.as_deref() == Some("phone") {
    ///         tokens.revoke_session(&alice, &session.id).await?;
    ///     }
    /// }
    /// # assert!(tokens.sessions(&alice).await?.is_empty());
    /// # Ok(())
    /// # }
    /// ```
    ///
    /// # Errors
    ///
    /// [`StoreError`] when the store can't say.
    pub async fn sessions(&self, subject: &Subject) -> Result<Vec<Session>, StoreError> {
        let mut records = self.shared.store.list(subject).await?;
        // What a login got comes before what it was refreshed to, stepped up to or has delegated.
        records.sort_by_key(|record| {
            let place = |kind: &Kind| kind.kind.name() == record.kind();
            let place = self.shared.kinds.iter().position(place);
            (record.times().issued_at, place)
        });
        let now = self.now();
        let mut sessions: HashMap<SessionId, Session> = HashMap::new();
        for session in records.iter().filter_map(|it| self.session_of(it, now)) {
            match sessions.entry(session.id) {
                Entry::Occupied(mut known) => known.get_mut().merge(session),
                Entry::Vacant(place) => drop(place.insert(session)),
            }
        }
        let mut sessions: Vec<Session> = sessions.into_values().collect();
        sessions.sort_by(|a, b| b.last_used_at.cmp(&a.last_used_at).then(a.id.cmp(&b.id)));
        Ok(sessions)
    }

    /// None when the token is dead, or of a kind that is no more.
    fn session_of(&self, record: &TokenRecord, now: Timestamp) -> Option<Session> {
        let times = record.times();
        let kind = self.kind_named(record.kind())?;
        let kind = match record.generation() {
            Some(_) => &self.shared.refresh.as_ref()?.kind,
            None => kind,
        };
        let expires_at = judge(&*kind.policy, times, now).bound.at;
        (now < expires_at).then(|| Session {
            id: *record.session(),
            kind: record.kind().to_owned(),
            label: record.label().map(Into::into),
            client: record.client().map(Into::into),
            scopes: record.scopes().clone(),
            issued_at: times.issued_at,
            authenticated_at: times.authenticated_at,
            last_used_at: times.last_used_at,
            expires_at,
        })
    }
}

impl Session {
    /// A further token of the session: it began with the first and ends with the last.
    fn merge(&mut self, other: Self) {
        self.issued_at = self.issued_at.min(other.issued_at);
        self.authenticated_at = self.authenticated_at.max(other.authenticated_at);
        self.last_used_at = self.last_used_at.max(other.last_used_at);
        self.expires_at = self.expires_at.max(other.expires_at);
    }
}
