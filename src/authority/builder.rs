use std::fmt;
use std::num::NonZeroUsize;
use std::sync::Arc;
use std::time::Duration;

#[cfg(feature = "tasks")]
use super::behind::Behind;
use super::build_error::Fault;
use super::kind::{Kind, check_kinds, refresh_tokens};
use super::touch::Touches;
use super::{BuildError, Events, LoginMode, Shared, TokenAuthority};
use crate::clock::{Clock, SystemClock};
use crate::expiry::ExpiryPolicy;
use crate::rejection::Challenges;
use crate::token::{ServerKey, TokenKind};

/// Configures a [`TokenAuthority`]. Only the expiry must be named; all that can be wrong with a
/// configuration is said by [`build`](Self::build).
#[must_use = "a builder makes nothing until `build` is called"]
pub struct AuthorityBuilder<S> {
    store: S,
    clock: Arc<dyn Clock>,
    access: TokenKind,
    expiry: Option<Box<dyn ExpiryPolicy>>,
    others: Vec<Kind>,
    schemes: Vec<String>,
    realm: String,
    explain: bool,
    key: Option<ServerKey>,
    login: LoginMode,
    limit: Option<usize>,
    refresh: Option<Box<dyn ExpiryPolicy>>,
    refresh_grace: Option<Duration>,
    refresh_prefix: Option<String>,
    events: Option<Arc<dyn Events>>,
    retention: Duration,
    #[cfg(feature = "tasks")]
    touch_behind: bool,
    #[cfg(feature = "stream")]
    look_again: Duration,
}

const RETENTION: Duration = Duration::from_secs(24 * 3600);

impl<S> TokenAuthority<S> {
    /// Starts to configure an authority over this store.
    pub fn builder(store: S) -> AuthorityBuilder<S> {
        AuthorityBuilder {
            store,
            clock: Arc::new(SystemClock),
            access: TokenKind::new("access", "tet_"),
            expiry: None,
            others: Vec::new(),
            schemes: Vec::new(),
            realm: "api".to_owned(),
            explain: false,
            key: None,
            login: LoginMode::New,
            limit: None,
            refresh: None,
            refresh_grace: None,
            refresh_prefix: None,
            events: None,
            retention: RETENTION,
            #[cfg(feature = "tasks")]
            touch_behind: false,
            #[cfg(feature = "stream")]
            look_again: Duration::from_secs(2),
        }
    }
}

impl<S> AuthorityBuilder<S> {
    /// When tokens end: a [`Lifetime`](crate::Lifetime), or a policy of your own. There is no
    /// default, since a token that lives too long is nobody's intention.
    pub fn expiry(mut self, policy: impl ExpiryPolicy) -> Self {
        self.expiry = Some(Box::new(policy));
        self
    }

    /// What is issued and let in unless another kind is named, instead of
    /// `TokenKind::new("access", "tet_")`: to set your own prefix, or a key for digests.
    pub fn access(mut self, kind: TokenKind) -> Self {
        self.access = kind;
        self
    }

    /// A further kind, with its own expiry. A layer lets it in only when it says so.
    pub fn kind(mut self, kind: TokenKind, policy: impl ExpiryPolicy) -> Self {
        self.others.push(Kind {
            kind,
            policy: Box::new(policy),
        });
        self
    }

    /// Another source of time than the system's.
    pub fn clock(mut self, clock: impl Clock) -> Self {
        self.clock = Arc::new(clock);
        self
    }

    /// A scheme word that clients may send, compared in any case. The first call replaces the
    /// default `Bearer`, each further one adds to it; each has a challenge line of its own, the
    /// first one first. Clients of Django REST framework send `Token`.
    pub fn scheme(mut self, word: impl Into<String>) -> Self {
        self.schemes.push(word.into());
        self
    }

    /// What challenges call the protected space; `api` unless it is said. Printable ASCII. The
    /// challenges of each realm are written once and kept as long as the process: have a few, not
    /// one for each tenant or request.
    pub fn realm(mut self, realm: impl Into<String>) -> Self {
        self.realm = realm.into();
        self
    }

    /// Tells clients what exactly is wrong with a token (expired, suspended …). Unless it is
    /// called they hear one sentence for all, since a difference tells an attacker that a token
    /// once was good. The reason is in the response's extensions either way.
    pub fn explain(mut self) -> Self {
        self.explain = true;
        self
    }

    /// From which tokens are derived that must be told again: those of
    /// [`LoginMode::Renew`] and [`LoginMode::ReplaceExpired`], and all refresh tokens. Without it a
    /// random key of this authority alone serves, so that after a restart, or on another node, no
    /// refresh token is good and a login replaces the token that was there;
    /// [`is_keyed`](TokenAuthority::is_keyed) tells.
    pub fn key(mut self, key: ServerKey) -> Self {
        self.key = Some(key);
        self
    }

    /// What a login does to the tokens that its subject has already, instead of
    /// [`LoginMode::New`]. It concerns tokens of the first kind; those of others are issued beside
    /// one another unless [`IssueRequest::login`](super::IssueRequest::login) says otherwise.
    pub fn login(mut self, mode: LoginMode) -> Self {
        self.login = mode;
        self
    }

