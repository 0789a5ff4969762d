use std::sync::Arc;

use super::kind::Kind;
use super::refusal::Refusal;
use super::touch::Claim;
use super::{Authenticated, BuildError, TokenAuthority};
use crate::clock::Timestamp;
use crate::expiry::{Verdict, judge};
use crate::rejection::{Malformed, Reason, Rejection};
use crate::store::{Finding, Held, TokenStore, Touch};
#[cfg(feature = "test-util")]
use crate::token::TokenRecord;
use crate::token::{BearerToken, MalformedToken, TokenDigest, TokenTimes};

/// The kinds of token that a door lets in, as bits.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Admitted(u64);

/// A token whose text is of a kind that is let in, and its digest. No store has heard of it yet.
#[derive(Clone, Copy)]
pub(crate) struct Presented {
    pub(super) digest: TokenDigest,
    pub(super) kind: usize,
    pub(super) used: usize,
}

/// A good token.
pub(super) struct Examined {
    pub(super) held: Arc<dyn Held>,
    pub(super) verdict: Verdict,
    now: Timestamp,
}

/// What can be said of a token at once.
pub(crate) enum Answer {
    /// The verdict.
    Done(Result<Authenticated, Rejection>),
    /// It is good, and its use is to be written down first.
    Touch(Authenticated, DueTouch),
    /// The store must be asked.
    Ask,
}

/// A touch that is this request's to write.
pub(crate) struct DueTouch {
    pub(super) touch: Touch,
    pub(super) claim: Claim,
}

impl Admitted {
    /// The kind that is issued unless another is named.
    pub(crate) const fn access() -> Self {
        Self(1)
    }

    pub(super) const fn all() -> Self {
        Self(u64::MAX)
    }

    const fn has(self, kind: usize) -> bool {
        self.0 >> kind & 1 == 1
    }
}

impl<S> TokenAuthority<S> {
    /// The kinds of these names.
    pub(crate) fn admitted(&self, names: &[&str]) -> Result<Admitted, BuildError> {
        if names.is_empty() {
            return Err(BuildError::no_kind());
        }
        let kinds = &self.shared.kinds;
        names.iter().try_fold(Admitted(0), |Admitted(bits), name| {
            let known = || kinds.iter().map(|kind| kind.kind.name().to_owned());
            let index = kinds.iter().position(|kind| kind.kind.name() == *name);
            index
                .map(|index| Admitted(bits | 1 << index))
                .ok_or_else(|| BuildError::unknown_kind(name, known()))
        })
    }

    /// Whether a token with this record is of one of these kinds.
    #[cfg(feature = "test-util")]
    pub(crate) fn admits(&self, record: &TokenRecord, admitted: Admitted) -> bool {
        let mut kinds = self.shared.kinds.iter();
        let index = kinds.position(|kind| kind.kind.is_of(record));
        index.is_some_and(|index| admitted.has(index))
    }

    /// The digest of what was shown as a token, if it is of one of the kinds.
    pub(crate) fn recognise(&self, text: &[u8]) -> Option<TokenDigest> {
        let mut kinds = self.shared.kinds.iter();
        let recognised = kinds.find_map(|kind| kind.kind.recognise(text))?;
        Some(recognised.digest())
    }

    /// The kind and the digest of what was shown as a token, by its text alone.
    #[inline(always)]
    pub(crate) fn present(
        &self,
        text: &[u8],
        admitted: Admitted,
        used: usize,
    ) -> Result<Presented, Reason> {
        for (kind, Kind { kind: own, .. }) in self.shared.kinds.iter().enumerate() {
            if let Some(recognised) = own.recognise(text) {
                if !admitted.has(kind) {
                    return Err(Reason::WrongKind);
                }
                let digest = recognised.digest();
                return Ok(Presented { digest, kind, used });
            }
        }
        Err(match MalformedToken::of(text) {
            Some(fault) => Reason::Malformed(Malformed::Token(fault)),
            None => Reason::UnknownToken,
        })
    }
}

impl<S: TokenStore> TokenAuthority<S> {
    /// Authenticates a token of the authority's first kind that did not come by HTTP. It counts
    /// as a use.
    ///
    /// # Errors
    ///
    /// Why the token is not good, or a 503 when the store can't say.
    // Said of every lifetime here, where the compiler can't see it for a store that is a `dyn`.
    #[expect(clippy::manual_async_fn, reason = "it may be sent")]
    pub fn authenticate(
        &self,
        token: &BearerToken<'_>,
    ) -> impl Future<Output = Result<Authenticated, Rejection>> + Send {
        async move {
            let presented = self
                .present(token.expose().as_bytes(), Admitted::access(), 0)
                .map_err(|reason| self.reject(reason, 0))?;
            self.authenticate_presented(presented).await
        }
    }

