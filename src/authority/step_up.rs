use super::{About, Authenticated, Event, IssueError, IssuedToken, TokenAuthority};
use crate::store::IssuingStore;
use crate::token::{TokenRecord, TokenTimes};

impl<S: IssuingStore> TokenAuthority<S> {
    /// A further token for a caller whose password you have just checked again (RFC 9470): of the
    /// same session, kind, scopes and end, but [freshly authenticated](Authenticated::authenticated_at).
    ///
    /// The token that the caller has shown lives on as it is: other tabs use it, and it opens no
    /// dangerous route to whoever has sniffed it. Of the session's tokens the new one alone is
    /// fresh, and what is [delegated](Self::delegate) by it: a refresh replaces it by one that is
    /// not.
    ///
    /// ```
    /// # use tower_expiring_token::{Authenticated, IssueError, MemoryStore, TokenAuthority};
    /// # async fn confirm(tokens: &TokenAuthority<MemoryStore>, caller: &Authenticated) -> Result<String, IssueError> {
    /// // The password is right.
    /// let fresh = tokens.step_up(caller).await?;
    /// Ok(fresh.secret().to_owned())
    /// # }
    /// ```
    ///
    /// # Errors
    ///
    /// [`IssueError::Ended`] when the caller's token is gone by now.
    pub async fn step_up(&self, caller: &Authenticated) -> Result<IssuedToken, IssueError> {
        let old = caller.record();
        let kind = self
            .kind_named(old.kind())
            .ok_or_else(|| IssueError::UnknownKind(old.kind().to_owned()))?;
        let now = self.now();
        let times = TokenTimes {
            authenticated_at: now.max(old.times().authenticated_at),
            last_used_at: now,
            ..*old.times()
        };
        let expires_at = kind.policy.bound(&times).at.min(times.ends_at);
        if expires_at <= now {
            return Err(IssueError::Ended);
        }
        let times = TokenTimes {
            expires_at,
            ..times
        };
        let record = TokenRecord::builder(old.kind(), *old.session(), old.subject(), times)
            .scopes(old.scopes().clone())
            .label(old.label().unwrap_or_default())
            .client(old.client())
            .build();
        let issued = self.issue_within(caller, kind, record).await?;
        self.tell(&Event::SteppedUp(About::of(issued.record())));
        Ok(issued)
    }
}
