use std::num::NonZeroUsize;

use super::{Came, extend, insert, meet, purge, remove_all, remove_one};
use crate::store::{Inserted, IssuingStore, NewToken, Place, Slot, Touch};
use crate::testing::contract::broken::{Fault, Report, same};
use crate::testing::contract::stage::{Stage, find, gone, kept, lists};
use crate::testing::contract::token::{ADD, Draft, at, slot, touch};
use crate::token::TokenRecord;

pub(in super::super) async fn issuing<S: IssuingStore>(stage: &Stage<'_, S>, report: &mut Report) {
    report.promise(
        "no limit is exceeded by logins that meet",
        logins_at_a_limit(stage).await,
    );
    for place in [Place::Renew, Place::KeepLive, Place::ReplaceAll] {
        report.promise(
            "logins that meet agree on one token",
            logins_agree(stage, place).await,
        );
    }
    report.promise(
        "of removals that meet, each token is counted by one alone",
        removals(stage).await,
    );
    report.promise(
        "`remove_subject` leaves no token that was there before it, and counts what it removes, beside a login",
        removal_beside_login(stage).await,
    );
    report.promise(
        "a touch that meets a removal revives nothing",
        touch_beside_removal(stage).await,
    );
    report.promise(
        "a purge that meets touches takes what has ended alone, and no touch is lost",
        purge_beside_touches(stage).await,
    );
    report.promise(
        "a purge takes no token that a login has just renewed",
        purge_beside_renewal(stage).await,
    );
    report.promise(
        "touches of the same tokens in opposite orders do not stop each other",
        opposite_touches(stage).await,
    );
}

async fn logins_at_a_limit<S: IssuingStore>(stage: &Stage<'_, S>) -> Result<(), Fault> {
    let limit = NonZeroUsize::new(3);
    let store = stage
        .holding(&[stage.token(1).token(), stage.token(2).token()])
        .await?;
    for round in 0..stage.rounds() {
        let first = 10 + 10 * round as u64;
        let logins = (first..first + 8).map(|number| stage.token(number).later(round as u64));
        let logins = logins.map(|draft| insert(&store, draft.login(), Slot { limit, ..ADD }));
        let logins = logins.collect();
        let before = store.list(&stage.subject()).await?.len() as u64;
        let came = meet(stage, round, logins).await?;
        same("how many are kept", &new_ones(&came), &8)?;
        let left = store.list(&stage.subject()).await?.len();
        same("how many sessions are left at a limit of 3", &left, &3)?;
        same("how many ended", &ended(&came), &(before + 8 - 3))?;
    }
    Ok(())
}

/// How many were told that theirs is kept.
fn new_ones(came: &[Came]) -> usize {
    let new = |came: &&Came| matches!(came, Came::Inserted(Inserted { instead: None, .. }));
    came.iter().filter(new).count()
}

/// How many tokens ended, by all answers together.
fn ended(came: &[Came]) -> u64 {
    came.iter()
        .map(|came| match came {
            Came::Inserted(inserted) => inserted.ended,
            _ => 0,
        })
        .sum()
}

async fn logins_agree<S: IssuingStore>(stage: &Stage<'_, S>, place: Place) -> Result<(), Fault> {
    for round in 0..stage.rounds() {
        let store = stage.empty().await?;
        let drafts: Vec<Draft> = (1..=6)
            .map(|number| stage.token(number).seed(number as u8))
            .collect();
        let logins = drafts
            .iter()
            .map(|draft| insert(&store, draft.login(), slot(place)));
        let came = meet(stage, round, logins.collect()).await?;
        let left = store.list(&stage.subject()).await?;
        same(
            format!("how many tokens are left after {place:?}"),
            &left.len(),
            &1,
        )?;
        let (kept, gone) = match place {
            Place::ReplaceAll => (6, 5),
            _ => (1, 0),
        };
        let what = "how many were told that theirs is kept";
        same(what, &new_ones(&came), &kept)?;
        same("how many ended", &ended(&came), &gone)?;
        if place == Place::ReplaceAll {
            continue;
        }
        for (came, draft) in came.iter().zip(&drafts) {
            let seed = match came {
                Came::Inserted(Inserted {
                    instead: Some(record),
                    ..
                }) => record.seed().cloned(),
                _ => draft.token().record.seed().cloned(),
            };
            same(
                "the seed of the token that is left",
                &left[0].seed().cloned(),
                &seed,
            )?;
        }
    }
    Ok(())
}

async fn removals<S: IssuingStore>(stage: &Stage<'_, S>) -> Result<(), Fault> {
    for round in 0..stage.rounds() {
        let drafts = [1, 2, 3].map(|number| stage.token(number));
        let store = stage.holding(&drafts.each_ref().map(Draft::token)).await?;
        let mut calls: Vec<_> = drafts
            .iter()
            .map(|draft| remove_one(&store, draft.digest()))
            .collect();
        calls.push(remove_one(&store, drafts[0].digest()));
        calls.push(remove_all(&store, &drafts[0]));
        calls.push(remove_all(&store, &drafts[0]));
        let counted: u64 = meet(stage, round, calls)
            .await?
            .iter()
            .map(Came::removed)
            .sum();
        same("how many were counted of three", &counted, &3)?;
        lists(&*store, "the list", &stage.subject(), &[]).await?;
    }
    Ok(())
}

