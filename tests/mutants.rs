//! The suite for stores bites: a store with one thing wrong is caught, and the promise named.

use std::thread;

use futures_util::future::join_all;
use tower_expiring_token::testing::contract;

use crate::support::mutant::{Mutant, Secretive, Untold, Wrong};

/// Each wrong store, and the promise that it is caught by.
const CAUGHT: &[(Wrong, &str)] = &[
    (
        Wrong::FindByHalfTheDigest,
        "`find` finds a token by all of its digest, and none where there is none",
    ),
    (
        Wrong::FindHidesTheDead,
        "`find` gives dead tokens too: no store judges",
    ),
    (
        Wrong::FindForgetsPrincipals,
        "`find` gives the principal of an active account beside each of its tokens",
    ),
    (
        Wrong::FindNowRemembers,
        "where `find_now` answers, it answers as `find` does",
    ),
    (
        Wrong::FindAnswersTheCallBefore,
        "the store works on after a call was dropped",
    ),
    (
        Wrong::FindKeepsWhatItRead,
        "a look-up that meets a change leaves nothing behind of what was before",
    ),
    (
        Wrong::HoldsWhatWasThere,
        "`holds` says whether a token is there now",
    ),
    (Wrong::Seconds, "times come back to the microsecond"),
    (Wrong::Milliseconds, "times come back to the microsecond"),
    (
        Wrong::ShortScopes,
        "kind, session, subject and scopes come back as they were kept",
    ),
    (
        Wrong::ShortLabels,
        "every other value comes back as it was kept",
    ),
    (
        Wrong::ExtendSavesBlindly,
        "`extend` never revives what was removed",
    ),
    (
        Wrong::ExtendSavesWhatItRead,
        "a touch that meets a removal revives nothing",
    ),
    (Wrong::ExtendMovesBack, "`extend` never moves a time back"),
    (
        Wrong::ExtendGoesBeyond,
        "`extend` never moves an end beyond `ends_at`",
    ),
    (
        Wrong::ExtendRevivesTheDead,
        "`extend` leaves a token that had ended by the time of use as it is",
    ),
    (
        Wrong::ExtendTouchesTheSession,
        "`extend` moves `last_used_at` and `expires_at`, and nothing else",
    ),
    (
        Wrong::ExtendAddsUp,
        "the same touch twice is as good as once",
    ),
    (
        Wrong::ExtendMakesTokens,
        "`extend` makes no token where there is none",
    ),
    (
        Wrong::ExtendStopsAtAHundred,
        "`extend` writes each of many touches",
    ),
    (
        Wrong::AddReplaces,
        "`Place::Add` keeps a token beside the others",
    ),
    (
        Wrong::EqualDigestsFail,
        "a token whose digest is there already is replaced",
    ),
    (
        Wrong::ReplaceAllTakesOtherKinds,
        "a login leaves tokens of other kinds and of other subjects as they are",
    ),
    (
        Wrong::ReplaceAllLeavesDerived,
        "`Place::ReplaceAll` keeps the new token in place of all of its kind",
    ),
    (
        Wrong::ReplaceAllLeavesDelegated,
        "`Place::ReplaceAll` ends sessions with their tokens of other kinds",
    ),
    (
        Wrong::RenewInserts,
        "`Place::Renew` gives the derived token that is there new times, scopes and label",
    ),
    (
        Wrong::RenewKeepsTheLabel,
        "`Place::Renew` gives the derived token that is there new times, scopes and label",
    ),
    (
        Wrong::RenewSparesTheDead,
        "`Place::Renew` renews a dead token too",
    ),
    (
        Wrong::RenewBringsBack,
        "`Place::Renew` does not bring back what was removed",
    ),
    (
        Wrong::RenewTakesRandom,
        "`Place::Renew` keeps the new token where there is no derived one",
    ),
    (
        Wrong::KeepLiveRenews,
        "`Place::KeepLive` keeps a live derived token as it is",
    ),
    (
        Wrong::KeepLiveReturnsTheDead,
        "`Place::KeepLive` keeps the new token instead of a dead one",
    ),
    (
        Wrong::InsertInTwoSteps,
        "a call that is dropped at any await is done or not done, never half",
    ),
    (
        Wrong::InsertLeavesATransactionOpen,
        "what is acknowledged after a call was dropped is done",
    ),
    (Wrong::LookThenRenew, "logins that meet agree on one token"),
    (
        Wrong::CountThenInsert,
        "no limit is exceeded by logins that meet",
    ),
    (
        Wrong::InsertSaysNothingOfPlaces,
        "`Place::ReplaceAll` ends sessions with their tokens of other kinds",
    ),
    (
        Wrong::InsertSaysNothingOfLimits,
        "a limit ends the sessions that were least recently used, and no more than it must",
    ),
    (
        Wrong::EvictByIssue,
        "a limit ends the sessions that were least recently used, and no more than it must",
    ),
    (
        Wrong::EvictBlindToUses,
        "a limit counts the uses that were written",
    ),
    (Wrong::CountTheDead, "a limit counts live sessions alone"),
    (
        Wrong::CountTokens,
        "a limit counts a session once and ends it with all of its tokens",
    ),
    (
        Wrong::EvictLeavesDelegated,
        "a limit ends a session with its tokens of other kinds, whose lives and uses do not count",
    ),
    (Wrong::EvictTheNew, "a limit never ends the new session"),
    (
        Wrong::CountOtherKinds,
        "a limit neither counts nor ends other kinds and other subjects",
    ),
    (Wrong::LimitOnlyBesideAdd, "a limit holds in each place"),
    (
        Wrong::RemoveTwiceFails,
        "`remove` removes one token, and says whether there was one",
    ),
    (
        Wrong::RemoveSessionTakesOne,
        "`remove_session` removes all tokens of a session, and says how many",
    ),
    (
        Wrong::RemoveSessionOfAnybody,
        "`remove_session` never removes another subject's session",
    ),
    (
        Wrong::RemoveSubjectMiscounts,
        "`remove_subject` removes all tokens of a subject, and says how many",
    ),
    (
        Wrong::RemoveSubjectForgetsBut,
        "`remove_subject` leaves the session that is named with all of its tokens",
    ),
    (
        Wrong::RemoveOneByOne,
        "a call that is dropped at any await is done or not done, never half",
    ),
    (
        Wrong::SubjectsInAnyCase,
        "no subject is taken for another: not by case, spaces, wildcards or length",
    ),
    (
        Wrong::SubjectsAsNumbers,
        "no subject is taken for another: not by case, spaces, wildcards or length",
    ),
    (
        Wrong::ListHidesTheDead,
        "`list` gives all records of a subject, dead ones too, and nobody else's",
    ),
    (
        Wrong::PurgeByExpiresAt,
        "`purge` removes what has ended by `ends_at`, whatever `expires_at` says, and nothing else",
    ),
    (
        Wrong::PurgeTakesMore,
        "`purge` removes at most as many as it may, and says how many",
    ),
    (
        Wrong::PurgeGivesUpEarly,
        "when `purge` removes fewer than it may, none is left",
    ),
    (
        Wrong::PurgeDeletesWhatItRead,
        "a purge takes no token that a login has just renewed",
    ),
    (
        Wrong::PurgeIsUndone,
        "`extend` never revives what was purged",
    ),
    (
        Wrong::TwoWin,
        "of rotations that meet one alone wins, and all others are told its access token",
    ),
    (
        Wrong::RotateKeepsOlder,
        "`rotate` removes the session's older access tokens of its kind, and no other token",
    ),
    (
        Wrong::RotateMovesEndBack,
        "`rotate` moves the refresh token's end forward only, never beyond its `ends_at`",
    ),
    (
        Wrong::AgainIsNew,
        "within the grace the generation before is told the first rotation's access token again",
    ),
    (
        Wrong::GraceBeginsAgain,
        "the grace is counted from the first rotation alone",
    ),
    (
        Wrong::ReuseIsForgiven,
        "an older generation is reuse, and removes the session with all of its tokens",
    ),
    (
        Wrong::AnyGeneration,
        "a session that is not there or has ended, or a generation to come, is unknown",
    ),
    (
        Wrong::AgainAfterLogout,
        "what was removed is not told again",
    ),
    (
        Wrong::AccessComesLate,
        "a rotation that meets a logout leaves nothing of the session",
    ),
    (
        Wrong::ReuseChecksLate,
        "a rotation that meets a reuse leaves nothing of the session",
    ),
    (
        Wrong::RefreshStays,
        "a refresh token goes and stays with its session",
    ),
    (
        Wrong::RefreshIsDerived,
        "a refresh token is never taken for a derived token",
    ),
    (
        Wrong::RotateInTwoSteps,
        "a call that is dropped at any await is done or not done, never half",
    ),
    (
        Wrong::TouchesDeadlock,
        "touches of the same tokens in opposite orders do not stop each other",
    ),
    (
        Wrong::RemoveCountsWhatItRead,
        "of removals that meet, each token is counted by one alone",
    ),
    (
        Wrong::RemoveSubjectCountsFirst,
        "`remove_subject` leaves no token that was there before it, and counts what it removes, beside a login",
    ),
    (
        Wrong::PurgeWritesBack,
        "a purge that meets touches takes what has ended alone, and no touch is lost",
    ),
    (
        Wrong::RotateIsNoUse,
        "`rotate` turns the current generation to the next, with a new access token",
    ),
];

