use super::broken::{Fault, Report, same};
use super::stage::{Stage, gone, kept, lists};
use super::token::{ADD, Draft, OTHER_KIND, slot};
use crate::store::{Inserted, IssuingStore, NewToken, Place};
use crate::token::TokenRecord;

const RENEWS: &str =
    "`Place::Renew` gives the derived token that is there new times, scopes and label";
const KEEPS: &str = "`Place::KeepLive` keeps a live derived token as it is";

pub(super) async fn promises<S: IssuingStore>(stage: &Stage<'_, S>, report: &mut Report) {
    report.promise(
        "`Place::Add` keeps a token beside the others",
        adds(stage).await,
    );
    report.promise(
        "a token whose digest is there already is replaced",
        equal_digests(stage).await,
    );
    report.promise(
        "`Place::ReplaceAll` keeps the new token in place of all of its kind",
        replaces(stage).await,
    );
    report.promise(
        "`Place::ReplaceAll` ends sessions with their tokens of other kinds",
        replaces_whole(stage).await,
    );
    report.promise(
        "`Place::Renew` keeps the new token where there is no derived one",
        renews_none(stage).await,
    );
    report.promise(RENEWS, renews(stage, 30).await);
    report.promise(
        "`Place::Renew` renews a dead token too",
        renews(stage, 1_000).await,
    );
    report.promise(
        "`Place::Renew` does not bring back what was removed",
        renews_no_removed(stage).await,
    );
    report.promise(KEEPS, keeps_live(stage).await);
    report.promise(
        "`Place::KeepLive` keeps the new token instead of a dead one",
        keeps_no_dead(stage).await,
    );
    for place in [Place::Add, Place::Renew, Place::KeepLive, Place::ReplaceAll] {
        report.promise(
            "a login leaves tokens of other kinds and of other subjects as they are",
            leaves_others(stage, place).await,
        );
    }
}

async fn adds<S: IssuingStore>(stage: &Stage<'_, S>) -> Result<(), Fault> {
    let store = stage.empty().await?;
    let mut tokens = Vec::new();
    for draft in [
        stage.token(1),
        stage.token(2),
        stage.token(3).session(2),
        stage.token(4).seed(4),
    ] {
        let inserted = store.insert(draft.login(), ADD).await?;
        same("the answer", &inserted, &Inserted::default())?;
        tokens.push(draft.token());
        for token in &tokens {
            kept(&*store, "a token", token).await?;
        }
    }
    let records: Vec<_> = tokens.iter().map(|token| &token.record).collect();
    lists(&*store, "the list", &stage.subject(), &records).await
}

async fn equal_digests<S: IssuingStore>(stage: &Stage<'_, S>) -> Result<(), Fault> {
    for number in [1, 2] {
        let store = stage.empty().await?;
        let first = stage.token(number);
        store.insert(first.login(), ADD).await?;
        store.insert(first.login(), ADD).await?;
        lists(
            &*store,
            "the list",
            &stage.subject(),
            &[&first.token().record],
        )
        .await?;

        let digest = first.digest();
        let record = stage.others(number + 2).token().record;
        let taken_over = NewToken { digest, record };
        let mut login = first.login();
        login.access = taken_over.clone();
        store.insert(login, ADD).await?;
        kept(&*store, "a token that somebody else took over", &taken_over).await?;
        lists(&*store, "the list of whose it was", &stage.subject(), &[]).await?;
        lists(
            &*store,
            "the list of whose it is",
            &stage.other(),
            &[&taken_over.record],
        )
        .await?;
        let removed = store.remove_subject(&stage.subject(), None).await?;
        same("what is removed of whose it was", &removed, &0)?;
        kept(&*store, "then it", &taken_over).await?;
    }
    Ok(())
}

async fn replaces<S: IssuingStore>(stage: &Stage<'_, S>) -> Result<(), Fault> {
    let [one, two, dead] = [1, 2, 3].map(|number| stage.token(number).token());
    let derived = stage.token(4).seed(4).token();
    let old = [one, two, dead, derived];
    let store = stage.holding(&old).await?;
    let new = stage.token(5).later(100);
    let inserted = store.insert(new.login(), slot(Place::ReplaceAll)).await?;
    same("what is there instead", &inserted.instead, &None)?;
    for old in &old {
        gone(&*store, "an old token", &old.digest).await?;
    }
    kept(&*store, "the new token", &new.token()).await?;
    lists(
        &*store,
        "the list",
        &stage.subject(),
        &[&new.token().record],
    )
    .await
}

