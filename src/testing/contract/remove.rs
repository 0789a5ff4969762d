use super::broken::{Fault, Report, same};
use super::stage::{Stage, find, gone, kept, lists};
use super::token::{Draft, OTHER_KIND, session, touch};
use crate::store::{IssuingStore, NewToken};
use crate::token::Subject;

pub(super) async fn promises<S: IssuingStore>(stage: &Stage<'_, S>, report: &mut Report) {
    report.promise(
        "`remove` removes one token, and says whether there was one",
        one(stage).await,
    );
    report.promise(
        "`remove_session` removes all tokens of a session, and says how many",
        one_session(stage).await,
    );
    report.promise(
        "`remove_session` never removes another subject's session",
        not_anothers(stage).await,
    );
    report.promise(
        "`remove_subject` removes all tokens of a subject, and says how many",
        all(stage).await,
    );
    report.promise(
        "`remove_subject` leaves the session that is named with all of its tokens",
        all_but_one(stage).await,
    );
    report.promise(
        "no subject is taken for another: not by case, spaces, wildcards or length",
        lookalikes(stage).await,
    );
    report.promise(
        "`extend` never revives what was removed",
        stays_removed(stage).await,
    );
    report.promise(
        "`list` gives all records of a subject, dead ones too, and nobody else's",
        listed(stage).await,
    );
}

/// Two sessions of the subject, the first of two tokens, and one of somebody else.
fn three_sessions<S: IssuingStore>(stage: &Stage<'_, S>) -> [NewToken; 4] {
    [
        stage.token(1),
        stage.token(2).session(1),
        stage.token(3).kind(OTHER_KIND).used(9).expires(9).ends(9),
        stage.others(4),
    ]
    .map(|draft| draft.token())
}

async fn one<S: IssuingStore>(stage: &Stage<'_, S>) -> Result<(), Fault> {
    let tokens = three_sessions(stage);
    let store = stage.holding(&tokens).await?;
    let none = store.remove(&stage.token(9).digest()).await?;
    same("the answer for no token", &none, &false)?;
    for (index, token) in tokens.iter().enumerate() {
        same(
            "the first answer",
            &store.remove(&token.digest).await?,
            &true,
        )?;
        gone(&*store, "then the token", &token.digest).await?;
        same(
            "the second answer",
            &store.remove(&token.digest).await?,
            &false,
        )?;
        for token in &tokens[index + 1..] {
            kept(&*store, "another token", token).await?;
        }
    }
    Ok(())
}

async fn one_session<S: IssuingStore>(stage: &Stage<'_, S>) -> Result<(), Fault> {
    let tokens = three_sessions(stage);
    let store = stage.holding(&tokens).await?;
    let subject = stage.subject();
    for expected in [2, 0] {
        let removed = store.remove_session(&subject, &session(1)).await?;
        same("how many were removed", &removed, &expected)?;
        gone(&*store, "the first token of the session", &tokens[0].digest).await?;
        gone(
            &*store,
            "the second token of the session",
            &tokens[1].digest,
        )
        .await?;
        kept(&*store, "another session's token", &tokens[2]).await?;
        kept(&*store, "somebody else's token", &tokens[3]).await?;
    }
    let removed = store.remove_session(&subject, &session(3)).await?;
    same("how many were removed of a dead session", &removed, &1)
}

async fn not_anothers<S: IssuingStore>(stage: &Stage<'_, S>) -> Result<(), Fault> {
    let tokens = three_sessions(stage);
    let store = stage.holding(&tokens).await?;
    let removed = store.remove_session(&stage.other(), &session(1)).await?;
    same("how many were removed", &removed, &0)?;
    let removed = store.remove_session(&stage.subject(), &session(4)).await?;
    same("how many were removed", &removed, &0)?;
    for token in &tokens {
        kept(&*store, "a token", token).await?;
    }
    Ok(())
}

