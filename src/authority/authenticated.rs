use std::any::type_name;
use std::fmt;
use std::sync::Arc;
use std::time::Duration;

use http::Extensions;

use crate::clock::Timestamp;
use crate::expiry::Bound;
use crate::rejection::{Challenges, Reason, Rejection};
use crate::store::Held;
use crate::token::{Scopes, SessionId, Subject, TokenDigest, TokenRecord};

/// The proof that a request is authenticated: in its extensions, put there by the layer and by
/// nobody else. It knows the principal, but its type says nothing of it, so that layers for
/// scopes, deadlines and logs need no type parameter.
///
/// Ask for it by [`of`](Self::of) or [`optional`](Self::optional): that it is not among the
/// extensions may also mean that the layer is missing.
///
/// ```
/// use tower_expiring_token::{Authenticated, Rejection, Subject};
///
/// fn handler<B>(request: http::Request<B>) -> Result<String, Rejection> {
///     let caller = Authenticated::of(request.extensions())?;
///     Ok(format!("hello {}", caller.principal::<Subject>()?))
/// }
/// ```
#[derive(Clone)]
pub struct Authenticated {
    held: Arc<dyn Held>,
    bound: Bound,
    end_after_use: Timestamp,
    challenges: &'static Challenges,
    used: usize,
    /// By which it can be looked up again; none where only a test acts as somebody.
    digest: Option<TokenDigest>,
}

/// In the extensions of a request that an optional layer let pass without credentials.
#[derive(Clone, Copy)]
pub struct Anonymous {
    challenges: &'static Challenges,
}

/// In the extensions of a request where a test acts as somebody: layers let him in.
#[cfg(feature = "test-util")]
#[derive(Clone)]
pub(crate) struct Role(pub(crate) Authenticated);

impl Authenticated {
    pub(crate) fn new(
        held: Arc<dyn Held>,
        bound: Bound,
        challenges: &'static Challenges,
        used: usize,
        digest: Option<TokenDigest>,
    ) -> Self {
        Self {
            held,
            bound,
            end_after_use: bound.at,
            challenges,
            used,
            digest,
        }
    }

    /// The same, let in by a layer with these challenges.
    #[cfg(feature = "test-util")]
    pub(crate) fn challenged_by(&self, challenges: &'static Challenges) -> Self {
        Self {
            challenges,
            ..self.clone()
        }
    }

    /// The same after a use that moves the token's end here, or nowhere.
    pub(super) const fn used_until(mut self, moved: Option<Timestamp>) -> Self {
        self.end_after_use = match moved {
            Some(moved) => moved,
            None => self.bound.at,
        };
        self
    }

    /// The caller of the request with these extensions.
    ///
    /// # Errors
    ///
    /// A 401 when the caller is anonymous (an optional layer let him pass), a 500 when no layer
    /// is around the service.
    pub fn of(extensions: &Extensions) -> Result<&Self, Rejection> {
        Self::optional(extensions)?.ok_or_else(|| nobody(extensions.get()))
    }

    /// The caller of the request with these extensions; none when he is anonymous.
    ///
    /// # Errors
    ///
    /// A 500 when no layer is around the service: that never reads as anonymous.
    pub fn optional(extensions: &Extensions) -> Result<Option<&Self>, Rejection> {
        match extensions.get::<Self>() {
            Some(authenticated) => Ok(Some(authenticated)),
            None if extensions.get::<Anonymous>().is_some() => Ok(None),
            None => Err(nobody(None)),
        }
    }

    /// The same as [`of`](Self::of), where a framework hands out extensions one at a time. In
    /// warp: `ext::optional().and(ext::optional()).map(Authenticated::of_extracted)`.
    ///
    /// # Errors
    ///
    /// As `of`.
    pub fn of_extracted(
        caller: Option<Self>,
        anonymous: Option<Anonymous>,
    ) -> Result<Self, Rejection> {
        caller.ok_or_else(|| nobody(anonymous.as_ref()))
    }

    /// The same as [`optional`](Self::optional), where a framework hands out extensions one at a
    /// time. One alone does not tell an anonymous request from one that no layer has seen.
    ///
    /// # Errors
    ///
    /// As `optional`.
    pub fn optional_of_extracted(
        caller: Option<Self>,
        anonymous: Option<Anonymous>,
    ) -> Result<Option<Self>, Rejection> {
        match (caller, anonymous) {
            (None, None) => Err(nobody(None)),
            (caller, _) => Ok(caller),
        }
    }

