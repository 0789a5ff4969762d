use std::fmt;
use std::future::IntoFuture;
use std::pin::Pin;

use super::{About, Event, IssuedToken, TokenAuthority};
use crate::expiry::{Rule, begin, judge};
use crate::store::{Found, NewToken, Rotated, RotatingStore, Rotation, StoreError, TokenStore};
use crate::token::{
    BearerToken, InvalidScope, Scopes, Seed, ShownRefresh, TokenRecord, TokenTimes,
};

/// A refresh token about to be used: say who shows it and what the next access token may do, then
/// `.await` it.
#[must_use = "a token is refreshed when this is awaited"]
pub struct RefreshRequest<'a, S> {
    authority: &'a TokenAuthority<S>,
    token: BearerToken<'a>,
    client: Option<String>,
    scopes: Option<Result<Scopes, InvalidScope>>,
}

/// Why a refresh token gave nothing.
///
/// A client hears `invalid_scope` of the first two, a 503 of the last, and `invalid_grant` of all
/// others (RFC 6749 section 5.2), in the same words: which of them it was is not its business.
#[derive(Debug)]
#[non_exhaustive]
pub enum RefreshError {
    /// A scope that can't be one.
    Scope(InvalidScope),
    /// More scopes than the session was granted: these.
    WiderScope(Scopes),
    /// No such token: never issued, not authentic, or its session has been ended.
    Unknown,
    /// The token has ended, by this rule.
    Expired(Rule),
    /// The token had been used before. Somebody has stolen it, or its successor; nobody can tell
    /// who, so the session is ended with all of its tokens.
    Reused,
    /// The token was issued to another client.
    OtherClient,
    /// The token is good, but its principal is suspended or gone.
    Suspended,
    /// The store could not say.
    Store(StoreError),
}

impl<S: RotatingStore> TokenAuthority<S> {
    /// Uses a session's refresh token (RFC 6749 section 6, RFC 9700 section 4.14.2): it is spent,
    /// and the next one comes with a new access token, which replaces the session's others of its
    /// kind. When the user last proved who he is does not change.
    ///
    /// A spent token ends its session when it is seen again, except within the
    /// [grace](super::AuthorityBuilder::refresh_grace), where the last one spent is answered as it
    /// was the first time. A refusal for any other reason changes nothing.
    ///
    /// ```
    /// # use tower_expiring_token::{BearerToken, Lifetime, MemoryStore, RefreshError, TokenAuthority};
    /// # #[tokio::main(flavor = "current_thread")]
    /// # async fn main() -> Result<(), Box<dyn std::error::Error>> {
    /// let tokens = TokenAuthority::builder(MemoryStore::new())
    ///     .expiry(Lifetime::hours(1))
    ///     .refresh(Lifetime::days(30))
    ///     .build()?;
    ///
    /// let first = tokens.issue("alice").scopes(["read"]).refresh().await?;
    /// let spent = first.refresh_secret().unwrap_or_default();
    /// let second = tokens.refresh(&BearerToken::parse(spent)?).await?;
    /// assert_eq!(second.session(), first.session());
    ///
    /// let again = tokens.refresh(&BearerToken::parse(spent)?).await;
    /// assert!(matches!(again, Err(RefreshError::Reused)));
    /// assert!(tokens.authenticate(&BearerToken::parse(second.secret())?).await.is_err());
    /// # Ok(())
    /// # }
    /// ```
    ///
    /// # Errors
    ///
    /// The request's own: a [`RefreshError`].
    pub fn refresh<'a>(&'a self, token: &BearerToken<'a>) -> RefreshRequest<'a, S> {
        RefreshRequest {
            authority: self,
            token: *token,
            client: None,
            scopes: None,
        }
    }
}

