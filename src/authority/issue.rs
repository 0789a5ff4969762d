use std::fmt;
use std::future::IntoFuture;
use std::num::NonZeroUsize;
use std::pin::Pin;
use std::time::Duration;

use zeroize::Zeroizing;

use super::login::{ATTEMPTS, contended};
use super::{
    About, Event, IssueError, IssuedToken, Kind, LoginMode, RefreshTokens, Revoked, TokenAuthority,
};
use crate::clock::Timestamp;
use crate::expiry::begin;
use crate::store::{Inserted, IssuingStore, NewSession, NewToken, RotatingStore, Slot};
use crate::token::{
    BearerToken, InvalidScope, RecordBuilder, Scopes, Seed, SessionId, Subject, TokenDigest,
    TokenRecord, TokenTimes,
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
    login: Option<LoginMode>,
    limit: Option<usize>,
    refresh: bool,
    adopted: Option<Zeroizing<String>>,
}

impl<S: IssuingStore> TokenAuthority<S> {
    /// Issues a token to a subject whose identity you have checked: a session of its own, unless
    /// the [`LoginMode`] says otherwise. Any text is a subject, the empty one too; PostgreSQL takes
    /// none with a NUL or of many thousand bytes.
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
    ///
    /// # Errors
    ///
    /// The request's own: an [`IssueError`] when a scope, the kind, the life, the limit or the text
    /// to adopt can't be, a refresh token is asked for and the authority has no [life] for them,
    /// the system gives no randomness, or the store can't keep it. Then nothing is issued.
    ///
    /// [life]: super::AuthorityBuilder::refresh
    pub fn issue(&self, subject: impl Into<Subject>) -> IssueRequest<'_, S> {
        IssueRequest {
            authority: self,
            subject: subject.into(),
            scopes: Ok(Scopes::none()),
            label: String::new(),
            kind: None,
            life: None,
            client: None,
            login: None,
            limit: None,
            refresh: false,
            adopted: None,
        }
    }
}

impl<'a, S: IssuingStore> IssueRequest<'a, S> {
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

    /// A life of its own, of the session if it has a refresh token. It can only shorten what the
    /// policies give.
    pub fn life(mut self, life: Duration) -> Self {
        self.life = Some(life);
        self
    }

    /// The OAuth client that it is issued to. A client is told no token of another's: it opens a
    /// session of its own, as one with a refresh token does.
    pub fn client(mut self, client: impl Into<String>) -> Self {
        self.client = Some(client.into());
        self
    }

    /// What becomes of the subject's tokens of this kind, instead of what the
    /// [builder](super::AuthorityBuilder::login) says.
    pub fn login(mut self, mode: LoginMode) -> Self {
        self.login = Some(mode);
        self
    }

    /// The most live sessions of this kind that the subject may have from now on, instead of what
    /// the [builder](super::AuthorityBuilder::limit) says: those that were least recently used end.
    pub fn limit(mut self, sessions: usize) -> Self {
        self.limit = Some(sessions);
        self
    }

    /// With a refresh token, from which [`TokenAuthority::refresh`] makes further tokens. It opens
    /// a session of its own in any case: [`LoginMode::Renew`] and [`LoginMode::ReplaceExpired`]
    /// then stand for [`LoginMode::New`].
    pub fn refresh(mut self) -> Self
    where
        S: RotatingStore,
    {
        self.refresh = true;
        self
    }

