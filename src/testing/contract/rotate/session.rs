use std::num::NonZeroUsize;

use super::login::{Login, logged_in};
use crate::store::{Inserted, Place, RotatingStore, Slot};
use crate::testing::contract::broken::{Fault, Report, same};
use crate::testing::contract::stage::{Stage, agree, find, gone, kept};
use crate::testing::contract::token::{ADD, session, slot};

/// What concerns other verbs, but needs refresh tokens.
pub(in super::super) async fn with_others<S: RotatingStore>(
    stage: &Stage<'_, S>,
    report: &mut Report,
) {
    report.promise(
        "where `find_now` answers, it answers as `find` does",
        agreement(stage).await,
    );
    report.promise(
        "a refresh token goes and stays with its session",
        with_its_session(stage).await,
    );
    report.promise(
        "a refresh token is never taken for a derived token",
        never_derived(stage).await,
    );
}

async fn agreement<S: RotatingStore>(stage: &Stage<'_, S>) -> Result<(), Fault> {
    let (store, login) = logged_in(stage).await?;
    for (generation, second) in [(0, 10), (1, 11), (1, 12), (0, 13)] {
        store
            .rotate(login.rotation(generation, second, second))
            .await?;
        for number in [1, 10, 11, 12, 13] {
            agree(&*store, "after a rotation", &stage.token(number).digest()).await?;
        }
        agree(&*store, "after a rotation", &login.refresh.digest).await?;
    }
    Ok(())
}

async fn with_its_session<S: RotatingStore>(stage: &Stage<'_, S>) -> Result<(), Fault> {
    let (store, login) = logged_in(stage).await?;
    let beside = Login::new(stage.token(2));
    store.insert(beside.draft.refreshable(), ADD).await?;
    let removed = store
        .remove_subject(&stage.subject(), Some(&session(1)))
        .await?;
    same("how many were removed but for one session", &removed, &2)?;
    kept(&*store, "the refresh token of that session", &login.refresh).await?;
    let removed = store.remove_session(&stage.subject(), &session(1)).await?;
    same("how many were removed with a session", &removed, &2)?;
    gone(&*store, "its refresh token", &login.refresh.digest).await?;

    // The first lives by its refresh token alone, and was used last by it.
    for (place, limit, first_stays) in [
        (Place::Add, 3, true),
        (Place::Add, 2, true),
        (Place::Add, 1, false),
        (Place::ReplaceAll, 9, false),
    ] {
        let (store, login) = logged_in(stage).await?;
        store.rotate(login.rotation(0, 2, 90)).await?;
        let other = stage.token(3).later(80).expires(200);
        store.insert(other.login(), ADD).await?;
        let limit = NonZeroUsize::new(limit);
        store
            .insert(stage.token(4).later(155).login(), Slot { place, limit })
            .await?;
        let found = find(&*store, &login.refresh.digest).await?.is_some();
        let what = format!("whether the session is left at {limit:?} and {place:?}");
        same(what, &found, &first_stays)?;
        let found = find(&*store, &stage.token(2).digest()).await?.is_some();
        same("whether its access token is", &found, &first_stays)?;
    }
    Ok(())
}

async fn never_derived<S: RotatingStore>(stage: &Stage<'_, S>) -> Result<(), Fault> {
    for place in [Place::Renew, Place::KeepLive] {
        let (store, login) = logged_in(stage).await?;
        let new = stage.token(2).seed(2).later(10);
        let inserted = store.insert(new.login(), slot(place)).await?;
        same(
            format!("the answer to {place:?}"),
            &inserted,
            &Inserted::default(),
        )?;
        kept(&*store, "the refresh token", &login.refresh).await?;
        kept(&*store, "the new token", &new.token()).await?;
    }
    Ok(())
}
