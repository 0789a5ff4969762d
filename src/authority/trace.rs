use std::error::Error;

use tracing::field::display;
use tracing::{debug, info, warn};

use super::{About, Event, Events, RefreshError, Revoked};
use crate::store::StoreError;

/// Writes each event down as an event of tracing, of the target `tower_expiring_token`: theft and a
/// store that can't answer a request as warnings, refused requests, throttled logins and purges for
/// debugging, all else as information. No secret is in it; whose token it is about stands in `subject`, `session`,
/// `kind` and `client`.
///
/// ```
/// # use tower_expiring_token::{Lifetime, MemoryStore, TokenAuthority};
/// use tower_expiring_token::TracingEvents;
///
/// let tokens = TokenAuthority::builder(MemoryStore::new())
///     .expiry(Lifetime::hours(24))
///     .events(TracingEvents)
///     .build()?;
/// # let _ = tokens;
/// # Ok::<_, tower_expiring_token::BuildError>(())
/// ```
#[derive(Clone, Copy, Debug, Default)]
pub struct TracingEvents;

/// An event of this level about a token, or about none that is known.
macro_rules! about {
    ($level:ident, $about:expr, $($rest:tt)+) => {
        match $about {
            Some(About { subject, session, kind, client }) => $level!(
                target: TARGET,
                subject = subject.as_str(), %session, kind, client, $($rest)+
            ),
            None => $level!(target: TARGET, $($rest)+),
        }
    };
}

const TARGET: &str = "tower_expiring_token";

impl Events for TracingEvents {
    fn event(&self, event: &Event<'_>) {
        match *event {
            Event::Issued(about) => about!(info, Some(about), "token issued"),
            Event::ToldAgain(about) => about!(info, Some(about), "token told again"),
            Event::Refreshed(about) => about!(info, Some(about), "token refreshed"),
            Event::RefreshRefused {
                error: RefreshError::Store(error),
                ..
            } => store_failed(error),
            Event::RefreshRefused { error, about } => {
                about!(info, about, reason = %error, "refresh refused");
            }
            Event::ReuseDetected(about) => {
                about!(warn, Some(about), "refresh token reused, session ended");
            }
            Event::SteppedUp(about) => about!(info, Some(about), "token stepped up"),
            Event::Delegated(about) => about!(info, Some(about), "token delegated"),
            Event::LoginFailed { subject, address } => {
                let address = address.map(display);
                info!(target: TARGET, subject, address, "login failed");
            }
            Event::LoginThrottled {
                subject, address, ..
            } => {
                let address = address.map(display);
                debug!(target: TARGET, subject, address, "login throttled");
            }
            Event::ClientRefused { client } => info!(target: TARGET, client, "client refused"),
            Event::Refused {
                error: Some(error), ..
            } => store_failed(error),
            Event::Refused { reason, about, .. } => {
                about!(debug, about, %reason, "request refused");
            }
            Event::Revoked { what, tokens } => revoked(what, tokens),
            Event::RevocationRefused { client, about } => {
                about!(info, Some(about), asked_by = client, "revocation refused");
            }
            Event::Purged { tokens } => debug!(target: TARGET, tokens, "dead tokens purged"),
        }
    }
}

fn store_failed(error: &StoreError) {
    let cause = error.source().map(ToString::to_string);
    warn!(target: TARGET, cause, "the token store could not answer");
}

fn revoked(what: Revoked<'_>, tokens: u64) {
    match what {
        Revoked::Token(about) => about!(info, Some(about), "token revoked"),
        Revoked::Session { subject, session } => {
            info!(target: TARGET, subject = subject.as_str(), %session, tokens, "session revoked");
        }
        Revoked::All { subject } => {
            info!(target: TARGET, subject = subject.as_str(), tokens, "all tokens revoked");
        }
        Revoked::Displaced { subject, by } => {
            info!(target: TARGET, subject = subject.as_str(), %by, tokens, "sessions ended by a further login");
        }
        Revoked::Others { subject, but } => {
            info!(target: TARGET, subject = subject.as_str(), %but, tokens, "all other tokens revoked");
        }
    }
}
