use super::broken::{Fault, Report, same};
use super::stage::{Stage, find, gone, kept};
use super::token::{MICROSECOND, at, touch};
use crate::clock::Timestamp;
use crate::store::{NewToken, TokenStore, Touch};
use crate::token::TokenTimes;

pub(super) async fn promises<S: TokenStore>(stage: &Stage<'_, S>, report: &mut Report) {
    report.promise(
        "`extend` moves `last_used_at` and `expires_at`, and nothing else",
        moves(stage).await,
    );
    report.promise("`extend` never moves a time back", never_back(stage).await);
    report.promise(
        "`extend` never moves an end beyond `ends_at`",
        never_beyond(stage).await,
    );
    report.promise(
        "`extend` leaves a token that had ended by the time of use as it is",
        never_the_dead(stage).await,
    );
    report.promise(
        "`extend` makes no token where there is none",
        never_out_of_nothing(stage).await,
    );
    report.promise("`extend` writes each of many touches", many(stage).await);
    report.promise(
        "the same touch twice is as good as once",
        twice(stage).await,
    );
}

/// Touches a token, and holds unless its times are these afterwards, and all else as it was.
async fn touched<S: TokenStore>(
    store: &S,
    token: &NewToken,
    (used, expires): (u64, u64),
    expected: (u64, u64),
) -> Result<(), Fault> {
    store.extend(&[touch(token.digest, used, expires)]).await?;
    let times = TokenTimes {
        last_used_at: at(expected.0),
        expires_at: at(expected.1),
        ..*token.record.times()
    };
    let record = Some(token.record.at(times));
    let what = format!("after a use at {used} that moves the end to {expires}");
    same(what, &find(store, &token.digest).await?, &record)
}

async fn moves<S: TokenStore>(stage: &Stage<'_, S>) -> Result<(), Fault> {
    let token = stage.token(1).scopes("read").token();
    let beside = stage.token(2).session(1).token();
    let other = stage.others(3).token();
    let store = stage
        .holding(&[token.clone(), beside.clone(), other.clone()])
        .await?;
    touched(&*store, &token, (30, 90), (30, 90)).await?;
    touched(&*store, &token, (80, 140), (80, 140)).await?;
    kept(&*store, "another token of the session", &beside).await?;
    kept(&*store, "somebody else's token", &other).await
}

async fn never_back<S: TokenStore>(stage: &Stage<'_, S>) -> Result<(), Fault> {
    let token = stage.token(1).used(30).token();
    let store = stage.holding(std::slice::from_ref(&token)).await?;
    touched(&*store, &token, (20, 50), (30, 60)).await?;
    touched(&*store, &token, (40, 50), (40, 60)).await?;
    touched(&*store, &token, (35, 70), (40, 70)).await?;
    touched(&*store, &token, (40, 70), (40, 70)).await
}

async fn never_beyond<S: TokenStore>(stage: &Stage<'_, S>) -> Result<(), Fault> {
    let token = stage.token(1).token();
    let store = stage.holding(std::slice::from_ref(&token)).await?;
    touched(&*store, &token, (30, 601), (30, 600)).await?;
    let touch = Touch {
        digest: token.digest,
        used_at: at(31),
        expires_at: Timestamp::MAX,
    };
    store.extend(&[touch]).await?;
    let found = find(&*store, &token.digest).await?;
    let found = found.map(|record| record.times().expires_at);
    same("after a touch to the end of time", &found, &Some(at(600)))
}

async fn never_the_dead<S: TokenStore>(stage: &Stage<'_, S>) -> Result<(), Fault> {
    let token = stage.token(1).token();
    let store = stage.holding(std::slice::from_ref(&token)).await?;
    touched(&*store, &token, (60, 120), (0, 60)).await?;
    touched(&*store, &token, (61, 120), (0, 60)).await?;
    touched(&*store, &token, (700, 760), (0, 60)).await?;
    let touch = Touch {
        digest: token.digest,
        used_at: at(60) - MICROSECOND,
        expires_at: at(120),
    };
    store.extend(&[touch]).await?;
    let found = find(&*store, &token.digest).await?;
    let found = found.map(|record| record.times().expires_at);
    same(
        "after a use in its last microsecond",
        &found,
        &Some(at(120)),
    )
}

async fn never_out_of_nothing<S: TokenStore>(stage: &Stage<'_, S>) -> Result<(), Fault> {
    let token = stage.token(1).token();
    let store = stage.holding(std::slice::from_ref(&token)).await?;
    let none = stage.token(2).digest();
    let touches = [
        touch(none, 1, 61),
        touch(token.digest, 1, 61),
        touch(none, 2, 62),
    ];
    store.extend(&touches).await?;
    gone(&*store, "a token that was never there", &none).await?;
    let found = find(&*store, &token.digest).await?;
    let found = found.map(|record| record.times().last_used_at);
    same("the last use of the token beside it", &found, &Some(at(1)))
}

async fn many<S: TokenStore>(stage: &Stage<'_, S>) -> Result<(), Fault> {
    const MANY: u64 = 300;
    let tokens: Vec<NewToken> = (0..MANY)
        .map(|number| stage.token(number).token())
        .collect();
    let store = stage.holding(&tokens).await?;
    store.extend(&[]).await?;
    // Every third is touched twice, the later use first.
    let touches = (0..).zip(&tokens).flat_map(|(number, token)| {
        let again = (number % 3 == 0).then(|| touch(token.digest, 5, 65 + number));
        [touch(token.digest, 10, 70 + number)]
            .into_iter()
            .chain(again)
    });
    let touches: Vec<Touch> = touches.collect();
    store.extend(&touches).await?;
    for (number, token) in (0..).zip(&tokens) {
        let found = find(&*store, &token.digest).await?;
        let found = found.map(|record| (record.times().last_used_at, record.times().expires_at));
        same(
            format!("token {number} of {MANY}"),
            &found,
            &Some((at(10), at(70 + number))),
        )?;
    }
    Ok(())
}

async fn twice<S: TokenStore>(stage: &Stage<'_, S>) -> Result<(), Fault> {
    let token = stage.token(1).token();
    let store = stage.holding(std::slice::from_ref(&token)).await?;
    touched(&*store, &token, (30, 90), (30, 90)).await?;
    touched(&*store, &token, (30, 90), (30, 90)).await
}