    /// Takes over a token that another system has issued, instead of drawing a new one, so that
    /// its clients need no new login. Its kind must say what it looks like. It is no login: it ends
    /// no other token by the authority's login mode or limit, and passes for
    /// [freshly authenticated](crate::Authenticated::require_recent) nowhere. Its life begins now,
    /// and is the policy's or a [shorter](Self::life) one. A text that is taken over again begins
    /// anew, also where it was revoked meanwhile: take over each but once.
    ///
    /// Where the other system has kept no text (knox: SHA-512 of it), take each token over when it
    /// is shown: in a service outside of the layer look the text up there, adopt it for the time
    /// that it has left, and forget it there. Let logins be of the kind that was
    /// [formerly](crate::TokenKind::formerly) of that form, and these tokens log out as any other;
    /// a kind of their own has a policy of its own instead, and only logs out by
    /// [`revoke`](crate::TokenAuthority::revoke).
    ///
    /// With the table of Django REST framework's tokens:
    ///
    /// ```
    /// # use tower_expiring_token::BearerToken;
    /// use tower_expiring_token::{Lifetime, MemoryStore, TokenAuthority, TokenKind};
    ///
    /// # #[tokio::main(flavor = "current_thread")]
    /// # async fn main() -> Result<(), Box<dyn std::error::Error>> {
    /// let kind = TokenKind::new("access", "acm_").formerly(TokenKind::hex("access", 40));
    /// let tokens = TokenAuthority::builder(MemoryStore::new())
    ///     .access(kind)
    ///     .expiry(Lifetime::hours(24))
    ///     .scheme("Token")
    ///     .build()?;
    /// // SELECT key, user_id FROM authtoken_token
    /// let rows = [("9944b09199c62bcf9418ad846dd0e4bbdfc6ee4b", 1)];
    /// for (key, user) in rows {
    ///     tokens.issue(&user.to_string()).adopt(key).await?;
    /// }
    /// # let token = BearerToken::parse("9944b09199c62bcf9418ad846dd0e4bbdfc6ee4b")?;
    /// # assert_eq!(tokens.authenticate(&token).await?.subject().as_str(), "1");
    /// # Ok(())
    /// # }
    /// ```
    pub fn adopt(mut self, text: impl Into<String>) -> Self {
        self.adopted = Some(Zeroizing::new(text.into()));
        self
    }

    async fn issue(self) -> Result<IssuedToken, IssueError> {
        let authority = self.authority;
        let scopes = self.scopes.clone().map_err(IssueError::Scope)?;
        let kind = self.known_kind()?;
        let mode = self.mode(kind);
        let limit = self.most(kind)?;
        let session = SessionId::draw().map_err(IssueError::randomness)?;
        let now = authority.now();
        let until = self.life.map_or(Timestamp::MAX, |life| now + life);
        // Nobody knows when the user of another system's token has proved who he is.
        let authenticated_at = match self.adopted {
            None => now,
            Some(_) => Timestamp::default(),
        };
        let times = |policy, until| {
            begin(policy, now, authenticated_at, until).map_err(|_| IssueError::NoLife)
        };

        let refresh = match &authority.shared.refresh {
            _ if !self.refresh => None,
            None => return Err(IssueError::NoRefresh),
            Some(tokens) => {
                let times = times(&*tokens.kind.policy, until)?;
                let draft = self.record(kind, session, times, &scopes);
                Some(self.refresh_token(tokens, draft)?)
            }
        };
        let until = refresh.as_ref().map_or(until, Made::ends_at);
        let times = times(&*kind.policy, until)?;
        let access = self.access_token(kind, mode, self.record(kind, session, times, &scopes))?;

        let new = NewSession {
            access: access.token,
            refresh: refresh.as_ref().map(|refresh| refresh.token.clone()),
        };
        let slot = Slot {
            place: mode.place(),
            limit,
        };
        let store = &authority.shared.store;
        for _ in 0..ATTEMPTS {
            let Inserted { instead, ended } = store.insert(new.clone(), slot).await?;
            let by = instead.as_ref().unwrap_or(&new.access.record).session();
            let subject = &self.subject;
            authority.tell_revoked(Revoked::Displaced { subject, by }, ended);
            let Some(instead) = instead else {
                authority.tell(&Event::Issued(About::of(&new.access.record)));
                let issued = IssuedToken::new(access.secret, new.access.record, times.expires_at);
                return Ok(issued.with_refresh(refresh.map(|refresh| refresh.secret)));
            };
            if let Some(issued) = authority.tell_again(kind, &instead).await? {
                authority.tell(&Event::ToldAgain(About::of(issued.record())));
                return Ok(issued);
            }
            let ended = store.remove_session(subject, instead.session()).await?;
            let by = new.access.record.session();
            authority.tell_revoked(Revoked::Displaced { subject, by }, ended);
        }
        Err(contended())
    }

