use std::num::NonZeroUsize;

use super::broken::{Fault, Report, same};
use super::stage::{Stage, gone, kept};
use super::token::{MICROSECOND, OTHER_KIND, at, touch};
use crate::store::{IssuingStore, NewToken};

pub(super) async fn promises<S: IssuingStore>(stage: &Stage<'_, S>, report: &mut Report) {
    report.promise(
        "`purge` removes what has ended by `ends_at`, whatever `expires_at` says, and nothing else",
        by_the_fixed_end(stage).await,
    );
    report.promise(
        "`purge` removes at most as many as it may, and says how many",
        at_most(stage).await,
    );
    report.promise(
        "when `purge` removes fewer than it may, none is left",
        to_the_last(stage).await,
    );
    report.promise(
        "`extend` never revives what was purged",
        stays_purged(stage).await,
    );
}

const MANY: NonZeroUsize = NonZeroUsize::new(1_000).expect("is not zero");

async fn by_the_fixed_end<S: IssuingStore>(stage: &Stage<'_, S>) -> Result<(), Fault> {
    let ended = [
        stage.token(1).ends(100),
        stage.token(2).ends(99).kind(OTHER_KIND),
        stage.others(3).ends(61),
    ]
    .map(|draft| draft.token());
    let mut others = [
        // Not used for long, but a touch that is under way may still come.
        stage.token(4).expires(1).ends(101),
        stage.token(5),
        stage.others(6).seed(6),
        stage.token(7),
    ]
    .map(|draft| draft.token());
    let mut times = *others[3].record.times();
    times.ends_at = at(100) + MICROSECOND;
    others[3].record = others[3].record.at(times);
    let mut all = ended.to_vec();
    all.extend(others.clone());
    let store = stage.holding(&all).await?;
    for expected in [3, 0] {
        same(
            "how many were removed",
            &store.purge(at(100), MANY).await?,
            &expected,
        )?;
        for token in &ended {
            gone(&*store, "a token that has ended", &token.digest).await?;
        }
        for token in &others {
            kept(&*store, "a token that has not", token).await?;
        }
    }
    Ok(())
}

/// This many tokens that have ended, of several subjects, and one that has not.
fn crowd<S: IssuingStore>(stage: &Stage<'_, S>, many: u64) -> Vec<NewToken> {
    let ended = (1..=many).map(|number| match number % 3 {
        0 => stage.others(number).ends(100).token(),
        _ => stage.token(number).ends(100).token(),
    });
    [stage.token(0).token()].into_iter().chain(ended).collect()
}

async fn at_most<S: IssuingStore>(stage: &Stage<'_, S>) -> Result<(), Fault> {
    let tokens = crowd(stage, 25);
    let store = stage.holding(&tokens).await?;
    let ten = NonZeroUsize::new(10).unwrap_or(NonZeroUsize::MIN);
    for (expected, left) in [(10, 15), (10, 5), (5, 0), (0, 0)] {
        same(
            "how many were removed",
            &store.purge(at(100), ten).await?,
            &expected,
        )?;
        let mut found = 0;
        for token in &tokens[1..] {
            found += usize::from(store.find(&token.digest).await?.is_some());
        }
        same("how many are left", &found, &left)?;
        kept(&*store, "a token that has not ended", &tokens[0]).await?;
    }
    Ok(())
}

async fn to_the_last<S: IssuingStore>(stage: &Stage<'_, S>) -> Result<(), Fault> {
    for most in [1, 7, 20, 21] {
        let tokens = crowd(stage, 20);
        let store = stage.holding(&tokens).await?;
        let most = NonZeroUsize::new(most).unwrap_or(NonZeroUsize::MIN);
        for _ in 0..=20 {
            if store.purge(at(100), most).await? < most.get() {
                break;
            }
        }
        for token in &tokens[1..] {
            gone(
                &*store,
                &format!("a token, {most} at a time"),
                &token.digest,
            )
            .await?;
        }
    }
    Ok(())
}

async fn stays_purged<S: IssuingStore>(stage: &Stage<'_, S>) -> Result<(), Fault> {
    let tokens = crowd(stage, 3);
    let store = stage.holding(&tokens).await?;
    store.purge(at(100), MANY).await?;
    for token in &tokens[1..] {
        store.extend(&[touch(token.digest, 30, 90)]).await?;
        gone(&*store, "a token that was purged", &token.digest).await?;
    }
    Ok(())
}
