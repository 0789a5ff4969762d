use zeroize::Zeroizing;

use super::{IssueError, IssuedToken, Kind, TokenAuthority};
use crate::store::{IssuingStore, Place, StoreError, TokenStore};
use crate::token::{Seed, TokenDigest, TokenRecord};

/// What a login does to the tokens of its kind that the subject has already. Logins of one
/// subject at the same moment agree on one outcome.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum LoginMode {
    /// A new token each time; the others stay.
    #[default]
    New,
    /// One token a user: a further login is told the same one and starts its life anew, also when
    /// it had ended, as long as its record is still there. Its scopes and its label are those of
    /// the last login. A logout is final.
    ///
    /// A token that is told again and again lives as long as somebody logs in: who has stolen it
    /// once has it for ever. It is here for clients that expect it; `New` is better.
    Renew,
    /// One token a user: a live one is told again as it is, with the time that it has left, and a
    /// dead one is replaced.
    ReplaceExpired,
    /// One session at a time: all others end, with what was delegated in them.
    ReplaceAll,
}

impl LoginMode {
    pub(super) const fn place(self) -> Place {
        match self {
            Self::New => Place::Add,
            Self::Renew => Place::Renew,
            Self::ReplaceExpired => Place::KeepLive,
            Self::ReplaceAll => Place::ReplaceAll,
        }
    }

    /// Whether a token that is there may be told again.
    pub(super) const fn tells_again(self) -> bool {
        matches!(self, Self::Renew | Self::ReplaceExpired)
    }

    /// What becomes of the mode where a new session is asked for in any case: one with a refresh
    /// token, or with a text of its own.
    pub(super) const fn of_a_new_session(self) -> Self {
        match self {
            Self::Renew | Self::ReplaceExpired => Self::New,
            Self::New | Self::ReplaceAll => self,
        }
    }
}

impl<S: IssuingStore> TokenAuthority<S> {
    /// A derived token that the store kept, told again. None when no layer would let it in: it
    /// was derived with another key, a stricter policy has ended it, or it is gone by now.
    pub(super) async fn tell_again(
        &self,
        kind: &Kind,
        record: &TokenRecord,
    ) -> Result<Option<IssuedToken>, StoreError> {
        let Some(seed) = record.seed() else {
            return Ok(None);
        };
        let shared = &self.shared;
        let now = kind
            .kind
            .derive(record.subject().route(), &shared.key, seed, 0);
        let there = match shared.store.find(&now.1).await? {
            Some(_) => Some(now),
            None => self.formerly_derived(kind, record, seed, 0).await?,
        };
        let Some((secret, digest)) = there else {
            return Ok(None);
        };
        let verdict = self.verdict(kind, &digest, record.times(), self.now());
        Ok(verdict
            .live
            .then(|| IssuedToken::new(secret, record.clone(), verdict.bound.at).told_again()))
    }
}

impl<S: TokenStore> TokenAuthority<S> {
    /// The text and the digest of a derived token that was made before its kind was changed, if it
    /// is there.
    pub(super) async fn formerly_derived(
        &self,
        kind: &Kind,
        record: &TokenRecord,
        seed: &Seed,
        generation: u32,
    ) -> Result<Option<(Zeroizing<String>, TokenDigest)>, StoreError> {
        let (route, key) = (record.subject().route(), &self.shared.key);
        for (secret, digest) in kind.kind.derive_formerly(route, key, seed, generation) {
            if self.shared.store.find(&digest).await?.is_some() {
                return Ok(Some((secret, digest)));
            }
        }
        Ok(None)
    }
}

/// How often a login may find that what it was to be told again has changed under its hands.
pub(super) const ATTEMPTS: usize = 8;

pub(super) fn contended() -> IssueError {
    IssueError::Store(StoreError::new(format!(
        "the subject's token was changed by others {ATTEMPTS} times during one login; do all nodes have the same server key?"
    )))
}
