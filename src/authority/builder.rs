use std::fmt;
use std::num::NonZeroUsize;
use std::sync::Arc;
use std::time::Duration;

#[cfg(feature = "tasks")]
use super::behind::Behind;
use super::touch::Touches;
use super::{Kind, Shared, TokenAuthority};
use crate::clock::{Clock, SystemClock};
use crate::expiry::ExpiryPolicy;
use crate::rejection::{ChallengeFault, Challenges};
use crate::token::{KindFault, TokenKind};

/// Configures a [`TokenAuthority`]. Only the expiry must be named; all that can be wrong with a
/// configuration is said by [`build`](Self::build).
#[must_use = "a builder makes nothing until `build` is called"]
pub struct AuthorityBuilder<S> {
    store: S,
    clock: Arc<dyn Clock>,
    access: TokenKind,
    expiry: Option<Arc<dyn ExpiryPolicy>>,
    others: Vec<Kind>,
    schemes: Vec<String>,
    realm: String,
    explain: bool,
    limit: Option<usize>,
    retention: Duration,
    #[cfg(feature = "tasks")]
    touch_behind: bool,
}

/// A configuration that can't work: what was expected, what was found, and what to do.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct BuildError(Fault);

#[derive(Clone, Debug, PartialEq, Eq)]
enum Fault {
    NoExpiry,
    Policy { kind: String, problem: String },
    Kind { kind: String, fault: KindFault },
    SameName(String),
    SameText(String, String),
    TooManyKinds(usize),
    Challenge(ChallengeFault),
    NoLimit,
    UnknownKind { found: String, known: Vec<String> },
    NoKind,
}

/// A layer keeps the kinds that it lets in as bits.
const MOST_KINDS: usize = 64;
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
            limit: None,
            retention: RETENTION,
            #[cfg(feature = "tasks")]
            touch_behind: false,
        }
    }
}

