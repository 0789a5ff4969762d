use std::sync::Arc;
use std::time::Duration;

use http::{HeaderName, HeaderValue, Response};

use super::layer::Manner;
use crate::authority::Authenticated;
use crate::clock::{Clock, Timestamp};
use crate::rejection::Rejection;

/// The header of [`announce_expiry`](super::ExpiringTokenLayer::announce_expiry): in how many whole
/// seconds the token ends that a request was let in by, rounded down, as an integer of
/// [RFC 9651](https://www.rfc-editor.org/rfc/rfc9651#name-integers): `token-expires-in: 299`.
pub const TOKEN_EXPIRES_IN: HeaderName = HeaderName::from_static("token-expires-in");

/// Which ends are announced, and by whose clock.
#[derive(Clone)]
pub(super) struct Announce {
    pub(super) within: Duration,
    pub(super) clock: Arc<dyn Clock>,
}

/// An end that is announced if it is near when the response is there.
pub(super) struct Ending<R> {
    manner: Arc<Manner<R>>,
    at: Timestamp,
}

impl<R> Ending<R> {
    /// None where nothing is announced.
    pub(super) fn of(manner: &Arc<Manner<R>>, authenticated: &Authenticated) -> Option<Self> {
        manner.announce.is_some().then(|| Self {
            manner: Arc::clone(manner),
            at: authenticated.expires_at(),
        })
    }

    pub(super) fn announce<B>(&self, response: &mut Response<B>) {
        let Some(Announce { within, clock }) = &self.manner.announce else {
            return;
        };
        let left = self.at.since(clock.now());
        if left <= *within && response.extensions().get::<Rejection>().is_none() {
            let seconds = HeaderValue::from(left.as_secs());
            response.headers_mut().insert(TOKEN_EXPIRES_IN, seconds);
        }
    }
}
