mod login;
mod session;

use std::time::Duration;

use self::login::logged_in;
use super::broken::{Fault, Report, same};
use super::stage::{Stage, find, gone, kept, lists};
use super::token::{ADD, MICROSECOND, OTHER_KIND, at, session};
use crate::clock::Timestamp;
use crate::store::{Rotated, RotatingStore, Rotation};

pub(super) use login::Login;
pub(super) use session::with_others;

const GRACE: Duration = Duration::from_secs(10);

pub(super) async fn promises<S: RotatingStore>(stage: &Stage<'_, S>, report: &mut Report) {
    report.promise(
        "`rotate` turns the current generation to the next, with a new access token",
        to_the_next(stage).await,
    );
    report.promise(
        "`rotate` removes the session's older access tokens of its kind, and no other token",
        older_ones_go(stage).await,
    );
    report.promise(
        "`rotate` moves the refresh token's end forward only, never beyond its `ends_at`",
        ends_forward(stage).await,
    );
    report.promise(
        "within the grace the generation before is told the first rotation's access token again",
        again(stage).await,
    );
    report.promise(
        "the grace is counted from the first rotation alone",
        pinned(stage).await,
    );
    report.promise(
        "an older generation is reuse, and removes the session with all of its tokens",
        reused(stage).await,
    );
    report.promise(
        "a session that is not there or has ended, or a generation to come, is unknown",
        unknown(stage).await,
    );
    report.promise(
        "what was removed is not told again",
        not_after_logout(stage).await,
    );
}

async fn to_the_next<S: RotatingStore>(stage: &Stage<'_, S>) -> Result<(), Fault> {
    let (store, login) = logged_in(stage).await?;
    for (generation, number, second) in [(0, 2, 10), (1, 3, 20), (2, 4, 500)] {
        let rotation = login.rotation(generation, number, second);
        let access = rotation.access.clone();
        let rotated = store.rotate(rotation).await?;
        same("the answer", &rotated, &Rotated::Rotated)?;
        kept(&*store, "the access token", &access).await?;
        let refresh = login.rotated(generation + 1, second);
        kept(&*store, "the refresh token", &refresh).await?;
        let both = [&access.record, &refresh.record];
        lists(&*store, "the list", &stage.subject(), &both).await?;
    }
    Ok(())
}

async fn older_ones_go<S: RotatingStore>(stage: &Stage<'_, S>) -> Result<(), Fault> {
    let (store, login) = logged_in(stage).await?;
    let older = stage.token(2).session(1);
    let others = [
        stage.token(3).session(1).kind(OTHER_KIND),
        stage.token(4),
        stage.others(5),
    ];
    for draft in [&older].into_iter().chain(&others) {
        store.insert(draft.login(), ADD).await?;
    }
    let beside = Login::new(stage.token(6));
    store.insert(beside.draft.refreshable(), ADD).await?;
    store.rotate(login.rotation(0, 7, 10)).await?;
    gone(&*store, "an older access token", &login.draft.digest()).await?;
    gone(&*store, "another older access token", &older.digest()).await?;
    for other in others.iter().chain([&beside.draft]) {
        kept(&*store, "another token", &other.token()).await?;
    }
    kept(&*store, "another session's refresh token", &beside.refresh).await
}

async fn ends_forward<S: RotatingStore>(stage: &Stage<'_, S>) -> Result<(), Fault> {
    let (store, login) = logged_in(stage).await?;
    let ends = [
        (at(300), at(600)),
        (at(700), at(700)),
        (Timestamp::MAX, at(6_000)),
    ];
    for (generation, (expires_at, expected)) in (0..).zip(ends) {
        let number = 2 + u64::from(generation);
        let rotation = Rotation {
            expires_at,
            ..login.rotation(generation, number, number)
        };
        same(
            "the answer",
            &store.rotate(rotation).await?,
            &Rotated::Rotated,
        )?;
        let found = find(&*store, &login.refresh.digest).await?;
        let found = found.map(|record| record.times().expires_at);
        same("the refresh token's end", &found, &Some(expected))?;
    }
    Ok(())
}

async fn again<S: RotatingStore>(stage: &Stage<'_, S>) -> Result<(), Fault> {
    let (store, login) = logged_in(stage).await?;
    for (generation, number, second) in [(0, 2, 100), (1, 4, 200)] {
        let first = login.rotation(generation, number, second);
        store.rotate(first.clone()).await?;
        for (retry, later) in [(number + 1, second), (number + 1, second + 9)] {
            let retried = login.rotation(generation, retry, later);
            let digest = retried.access.digest;
            let told = store.rotate(retried).await?;
            same(
                "the answer",
                &told,
                &Rotated::Again(first.access.record.clone()),
            )?;
            gone(&*store, "the access token of the retry", &digest).await?;
            kept(&*store, "the first one", &first.access).await?;
            let refresh = login.rotated(generation + 1, second);
            kept(&*store, "the refresh token", &refresh).await?;
        }
    }
    Ok(())
}