    /// The answer without waiting, as far as there is one.
    pub(crate) fn authenticate_now(&self, presented: &Presented) -> Answer {
        match self.shared.store.find_now(&presented.digest) {
            Some(finding) => self.decide(presented, finding),
            None => Answer::Ask,
        }
    }

    /// The answer, with all waiting that it takes.
    pub(crate) async fn authenticate_presented(
        &self,
        presented: Presented,
    ) -> Result<Authenticated, Rejection> {
        let finding = self.shared.store.find(&presented.digest).await;
        match self.decide(&presented, finding) {
            Answer::Done(verdict) => verdict,
            Answer::Touch(authenticated, due) => Ok(self.touched(authenticated, due).await),
            Answer::Ask => Err(self.reject(Reason::StoreUnavailable, presented.used)),
        }
    }

    /// Writes the use down. That it can't be written fails no request: the next one tries again.
    pub(crate) async fn touched(
        &self,
        authenticated: Authenticated,
        due: DueTouch,
    ) -> Authenticated {
        if self.shared.store.extend(&[due.touch]).await.is_ok() {
            due.claim.used();
            return authenticated;
        }
        authenticated.used_until(None)
    }

    /// What is found, judged.
    fn decide(&self, presented: &Presented, finding: Finding<S::Principal>) -> Answer {
        let Examined { held, verdict, now } = match self.examine(presented, finding) {
            Ok(examined) => examined,
            Err(refusal) => return Answer::Done(Err(self.refuse(refusal, presented.used))),
        };
        let due = match verdict.touch {
            None => None,
            Some(expires_at) => self.due(presented, &*held, now, expires_at),
        };
        let authenticated = Authenticated::new(
            held,
            verdict.bound,
            self.challenges(),
            presented.used,
            Some(presented.digest),
        );
        // Whoever has the claim writes it.
        let authenticated = authenticated.used_until(verdict.touch);
        match due {
            None => Answer::Done(Ok(authenticated)),
            Some(due) => Answer::Touch(authenticated, due),
        }
    }

    /// The touch that this request has to wait for.
    #[cold]
    fn due(
        &self,
        presented: &Presented,
        #[cfg_attr(
            not(feature = "tasks"),
            expect(unused_variables, reason = "told to the task that writes uses")
        )]
        held: &dyn Held,
        now: Timestamp,
        expires_at: Timestamp,
    ) -> Option<DueTouch> {
        let interval = self.shared.kinds[presented.kind].policy.write_interval();
        let touches = &self.shared.touches;
        let due = DueTouch {
            claim: touches.claim(&presented.digest, now, interval)?,
            touch: Touch {
                digest: presented.digest,
                used_at: now,
                expires_at,
            },
        };
        #[cfg(feature = "tasks")]
        let due = self.leave_behind(due, held.record().times().expires_at)?;
        Some(due)
    }

    /// All checks of a token, and no use of it counted. The clock is read now, after the look-up.
    #[inline]
    pub(super) fn examine(
        &self,
        presented: &Presented,
        finding: Finding<S::Principal>,
    ) -> Result<Examined, Refusal> {
        let held = match finding {
            Ok(Some(found)) => found.into_held(),
            Ok(None) => return Err(Refusal::of(Reason::UnknownToken)),
            Err(error) => return Err(Refusal::unavailable(error)),
        };
        let kind = &self.shared.kinds[presented.kind];
        let record = held.record();
        if !kind.kind.is_of(record) || record.generation().is_some() {
            return Err(Refusal::of(Reason::UnknownToken));
        }
        let now = self.now();
        let verdict = self.verdict(kind, &presented.digest, record.times(), now);
        if !verdict.live {
            return Err(Refusal::after(held, Reason::Expired(verdict.bound.rule)));
        }
        if held.principal().is_none() {
            return Err(Refusal::after(held, Reason::Suspended));
        }
        Ok(Examined { held, verdict, now })
    }

    /// The verdict of today's policy, with uses that are not written yet.
    #[inline]
    pub(super) fn verdict(
        &self,
        kind: &Kind,
        digest: &TokenDigest,
        times: &TokenTimes,
        now: Timestamp,
    ) -> Verdict {
        let verdict = judge(&*kind.policy, times, now);
        #[cfg(feature = "tasks")]
        if !verdict.live
            && let Some(times) = self.with_unwritten(digest, times)
        {
            return judge(&*kind.policy, &times, now);
        }
        let _ = digest;
        verdict
    }
}