    /// Lets logins come with refresh tokens ([`IssueRequest::refresh`](super::IssueRequest::refresh)),
    /// and when these end: `Lifetime::days(30)`, by choice with an idle time. Their life is that of
    /// the whole session: no access token outlives it, however often it is refreshed.
    pub fn refresh(mut self, policy: impl ExpiryPolicy) -> Self {
        self.refresh = Some(Box::new(policy));
        self
    }

    /// For how long after a refresh the token that it has spent is answered once more with the very
    /// same tokens: for clients that lose answers, or refresh from two tabs at once. None unless it
    /// is said, 60 seconds at most. A logout ends it.
    pub fn refresh_grace(mut self, grace: Duration) -> Self {
        self.refresh_grace = Some(grace);
        self
    }

    /// What refresh tokens begin with, instead of `ter_`. With another one, those that were issued
    /// are unknown.
    pub fn refresh_prefix(mut self, prefix: impl Into<String>) -> Self {
        self.refresh_prefix = Some(prefix.into());
        self
    }

    /// The most live sessions that a subject may have. A further login ends the one that was least
    /// recently used. It concerns tokens of the first kind; those of others are as many as are
    /// issued unless [`IssueRequest::limit`](super::IssueRequest::limit) says otherwise.
    pub fn limit(mut self, sessions: usize) -> Self {
        self.limit = Some(sessions);
        self
    }

    /// For how long a dead token's record is kept before a purge takes it; 24 hours unless it is
    /// said.
    pub fn retention(mut self, retention: Duration) -> Self {
        self.retention = retention;
        self
    }

    /// Writes uses down behind the requests, many to one call of the store, instead of letting one
    /// request an interval wait for its write. Worth it where a write costs much.
    ///
    /// A task does it once a second, or once a write interval if that is shorter. It starts itself
    /// with the first use, on the tokio runtime of that request, which needs its timer, and ends
    /// when all is written; a request on no tokio runtime writes its use itself. This authority
    /// counts what is not written yet, so that no token in use is refused by its own stale record;
    /// other nodes, the list of sessions, a login's limit and [`LoginMode::ReplaceExpired`] learn of
    /// a use that much later. While the store can't write, the newest use of each of
    /// 65,536 tokens is remembered, and no request waits.
    ///
    /// Await [`shutdown`](TokenAuthority::shutdown) before the service ends: a process that is
    /// killed forgets what it has not written.
    #[cfg(feature = "tasks")]
    pub fn touch_behind(mut self) -> Self {
        self.touch_behind = true;
        self
    }

    /// Who hears what becomes of tokens.
    pub fn events(mut self, events: impl Events) -> Self {
        self.events = Some(Arc::new(events));
        self
    }

    /// How often an authority asks whether the token of an open stream still lives, instead of
    /// every two seconds; every 10 milliseconds at most. Feature `stream`.
    #[cfg(feature = "stream")]
    pub fn look_again_every(mut self, interval: Duration) -> Self {
        self.look_again = interval;
        self
    }

    /// The authority.
    ///
    /// # Errors
    ///
    /// [`BuildError`] when there is no expiry or one that can't work (a life of nothing, idle
    /// longer than life), an empty or invalid scheme, realm, kind or prefix, two kinds whose
    /// texts can't be told apart, a limit of nothing, or a grace that is too long.
    pub fn build(self) -> Result<TokenAuthority<S>, BuildError> {
        let policy = self.expiry.ok_or(BuildError(Fault::NoExpiry))?;
        let mut kinds = vec![Kind {
            kind: self.access,
            policy,
        }];
        kinds.extend(self.others);
        let refresh = refresh_tokens(self.refresh, self.refresh_grace, self.refresh_prefix)
            .map_err(BuildError)?;
        check_kinds(&kinds, refresh.as_ref()).map_err(BuildError)?;
        let schemes = if self.schemes.is_empty() {
            vec!["Bearer".to_owned()]
        } else {
            self.schemes
        };
        let challenges = Challenges::new(&schemes, &self.realm, self.explain)
            .map_err(|fault| BuildError(Fault::Challenge(fault)))?;
        let limit = match self.limit {
            None => None,
            Some(limit) => Some(NonZeroUsize::new(limit).ok_or(BuildError(Fault::NoLimit))?),
        };
        let keyed = self.key.is_some();
        let key = self.key.map_or_else(ServerKey::random, Ok);
        let shared = Shared {
            #[cfg(feature = "tasks")]
            behind: self.touch_behind.then(|| Behind::new(&kinds)),
            store: self.store,
            clock: self.clock,
            kinds: kinds.into(),
            challenges,
            touches: Arc::new(Touches::default()),
            key: key.map_err(|error| BuildError(Fault::NoRandomness(error.to_string())))?,
            keyed,
            login: self.login,
            limit,
            refresh,
            events: self.events,
            retention: self.retention,
            #[cfg(feature = "stream")]
            look_again: self.look_again,
        };
        Ok(TokenAuthority {
            shared: Arc::new(shared),
        })
    }
}

impl<S> fmt::Debug for AuthorityBuilder<S> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("AuthorityBuilder")
            .field("access", &self.access)
            .field("schemes", &self.schemes)
            .field("realm", &self.realm)
            .finish_non_exhaustive()
    }
}