async fn pinned<S: RotatingStore>(stage: &Stage<'_, S>) -> Result<(), Fault> {
    let (store, login) = logged_in(stage).await?;
    let first = login.rotation(0, 2, 100);
    let access = first.access.record.clone();
    store.rotate(first).await?;
    let last = at(110) - MICROSECOND;
    for moment in [at(109), last] {
        let retry = Rotation {
            at: moment,
            ..login.rotation(0, 3, 109)
        };
        same(
            "the answer in time",
            &store.rotate(retry).await?,
            &Rotated::Again(access.clone()),
        )?;
    }
    let late = store.rotate(login.rotation(0, 4, 110)).await?;
    same("the answer when the grace is over", &late, &Rotated::Reused)?;

    let (store, login) = logged_in(stage).await?;
    store.rotate(login.rotation(0, 2, 100)).await?;
    let grace = Duration::ZERO;
    let retry = Rotation {
        grace,
        ..login.rotation(0, 3, 100)
    };
    same(
        "the answer without a grace",
        &store.rotate(retry).await?,
        &Rotated::Reused,
    )
}

async fn reused<S: RotatingStore>(stage: &Stage<'_, S>) -> Result<(), Fault> {
    let (store, login) = logged_in(stage).await?;
    let other_kind = stage.token(2).session(1).kind(OTHER_KIND);
    let beside = Login::new(stage.token(3));
    store.insert(other_kind.login(), ADD).await?;
    store.insert(beside.draft.refreshable(), ADD).await?;
    store.rotate(login.rotation(0, 4, 10)).await?;
    store.rotate(login.rotation(1, 5, 11)).await?;
    let rotated = store.rotate(login.rotation(0, 6, 12)).await?;
    same("the answer", &rotated, &Rotated::Reused)?;
    let left = [&beside.draft.token().record, &beside.refresh.record];
    lists(
        &*store,
        "what the subject has left",
        &stage.subject(),
        &left,
    )
    .await?;
    for number in [1, 2, 4, 5, 6] {
        gone(
            &*store,
            "a token of the session",
            &stage.token(number).digest(),
        )
        .await?;
    }
    let rotated = store.rotate(login.rotation(2, 7, 13)).await?;
    same(
        "the answer to whoever comes next",
        &rotated,
        &Rotated::Unknown,
    )
}

async fn unknown<S: RotatingStore>(stage: &Stage<'_, S>) -> Result<(), Fault> {
    let (store, login) = logged_in(stage).await?;
    let random = stage.token(2);
    store.insert(random.login(), ADD).await?;
    let nowhere = Login::new(stage.token(3));
    let access = Rotation {
        digest: random.digest(),
        ..login.rotation(0, 4, 10)
    };
    let mut at_its_end = login.rotation(0, 5, 600);
    at_its_end.expires_at = at(6_000);
    for (what, rotation) in [
        ("no session", nowhere.rotation(0, 4, 10)),
        ("an access token", access),
        ("a generation to come", login.rotation(1, 4, 10)),
        (
            "the last of all generations",
            login.rotation(u32::MAX, 4, 10),
        ),
        ("a session that has ended", at_its_end),
    ] {
        let digest = rotation.access.digest;
        let rotated = store.rotate(rotation).await?;
        same(
            format!("the answer for {what}"),
            &rotated,
            &Rotated::Unknown,
        )?;
        gone(&*store, "the access token that came with it", &digest).await?;
        kept(&*store, "the session's access token", &login.draft.token()).await?;
        kept(&*store, "the session's refresh token", &login.refresh).await?;
        kept(&*store, "the token beside it", &random.token()).await?;
    }
    Ok(())
}

async fn not_after_logout<S: RotatingStore>(stage: &Stage<'_, S>) -> Result<(), Fault> {
    for way in ["`remove_session`", "`remove_subject`", "`remove`"] {
        let (store, login) = logged_in(stage).await?;
        let first = login.rotation(0, 2, 10);
        let access = first.access.digest;
        store.rotate(first).await?;
        match way {
            "`remove_session`" => store.remove_session(&stage.subject(), &session(1)).await?,
            "`remove_subject`" => store.remove_subject(&stage.subject(), None).await?,
            _ => u64::from(store.remove(&access).await?),
        };
        let retry = login.rotation(0, 3, 11);
        let digest = retry.access.digest;
        let told = store.rotate(retry).await?;
        same(format!("the answer after {way}"), &told, &Rotated::Unknown)?;
        gone(&*store, "the access token of the retry", &digest).await?;
        gone(&*store, "the access token that was removed", &access).await?;
    }
    Ok(())
}
