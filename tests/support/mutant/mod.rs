//! Stores that break one promise each.

mod issuing;
mod rotating;
mod tokens;
mod watched;

use std::collections::{HashMap, HashSet};
use std::sync::Mutex;
use std::sync::atomic::AtomicBool;

use tower_expiring_token::{
    IssuingStore, MemoryStore, NewSession, NewToken, Subject, TokenDigest, TokenRecord, TokenStore,
};

pub(crate) use self::watched::{Secretive, Untold};
use super::tokens::ADD;

/// What is wrong with a store.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Wrong {
    // Look-ups.
    FindByHalfTheDigest,
    FindHidesTheDead,
    FindForgetsPrincipals,
    FindNowRemembers,
    FindAnswersTheCallBefore,
    FindKeepsWhatItRead,
    HoldsWhatWasThere,
    // Values.
    Seconds,
    Milliseconds,
    ShortScopes,
    ShortLabels,
    // Touches.
    ExtendSavesBlindly,
    ExtendSavesWhatItRead,
    ExtendMovesBack,
    ExtendGoesBeyond,
    ExtendRevivesTheDead,
    ExtendTouchesTheSession,
    ExtendAddsUp,
    ExtendMakesTokens,
    ExtendStopsAtAHundred,
    TouchesDeadlock,
    // Logins.
    AddReplaces,
    EqualDigestsFail,
    ReplaceAllTakesOtherKinds,
    ReplaceAllLeavesDerived,
    ReplaceAllLeavesDelegated,
    RenewInserts,
    RenewKeepsTheLabel,
    RenewSparesTheDead,
    RenewBringsBack,
    RenewTakesRandom,
    KeepLiveRenews,
    KeepLiveReturnsTheDead,
    InsertInTwoSteps,
    InsertLeavesATransactionOpen,
    InsertSaysNothingOfPlaces,
    LookThenRenew,
    // Limits.
    CountThenInsert,
    EvictByIssue,
    EvictBlindToUses,
    CountTheDead,
    CountTokens,
    EvictTheNew,
    EvictLeavesDelegated,
    CountOtherKinds,
    LimitOnlyBesideAdd,
    InsertSaysNothingOfLimits,
    // Removals.
    RemoveTwiceFails,
    RemoveCountsWhatItRead,
    RemoveSessionTakesOne,
    RemoveSessionOfAnybody,
    RemoveSubjectMiscounts,
    RemoveSubjectForgetsBut,
    RemoveSubjectCountsFirst,
    RemoveOneByOne,
    SubjectsInAnyCase,
    SubjectsAsNumbers,
    ListHidesTheDead,
    // Purges.
    PurgeByExpiresAt,
    PurgeTakesMore,
    PurgeGivesUpEarly,
    PurgeDeletesWhatItRead,
    PurgeIsUndone,
    PurgeWritesBack,
    // Rotations.
    TwoWin,
    RotateKeepsOlder,
    RotateIsNoUse,
    RotateMovesEndBack,
    AgainIsNew,
    GraceBeginsAgain,
    ReuseIsForgiven,
    AnyGeneration,
    AgainAfterLogout,
    AccessComesLate,
    ReuseChecksLate,
    RefreshStays,
    RefreshIsDerived,
    RotateInTwoSteps,
}

/// The memory store, with one thing wrong.
pub(crate) struct Mutant {
    wrong: Wrong,
    store: MemoryStore,
    /// All that was ever kept.
    seen: Mutex<HashMap<TokenDigest, TokenRecord>>,
    /// The answer to the look-up before.
    before: Mutex<Option<TokenDigest>>,
    /// Answers, until something changes.
    cache: Mutex<HashMap<TokenDigest, TokenRecord>>,
    /// Rows that a touch has locked.
    locked: Mutex<HashSet<TokenDigest>>,
    /// Whether a call that was dropped has left a transaction open.
    open: AtomicBool,
}

impl Mutant {
    pub(crate) fn new(wrong: Wrong) -> Self {
        Self {
            wrong,
            store: MemoryStore::new(),
            seen: Mutex::default(),
            before: Mutex::default(),
            cache: Mutex::default(),
            locked: Mutex::default(),
            open: AtomicBool::new(false),
        }
    }

    /// Something is about to change, or has just changed.
    fn forget(&self) {
        self.cache.lock().unwrap().clear();
    }

    fn is(&self, wrong: Wrong) -> bool {
        self.wrong == wrong
    }

    fn see(&self, new: &NewSession) {
        let mut seen = self.seen.lock().unwrap();
        for token in [&new.access].into_iter().chain(&new.refresh) {
            seen.insert(token.digest, token.record.clone());
        }
    }

    fn seen(&self, digest: &TokenDigest) -> Option<TokenRecord> {
        self.seen.lock().unwrap().get(digest).cloned()
    }

    /// What is kept of this token.
    fn kept(&self, digest: &TokenDigest) -> Option<TokenRecord> {
        let found = self.store.find_now(digest)?.unwrap()?;
        Some(found.record().clone())
    }

    /// All that is kept.
    fn all(&self) -> Vec<(TokenDigest, TokenRecord)> {
        let digests: Vec<TokenDigest> = self.seen.lock().unwrap().keys().copied().collect();
        let kept = |digest| Some((digest, self.kept(&digest)?));
        digests.into_iter().filter_map(kept).collect()
    }

    fn of(&self, subject: &Subject) -> Vec<(TokenDigest, TokenRecord)> {
        let mut all = self.all();
        all.retain(|(_, record)| record.subject() == subject);
        all
    }

    /// Keeps a record, whatever is there.
    async fn put(&self, digest: TokenDigest, record: TokenRecord) {
        let access = NewToken { digest, record };
        let login = NewSession {
            access,
            refresh: None,
        };
        self.see(&login);
        self.store.insert(login, ADD).await.unwrap();
    }
}