    /// Who calls, in the store's own type.
    ///
    /// # Errors
    ///
    /// A 500 when the store's principals are of another type; its text names both.
    pub fn principal<P: 'static>(&self) -> Result<&P, Rejection> {
        let principal = self
            .held
            .principal()
            .and_then(|principal| principal.downcast_ref());
        principal.ok_or_else(|| {
            let (expected, found) = (type_name::<P>(), self.held.principal_type());
            Rejection::unchallenged(Reason::WrongPrincipal { expected, found })
        })
    }

    /// Who calls, as text.
    #[must_use]
    pub fn subject(&self) -> &Subject {
        self.record().subject()
    }

    /// The login that the token belongs to. No secret.
    #[must_use]
    pub fn session(&self) -> &SessionId {
        self.record().session()
    }

    /// The name of the token's kind.
    #[must_use]
    pub fn kind(&self) -> &str {
        self.record().kind()
    }

    /// What the token may do.
    #[must_use]
    pub fn scopes(&self) -> &Scopes {
        self.record().scopes()
    }

    /// When the token was issued.
    #[must_use]
    pub fn issued_at(&self) -> Timestamp {
        self.record().times().issued_at
    }

    /// When its user last proved who he is.
    #[must_use]
    pub fn authenticated_at(&self) -> Timestamp {
        self.record().times().authenticated_at
    }

    /// When the token ends if this use is its last, as far as that is written down.
    #[must_use]
    pub const fn expires_at(&self) -> Timestamp {
        self.end_after_use
    }

    /// By which rule it would have ended without this use, and when.
    #[must_use]
    pub const fn bound(&self) -> Bound {
        self.bound
    }

    /// All that is known of the token.
    #[must_use]
    pub fn record(&self) -> &TokenRecord {
        self.held.record()
    }

    pub(super) const fn digest(&self) -> Option<&TokenDigest> {
        self.digest.as_ref()
    }

    #[cfg(any(feature = "endpoints", feature = "stream"))]
    pub(crate) const fn used(&self) -> usize {
        self.used
    }

    /// Refuses unless the token has all of these scopes.
    ///
    /// # Errors
    ///
    /// A 403 `insufficient_scope` that names them (RFC 6750 section 3.1).
    pub fn require_all(&self, needed: &Scopes) -> Result<(), Rejection> {
        let has = self.scopes().includes(needed);
        self.require(has, || Reason::InsufficientScope(needed.clone()))
    }

    /// Refuses unless the token has at least one of these scopes.
    ///
    /// # Errors
    ///
    /// A 403 `insufficient_scope` that names them (RFC 6750 section 3.1).
    pub fn require_any(&self, needed: &Scopes) -> Result<(), Rejection> {
        let has = self.scopes().intersects(needed);
        self.require(has, || Reason::InsufficientScope(needed.clone()))
    }

    /// Refuses unless the token is of this kind: for what only some of the kinds may do that the
    /// layer lets in.
    ///
    /// # Errors
    ///
    /// A 401 `invalid_token`, as where the layer does not let the kind in.
    pub fn require_kind(&self, name: &str) -> Result<(), Rejection> {
        self.require(self.kind() == name, || Reason::WrongKind)
    }

    /// Refuses unless the user has proved who he is at most `max_age` before `now`: for what a
    /// token alone should not do, since it may be stolen. An age of `max_age` passes, any more
    /// does not; a proof that lies in the future (a clock went back) is of age zero.
    ///
    /// ```
    /// use std::time::Duration;
    /// use tower_expiring_token::{Authenticated, Rejection, TokenAuthority};
    ///
    /// fn close_account<S>(tokens: &TokenAuthority<S>, caller: &Authenticated) -> Result<(), Rejection> {
    ///     caller.require_recent(Duration::from_secs(300), tokens.now())?;
    ///     // …
    ///     Ok(())
    /// }
    /// ```
    ///
    /// # Errors
    ///
    /// A 401 `insufficient_user_authentication` that names `max_age` in seconds, cut to whole
    /// ones (RFC 9470 section 3).
    pub fn require_recent(&self, max_age: Duration, now: Timestamp) -> Result<(), Rejection> {
        let age = now.since(self.authenticated_at());
        self.require(age <= max_age, || Reason::StaleLogin { max_age })
    }

    /// A refusal of this request for a reason that its handler has found, with the challenges of the
    /// layer that had let it in.
    ///
    /// ```
    /// use tower_expiring_token::{Authenticated, IssueError, MemoryStore, Reason, Rejection, TokenAuthority};
    ///
    /// # async fn share(tokens: &TokenAuthority<MemoryStore>, caller: &Authenticated) -> Result<String, Rejection> {
    /// match tokens.delegate(caller, "export").await {
    ///     Ok(export) => Ok(export.secret().to_owned()),
    ///     // Somebody has logged out since the layer looked.
    ///     Err(IssueError::Ended) => Err(caller.reject(Reason::UnknownToken)),
    ///     Err(IssueError::Store(error)) => Err(error.into()),
    ///     Err(misuse) => panic!("{misuse}"),
    /// }
    /// # }
    /// ```
    #[must_use]
    pub const fn reject(&self, reason: Reason) -> Rejection {
        Rejection::new(reason, self.challenges, self.used)
    }

    fn require(&self, meets: bool, reason: impl FnOnce() -> Reason) -> Result<(), Rejection> {
        match meets {
            true => Ok(()),
            false => Err(self.reject(reason())),
        }
    }
}

/// Why there is no caller: he is anonymous, or no layer has looked.
fn nobody(anonymous: Option<&Anonymous>) -> Rejection {
    match anonymous {
        Some(anonymous) => Rejection::new(Reason::NoCredentials, anonymous.challenges, 0),
        None => Rejection::unchallenged(Reason::LayerMissing),
    }
}

impl fmt::Debug for Authenticated {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Authenticated")
            .field("record", self.record())
            .field("bound", &self.bound)
            .finish_non_exhaustive()
    }
}

// === impl Anonymous ===

impl Anonymous {
    pub(crate) const fn new(challenges: &'static Challenges) -> Self {
        Self { challenges }
    }
}

impl fmt::Debug for Anonymous {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Anonymous")
    }
}
