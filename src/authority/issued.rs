use std::fmt;
use std::io;

use zeroize::Zeroizing;

use super::build_error::NO_LIMIT;
use crate::clock::Timestamp;
use crate::store::StoreError;
use crate::token::{InvalidScope, Scopes, SessionId, TokenRecord};

/// A token that has just been issued, with its session's refresh token if it has one: the only
/// time that secrets are seen. Prints none, wipes them on drop.
pub struct IssuedToken {
    secret: Zeroizing<String>,
    record: TokenRecord,
    expires_at: Timestamp,
    refresh: Option<Zeroizing<String>>,
    told_again: bool,
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
    /// A limit of no session at all.
    NoLimit,
    /// A text to adopt that is not of the kind's form.
    NotOfKind(String),
    /// A refresh token, while the authority is not set up for any.
    NoRefresh,
    /// More scopes than the token that makes this one has: these.
    WiderScope(Scopes),
    /// A token that makes one of its own kind, by its name.
    SameKind(String),
    /// The token that makes this one, or steps up, is gone by now.
    Ended,
    /// The system gave no randomness.
    Randomness(io::Error),
    /// The store could not keep it.
    Store(StoreError),
}

impl IssuedToken {
    pub(super) const fn new(
        secret: Zeroizing<String>,
        record: TokenRecord,
        expires_at: Timestamp,
    ) -> Self {
        Self {
            secret,
            record,
            expires_at,
            refresh: None,
            told_again: false,
        }
    }

    pub(super) const fn told_again(mut self) -> Self {
        self.told_again = true;
        self
    }

    /// Whether no login has had it before.
    #[cfg(feature = "endpoints")]
    pub(crate) const fn is_new(&self) -> bool {
        !self.told_again
    }

    pub(super) fn with_refresh(mut self, refresh: Option<Zeroizing<String>>) -> Self {
        self.refresh = refresh;
        self
    }

    /// The secret. Hand it to its client over a safe line, and keep it nowhere.
    #[must_use]
    pub fn secret(&self) -> &str {
        &self.secret
    }

    /// The session's refresh token, as secret as the token and longer lived. It opens nothing but
    /// [`refresh`](super::TokenAuthority::refresh).
    #[must_use]
    pub fn refresh_secret(&self) -> Option<&str> {
        self.refresh.as_ref().map(|secret| secret.as_str())
    }

    /// When the token ends, unless it is used.
    #[must_use]
    pub const fn expires_at(&self) -> Timestamp {
        self.expires_at
    }

    /// The session that it opens.
    #[must_use]
    pub fn session(&self) -> &SessionId {
        self.record.session()
    }

    /// All that the store knows of the token.
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

impl IssueError {
    pub(super) fn randomness(error: getrandom::Error) -> Self {
        Self::Randomness(error.into())
    }
}

impl From<StoreError> for IssueError {
    fn from(error: StoreError) -> Self {
        Self::Store(error)
    }
}

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
            Self::NoLimit => f.write_str(NO_LIMIT),
            Self::NotOfKind(name) => {
                write!(
                    f,
                    "expected a text of kind {name:?} to adopt, found another form: adopt it as the kind that says its form"
                )
            }
            Self::NoRefresh => f.write_str(
                "expected refresh tokens to be set up, found none: build the authority with `.refresh(Lifetime::days(30))`",
            ),
            Self::WiderScope(found) => write!(
                f,
                "expected scopes that the making token has, found more in {found}: ask for fewer"
            ),
            Self::SameKind(name) => write!(
                f,
                "expected another kind than the making token's, found {name:?} too: name a kind that may do less"
            ),
            Self::Ended => f.write_str("the token that was shown has ended meanwhile: log in anew"),
            Self::Randomness(_) => {
                f.write_str("expected random bytes of the system, found none: try again")
            }
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
