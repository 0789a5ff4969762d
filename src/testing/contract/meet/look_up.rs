use std::sync::Arc;

use super::{Came, call, extend, insert, meet, remove_all, remove_one};
use crate::store::{IssuingStore, Place, StoreError};
use crate::testing::contract::broken::{Fault, Report};
use crate::testing::contract::spawn::Call;
use crate::testing::contract::stage::{Stage, agree, gone, kept};
use crate::testing::contract::token::{ADD, Draft, at, slot, touch};
use crate::token::TokenDigest;

/// What a store that remembers answers may do wrong.
pub(in super::super) async fn look_ups<S: IssuingStore>(stage: &Stage<'_, S>, report: &mut Report) {
    for outcome in [
        beside_removal(stage).await,
        beside_touch(stage).await,
        beside_renewal(stage).await,
        beside_login(stage).await,
    ] {
        report.promise(
            "a look-up that meets a change leaves nothing behind of what was before",
            outcome,
        );
    }
}

fn find<S: IssuingStore>(store: &Arc<S>, digest: TokenDigest) -> Call<Result<Came, StoreError>> {
    call(store, async move |store| {
        store.find(&digest).await.map(|_| Came::Done)
    })
}

async fn beside_removal<S: IssuingStore>(stage: &Stage<'_, S>) -> Result<(), Fault> {
    for round in 0..stage.rounds() {
        let drafts = [1, 2].map(|number| stage.token(number));
        let [one, two] = drafts.each_ref().map(Draft::digest);
        let tokens = drafts.each_ref().map(Draft::token);
        let store = stage.holding(&tokens).await?;
        let calls = vec![
            find(&store, one),
            find(&store, two),
            remove_one(&store, one),
            remove_all(&store, &drafts[1]),
            find(&store, one),
            find(&store, two),
        ];
        meet(stage, round, calls).await?;
        for digest in [one, two] {
            agree(&*store, "after a removal", &digest).await?;
            gone(&*store, "a token that was removed", &digest).await?;
        }
    }
    Ok(())
}

async fn beside_touch<S: IssuingStore>(stage: &Stage<'_, S>) -> Result<(), Fault> {
    for round in 0..stage.rounds() {
        let mut token = stage.token(1).token();
        let store = stage.holding(&[token.clone()]).await?;
        let calls = vec![
            find(&store, token.digest),
            extend(&store, vec![touch(token.digest, 30, 90)]),
            find(&store, token.digest),
        ];
        meet(stage, round, calls).await?;
        let times = token.record.times().extended(at(30), at(90));
        token.record = token.record.at(times);
        kept(&*store, "a token that was used", &token).await?;
        agree(&*store, "after a use", &token.digest).await?;
    }
    Ok(())
}

async fn beside_renewal<S: IssuingStore>(stage: &Stage<'_, S>) -> Result<(), Fault> {
    for round in 0..stage.rounds() {
        let old = stage.token(1).seed(1).scopes("read write");
        let store = stage.holding(&[old.token()]).await?;
        let new = stage.token(2).seed(2).later(1).scopes("read");
        let calls = vec![
            find(&store, old.digest()),
            insert(&store, new.login(), slot(Place::Renew)),
            find(&store, old.digest()),
        ];
        meet(stage, round, calls).await?;
        let renewed = stage.token(1).seed(1).later(1).scopes("read");
        kept(&*store, "a token that was renewed", &renewed.token()).await?;
        agree(&*store, "after a renewal", &old.digest()).await?;
    }
    Ok(())
}

async fn beside_login<S: IssuingStore>(stage: &Stage<'_, S>) -> Result<(), Fault> {
    for round in 0..stage.rounds() {
        let token = stage.token(1).token();
        let store = stage.empty().await?;
        let calls = vec![
            find(&store, token.digest),
            insert(&store, stage.token(1).login(), ADD),
            find(&store, token.digest),
        ];
        meet(stage, round, calls).await?;
        kept(&*store, "a token that was just kept", &token).await?;
        agree(&*store, "after a login", &token.digest).await?;
    }
    Ok(())
}
