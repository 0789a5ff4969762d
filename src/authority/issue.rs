use std::fmt;
use std::future::IntoFuture;
use std::io;
use std::pin::Pin;
use std::time::Duration;

use zeroize::Zeroizing;

use super::{Kind, TokenAuthority};
use crate::clock::Timestamp;
use crate::store::{IssuingStore, NewSession, NewToken, Place, Slot, StoreError};
use crate::token::{
    BearerToken, InvalidScope, Scopes, SessionId, Subject, TokenRecord, TokenTimes,
};

/// A token about to be issued: say what it should be, then `.await` it.
#[must_use = "a token is issued when this is awaited"]
pub struct IssueRequest<'a, S> {
    authority: &'a TokenAuthority<S>,
    subject: Subject,
    scopes: Result<Scopes, InvalidScope>,
    label: String,
    kind: Option<String>,
    life: Option<Duration>,
    client: Option<String>,
    adopted: Option<Zeroizing<String>>,
}

/// A token that has just been issued: the only time that its secret is seen. Prints no secret,
/// wipes it on drop.
pub struct IssuedToken {
    secret: Zeroizing<String>,
    record: TokenRecord,
}

/// Why no token was issued.
#[derive(Debug)]
#[non_exhaustive]
pub enum IssueError {
    /// A scope that can't be one.
    Scope(InvalidScope),
    /// A kind that the authority does not know, by the name that was asked for.
    UnknownKind(String),
    /// A life of nothing.
    NoLife,
    /// A text to adopt that is not of the kind's form.
    NotOfKind(String),
    /// The system gave no randomness.
    Randomness(io::Error),
    /// The store could not keep it.
    Store(StoreError),
}

impl<S: IssuingStore> TokenAuthority<S> {
    /// Issues a token to a subject whose identity you have checked: a session of its own.
    ///
    /// ```
    /// # use tower_expiring_token::{Lifetime, MemoryStore, TokenAuthority};
    /// # #[tokio::main(flavor = "current_thread")]
    /// # async fn main() -> Result<(), Box<dyn std::error::Error>> {
    /// # let tokens = TokenAuthority::builder(MemoryStore::new()).expiry(Lifetime::hours(24)).build()?;
    /// let issued = tokens.issue("alice").scopes(["read", "write"]).label("phone").await?;
    /// assert!(issued.secret().starts_with("tet_"));
    /// # Ok(())
    /// # }
    /// ```
    pub fn issue(&self, subject: impl Into<Subject>) -> IssueRequest<'_, S> {
        IssueRequest {
            authority: self,
            subject: subject.into(),
            scopes: Ok(Scopes::none()),
            label: String::new(),
            kind: None,
            life: None,
            client: None,
            adopted: None,
        }
    }
}

impl<S: IssuingStore> IssueRequest<'_, S> {
    /// What it may do; nothing, unless it is said.
    pub fn scopes<I>(mut self, scopes: I) -> Self
    where
        I: IntoIterator,
        I::Item: AsRef<str>,
    {
        self.scopes = Scopes::of(scopes);
        self
    }

    /// What people call it.
    pub fn label(mut self, label: impl Into<String>) -> Self {
        self.label = label.into();
        self
    }

    /// Another kind than the authority's first, by its name.
    pub fn kind(mut self, name: impl Into<String>) -> Self {
        self.kind = Some(name.into());
        self
    }

    /// A life of its own. It can only shorten what the kind's policy gives.
    pub fn life(mut self, life: Duration) -> Self {
        self.life = Some(life);
        self
    }

    /// The OAuth client that it is issued to.
    pub fn client(mut self, client: impl Into<String>) -> Self {
        self.client = Some(client.into());
        self
    }

    /// Takes over a token that another system has issued, instead of drawing a new one, so that
    /// its clients need no new login. Its kind must say what it looks like.
    pub fn adopt(mut self, text: impl Into<String>) -> Self {
        self.adopted = Some(Zeroizing::new(text.into()));
        self
    }

    async fn issue(self) -> Result<IssuedToken, IssueError> {
        let shared = &self.authority.shared;
        let scopes = self.scopes.map_err(IssueError::Scope)?;
        let kind = match &self.kind {
            None => &shared.kinds[0],
            Some(name) => self
                .authority
                .kind_named(name)
                .ok_or_else(|| IssueError::UnknownKind(name.clone()))?,
        };
        let secret = match self.adopted {
            None => kind
                .kind
                .draw(self.subject.route())
                .map_err(|error| IssueError::Randomness(error.into()))?,
            Some(text) => text,
        };
        let token = BearerToken::parse(&secret).ok();
        let digest = token
            .and_then(|token| kind.kind.digest(&token))
            .ok_or_else(|| IssueError::NotOfKind(kind.kind.name().to_owned()))?;
        let mut session = [0; 16];
        getrandom::fill(&mut session).map_err(|error| IssueError::Randomness(error.into()))?;
        let times = times(kind, self.authority.now(), self.life)?;
        let record = TokenRecord::builder(
            kind.kind.name(),
            SessionId::from_bytes(session),
            &self.subject,
            times,
        )
        .scopes(scopes)
        .label(&self.label)
        .client(self.client.as_deref())
        .build();
        let access = NewToken {
            digest,
            record: record.clone(),
        };
        let slot = Slot {
            place: Place::Add,
            limit: shared.limit,
        };
        shared
            .store
            .insert(
                NewSession {
                    access,
                    refresh: None,
                },
                slot,
            )
            .await
            .map_err(IssueError::Store)?;
        Ok(IssuedToken { secret, record })
    }
}

