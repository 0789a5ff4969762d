use std::fmt;
use std::future::IntoFuture;
use std::pin::Pin;
use std::time::Duration;

use super::{About, Authenticated, Event, IssueError, IssuedToken, TokenAuthority};
use crate::expiry::begin;
use crate::store::IssuingStore;
use crate::token::{InvalidScope, Scopes, TokenRecord};

/// A token about to be made by another one: say what it should be, then `.await` it.
#[must_use = "a token is made when this is awaited"]
pub struct DelegateRequest<'a, S> {
    authority: &'a TokenAuthority<S>,
    maker: &'a Authenticated,
    kind: String,
    scopes: Result<Scopes, InvalidScope>,
    label: String,
    life: Option<Duration>,
    client: Option<String>,
}

impl<S: IssuingStore> TokenAuthority<S> {
    /// Makes a token by the one that a caller has shown, for a script of his or a third party: of
    /// another kind, with some of its scopes, and never beyond its present end.
    ///
    /// It belongs to the session of its maker: it ends with it at a logout, and stands in its
    /// user's list of sessions with it. A token that outlives logins is one that a user
    /// [gets](Self::issue) after he has proved who he is.
    ///
    /// ```
    /// # use tower_expiring_token::{Authenticated, IssueError, MemoryStore, TokenAuthority};
    /// # async fn share(tokens: &TokenAuthority<MemoryStore>, caller: &Authenticated) -> Result<String, IssueError> {
    /// let export = tokens.delegate(caller, "export").scopes(["read"]).client("printer").await?;
    /// Ok(export.secret().to_owned())
    /// # }
    /// ```
    ///
    /// # Errors
    ///
    /// The request's own: an [`IssueError`] when it is wider than its maker, of its maker's kind
    /// or of one that the authority does not know, its life is nothing, its maker is gone by now,
    /// the system gives no randomness, or the store can't keep it.
    pub fn delegate<'a>(
        &'a self,
        maker: &'a Authenticated,
        kind: impl Into<String>,
    ) -> DelegateRequest<'a, S> {
        DelegateRequest {
            authority: self,
            maker,
            kind: kind.into(),
            scopes: Ok(Scopes::none()),
            label: String::new(),
            life: None,
            client: None,
        }
    }
}

impl<S: IssuingStore> DelegateRequest<'_, S> {
    /// What it may do: some of what its maker may, nothing unless it is said.
    pub fn scopes<I>(mut self, scopes: I) -> Self
    where
        I: IntoIterator,
        I::Item: AsRef<str>,
    {
        self.scopes = Scopes::of(scopes);
        self
    }

    /// What logs and your own list may call it. The list of [sessions](TokenAuthority::sessions)
    /// names its maker's login alone.
    pub fn label(mut self, label: impl Into<String>) -> Self {
        self.label = label.into();
        self
    }

    /// A life of its own. It can only shorten what its kind's policy and its maker give.
    pub fn life(mut self, life: Duration) -> Self {
        self.life = Some(life);
        self
    }

    /// The OAuth client that it is for.
    pub fn client(mut self, client: impl Into<String>) -> Self {
        self.client = Some(client.into());
        self
    }

    async fn make(self) -> Result<IssuedToken, IssueError> {
        let Self {
            authority, maker, ..
        } = self;
        let scopes = self.scopes.map_err(IssueError::Scope)?;
        if !maker.scopes().includes(&scopes) {
            return Err(IssueError::WiderScope(scopes));
        }
        let Some(kind) = authority.kind_named(&self.kind) else {
            return Err(IssueError::UnknownKind(self.kind));
        };
        if self.kind == maker.kind() {
            return Err(IssueError::SameKind(self.kind));
        }
        let now = authority.now();
        let until = self.life.map_or(maker.expires_at(), |life| {
            maker.expires_at().min(now + life)
        });
        let times = begin(&*kind.policy, now, maker.authenticated_at(), until)
            .map_err(|_| IssueError::NoLife)?;
        let record = TokenRecord::builder(&self.kind, *maker.session(), maker.subject(), times)
            .scopes(scopes)
            .label(&self.label)
            .client(self.client.as_deref())
            .build();
        let issued = authority.issue_within(maker, kind, record).await?;
        authority.tell(&Event::Delegated(About::of(issued.record())));
        Ok(issued)
    }
}

impl<'a, S: IssuingStore> IntoFuture for DelegateRequest<'a, S> {
    type Output = Result<IssuedToken, IssueError>;
    type IntoFuture = Pin<Box<dyn Future<Output = Self::Output> + Send + 'a>>;

    fn into_future(self) -> Self::IntoFuture {
        Box::pin(self.make())
    }
}

impl<S> fmt::Debug for DelegateRequest<'_, S> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("DelegateRequest")
            .field("maker", &self.maker.session())
            .field("kind", &self.kind)
            .field("scopes", &self.scopes)
            .finish_non_exhaustive()
    }
}
