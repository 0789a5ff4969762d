//! Who decides: the one value that owns the store, the policies and the clock.

mod authenticate;
mod authenticated;
#[cfg(feature = "tasks")]
mod behind;
mod build_error;
mod builder;
mod delegate;
#[cfg(feature = "stream")]
mod ended;
mod event;
mod introspect;
mod issue;
mod issued;
mod kind;
mod login;
mod purge;
#[cfg(feature = "tasks")]
mod purging;
mod refresh;
mod refusal;
mod revoke;
mod session;
mod step_up;
mod touch;
#[cfg(feature = "tracing")]
mod trace;
mod within;

use std::fmt;
use std::num::NonZeroUsize;
use std::sync::Arc;
use std::time::Duration;

#[cfg(feature = "test-util")]
pub(crate) use authenticated::Role;
pub use authenticated::{Anonymous, Authenticated};
pub use build_error::BuildError;
pub use builder::AuthorityBuilder;
pub use delegate::DelegateRequest;
pub use event::{About, Event, Events, Revoked};
pub use issue::IssueRequest;
pub use issued::{IssueError, IssuedToken};
pub use login::LoginMode;
#[cfg(feature = "tasks")]
pub use purging::{PurgeReport, Purging};
pub use refresh::{RefreshError, RefreshRequest};
pub use revoke::RevokeRequest;
pub use session::Session;
#[cfg(feature = "tracing")]
pub use trace::TracingEvents;

pub(crate) use authenticate::{Admitted, Answer, Presented};

use self::kind::{Kind, RefreshTokens};
use self::touch::Touches;
use crate::clock::{Clock, Timestamp};
use crate::rejection::Challenges;
use crate::token::{ServerKey, TokenKind};

/// Issues, authenticates and revokes tokens. Made by [`TokenAuthority::builder`], cheap to clone;
/// all doors (the layer among them) are made from it.
///
/// ```
/// use tower_expiring_token::{BearerToken, Lifetime, MemoryStore, TokenAuthority};
///
/// # #[tokio::main(flavor = "current_thread")]
/// # async fn main() -> Result<(), Box<dyn std::error::Error>> {
/// let tokens = TokenAuthority::builder(MemoryStore::new()).expiry(Lifetime::hours(24)).build()?;
///
/// let issued = tokens.issue("alice").scopes(["read"]).await?;
/// let alice = tokens.authenticate(&BearerToken::parse(issued.secret())?).await?;
/// assert_eq!(alice.subject().as_str(), "alice");
///
/// tokens.revoke_all(alice.subject()).await?;
/// assert!(tokens.authenticate(&BearerToken::parse(issued.secret())?).await.is_err());
/// # Ok(())
/// # }
/// ```
///
/// # Several authorities
///
/// Those of one store share its subjects and sessions: a subject whose tokens are ended by one has
/// none left of any, and each lets in what the others issue, where their kinds look alike. For
/// users and service accounts, take one authority with a [kind](AuthorityBuilder::kind) for each, and
/// subjects that differ (`user:7`, `service:7`); for services that are to know nothing of each
/// other, stores apart.
pub struct TokenAuthority<S> {
    shared: Arc<Shared<S>>,
}

struct Shared<S> {
    store: S,
    clock: Arc<dyn Clock>,
    /// The first is the one that is issued and let in unless another is named.
    kinds: Box<[Kind]>,
    challenges: &'static Challenges,
    touches: Arc<Touches>,
    #[cfg(feature = "tasks")]
    behind: Option<behind::Behind>,
    key: ServerKey,
    keyed: bool,
    login: LoginMode,
    limit: Option<NonZeroUsize>,
    refresh: Option<RefreshTokens>,
    events: Option<Arc<dyn Events>>,
    retention: Duration,
    #[cfg(feature = "stream")]
    look_again: Duration,
}

impl<S> TokenAuthority<S> {
    /// The store.
    #[must_use]
    pub fn store(&self) -> &S {
        &self.shared.store
    }

    /// What this authority's clock says.
    #[must_use]
    pub fn now(&self) -> Timestamp {
        self.shared.clock.now()
    }

    pub(crate) fn clock(&self) -> Arc<dyn Clock> {
        Arc::clone(&self.shared.clock)
    }

    /// Whether a server key was [given](AuthorityBuilder::key). If not, what is derived works in
    /// this process only: warn whoever issues refresh tokens or renews without one.
    #[must_use]
    pub fn is_keyed(&self) -> bool {
        self.shared.keyed
    }

    /// Whether it makes refresh tokens.
    #[cfg(feature = "endpoints")]
    pub(crate) fn refreshes(&self) -> bool {
        self.shared.refresh.is_some()
    }

    pub(crate) fn challenges(&self) -> &'static Challenges {
        self.shared.challenges
    }

    /// The name of the kind that is issued and let in unless another is named.
    #[cfg(feature = "endpoints")]
    pub(crate) fn first_kind(&self) -> &str {
        self.shared.kinds[0].kind.name()
    }

    fn kind_named(&self, name: &str) -> Option<&Kind> {
        self.shared
            .kinds
            .iter()
            .find(|kind| kind.kind.name() == name)
    }
}

impl<S> Clone for TokenAuthority<S> {
    fn clone(&self) -> Self {
        Self {
            shared: Arc::clone(&self.shared),
        }
    }
}

impl<S> fmt::Debug for TokenAuthority<S> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let kinds: Vec<&TokenKind> = self.shared.kinds.iter().map(|kind| &kind.kind).collect();
        f.debug_struct("TokenAuthority")
            .field("kinds", &kinds)
            .finish_non_exhaustive()
    }
}