    fn known_kind(&self) -> Result<&'a Kind, IssueError> {
        match &self.kind {
            None => Ok(&self.authority.shared.kinds[0]),
            Some(name) => self
                .authority
                .kind_named(name)
                .ok_or_else(|| IssueError::UnknownKind(name.clone())),
        }
    }

    /// Whether the authority's login mode and limit are meant for it.
    fn is_login(&self, kind: &Kind) -> bool {
        self.adopted.is_none() && kind.kind.name() == self.authority.shared.kinds[0].kind.name()
    }

    fn most(&self, kind: &Kind) -> Result<Option<NonZeroUsize>, IssueError> {
        match self.limit {
            Some(0) => Err(IssueError::NoLimit),
            Some(limit) => Ok(NonZeroUsize::new(limit)),
            None if self.is_login(kind) => Ok(self.authority.shared.limit),
            None => Ok(None),
        }
    }

    fn mode(&self, kind: &Kind) -> LoginMode {
        let usual = if self.is_login(kind) {
            self.authority.shared.login
        } else {
            LoginMode::New
        };
        let mode = self.login.unwrap_or(usual);
        // A client is told no token of another's, nor has its own renewed to another's scopes.
        if self.refresh || self.adopted.is_some() || self.client.is_some() {
            mode.of_a_new_session()
        } else {
            mode
        }
    }

    fn record(
        &self,
        kind: &'a Kind,
        session: SessionId,
        times: TokenTimes,
        scopes: &Scopes,
    ) -> RecordBuilder<'_> {
        TokenRecord::builder(kind.kind.name(), session, &self.subject, times)
            .scopes(scopes.clone())
            .label(&self.label)
            .client(self.client.as_deref())
    }

    fn access_token(
        &self,
        kind: &Kind,
        mode: LoginMode,
        record: RecordBuilder<'_>,
    ) -> Result<Made, IssueError> {
        let route = self.subject.route();
        let seed = mode.tells_again().then(Seed::draw).transpose();
        let seed = seed.map_err(IssueError::randomness)?;
        let (secret, digest) = match (&self.adopted, &seed) {
            (Some(text), _) => {
                let token = BearerToken::parse(text).ok();
                let digest = token
                    .and_then(|token| kind.kind.digest(&token))
                    .ok_or_else(|| IssueError::NotOfKind(kind.kind.name().to_owned()))?;
                (text.clone(), digest)
            }
            (None, Some(seed)) => kind.kind.derive(route, &self.authority.shared.key, seed, 0),
            (None, None) => kind.kind.draw(route).map_err(IssueError::randomness)?,
        };
        let record = record.seed(seed).build();
        Ok(Made {
            secret,
            token: NewToken { digest, record },
        })
    }

    fn refresh_token(
        &self,
        tokens: &RefreshTokens,
        record: RecordBuilder<'_>,
    ) -> Result<Made, IssueError> {
        let seed = Seed::draw().map_err(IssueError::randomness)?;
        let record = record.seed(Some(seed.clone())).refresh(0, None).build();
        let (route, session) = (self.subject.route(), record.session());
        let key = &self.authority.shared.key;
        Ok(Made {
            secret: tokens.form.text(route, key, &seed, session, 0),
            token: NewToken {
                digest: TokenDigest::of_session(session, route),
                record,
            },
        })
    }
}

/// A token that is to be kept, and the secret that is not.
struct Made {
    secret: Zeroizing<String>,
    token: NewToken,
}

impl Made {
    fn ends_at(&self) -> Timestamp {
        self.token.record.times().ends_at
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
            .field("login", &self.login)
            .field("limit", &self.limit)
            .field("refresh", &self.refresh)
            .finish_non_exhaustive()
    }
}