/// What a store does not tell its watches, and the promise that it is caught by.
const HEARD: &[(Untold, &str)] = &[
    (
        Untold::Connection,
        "a watch says `Connected` first, and then tells of a token that is removed",
    ),
    (
        Untold::WhatOthersDid,
        "a watch says `Connected` first, and then tells of a token that is removed",
    ),
    (
        Untold::SecondsOfASession,
        "what a session or a subject loses at once is told",
    ),
    (Untold::AfterAHundred, "each of many tokens is told"),
    (Untold::Evictions, "what a limit ends is told"),
    (Untold::Replacements, "what a login replaces is told"),
    (Untold::TakenOver, "what a login replaces is told"),
    (Untold::Renewals, "what a login renews is told"),
    (Untold::Rotations, "what a rotation replaces is told"),
    (Untold::Reuse, "what a reuse ends is told"),
    (
        Untold::Nothing,
        "a change is told when it can be seen, never before",
    ),
    (
        Untold::WhileNobodyWaits,
        "a call for the next change that is dropped has lost none",
    ),
    (
        Untold::WhenDropped,
        "what a call has removed that was dropped is told",
    ),
];

#[tokio::test]
async fn each_store_that_does_not_tell_all_is_caught_by_the_promise_that_it_breaks() {
    // Together, since some are waited for in vain.
    join_all(HEARD.iter().map(async |&(untold, promise)| {
        let broken = contract::watched_store(|| Secretive::two(untold)).await;
        let broken = broken.expect_err(promise);
        let caught = broken.promises().any(|broken| broken == promise);
        assert!(caught, "{untold:?}, not by {promise:?}: {broken}");
    }))
    .await;
}

#[test]
fn each_wrong_store_is_caught_by_the_promise_that_it_breaks() {
    let escaped: Vec<String> = thread::scope(|scope| {
        let parts = CAUGHT.chunks(CAUGHT.len().div_ceil(4));
        let parts: Vec<_> = parts.map(|part| scope.spawn(|| escaped(part))).collect();
        let escaped = parts.into_iter().flat_map(|part| part.join().unwrap());
        escaped.collect()
    });
    assert!(escaped.is_empty(), "not caught: {}", escaped.join("\n"));
}

fn escaped(wrong: &[(Wrong, &str)]) -> Vec<String> {
    let runtime = tokio::runtime::Builder::new_current_thread()
        .build()
        .unwrap();
    let escaped = |&(wrong, promise)| {
        let contract = contract::rotating_store(|| async { Mutant::new(wrong) });
        match runtime.block_on(contract.into_future()) {
            Err(broken) if broken.promises().any(|broken| broken == promise) => None,
            Err(broken) => Some(format!("{wrong:?}, not by {promise:?}: {broken}")),
            Ok(()) => Some(format!("{wrong:?}, not at all")),
        }
    };
    wrong.iter().filter_map(escaped).collect()
}
