use std::time::Duration;

use super::broken::{Fault, Report, same};
use super::stage::{Stage, find, kept, lists};
use super::token::{ADD, Draft, MICROSECOND, at};
use crate::clock::Timestamp;
use crate::store::{IssuingStore, NewToken, RotatingStore, TokenStore};
use crate::token::{Subject, TokenRecord, TokenTimes};

const TIMES: &str = "times come back to the microsecond";
const ALL_ELSE: &str = "every other value comes back as it was kept";

pub(super) async fn promises<S: TokenStore>(stage: &Stage<'_, S>, report: &mut Report) {
    report.promise(TIMES, times(stage).await);
    report.promise(
        "kind, session, subject and scopes come back as they were kept",
        texts(stage).await,
    );
}

/// What the suite sets only when it inserts by itself.
pub(super) async fn with_all<S: IssuingStore>(stage: &Stage<'_, S>, report: &mut Report) {
    report.promise(ALL_ELSE, labels_clients_and_seeds(stage).await);
}

pub(super) async fn with_refresh<S: RotatingStore>(stage: &Stage<'_, S>, report: &mut Report) {
    report.promise(TIMES, refresh_times(stage).await);
    report.promise(ALL_ELSE, refresh_tokens(stage).await);
}

async fn times<S: TokenStore>(stage: &Stage<'_, S>) -> Result<(), Fault> {
    let step = |number: u32| MICROSECOND * (number * 1_001);
    let odd = TokenTimes {
        issued_at: at(0) + step(1),
        authenticated_at: at(0) - step(2),
        last_used_at: at(0) + step(3),
        expires_at: at(0) + step(4),
        ends_at: at(0) + step(5),
    };
    let endless = TokenTimes::fixed(Timestamp::default(), Timestamp::MAX);
    let drafts = [
        stage.token(1).times(odd),
        stage.token(2).times(TokenTimes {
            issued_at: at(0) + MICROSECOND,
            ..odd
        }),
        stage.token(3).times(endless),
    ];
    let tokens = drafts.map(|draft| draft.token());
    let store = stage.holding(&tokens).await?;
    for token in tokens {
        let found = find(&*store, &token.digest).await?;
        let found = found.map(|record| *record.times());
        same("the times of a token", &found, &Some(*token.record.times()))?;
    }
    Ok(())
}

async fn texts<S: TokenStore>(stage: &Stage<'_, S>) -> Result<(), Fault> {
    let scopes = [
        "",
        "read",
        "a!#[]~ read:all urn:x:y?z=%20&c write",
        LONG_SCOPES,
    ];
    let kinds = ["access", "Access", "Zugang für Ω 🦊"];
    let drafts = (1..).zip(stage.subjects()).flat_map(|(number, subject)| {
        let scopes = scopes.iter().zip([0, 100, 200, 300]);
        scopes.map(move |(scopes, more)| {
            let draft = Draft::new(subject, number + more).scopes(scopes);
            draft.kind(kinds[(number + more / 100) as usize % kinds.len()])
        })
    });
    let tokens: Vec<NewToken> = drafts.map(|draft| draft.token()).collect();
    let store = stage.holding(&tokens).await?;
    for NewToken { digest, record } in &tokens {
        let found = find(&*store, digest).await?;
        let said = |record: &TokenRecord| {
            let texts = [record.kind(), record.subject(), record.scopes().as_str()];
            (texts.map(str::to_owned), *record.session())
        };
        let what = "kind, subject, scopes and session";
        same(what, &found.as_ref().map(said), &Some(said(record)))?;
    }
    Ok(())
}

async fn labels_clients_and_seeds<S: IssuingStore>(stage: &Stage<'_, S>) -> Result<(), Fault> {
    let huge = "Ω".repeat(10_000);
    let texts = ["", "phone", "Alice's 📱\n\"half\" 50 % \\ ; --", " ", &huge];
    let mut drafts = vec![stage.token(0).seed(0), stage.token(1).seed(255)];
    for (number, text) in (2..).step_by(2).zip(texts) {
        drafts.push(stage.token(number).label(text));
        drafts.push(stage.token(number + 1).client(text).seed(9));
    }
    let tokens: Vec<NewToken> = drafts.iter().map(Draft::token).collect();
    let store = stage.holding(&tokens).await?;
    for token in &tokens {
        kept(&*store, "a record", token).await?;
    }
    let records: Vec<_> = tokens.iter().map(|token| &token.record).collect();
    lists(&*store, "the list of them", &stage.subject(), &records).await
}

async fn refresh_times<S: RotatingStore>(stage: &Stage<'_, S>) -> Result<(), Fault> {
    let store = stage.empty().await?;
    let mut login = stage.token(1).refreshable();
    let rotated_at = Some(at(3) + Duration::from_micros(1_001));
    let refresh = stage.token(1).refresh(1, rotated_at);
    login.refresh = Some(refresh.clone());
    store.insert(login, ADD).await?;
    let found = find(&*store, &refresh.digest).await?;
    let found = found.and_then(|record| record.rotated_at());
    same("when a refresh token was rotated", &found, &rotated_at)
}

async fn refresh_tokens<S: RotatingStore>(stage: &Stage<'_, S>) -> Result<(), Fault> {
    let store = stage.empty().await?;
    let mut records = Vec::new();
    for (number, generation) in [(1, 0), (2, 1), (3, u32::MAX)] {
        let mut login = stage.token(number).scopes("read").refreshable();
        let rotated_at = (generation > 0).then(|| at(5));
        let refresh = stage
            .token(number)
            .scopes("read")
            .refresh(generation, rotated_at);
        login.refresh = Some(refresh.clone());
        store.insert(login.clone(), ADD).await?;
        kept(&*store, "an access token", &login.access).await?;
        kept(&*store, "a refresh token", &refresh).await?;
        records.extend([login.access.record, refresh.record]);
    }
    let records: Vec<_> = records.iter().collect();
    let subject: Subject = stage.subject();
    lists(&*store, "the list of them", &subject, &records).await
}

/// More than a short column holds.
const LONG_SCOPES: &str = concat!(
    "https://api.example.com/auth/a-rather-long-scope-of-a-large-provider.readonly ",
    "https://api.example.com/auth/another-rather-long-scope-of-a-large-provider.write ",
    "https://api.example.com/auth/the-third-rather-long-scope-of-a-large-provider.admin ",
    "https://api.example.com/auth/the-fourth-rather-long-scope-of-a-large-provider.admin",
);
