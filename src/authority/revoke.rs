use std::fmt;
use std::future::IntoFuture;
use std::pin::Pin;

use super::{About, Event, Revoked, TokenAuthority};
use crate::store::{IssuingStore, StoreError};
use crate::token::{BearerToken, SessionId, Subject, TokenDigest, TokenRecord};

/// A token about to be ended: say which client asks for it, if one does, then `.await` it.
#[must_use = "a token is revoked when this is awaited"]
pub struct RevokeRequest<'a, S> {
    authority: &'a TokenAuthority<S>,
    token: BearerToken<'a>,
    client: Option<String>,
}

impl<S: IssuingStore> TokenAuthority<S> {
    /// Ends a token by its text (RFC 7009): a refresh token with its whole session, also when it
    /// was used before; any other by itself, so that its session's refresh token gives another
    /// one. Whether there was one; a text that is no token of ours is none. Revoking twice is no
    /// error.
    ///
    /// A logout ends the [session](Self::revoke_session) instead.
    ///
    /// Its error is [`StoreError`] when the store can't say: the token may still live.
    pub fn revoke<'a>(&'a self, token: &BearerToken<'a>) -> RevokeRequest<'a, S> {
        RevokeRequest {
            authority: self,
            token: *token,
            client: None,
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
        let tokens = self.shared.store.remove_session(subject, session).await?;
        self.tell_revoked(Revoked::Session { subject, session }, tokens);
        Ok(tokens > 0)
    }

    /// Ends all of a subject's tokens, of every kind: logged out everywhere, password changed,
    /// account closed. How many there were.
    ///
    /// To end the logins and keep the personal tokens, end single sessions by their kind:
    ///
    /// ```
    /// # use tower_expiring_token::{MemoryStore, StoreError, Subject, TokenAuthority};
    /// # async fn log_out(tokens: &TokenAuthority<MemoryStore>, alice: &Subject) -> Result<(), StoreError> {
    /// for session in tokens.sessions(alice).await? {
    ///     if session.kind == "access" {
    ///         tokens.revoke_session(alice, &session.id).await?;
    ///     }
    /// }
    /// # Ok(())
    /// # }
    /// ```
    ///
    /// # Errors
    ///
    /// [`StoreError`] when the store can't say: some may still live.
    pub async fn revoke_all(&self, subject: &Subject) -> Result<u64, StoreError> {
        let tokens = self.shared.store.remove_subject(subject, None).await?;
        self.tell_revoked(Revoked::All { subject }, tokens);
        Ok(tokens)
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
        let tokens = self.shared.store.remove_subject(subject, Some(but)).await?;
        self.tell_revoked(Revoked::Others { subject, but }, tokens);
        Ok(tokens)
    }

    /// Ends one token by its digest. Whether there was one.
    pub(crate) async fn revoke_digest(&self, digest: &TokenDigest) -> Result<bool, StoreError> {
        let store = &self.shared.store;
        // Only for whoever listens: a digest says nothing of its session.
        let found = match self.is_heard() {
            true => store.find(digest).await.ok().flatten(),
            false => None,
        };
        let removed = store.remove(digest).await?;
        if let Some(found) = found.filter(|_| removed) {
            self.tell_revoked(Revoked::Token(About::of(found.record())), 1);
        }
        Ok(removed)
    }

    pub(super) fn tell_revoked(&self, what: Revoked<'_>, tokens: u64) {
        if tokens > 0 {
            self.tell(&Event::Revoked { what, tokens });
        }
    }
}

impl<S: IssuingStore> RevokeRequest<'_, S> {
    /// The client that asks. It can end what was issued to itself or to no client; of another's
    /// token it is told as if there were none, and the token lives on (RFC 7009 section 2.1).
    pub fn client(mut self, client: impl Into<String>) -> Self {
        self.client = Some(client.into());
        self
    }

    async fn revoke(self) -> Result<bool, StoreError> {
        let authority = self.authority;
        if let Some(digest) = authority.recognise(self.token.expose().as_bytes()) {
            if self.client.is_some() {
                let found = authority.shared.store.find(&digest).await?;
                if !found.is_some_and(|found| self.may(found.record())) {
                    return Ok(false);
                }
            }
            return authority.revoke_digest(&digest).await;
        }
        let Some(refresh) = authority.find_refresh(&self.token).await? else {
            return Ok(false);
        };
        let record = refresh.found.record();
        if !self.may(record) {
            return Ok(false);
        }
        authority
            .revoke_session(record.subject(), record.session())
            .await
    }

    fn may(&self, record: &TokenRecord) -> bool {
        match (&self.client, record.client()) {
            (Some(client), Some(owner)) if client != owner => {
                self.authority.tell(&Event::RevocationRefused {
                    client,
                    about: About::of(record),
                });
                false
            }
            _ => true,
        }
    }
}

impl<'a, S: IssuingStore> IntoFuture for RevokeRequest<'a, S> {
    type Output = Result<bool, StoreError>;
    type IntoFuture = Pin<Box<dyn Future<Output = Self::Output> + Send + 'a>>;

    fn into_future(self) -> Self::IntoFuture {
        Box::pin(self.revoke())
    }
}

impl<S> fmt::Debug for RevokeRequest<'_, S> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("RevokeRequest")
            .field("client", &self.client)
            .finish_non_exhaustive()
    }
}