impl<'a, S: IssuingStore> IntoFuture for IssueRequest<'a, S> {
    type Output = Result<IssuedToken, IssueError>;
    type IntoFuture = Pin<Box<dyn Future<Output = Self::Output> + Send + 'a>>;

    fn into_future(self) -> Self::IntoFuture {
        Box::pin(self.issue())
    }
}

impl<S> fmt::Debug for IssueRequest<'_, S> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("IssueRequest")
            .field("subject", &self.subject)
            .field("scopes", &self.scopes)
            .field("kind", &self.kind)
            .finish_non_exhaustive()
    }
}

/// The times of a token that is issued now.
fn times(kind: &Kind, now: Timestamp, life: Option<Duration>) -> Result<TokenTimes, IssueError> {
    let unbounded = TokenTimes::fixed(now, Timestamp::MAX);
    let mut ends_at = kind.policy.cap(&unbounded);
    if let Some(life) = life {
        ends_at = ends_at.min(now + life);
    }
    let expires_at = kind.policy.bound(&unbounded).at.min(ends_at);
    if expires_at <= now {
        return Err(IssueError::NoLife);
    }
    Ok(TokenTimes {
        ends_at,
        expires_at,
        ..unbounded
    })
}

// === impl IssuedToken ===

impl IssuedToken {
    /// The secret. Hand it to its client over a safe line, and keep it nowhere.
    #[must_use]
    pub fn secret(&self) -> &str {
        &self.secret
    }

    /// When it ends, unless it is used.
    #[must_use]
    pub fn expires_at(&self) -> Timestamp {
        self.record.times().expires_at
    }

    /// The session that it opens.
    #[must_use]
    pub fn session(&self) -> &SessionId {
        self.record.session()
    }

    /// All that the store knows of it.
    #[must_use]
    pub fn record(&self) -> &TokenRecord {
        &self.record
    }
}

impl fmt::Debug for IssuedToken {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("IssuedToken")
            .field("record", &self.record)
            .finish_non_exhaustive()
    }
}

// === impl IssueError ===

impl fmt::Display for IssueError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Scope(error) => error.fmt(f),
            Self::UnknownKind(name) => {
                write!(
                    f,
                    "expected a kind that the authority knows, found {name:?}: add it with `.kind(..)` when it is built"
                )
            }
            Self::NoLife => {
                f.write_str("expected a life, found one that ends at once: name a longer one")
            }
            Self::NotOfKind(name) => {
                write!(
                    f,
                    "expected a text of kind {name:?} to adopt, found another form: adopt it as the kind that says its form"
                )
            }
            Self::Randomness(_) => f.write_str("the system gave no randomness"),
            Self::Store(error) => error.fmt(f),
        }
    }
}

impl std::error::Error for IssueError {
    fn source(&self) -> Option<&(dyn std::error::Error + 'static)> {
        match self {
            Self::Randomness(error) => Some(error),
            Self::Store(error) => error.source(),
            _ => None,
        }
    }
}