impl<S: TokenStore> TokenAuthority<S> {
    /// The session of a refresh token that this server has made, whatever has become of it since.
    pub(super) async fn find_refresh(
        &self,
        token: &BearerToken<'_>,
    ) -> Result<Option<Authentic<S::Principal>>, StoreError> {
        let shared = &self.shared;
        let form = shared.refresh.as_ref().map(|refresh| &refresh.form);
        let Some(shown) = form.and_then(|form| form.parse(token.expose())) else {
            return Ok(None);
        };
        let Some(found) = shared.store.find(&shown.digest).await? else {
            return Ok(None);
        };
        let seed = found.record().seed().cloned();
        Ok(seed
            .filter(|seed| shown.is_authentic(&shared.key, seed))
            .map(|seed| Authentic { shown, found, seed }))
    }
}

/// A refresh token that this server has made.
pub(super) struct Authentic<P> {
    shown: ShownRefresh,
    pub(super) found: Found<P>,
    seed: Seed,
}

impl<S: RotatingStore> RefreshRequest<'_, S> {
    /// The client that shows the token, authenticated as it has to be. A token that was issued to
    /// a client is good for that client alone; one that was issued to none, for whoever has it.
    pub fn client(mut self, client: impl Into<String>) -> Self {
        self.client = Some(client.into());
        self
    }

    /// What the access token may do: some of what the session was granted, which is what it gets
    /// unless this is said. The next refresh may ask for all of it again.
    pub fn scopes<I>(mut self, scopes: I) -> Self
    where
        I: IntoIterator,
        I::Item: AsRef<str>,
    {
        self.scopes = Some(Scopes::of(scopes));
        self
    }

    async fn refresh(self) -> Result<IssuedToken, RefreshError> {
        let authority = self.authority;
        let found = authority.find_refresh(&self.token).await;
        let (outcome, about) = match &found {
            Ok(Some(shown)) => (self.rotate(shown).await, Some(shown.found.record())),
            Ok(None) => (Err(RefreshError::Unknown), None),
            Err(error) => (Err(error.clone().into()), None),
        };
        let about = about.map(About::of);
        match (&outcome, about) {
            (Ok(issued), _) => authority.tell(&Event::Refreshed(About::of(issued.record()))),
            (Err(RefreshError::Reused), Some(about)) => {
                authority.tell(&Event::ReuseDetected(about));
            }
            (Err(error), about) => authority.tell(&Event::RefreshRefused { error, about }),
        }
        outcome
    }

    async fn rotate(
        &self,
        Authentic { shown, found, seed }: &Authentic<S::Principal>,
    ) -> Result<IssuedToken, RefreshError> {
        let shared = &self.authority.shared;
        let record = found.record();
        let tokens = shared.refresh.as_ref().ok_or(RefreshError::Unknown)?;
        let kind = self.authority.kind_named(record.kind());
        let kind = kind.ok_or(RefreshError::Unknown)?;
        if record.client().is_some() && record.client() != self.client.as_deref() {
            return Err(RefreshError::OtherClient);
        }
        let now = self.authority.now();
        let verdict = judge(&*tokens.kind.policy, record.times(), now);
        if !verdict.live {
            return Err(RefreshError::Expired(verdict.bound.rule));
        }
        if found.principal().is_none() {
            return Err(RefreshError::Suspended);
        }
        let (scopes, refused) = match self.granted(record) {
            Ok(scopes) => (scopes, None),
            // A spent token is noticed, whatever is asked for by it.
            Err(error) if record.generation() > Some(shown.generation) => {
                (record.scopes().clone(), Some(error))
            }
            Err(error) => return Err(error),
        };

        let next = shown.generation.checked_add(1);
        let next = next.ok_or(RefreshError::Unknown)?;
        let route = record.subject().route();
        let (mut secret, mut digest) = kind.kind.derive(route, &shared.key, seed, next);
        let old = record.times();
        let until = old.ends_at.min(tokens.kind.policy.cap(old));
        let times = begin(&*kind.policy, now, old.authenticated_at, until)
            .map_err(RefreshError::Expired)?;
        let access =
            TokenRecord::builder(record.kind(), *record.session(), record.subject(), times)
                .scopes(scopes)
                .label(record.label().unwrap_or_default())
                .client(record.client())
                .build();
        let used = TokenTimes {
            last_used_at: now,
            ..*old
        };
        let rotation = Rotation {
            digest: shown.digest,
            generation: shown.generation,
            at: now,
            grace: tokens.grace,
            expires_at: tokens.kind.policy.bound(&used).at,
            access: NewToken {
                digest,
                record: access.clone(),
            },
        };
        let rotated = shared.store.rotate(rotation).await?;
        if let (Rotated::Again(_), Some(error)) = (&rotated, refused) {
            return Err(error);
        }
        if let Rotated::Again(_) = rotated
            && let Some(first) = self
                .authority
                .formerly_derived(kind, record, seed, next)
                .await?
        {
            (secret, digest) = first;
        }
        let access = match rotated {
            Rotated::Rotated => access,
            Rotated::Again(first) if first.times().authenticated_at == old.authenticated_at => {
                first
            }
            // One that was stepped up beside it. If the first one itself has ended meanwhile, the
            // refresh token that is told with it gives another.
            Rotated::Again(beside) => {
                let first = shared.store.find(&digest).await?;
                first.map_or(beside, |first| first.record().clone())
            }
            Rotated::Reused => return Err(RefreshError::Reused),
            Rotated::Unknown => return Err(RefreshError::Unknown),
        };
        let session = access.session();
        let refresh = tokens.form.text(route, &shared.key, seed, session, next);
        let verdict = self.authority.verdict(kind, &digest, access.times(), now);
        Ok(IssuedToken::new(secret, access, verdict.bound.at).with_refresh(Some(refresh)))
    }

    /// What the access token may do.
    fn granted(&self, session: &TokenRecord) -> Result<Scopes, RefreshError> {
        let asked = match &self.scopes {
            None => return Ok(session.scopes().clone()),
            Some(asked) => asked.clone().map_err(RefreshError::Scope)?,
        };
        if session.scopes().includes(&asked) {
            Ok(asked)
        } else {
            Err(RefreshError::WiderScope(asked))
        }
    }
}

