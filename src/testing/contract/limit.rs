use std::num::NonZeroUsize;

use super::broken::{Fault, Report, same};
use super::stage::{Stage, gone, kept, lists};
use super::token::{Draft, OTHER_KIND, touch};
use crate::store::{Inserted, IssuingStore, NewToken, Place, Slot};

pub(super) async fn promises<S: IssuingStore>(stage: &Stage<'_, S>, report: &mut Report) {
    report.promise(
        "a limit ends the sessions that were least recently used, and no more than it must",
        least_recently_used(stage).await,
    );
    report.promise(
        "a limit counts the uses that were written",
        uses_count(stage).await,
    );
    report.promise(
        "a limit counts live sessions alone",
        dead_ones_do_not_count(stage).await,
    );
    report.promise(
        "a limit counts a session once and ends it with all of its tokens",
        whole_sessions(stage).await,
    );
    report.promise(
        "a limit ends a session with its tokens of other kinds, whose lives and uses do not count",
        delegated(stage).await,
    );
    report.promise(
        "a limit never ends the new session",
        never_the_new(stage).await,
    );
    report.promise(
        "a limit neither counts nor ends other kinds and other subjects",
        others_do_not_count(stage).await,
    );
    report.promise("a limit holds in each place", in_each_place(stage).await);
}

/// Logs in, and holds unless the subject's tokens are these afterwards, and the store has said how
/// many are gone.
async fn leaves<S: IssuingStore>(
    stage: &Stage<'_, S>,
    store: &S,
    new: &Draft,
    limit: usize,
    expected: &[&Draft],
) -> Result<(), Fault> {
    let slot = Slot {
        place: Place::Add,
        limit: NonZeroUsize::new(limit),
    };
    let before = store.list(&stage.subject()).await?.len();
    let answer = Inserted {
        instead: None,
        ended: (before + 1).saturating_sub(expected.len()) as u64,
    };
    let inserted = store.insert(new.login(), slot).await?;
    same("the answer", &inserted, &answer)?;
    left(
        stage,
        store,
        &format!("what is left at a limit of {limit}"),
        expected,
    )
    .await
}

async fn left<S: IssuingStore>(
    stage: &Stage<'_, S>,
    store: &S,
    what: &str,
    expected: &[&Draft],
) -> Result<(), Fault> {
    let tokens: Vec<NewToken> = expected.iter().map(|draft| draft.token()).collect();
    let records: Vec<_> = tokens.iter().map(|token| &token.record).collect();
    lists(store, what, &stage.subject(), &records).await
}

/// Four sessions, whose order of use is neither that of their issue nor that of their names.
fn four<S: IssuingStore>(stage: &Stage<'_, S>) -> [Draft; 4] {
    [(1, 30), (2, 10), (3, 40), (4, 20)]
        .map(|(number, used)| stage.token(number).issued(number).used(used))
}

fn tokens<'a>(drafts: impl IntoIterator<Item = &'a Draft>) -> Vec<NewToken> {
    drafts.into_iter().map(Draft::token).collect()
}

async fn least_recently_used<S: IssuingStore>(stage: &Stage<'_, S>) -> Result<(), Fault> {
    let four = four(stage);
    let [one, two, three, four_] = &four;
    let new = stage.token(5).later(50);
    let all = [one, two, three, four_, &new];
    for (limit, expected) in [
        (6, &all[..]),
        (5, &all[..]),
        (4, &[one, three, four_, &new]),
        (3, &[one, three, &new]),
        (2, &[three, &new]),
        (1, &[&new]),
    ] {
        let store = stage.holding(&tokens(&four)).await?;
        leaves(stage, &*store, &new, limit, expected).await?;
    }
    Ok(())
}

async fn uses_count<S: IssuingStore>(stage: &Stage<'_, S>) -> Result<(), Fault> {
    let four = four(stage);
    let store = stage.holding(&tokens(&four)).await?;
    let [one, two, three, four] = four;
    store.extend(&[touch(two.digest(), 35, 60)]).await?;
    let two = two.used(35);
    let new = stage.token(5).later(50);
    leaves(stage, &*store, &new, 4, &[&one, &two, &three, &new]).await?;
    drop(four);
    let newer = stage.token(6).later(51);
    leaves(stage, &*store, &newer, 3, &[&three, &new, &newer]).await
}

async fn dead_ones_do_not_count<S: IssuingStore>(stage: &Stage<'_, S>) -> Result<(), Fault> {
    // The first dies at the very instant of the login, the others live on.
    let dead = stage.token(1).used(59);
    let live = [2, 3].map(|number| stage.token(number).used(number).expires(61));
    let [two, three] = &live;
    let store = stage.holding(&tokens([&dead, two, three])).await?;
    let new = stage.token(4).later(60);
    let slot = Slot {
        place: Place::Add,
        limit: NonZeroUsize::new(3),
    };
    store.insert(new.login(), slot).await?;
    // Whether the dead one is still there is the store's affair.
    store.remove(&dead.digest()).await?;
    left(
        stage,
        &*store,
        "which live ones are left",
        &[two, three, &new],
    )
    .await
}

