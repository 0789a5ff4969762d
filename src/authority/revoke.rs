use super::TokenAuthority;
use crate::clock::Timestamp;
use crate::expiry::judge;
use crate::store::{IssuingStore, StoreError};
use crate::token::{BearerToken, Scopes, SessionId, Subject, TokenRecord};

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
    /// Ends one token, of whatever kind. Whether there was one; a text that is no token of ours
    /// is none. Revoking twice is no error.
    ///
    /// # Errors
    ///
    /// [`StoreError`] when the store can't say: the token may still live.
    pub async fn revoke(&self, token: &BearerToken<'_>) -> Result<bool, StoreError> {
        match self.recognise(token.expose().as_bytes()) {
            Some(digest) => self.shared.store.remove(&digest).await,
            None => Ok(false),
        }
    }

    /// Ends a session with all of its tokens, if it is this subject's. Whether it was there.
    ///
    /// # Errors
    ///
    /// [`StoreError`] when the store can't say: the session may still live.
    pub async fn revoke_session(
        &self,
        subject: &Subject,
        session: &SessionId,
    ) -> Result<bool, StoreError> {
        Ok(self.shared.store.remove_session(subject, session).await? > 0)
    }

    /// Ends all of a subject's tokens: logged out everywhere, password changed, account closed.
    /// How many there were.
    ///
    /// # Errors
    ///
    /// [`StoreError`] when the store can't say: some may still live.
    pub async fn revoke_all(&self, subject: &Subject) -> Result<u64, StoreError> {
        self.shared.store.remove_subject(subject, None).await
    }

    /// Ends all of a subject's tokens, but for this session's. How many there were.
    ///
    /// # Errors
    ///
    /// [`StoreError`] when the store can't say: some may still live.
    pub async fn revoke_others(
        &self,
        subject: &Subject,
        but: &SessionId,
    ) -> Result<u64, StoreError> {
        self.shared.store.remove_subject(subject, Some(but)).await
    }

    /// The live sessions of a subject, the most recently used first.
    ///
    /// # Errors
    ///
    /// [`StoreError`] when the store can't say.
    pub async fn sessions(&self, subject: &Subject) -> Result<Vec<Session>, StoreError> {
        let records = self.shared.store.list(subject).await?;
        let now = self.now();
        let mut sessions: Vec<Session> = Vec::new();
        for record in &records {
            let Some(session) = self.session_of(record, now) else {
                continue;
            };
            match sessions.iter_mut().find(|known| known.id == session.id) {
                Some(known) => known.merge(session),
                None => sessions.push(session),
            }
        }
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
    /// Another token of the same session: it began with the first and ends with the last.
    fn merge(&mut self, other: Self) {
        self.issued_at = self.issued_at.min(other.issued_at);
        self.authenticated_at = self.authenticated_at.max(other.authenticated_at);
        self.last_used_at = self.last_used_at.max(other.last_used_at);
        self.expires_at = self.expires_at.max(other.expires_at);
    }
}