async fn replaces_whole<S: IssuingStore>(stage: &Stage<'_, S>) -> Result<(), Fault> {
    let maker = stage.token(1).session(1).token();
    let delegated = stage.token(2).session(1).kind(OTHER_KIND).token();
    let other = stage.token(3).session(3).kind(OTHER_KIND).token();
    let store = stage
        .holding(&[maker.clone(), delegated.clone(), other.clone()])
        .await?;
    let new = stage.token(4).session(4).later(10);
    let inserted = store.insert(new.login(), slot(Place::ReplaceAll)).await?;
    same("how many tokens ended", &inserted.ended, &2)?;
    gone(&*store, "an old token", &maker.digest).await?;
    gone(
        &*store,
        "a token of another kind in its session",
        &delegated.digest,
    )
    .await?;
    kept(&*store, "one of another session", &other).await
}

async fn renews_none<S: IssuingStore>(stage: &Stage<'_, S>) -> Result<(), Fault> {
    let random = stage.token(1).token();
    let store = stage.holding(std::slice::from_ref(&random)).await?;
    let new = stage.token(2).seed(2).later(10);
    let inserted = store.insert(new.login(), slot(Place::Renew)).await?;
    same("the answer", &inserted, &Inserted::default())?;
    kept(&*store, "the random token", &random).await?;
    kept(&*store, "the new token", &new.token()).await
}

/// A derived token with something in each field.
fn derived<S: IssuingStore>(stage: &Stage<'_, S>) -> Draft {
    stage
        .token(1)
        .seed(1)
        .label("old")
        .scopes("read")
        .client("app")
}

async fn renews<S: IssuingStore>(stage: &Stage<'_, S>, after: u64) -> Result<(), Fault> {
    let old = derived(stage).token();
    let random = stage.token(3).token();
    let store = stage.holding(&[old.clone(), random.clone()]).await?;
    let new = stage
        .token(2)
        .seed(2)
        .label("new")
        .scopes("write")
        .later(after)
        .token();
    let mut login = stage.token(2).login();
    login.access = new.clone();
    let inserted = store.insert(login, slot(Place::Renew)).await?;
    let record = old.record.renewed(&new.record);
    same("the answer", &inserted, &told(&record))?;
    let digest = old.digest;
    kept(
        &*store,
        "the old token",
        &NewToken {
            digest,
            record: record.clone(),
        },
    )
    .await?;
    gone(&*store, "the new token", &new.digest).await?;
    let all = [&record, &random.record];
    lists(&*store, "the list", &stage.subject(), &all).await
}

async fn renews_no_removed<S: IssuingStore>(stage: &Stage<'_, S>) -> Result<(), Fault> {
    let old = derived(stage).token();
    let store = stage.holding(std::slice::from_ref(&old)).await?;
    store.remove(&old.digest).await?;
    let new = stage.token(2).seed(2);
    let inserted = store.insert(new.login(), slot(Place::Renew)).await?;
    same("the answer", &inserted, &Inserted::default())?;
    gone(&*store, "the token that was removed", &old.digest).await
}

async fn keeps_live<S: IssuingStore>(stage: &Stage<'_, S>) -> Result<(), Fault> {
    let old = derived(stage).token();
    let store = stage.holding(std::slice::from_ref(&old)).await?;
    let new = stage.token(2).seed(2).label("new").later(59);
    let inserted = store.insert(new.login(), slot(Place::KeepLive)).await?;
    same("the answer", &inserted, &told(&old.record))?;
    kept(&*store, "the live token", &old).await?;
    gone(&*store, "the new token", &new.digest()).await?;
    lists(&*store, "the list", &stage.subject(), &[&old.record]).await
}

async fn keeps_no_dead<S: IssuingStore>(stage: &Stage<'_, S>) -> Result<(), Fault> {
    let old = derived(stage).token();
    let random = stage.token(3).token();
    let store = stage.holding(&[old.clone(), random.clone()]).await?;
    // At this instant the old one has just died.
    let new = stage.token(2).seed(2).later(60);
    let inserted = store.insert(new.login(), slot(Place::KeepLive)).await?;
    same("the answer", &inserted, &Inserted::default())?;
    gone(&*store, "the dead token", &old.digest).await?;
    kept(&*store, "the random token", &random).await?;
    kept(&*store, "the new token", &new.token()).await
}

async fn leaves_others<S: IssuingStore>(stage: &Stage<'_, S>, place: Place) -> Result<(), Fault> {
    let others = [
        stage.token(1).seed(1).kind(OTHER_KIND).token(),
        stage.token(2).kind(OTHER_KIND).token(),
        stage.others(3).seed(3).token(),
        stage.others(4).token(),
    ];
    let store = stage.holding(&others).await?;
    let new = stage.token(5).seed(5).later(10);
    let inserted = store.insert(new.login(), slot(place)).await?;
    same(
        format!("the answer to {place:?}"),
        &inserted,
        &Inserted::default(),
    )?;
    kept(&*store, "the new token", &new.token()).await?;
    for other in &others {
        kept(&*store, &format!("another one after {place:?}"), other).await?;
    }
    Ok(())
}

/// What is answered where this token is there instead.
fn told(record: &TokenRecord) -> Inserted {
    Inserted {
        instead: Some(record.clone()),
        ended: 0,
    }
}
