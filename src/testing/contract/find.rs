use std::num::NonZeroUsize;

use super::broken::{Fault, Report, same};
use super::stage::{Stage, agree, gone, kept};
use super::token::{ADD, Draft, at, session, slot, touch};
use crate::store::{IssuingStore, NewToken, Place, Slot, TokenStore};
use crate::token::TokenDigest;

const AGREES: &str = "where `find_now` answers, it answers as `find` does";

pub(super) async fn promises<S: TokenStore>(stage: &Stage<'_, S>, report: &mut Report) {
    report.promise(
        "`find` finds a token by all of its digest, and none where there is none",
        by_all_of_the_digest(stage).await,
    );
    report.promise(
        "`find` gives the principal of an active account beside each of its tokens",
        principals(stage).await,
    );
    report.promise(
        "`find` gives dead tokens too: no store judges",
        dead_ones(stage).await,
    );
    report.promise(AGREES, agreement(stage).await);
}

async fn by_all_of_the_digest<S: TokenStore>(stage: &Stage<'_, S>) -> Result<(), Fault> {
    let empty = stage.empty().await?;
    gone(&*empty, "in an empty store", &stage.token(1).digest()).await?;
    for draft in [stage.token(1), stage.token(2)] {
        let token = draft.token();
        let store = stage.holding(std::slice::from_ref(&token)).await?;
        kept(&*store, "the only token", &token).await?;
        for byte in 0..32 {
            let mut bytes = *token.digest.as_bytes();
            bytes[byte] ^= 1;
            let what = format!("a digest that differs in byte {byte} alone");
            gone(&*store, &what, &TokenDigest::from_bytes(bytes)).await?;
        }
    }
    Ok(())
}

async fn principals<S: TokenStore>(stage: &Stage<'_, S>) -> Result<(), Fault> {
    let all = (1..).zip(stage.subjects());
    let tokens: Vec<NewToken> = all.map(|(n, name)| Draft::new(name, n).token()).collect();
    let store = stage.holding(&tokens).await?;
    for token in &tokens {
        let found = store.find(&token.digest).await?;
        let principal = found.map(|found| found.principal().is_some());
        let subject = token.record.subject();
        same(
            format!("whether {subject:?} may act"),
            &principal,
            &Some(true),
        )?;
    }
    Ok(())
}

async fn dead_ones<S: TokenStore>(stage: &Stage<'_, S>) -> Result<(), Fault> {
    let token = stage.token(1).used(9).expires(9).ends(9).token();
    let store = stage.holding(std::slice::from_ref(&token)).await?;
    store.extend(&[touch(token.digest, 10, 20)]).await?;
    kept(&*store, "a token that ended", &token).await
}

async fn agreement<S: TokenStore>(stage: &Stage<'_, S>) -> Result<(), Fault> {
    let [one, two, none] = [1, 2, 3].map(|number| stage.token(number).token());
    let store = stage.holding(&[one.clone(), two.clone()]).await?;
    for round in 0..3 {
        agree(&*store, "for a token", &one.digest).await?;
        agree(&*store, "for another token", &two.digest).await?;
        agree(&*store, "for no token", &none.digest).await?;
        store
            .extend(&[touch(one.digest, 10 + round, 100 + round)])
            .await?;
    }
    agree(&*store, "after a touch", &one.digest).await
}

/// No look-up may speak of a state that a verb has changed.
pub(super) async fn after_changes<S: IssuingStore>(stage: &Stage<'_, S>, report: &mut Report) {
    report.promise(AGREES, agreement_after_changes(stage).await);
    report.promise(
        "`holds` says whether a token is there now",
        holding(stage).await,
    );
}

async fn holding<S: IssuingStore>(stage: &Stage<'_, S>) -> Result<(), Fault> {
    let [one, two] = [1, 2].map(|number| stage.token(number).token());
    let store = stage.holding(&[one.clone(), two.clone()]).await?;
    let there = async |when: &str, expected: [bool; 2]| {
        for (token, expected) in [&one, &two].into_iter().zip(expected) {
            let found = store.find(&token.digest).await?.is_some();
            same(
                format!("whether a token is found {when}"),
                &found,
                &expected,
            )?;
            let held = store.holds(&token.digest).await?;
            same(format!("whether a token is held {when}"), &held, &expected)?;
        }
        Ok::<_, Fault>(())
    };
    there("once it is kept", [true, true]).await?;
    store.remove(&one.digest).await?;
    there("once one is removed", [false, true]).await?;
    store.remove_subject(&stage.subject(), None).await?;
    there("once all are removed", [false, false]).await
}

async fn agreement_after_changes<S: IssuingStore>(stage: &Stage<'_, S>) -> Result<(), Fault> {
    let drafts: Vec<Draft> = (0..12).map(|number| stage.token(number)).collect();
    let store = stage.empty().await?;
    let all = async |when: &str| {
        for draft in &drafts {
            agree(&*store, when, &draft.digest()).await?;
        }
        Ok::<_, Fault>(())
    };
    all("in an empty store").await?;
    for draft in &drafts[..8] {
        store.insert(draft.login(), ADD).await?;
    }
    all("after insertions").await?;
    store.remove(&drafts[0].digest()).await?;
    all("after `remove`").await?;
    store.remove_session(&stage.subject(), &session(1)).await?;
    all("after `remove_session`").await?;
    let few = Slot {
        limit: NonZeroUsize::new(3),
        ..ADD
    };
    store
        .insert(drafts[8].clone().later(1).login(), few)
        .await?;
    all("after an eviction").await?;
    store
        .insert(drafts[9].clone().seed(1).login(), slot(Place::Renew))
        .await?;
    store
        .insert(
            drafts[10].clone().seed(2).later(5).login(),
            slot(Place::Renew),
        )
        .await?;
    all("after a renewal").await?;
    store
        .insert(drafts[11].login(), slot(Place::ReplaceAll))
        .await?;
    all("after a replacement").await?;
    store.purge(at(600), NonZeroUsize::MIN).await?;
    all("after a purge").await?;
    store.insert(drafts[2].login(), ADD).await?;
    store.remove_subject(&stage.subject(), None).await?;
    all("after `remove_subject`").await
}
