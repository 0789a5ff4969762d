use std::sync::Arc;

#[cfg(feature = "endpoints")]
use super::Authenticated;
use super::{About, Event, TokenAuthority};
use crate::rejection::{Reason, Rejection};
use crate::store::{Held, StoreError};

/// Why a token is not good, before anybody is told.
pub(super) struct Refusal {
    reason: Reason,
    held: Option<Arc<dyn Held>>,
    error: Option<StoreError>,
}

impl Refusal {
    pub(super) const fn of(reason: Reason) -> Self {
        Self {
            reason,
            held: None,
            error: None,
        }
    }

    /// Of a token that was found.
    pub(super) const fn after(held: Arc<dyn Held>, reason: Reason) -> Self {
        Self {
            reason,
            held: Some(held),
            error: None,
        }
    }

    pub(super) const fn unavailable(error: StoreError) -> Self {
        Self {
            reason: Reason::StoreUnavailable,
            held: None,
            error: Some(error),
        }
    }

    /// Whether it says nothing of the token.
    #[cfg(feature = "stream")]
    pub(super) const fn is_unavailable(&self) -> bool {
        self.error.is_some()
    }
}

/// A 503 with `Retry-After`, for what a service itself asks of the store. Nobody hears of it.
impl From<StoreError> for Rejection {
    fn from(error: StoreError) -> Self {
        Self::unchallenged(Reason::StoreUnavailable).because(Arc::new(error))
    }
}

impl<S> TokenAuthority<S> {
    /// A refusal of what was shown, told to whoever listens.
    #[inline(always)]
    pub(crate) fn reject(&self, reason: Reason, used: usize) -> Rejection {
        // Most refusals of what attackers try end here.
        if !self.is_heard() {
            return Rejection::new(reason, self.challenges(), used);
        }
        self.refuse(Refusal::of(reason), used)
    }

    #[cold]
    pub(super) fn refuse(&self, refusal: Refusal, used: usize) -> Rejection {
        self.tell(&Event::Refused {
            reason: &refusal.reason,
            about: refusal.held.as_ref().map(|held| About::of(held.record())),
            error: refusal.error.as_ref(),
        });
        self.rejection(refusal, used)
    }

    /// What came of a check of a good token, told to whoever listens if it does not suffice.
    #[cfg(feature = "endpoints")]
    pub(crate) fn checked(
        &self,
        caller: &Authenticated,
        check: Result<(), Rejection>,
    ) -> Result<(), Rejection> {
        check.inspect_err(|rejection| {
            self.tell(&Event::Refused {
                reason: rejection.reason(),
                about: Some(About::of(caller.record())),
                error: None,
            });
        })
    }

    /// A refusal that was made elsewhere, told to whoever listens.
    #[cfg(any(feature = "endpoints", feature = "stream"))]
    pub(crate) fn told(&self, rejection: Rejection) -> Rejection {
        self.tell(&Event::Refused {
            reason: rejection.reason(),
            about: None,
            error: None,
        });
        rejection
    }

    /// That something was refused because the store could not say, told to whoever listens.
    #[cfg(feature = "endpoints")]
    pub(crate) fn tell_unavailable(&self, error: &StoreError) {
        self.tell(&Event::Refused {
            reason: &Reason::StoreUnavailable,
            about: None,
            error: Some(error),
        });
    }

    /// A refusal because the store could not say.
    #[cfg(feature = "endpoints")]
    pub(crate) fn unavailable(&self, error: StoreError) -> Rejection {
        self.refuse(Refusal::unavailable(error), 0)
    }

    /// A refusal of which nobody hears.
    pub(super) fn rejection(&self, refusal: Refusal, used: usize) -> Rejection {
        let rejection = Rejection::new(refusal.reason, self.challenges(), used);
        match refusal.error {
            None => rejection,
            Some(error) => rejection.because(Arc::new(error)),
        }
    }
}