async fn all<S: IssuingStore>(stage: &Stage<'_, S>) -> Result<(), Fault> {
    let tokens = three_sessions(stage);
    let store = stage.holding(&tokens).await?;
    for expected in [3, 0] {
        let removed = store.remove_subject(&stage.subject(), None).await?;
        same("how many were removed", &removed, &expected)?;
        for token in &tokens[..3] {
            gone(&*store, "a token", &token.digest).await?;
        }
        kept(&*store, "somebody else's token", &tokens[3]).await?;
    }
    lists(&*store, "the list", &stage.subject(), &[]).await
}

async fn all_but_one<S: IssuingStore>(stage: &Stage<'_, S>) -> Result<(), Fault> {
    let tokens = three_sessions(stage);
    let subject = stage.subject();
    let store = stage.holding(&tokens).await?;
    for expected in [1, 0] {
        let removed = store.remove_subject(&subject, Some(&session(1))).await?;
        same("how many were removed", &removed, &expected)?;
        let left = [&tokens[0].record, &tokens[1].record];
        lists(&*store, "the list", &subject, &left).await?;
    }
    // A session that is not the subject's spares nothing.
    let removed = store.remove_subject(&subject, Some(&session(4))).await?;
    same(
        "how many were removed but for somebody else's session",
        &removed,
        &2,
    )?;
    kept(&*store, "somebody else's token", &tokens[3]).await
}

async fn lookalikes<S: IssuingStore>(stage: &Stage<'_, S>) -> Result<(), Fault> {
    let drafts = (1..)
        .zip(stage.subjects())
        .map(|(number, subject)| Draft::new(subject, number));
    let tokens: Vec<NewToken> = drafts.map(|draft| draft.token()).collect();
    let store = stage.holding(&tokens).await?;
    for (index, token) in tokens.iter().enumerate() {
        let subject: &Subject = token.record.subject();
        lists(&*store, "the list", subject, &[&token.record]).await?;
        for near in [
            format!("0{subject}"),
            format!("+{subject}"),
            format!("{subject} "),
        ] {
            let near = Subject::new(&near);
            if !tokens.iter().any(|token| *token.record.subject() == near) {
                nobody(&*store, &near).await?;
            }
        }
        let removed = store.remove_subject(subject, None).await?;
        same(
            format!("how many were removed of {subject:?}"),
            &removed,
            &1,
        )?;
        for token in &tokens[index + 1..] {
            kept(
                &*store,
                &format!("then a token of {:?}", token.record.subject()),
                token,
            )
            .await?;
        }
    }
    Ok(())
}

/// One who has no tokens. A store whose subjects can't be such texts may say that by an error.
async fn nobody<S: IssuingStore>(store: &S, subject: &Subject) -> Result<(), Fault> {
    if let Ok(listed) = store.list(subject).await {
        let what = format!("how many are listed of {subject:?}, who has none");
        same(what, &listed.len(), &0)?;
    }
    if let Ok(removed) = store.remove_subject(subject, None).await {
        let what = format!("how many were removed of {subject:?}, who has none");
        same(what, &removed, &0)?;
    }
    Ok(())
}

async fn stays_removed<S: IssuingStore>(stage: &Stage<'_, S>) -> Result<(), Fault> {
    let tokens = [1, 2, 3].map(|number| stage.token(number).token());
    let store = stage.holding(&tokens).await?;
    store.remove(&tokens[0].digest).await?;
    store.remove_session(&stage.subject(), &session(2)).await?;
    store.remove_subject(&stage.subject(), None).await?;
    let touches = tokens.each_ref().map(|token| touch(token.digest, 30, 90));
    store.extend(&touches).await?;
    for token in &tokens {
        same("a token", &find(&*store, &token.digest).await?, &None)?;
    }
    lists(&*store, "the list", &stage.subject(), &[]).await
}

async fn listed<S: IssuingStore>(stage: &Stage<'_, S>) -> Result<(), Fault> {
    let tokens = three_sessions(stage);
    let store = stage.holding(&tokens).await?;
    let [one, two, three, other] = tokens.each_ref().map(|token| &token.record);
    lists(&*store, "the list", &stage.subject(), &[one, two, three]).await?;
    lists(&*store, "somebody else's list", &stage.other(), &[other]).await?;
    lists(&*store, "a third one's list", &stage.third(), &[]).await
}
