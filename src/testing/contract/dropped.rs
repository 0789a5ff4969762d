//! Calls that are dropped at an await, as those of a client that went away: done or not done.

use std::num::NonZeroUsize;
use std::sync::Arc;

use super::broken::{Fault, Report, same};
use super::rotate::Login;
use super::spawn::{Call, abandoned};
use super::stage::{Stage, find, kept};
use super::token::{ADD, at, slot, touch};
use crate::store::{IssuingStore, NewToken, Place, RotatingStore, StoreError};
use crate::token::TokenRecord;

const HALF: &str = "a call that is dropped at any await is done or not done, never half";
const WORKS: &str = "the store works on after a call was dropped";

/// A call that waits more often is not dropped any later.
const MOST_POLLS: usize = 12;

pub(super) async fn issuing<S: IssuingStore>(stage: &Stage<'_, S>, report: &mut Report) {
    report.promise(HALF, insertion(stage).await);
    report.promise(HALF, removal(stage).await);
    report.promise(HALF, touches(stage).await);
    report.promise(WORKS, look_up(stage).await);
    report.promise(
        "what is acknowledged after a call was dropped is done",
        acknowledged(stage).await,
    );
    report.promise(WORKS, purge(stage).await);
}

pub(super) async fn rotating<S: RotatingStore>(stage: &Stage<'_, S>, report: &mut Report) {
    report.promise(HALF, rotation(stage).await);
}

/// The subject's records, in a fixed order.
async fn listed<S: IssuingStore>(
    stage: &Stage<'_, S>,
    store: &S,
) -> Result<Vec<TokenRecord>, Fault> {
    let mut records = store.list(&stage.subject()).await?;
    records.sort_by_cached_key(|record| format!("{record:?}"));
    Ok(records)
}

/// Makes a call on a store like `before`, drops it after each number of polls in turn, and
/// holds unless the subject's records are then as before or as after the whole call.
async fn all_or_nothing<S: IssuingStore, T>(
    stage: &Stage<'_, S>,
    before: impl AsyncFn() -> Result<Arc<S>, Fault>,
    call: impl Fn(Arc<S>) -> Call<Result<T, StoreError>>,
) -> Result<(), Fault> {
    let store = before().await?;
    let untouched = listed(stage, &*store).await?;
    call(Arc::clone(&store)).await?;
    let done = listed(stage, &*store).await?;
    for polls in 0..MOST_POLLS {
        let store = before().await?;
        let answer = abandoned(call(Arc::clone(&store)), polls).await;
        let left = listed(stage, &*store).await?;
        if left != untouched {
            same(format!("what is left after {polls} polls"), &left, &done)?;
        }
        if answer.is_some() {
            break;
        }
    }
    Ok(())
}

async fn insertion<S: IssuingStore>(stage: &Stage<'_, S>) -> Result<(), Fault> {
    let old = [1, 2, 3].map(|number| stage.token(number).token());
    let new = stage.token(4);
    let before = async || stage.holding(&old).await;
    all_or_nothing(stage, before, |store| {
        let login = new.login();
        Box::pin(async move { store.insert(login, slot(Place::ReplaceAll)).await })
    })
    .await
}

async fn removal<S: IssuingStore>(stage: &Stage<'_, S>) -> Result<(), Fault> {
    let old = [1, 2, 3].map(|number| stage.token(number).token());
    let before = async || stage.holding(&old).await;
    let subject = stage.subject();
    all_or_nothing(stage, before, |store| {
        let subject = subject.clone();
        Box::pin(async move { store.remove_subject(&subject, None).await })
    })
    .await
}

/// Each touch by itself: some may be written and others not.
async fn touches<S: IssuingStore>(stage: &Stage<'_, S>) -> Result<(), Fault> {
    let old = [1, 2, 3].map(|number| stage.token(number).token());
    let touches = old.each_ref().map(|token| touch(token.digest, 30, 90));
    for polls in 0..MOST_POLLS {
        let store = stage.holding(&old).await?;
        let extend: Call<Result<(), StoreError>> = {
            let store = Arc::clone(&store);
            Box::pin(async move { store.extend(&touches).await })
        };
        let answer = abandoned(extend, polls).await;
        for token in &old {
            let found = find(&*store, &token.digest).await?;
            let times = token.record.times().extended(at(30), at(90));
            if found.as_ref() != Some(&token.record) {
                same("a touched token", &found, &Some(token.record.at(times)))?;
            }
        }
        if answer.is_some() {
            break;
        }
    }
    Ok(())
}