impl<S> AuthorityBuilder<S> {
    /// When tokens end: a [`Lifetime`](crate::Lifetime), or a policy of your own. There is no
    /// default, since a token that lives too long is nobody's intention.
    pub fn expiry(mut self, policy: impl ExpiryPolicy) -> Self {
        self.expiry = Some(Arc::new(policy));
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
            policy: Arc::new(policy),
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

    /// What challenges call the protected space; `api` unless it is said. Printable ASCII.
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

    /// The most live sessions that a subject may have of one kind. A further login ends the one
    /// that was least recently used.
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
    /// counts what is not written yet, so that no token in use ends by its own stale record; other
    /// nodes learn of a use that much later. While the store can't write, the newest use of each of
    /// 65,536 tokens is remembered, and no request waits.
    ///
    /// Await [`shutdown`](TokenAuthority::shutdown) before the service ends: a process that is
    /// killed forgets what it has not written.
    #[cfg(feature = "tasks")]
    pub fn touch_behind(mut self) -> Self {
        self.touch_behind = true;
        self
    }

    /// The authority.
    ///
    /// # Errors
    ///
    /// [`BuildError`] when there is no expiry or one that can't work (a life of nothing, idle
    /// longer than life), an empty or invalid scheme, realm, kind or prefix, two kinds whose
    /// texts can't be told apart, or a limit of nothing.
    pub fn build(self) -> Result<TokenAuthority<S>, BuildError> {
        let policy = self.expiry.ok_or(BuildError(Fault::NoExpiry))?;
        let mut kinds = vec![Kind {
            kind: self.access,
            policy,
        }];
        kinds.extend(self.others);
        check_kinds(&kinds).map_err(BuildError)?;
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
        let shared = Shared {
            #[cfg(feature = "tasks")]
            behind: self.touch_behind.then(|| Behind::new(&kinds)),
            store: self.store,
            clock: self.clock,
            kinds: kinds.into(),
            challenges,
            touches: Arc::new(Touches::default()),
            limit,
            retention: self.retention,
        };
        Ok(TokenAuthority {
            shared: Arc::new(shared),
        })
    }
}

fn check_kinds(kinds: &[Kind]) -> Result<(), Fault> {
    if kinds.len() > MOST_KINDS {
        return Err(Fault::TooManyKinds(kinds.len()));
    }
    for (index, Kind { kind, policy }) in kinds.iter().enumerate() {
        let name = kind.name().to_owned();
        if let Some(fault) = kind.fault() {
            return Err(Fault::Kind { kind: name, fault });
        }
        policy.check().map_err(|problem| Fault::Policy {
            kind: name.clone(),
            problem,
        })?;
        for Kind { kind: other, .. } in &kinds[..index] {
            if other.name() == kind.name() {
                return Err(Fault::SameName(name));
            }
            if other.collides(kind) {
                return Err(Fault::SameText(other.name().to_owned(), name));
            }
        }
    }
    Ok(())
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

// === impl BuildError ===

impl BuildError {
    pub(super) fn unknown_kind(found: &str, known: impl Iterator<Item = String>) -> Self {
        Self(Fault::UnknownKind {
            found: found.to_owned(),
            known: known.collect(),
        })
    }

    pub(super) const fn no_kind() -> Self {
        Self(Fault::NoKind)
    }
}

impl fmt::Display for BuildError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match &self.0 {
            Fault::NoExpiry => f.write_str(
                "expected an expiry, found none: say when tokens end, such as `.expiry(Lifetime::hours(24))`",
            ),
            Fault::Policy { kind, problem } => write!(f, "the expiry of kind {kind:?}: {problem}"),
            Fault::Kind { fault: KindFault::Name, .. } => {
                f.write_str("expected a name for each kind of token, found an empty one: name it, such as \"access\"")
            }
            Fault::Kind { kind, fault: KindFault::Prefix } => write!(
                f,
                "the prefix of kind {kind:?}: expected 1 to 32 letters, digits or -._~+/, found something else; choose one such as \"acme_\""
            ),
            Fault::Kind { kind, fault: KindFault::Digits } => write!(
                f,
                "the digits of kind {kind:?}: expected 32 to 512, found fewer or more; fewer can be guessed (RFC 6749 section 10.10)"
            ),
            Fault::SameName(name) => {
                write!(f, "expected each kind to have a name of its own, found {name:?} twice: rename one")
            }
            Fault::SameText(one, other) => write!(
                f,
                "expected each kind's texts to differ, found {one:?} and {other:?} alike: give them prefixes of which neither begins the other"
            ),
            Fault::TooManyKinds(found) => {
                write!(f, "expected at most {MOST_KINDS} kinds, found {found}: retire those whose tokens have ended")
            }
            Fault::Challenge(ChallengeFault::NoScheme) => f.write_str("expected a scheme, found none: name one, such as \"Bearer\""),
            Fault::Challenge(ChallengeFault::Scheme(found)) => write!(
                f,
                "expected a scheme of RFC 9110 token characters, found {found:?}: name one word, such as \"Bearer\""
            ),
            Fault::Challenge(ChallengeFault::SchemeTwice(found)) => {
                write!(f, "expected each scheme once, found {found:?} again (case does not matter): leave it out")
            }
            Fault::Challenge(ChallengeFault::Realm(found)) => {
                write!(f, "expected a realm of printable ASCII, found {found:?}: name one, such as \"api\"")
            }
            Fault::NoLimit => f.write_str(
                "expected a limit of one session or more, found 0: leave `.limit(..)` out for any number of sessions",
            ),
            Fault::UnknownKind { found, known } => write!(
                f,
                "expected kinds that the authority knows ({}), found {found:?}: add it with `.kind(..)`, or correct the name",
                known.join(", ")
            ),
            Fault::NoKind => f.write_str("expected a kind to let in, found none: name one, such as \"access\""),
        }
    }
}

impl std::error::Error for BuildError {}