async fn whole_sessions<S: IssuingStore>(stage: &Stage<'_, S>) -> Result<(), Fault> {
    // Last used at 40, though one of its tokens was not.
    let pair = [(1, 10), (2, 40)].map(|(number, used)| stage.token(number).session(1).used(used));
    // Of this one a token is dead and the other lives.
    let half = [stage.token(3), stage.token(4).session(3).expires(45)].map(|token| token.used(30));
    let [a, b] = &pair;
    let [c, d] = &half;
    let new = stage.token(5).later(50);
    for (limit, expected) in [
        (3, &[a, b, c, d, &new][..]),
        (2, &[a, b, &new]),
        (1, &[&new]),
    ] {
        let store = stage.holding(&tokens([a, b, c, d])).await?;
        leaves(stage, &*store, &new, limit, expected).await?;
    }
    Ok(())
}

async fn delegated<S: IssuingStore>(stage: &Stage<'_, S>) -> Result<(), Fault> {
    // The first was used at 10, and what it has made at 40.
    let [a, b] = [(1, 10), (3, 20)].map(|(number, used)| stage.token(number).used(used));
    let of_a = stage.token(2).session(1).kind(OTHER_KIND).used(40);
    // This one is dead, and what it has made is not.
    let dead = stage.token(4).session(4).used(30).expires(45);
    let of_dead = stage.token(5).session(4).kind(OTHER_KIND).used(30);
    let new = stage.token(6).later(50);
    let store = stage
        .holding(&tokens([&a, &of_a, &b, &dead, &of_dead]))
        .await?;
    let slot = Slot {
        place: Place::Add,
        limit: NonZeroUsize::new(2),
    };
    let inserted = store.insert(new.login(), slot).await?;
    same("how many tokens are gone", &inserted.ended, &2)?;
    for (what, token) in [("the session", &a), ("what it has made", &of_a)] {
        gone(&*store, what, &token.digest()).await?;
    }
    kept(&*store, "the session that was used later", &b.token()).await?;
    kept(&*store, "the new session", &new.token()).await
}

async fn never_the_new<S: IssuingStore>(stage: &Stage<'_, S>) -> Result<(), Fault> {
    // The clock of the new one's node is behind.
    let others = [1, 2].map(|number| stage.token(number).used(50 + number));
    let [one, two] = &others;
    let store = stage.holding(&tokens([one, two])).await?;
    let new = stage.token(3).later(20);
    leaves(stage, &*store, &new, 2, &[two, &new]).await
}

async fn others_do_not_count<S: IssuingStore>(stage: &Stage<'_, S>) -> Result<(), Fault> {
    let own = [1, 2].map(|number| stage.token(number).kind(OTHER_KIND));
    let others = [3, 4].map(|number| stage.others(number).token());
    let [one, two] = &own;
    let mut all = tokens([one, two]);
    all.extend(others.clone());
    let store = stage.holding(&all).await?;
    let new = stage.token(5).later(10);
    leaves(stage, &*store, &new, 1, &[one, two, &new]).await?;
    let records = others.each_ref().map(|token| &token.record);
    lists(&*store, "what somebody else has", &stage.other(), &records).await
}

async fn in_each_place<S: IssuingStore>(stage: &Stage<'_, S>) -> Result<(), Fault> {
    let derived = stage.token(1).seed(1);
    let [two, three] = [(2, 10), (3, 20)].map(|(number, used)| stage.token(number).used(used));
    let new = stage.token(4).seed(4).later(50);
    let limit = NonZeroUsize::new(2);
    for (place, first) in [
        (Place::Renew, stage.token(1).seed(1).later(50)),
        (Place::KeepLive, derived.clone()),
    ] {
        let store = stage.holding(&tokens([&derived, &two, &three])).await?;
        let inserted = store.insert(new.login(), Slot { place, limit }).await?;
        let answer = Inserted {
            instead: Some(first.token().record),
            ended: 1,
        };
        same("the answer", &inserted, &answer)?;
        let what = format!("what is left at a limit of 2 and {place:?}");
        left(stage, &*store, &what, &[&first, &three]).await?;
    }
    for place in [Place::Renew, Place::KeepLive] {
        let store = stage.holding(&tokens([&two, &three])).await?;
        let inserted = store.insert(new.login(), Slot { place, limit }).await?;
        same("how many tokens ended", &inserted.ended, &1)?;
        let what = format!("what is left at a limit of 2 and {place:?}");
        left(stage, &*store, &what, &[&three, &new]).await?;
    }
    let store = stage.holding(&tokens([&derived, &two])).await?;
    let place = Place::ReplaceAll;
    let inserted = store.insert(new.login(), Slot { place, limit }).await?;
    same("how many tokens ended", &inserted.ended, &2)?;
    left(stage, &*store, "what a replacement leaves", &[&new]).await
}