async fn look_up<S: IssuingStore>(stage: &Stage<'_, S>) -> Result<(), Fault> {
    let [one, two] = [1, 2].map(|number| stage.token(number).token());
    let store = stage.holding(&[one.clone(), two.clone()]).await?;
    for polls in 0..MOST_POLLS {
        let find = {
            let (store, digest) = (Arc::clone(&store), one.digest);
            Box::pin(async move { store.find(&digest).await.map(|found| found.is_some()) })
        };
        let answer = abandoned(find, polls).await;
        // The next answers are not those to the call that nobody waits for.
        kept(&*store, "the next token", &two).await?;
        kept(&*store, "then the token", &one).await?;
        if answer.is_some() {
            break;
        }
    }
    Ok(())
}

/// A transaction that a dropped call has left open on its connection would swallow what comes next
/// there. That is of another subject, since the dropped call may still be done after it.
async fn acknowledged<S: IssuingStore>(stage: &Stage<'_, S>) -> Result<(), Fault> {
    let old = [1, 2, 3].map(|number| stage.token(number).token());
    let new = stage.token(4);
    for polls in 0..MOST_POLLS {
        let store = stage.holding(&old).await?;
        let dropped = store.insert(new.login(), slot(Place::ReplaceAll));
        let answer = abandoned(dropped, polls).await;
        for number in [5, 6] {
            let next = stage.others(number).token();
            let login = stage.others(number).login();
            store.insert(login, ADD).await?;
            let removed = store.remove(&next.digest).await?;
            same("whether what was kept then was there", &removed, &true)?;
            let look_up = |_| -> Call<Result<bool, StoreError>> {
                let (store, digest) = (Arc::clone(&store), next.digest);
                Box::pin(async move { Ok(store.find(&digest).await?.is_some()) })
            };
            for found in stage.together((0..4).map(look_up).collect()).await? {
                same("whether what was removed then is found", &found?, &false)?;
            }
        }
        if answer.is_some() {
            break;
        }
    }
    Ok(())
}

/// A purge goes in steps: what it has not taken by then, the next one takes.
async fn purge<S: IssuingStore>(stage: &Stage<'_, S>) -> Result<(), Fault> {
    let ended = [1, 2, 3].map(|number| stage.token(number).ends(100).token());
    let other = stage.token(4).token();
    let all: Vec<NewToken> = ended.iter().chain([&other]).cloned().collect();
    let most = NonZeroUsize::new(100).unwrap_or(NonZeroUsize::MIN);
    for polls in 0..MOST_POLLS {
        let store = stage.holding(&all).await?;
        let purge = {
            let store = Arc::clone(&store);
            Box::pin(async move { store.purge(at(100), most).await })
        };
        let answer = abandoned(purge, polls).await;
        store.purge(at(100), most).await?;
        let left = listed(stage, &*store).await?;
        same(
            "what is left after the next purge",
            &left,
            &vec![other.record.clone()],
        )?;
        if answer.is_some() {
            break;
        }
    }
    Ok(())
}

async fn rotation<S: RotatingStore>(stage: &Stage<'_, S>) -> Result<(), Fault> {
    let login = Login::new(stage.token(1));
    let before = async || {
        let store = stage.empty().await?;
        store.insert(login.draft.refreshable(), ADD).await?;
        Ok(store)
    };
    all_or_nothing(stage, before, |store| {
        let rotation = login.rotation(0, 2, 10);
        Box::pin(async move { store.rotate(rotation).await })
    })
    .await?;
    let empty = async || stage.empty().await;
    all_or_nothing(stage, empty, |store| {
        let new = login.draft.refreshable();
        Box::pin(async move { store.insert(new, ADD).await })
    })
    .await
}
