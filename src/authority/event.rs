use std::net::IpAddr;
use std::sync::Arc;
use std::time::Duration;

use super::{RefreshError, TokenAuthority};
use crate::rejection::Reason;
use crate::store::StoreError;
use crate::token::{SessionId, Subject, TokenRecord};

/// Hears what becomes of tokens: for audit logs, metrics, mails to users. Given to
/// [`AuthorityBuilder::events`](super::AuthorityBuilder::events); an `Arc` of one is one.
///
/// It is called where the thing happens, so it must not block. Of requests that are let in it
/// hears nothing.
///
/// ```
/// use std::sync::atomic::{AtomicU64, Ordering};
/// use tower_expiring_token::{Event, Events};
///
/// #[derive(Default)]
/// struct Thefts(AtomicU64);
///
/// impl Events for Thefts {
///     fn event(&self, event: &Event<'_>) {
///         if let Event::ReuseDetected(_) = event {
///             self.0.fetch_add(1, Ordering::Relaxed);
///         }
///     }
/// }
/// ```
pub trait Events: Send + Sync + 'static {
    /// Something has happened.
    fn event(&self, event: &Event<'_>);
}

/// What happens to tokens. It never holds a secret, but says whose session it is about.
#[derive(Clone, Copy, Debug)]
#[non_exhaustive]
pub enum Event<'a> {
    /// A token was issued, and with it a session begins.
    Issued(About<'a>),
    /// A login was told the token that was there already.
    ToldAgain(About<'a>),
    /// A refresh token was used. Within the grace a retry is heard of again.
    Refreshed(About<'a>),
    /// A refresh token gave nothing. That it was used before is [`ReuseDetected`](Self::ReuseDetected).
    RefreshRefused {
        /// Why.
        error: &'a RefreshError,
        /// Whose it was, if it is one of ours.
        about: Option<About<'a>>,
    },
    /// A spent refresh token was seen again: somebody has stolen it, or its successor. The session
    /// is ended.
    ReuseDetected(About<'a>),
    /// A user has proved again who he is, and got a further token in his session.
    SteppedUp(About<'a>),
    /// A token has made another one.
    Delegated(About<'a>),
    /// A login has failed: a wrong password, an unknown user. Nobody but whoever checks passwords
    /// knows; tell it by [`TokenAuthority::tell`].
    LoginFailed {
        /// Who was logging in. None when there is no such user: what was typed may be a password.
        subject: Option<&'a str>,
        /// From where, if it is known.
        address: Option<IpAddr>,
    },
    /// A login was turned away before anybody looked at its password: too many have failed, or too
    /// many wait ([`PasswordGuard`](crate::PasswordGuard)).
    LoginThrottled {
        /// Who has logged in and proves it again. None of a first login: what was typed may be a
        /// password.
        subject: Option<&'a str>,
        /// From where, if it is known.
        address: Option<IpAddr>,
        /// When the client was told to try again.
        retry_after: Duration,
    },
    /// A client was refused at an OAuth endpoint: it is unknown, has shown a wrong secret or none,
    /// or may not ask.
    ClientRefused {
        /// Which. None when there is no such client: what was sent may be a secret.
        client: Option<&'a str>,
    },
    /// A request was refused by a layer or an endpoint of the authority's, or a token by
    /// [`TokenAuthority::authenticate`].
    ///
    /// A [`RequireLayer`](crate::RequireLayer) belongs to no authority: what it refuses is heard
    /// where one was [named](crate::RequireLayer::told_to). What a handler refuses by a check of
    /// [`Authenticated`](super::Authenticated) is not heard, unless the handler
    /// [tells](TokenAuthority::tell) it.
    Refused {
        /// Why.
        reason: &'a Reason,
        /// Whose token it was, if it is good or was once.
        about: Option<About<'a>>,
        /// What the store said, when it could not say.
        error: Option<&'a StoreError>,
    },
    /// Tokens were ended, other than by time.
    Revoked {
        /// Which.
        what: Revoked<'a>,
        /// How many there were.
        tokens: u64,
    },
    /// A client wanted to end a token that is another's; it lives on.
    RevocationRefused {
        /// The client that asked.
        client: &'a str,
        /// Whose token it is.
        about: About<'a>,
    },
    /// Dead tokens were removed, in one step of a purge.
    Purged {
        /// How many.
        tokens: u64,
    },
}

/// Which token an event is about.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct About<'a> {
    /// Whom it speaks for.
    pub subject: &'a Subject,
    /// The login that it belongs to.
    pub session: &'a SessionId,
    /// The name of its kind.
    pub kind: &'a str,
    /// The OAuth client that it was issued to.
    pub client: Option<&'a str>,
}

/// Which tokens were ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum Revoked<'a> {
    /// One token.
    Token(About<'a>),
    /// A session.
    Session {
        /// Whose.
        subject: &'a Subject,
        /// Which.
        session: &'a SessionId,
    },
    /// All of a subject's.
    All {
        /// Whose.
        subject: &'a Subject,
    },
    /// Those of a subject's sessions that ended for a further login: beyond the
    /// [limit](super::AuthorityBuilder::limit), or all of them
    /// ([`LoginMode::ReplaceAll`](super::LoginMode::ReplaceAll)).
    Displaced {
        /// Whose.
        subject: &'a Subject,
        /// The session of that login.
        by: &'a SessionId,
    },
    /// All of a subject's but those of one session.
    Others {
        /// Whose.
        subject: &'a Subject,
        /// The session that stays.
        but: &'a SessionId,
    },
}

impl<T: Events + ?Sized> Events for Arc<T> {
    fn event(&self, event: &Event<'_>) {
        (**self).event(event);
    }
}

impl<'a> About<'a> {
    /// About the token with this record, such as [that of a caller](super::Authenticated::record).
    #[must_use]
    pub fn of(record: &'a TokenRecord) -> Self {
        Self {
            subject: record.subject(),
            session: record.session(),
            kind: record.kind(),
            client: record.client(),
        }
    }
}

impl<S> TokenAuthority<S> {
    /// Tells whoever listens: for what only you know of, a [failed login](Event::LoginFailed).
    pub fn tell(&self, event: &Event<'_>) {
        if let Some(events) = &self.shared.events {
            events.event(event);
        }
    }

    /// Who listens.
    pub(crate) fn events(&self) -> Option<Arc<dyn Events>> {
        self.shared.events.clone()
    }

    /// Whether anybody listens.
    pub(super) fn is_heard(&self) -> bool {
        self.shared.events.is_some()
    }
}