impl<'a, S: RotatingStore> IntoFuture for RefreshRequest<'a, S> {
    type Output = Result<IssuedToken, RefreshError>;
    type IntoFuture = Pin<Box<dyn Future<Output = Self::Output> + Send + 'a>>;

    fn into_future(self) -> Self::IntoFuture {
        Box::pin(self.refresh())
    }
}

impl<S> fmt::Debug for RefreshRequest<'_, S> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("RefreshRequest")
            .field("client", &self.client)
            .field("scopes", &self.scopes)
            .finish_non_exhaustive()
    }
}

// === impl RefreshError ===

impl From<StoreError> for RefreshError {
    fn from(error: StoreError) -> Self {
        Self::Store(error)
    }
}

impl fmt::Display for RefreshError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Scope(error) => error.fmt(f),
            Self::WiderScope(found) => write!(
                f,
                "expected scopes that the session was granted, found more in {found}: ask for fewer, or log in anew"
            ),
            Self::Unknown => f.write_str(
                "the refresh token is unknown, or its session was ended: log in anew",
            ),
            Self::Expired(rule) => {
                write!(f, "the refresh token has expired by {rule}: log in anew")
            }
            Self::Reused => f.write_str(
                "the refresh token had been used before, so its session was ended: log in anew",
            ),
            Self::OtherClient => f.write_str(
                "the refresh token was issued to another client: show one that was issued to this client",
            ),
            Self::Suspended => f.write_str("the account is suspended or gone"),
            Self::Store(error) => error.fmt(f),
        }
    }
}

impl std::error::Error for RefreshError {
    fn source(&self) -> Option<&(dyn std::error::Error + 'static)> {
        match self {
            Self::Store(error) => error.source(),
            _ => None,
        }
    }
}