async fn removal_beside_login<S: IssuingStore>(stage: &Stage<'_, S>) -> Result<(), Fault> {
    for round in 0..stage.rounds() {
        let old = [1, 2].map(|number| stage.token(number).token());
        let store = stage.holding(&old).await?;
        let new = stage.token(3);
        let calls = vec![insert(&store, new.login(), ADD), remove_all(&store, &new)];
        let came = meet(stage, round, calls).await?;
        for old in &old {
            gone(&*store, "a token that was there before", &old.digest).await?;
        }
        let left = find(&*store, &new.digest()).await?;
        let left: Vec<&TokenRecord> = left.iter().collect();
        lists(&*store, "the list", &stage.subject(), &left).await?;
        let removed = 3 - left.len() as u64;
        same("how many were counted", &came[1].removed(), &removed)?;
    }
    Ok(())
}

async fn touch_beside_removal<S: IssuingStore>(stage: &Stage<'_, S>) -> Result<(), Fault> {
    for round in 0..stage.rounds() {
        let drafts = [1, 2].map(|number| stage.token(number));
        let store = stage.holding(&drafts.each_ref().map(Draft::token)).await?;
        let touches = |second| {
            let both = drafts
                .iter()
                .map(|draft| touch(draft.digest(), second, second + 60));
            extend(&store, both.collect())
        };
        let calls = vec![
            touches(10),
            remove_one(&store, drafts[0].digest()),
            touches(20),
            remove_all(&store, &drafts[1]),
            touches(30),
        ];
        let came = meet(stage, round, calls).await?;
        same(
            "how many were removed",
            &(came[1].removed() + came[3].removed()),
            &2,
        )?;
        for draft in &drafts {
            gone(&*store, "a token that was removed", &draft.digest()).await?;
        }
        lists(&*store, "the list", &stage.subject(), &[]).await?;
    }
    Ok(())
}

async fn purge_beside_touches<S: IssuingStore>(stage: &Stage<'_, S>) -> Result<(), Fault> {
    for round in 0..stage.rounds() {
        let ended = stage.token(1).ends(100).token();
        let other = stage.token(2).token();
        let store = stage.holding(&[ended.clone(), other.clone()]).await?;
        let touches = |second| {
            let both = [ended.digest, other.digest].map(|digest| touch(digest, second, 200));
            extend(&store, both.into())
        };
        let calls = vec![
            touches(10),
            purge(&store, 100),
            purge(&store, 100),
            touches(20),
        ];
        let came = meet(stage, round, calls).await?;
        let purged = came[1].removed() + came[2].removed();
        same("how many were purged", &purged, &1)?;
        gone(&*store, "the token that had ended", &ended.digest).await?;
        let found = find(&*store, &other.digest).await?;
        let times = found.map(|record| (record.times().last_used_at, record.times().expires_at));
        same(
            "last use and end of the other",
            &times,
            &Some((at(20), at(200))),
        )?;
    }
    Ok(())
}

async fn purge_beside_renewal<S: IssuingStore>(stage: &Stage<'_, S>) -> Result<(), Fault> {
    for round in 0..stage.rounds() {
        let dead = stage.token(1).seed(1).ends(100);
        let store = stage.holding(&[dead.token()]).await?;
        let new = stage.token(2).seed(2).later(500);
        let calls = vec![
            purge(&store, 100),
            insert(&store, new.login(), slot(Place::Renew)),
            purge(&store, 100),
        ];
        let came = meet(stage, round, calls).await?;
        let NewToken { digest, record } = match &came[1] {
            Came::Inserted(Inserted {
                instead: Some(record),
                ..
            }) => NewToken {
                digest: dead.digest(),
                record: record.clone(),
            },
            _ => new.token(),
        };
        let what = "the token that the login was told of";
        kept(
            &*store,
            what,
            &NewToken {
                digest,
                record: record.clone(),
            },
        )
        .await?;
        lists(&*store, "the list", &stage.subject(), &[&record]).await?;
    }
    Ok(())
}

async fn opposite_touches<S: IssuingStore>(stage: &Stage<'_, S>) -> Result<(), Fault> {
    let drafts: Vec<Draft> = (0..50).map(|number| stage.token(number)).collect();
    let tokens: Vec<NewToken> = drafts.iter().map(Draft::token).collect();
    let store = stage.holding(&tokens).await?;
    for round in 0..stage.rounds() {
        let second = 1 + round as u64;
        let touches: Vec<Touch> = tokens
            .iter()
            .map(|token| touch(token.digest, second, second + 60))
            .collect();
        let reversed = touches.iter().rev().copied().collect();
        let calls = vec![extend(&store, touches.clone()), extend(&store, reversed)];
        meet(stage, round, calls).await?;
        // A touch that met another may have stepped back; nothing else stops this one.
        store.extend(&touches).await?;
        for token in &tokens {
            let found = find(&*store, &token.digest).await?;
            let used = found.map(|record| record.times().last_used_at);
            same("the last use", &used, &Some(at(second)))?;
        }
    }
    Ok(())
}
