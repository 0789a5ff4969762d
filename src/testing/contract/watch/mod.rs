//! What a store tells its watches, also of what another value of it did.

mod ears;

use std::future::poll_fn;
use std::num::NonZeroUsize;
use std::task::Poll;

use self::ears::Heard;
use super::broken::{Fault, Report, same};
use super::rotate::Login;
use super::spawn::{Call, abandoned};
use super::stage::{Stage, gone};
use super::token::{ADD, Draft, session, slot};
use crate::store::{IssuingStore, Place, RotatingStore, Slot, StoreError, WatchedStore};

/// On which two values of a store on the same data are tried.
pub(super) type Two<'a, S> = Stage<'a, (S, S)>;

const MANY: u64 = 300;

/// A call that waits more often is not dropped any later.
const MOST_POLLS: usize = 12;

/// Whether a watch hears anything at all.
pub(super) async fn issuing<S>(stage: &Two<'_, S>, report: &mut Report) -> bool
where
    S: IssuingStore + WatchedStore,
{
    let one = one(stage).await;
    let deaf = one.is_err();
    report.promise(
        "a watch says `Connected` first, and then tells of a token that is removed",
        one,
    );
    if deaf {
        // Each of the others would wait as long, only to say the same.
        return false;
    }
    report.promise(
        "what a session or a subject loses at once is told",
        together(stage).await,
    );
    report.promise("each of many tokens is told", many(stage).await);
    report.promise("what a limit ends is told", limited(stage).await);
    report.promise("what a login replaces is told", replaced(stage).await);
    report.promise("what a login renews is told", renewed(stage).await);
    report.promise(
        "a change is told when it can be seen, never before",
        not_too_early(stage).await,
    );
    report.promise(
        "a call for the next change that is dropped has lost none",
        dropped_next(stage).await,
    );
    report.promise(
        "what a call has removed that was dropped is told",
        dropped(stage).await,
    );
    true
}

pub(super) async fn rotating<S>(stage: &Two<'_, S>, report: &mut Report)
where
    S: RotatingStore + WatchedStore,
{
    report.promise("what a rotation replaces is told", rotated(stage).await);
    report.promise("what a reuse ends is told", reused(stage).await);
}

async fn one<S: IssuingStore + WatchedStore>(stage: &Two<'_, S>) -> Result<(), Fault> {
    let token = stage.token(1);
    let mut heard = Heard::new(stage, &[&token]).await?;
    heard.one().remove(&token.digest()).await?;
    for ears in &mut heard.ears {
        ears.until(&token.digest()).await?;
    }
    Ok(())
}

async fn together<S: IssuingStore + WatchedStore>(stage: &Two<'_, S>) -> Result<(), Fault> {
    let (subject, tokens) = (
        stage.subject(),
        [
            stage.token(1),
            stage.token(2).session(1),
            stage.token(3),
            stage.token(4),
        ],
    );
    let [a, b, c, d] = &tokens;
    let all = [a, b, c, d];
    let heard = Heard::new(stage, &all).await?;
    heard.one().remove_session(&subject, &session(1)).await?;
    heard.hears(&[a, b]).await?;

    let heard = Heard::new(stage, &all).await?;
    heard.one().remove_subject(&subject, None).await?;
    heard.hears(&all).await?;

    let heard = Heard::new(stage, &all).await?;
    let but = session(1);
    heard.one().remove_subject(&subject, Some(&but)).await?;
    heard.hears(&[c, d]).await
}

/// More than fit into one message of most channels.
async fn many<S: IssuingStore + WatchedStore>(stage: &Two<'_, S>) -> Result<(), Fault> {
    let tokens: Vec<Draft> = (0..MANY).map(|number| stage.token(number)).collect();
    let tokens: Vec<&Draft> = tokens.iter().collect();
    let heard = Heard::new(stage, &tokens).await?;
    heard.one().remove_subject(&stage.subject(), None).await?;
    heard.hears(&tokens).await
}

async fn limited<S: IssuingStore + WatchedStore>(stage: &Two<'_, S>) -> Result<(), Fault> {
    let [a, b, c] =
        [(1, 30), (2, 10), (3, 20)].map(|(number, used)| stage.token(number).used(used));
    let heard = Heard::new(stage, &[&a, &b, &c]).await?;
    let limit = NonZeroUsize::new(2);
    let new = stage.token(4).later(40);
    heard
        .one()
        .insert(new.login(), Slot { limit, ..ADD })
        .await?;
    heard.hears(&[&b, &c]).await
}

async fn replaced<S: IssuingStore + WatchedStore>(stage: &Two<'_, S>) -> Result<(), Fault> {
    let (a, b) = (stage.token(1), stage.token(2).seed(2));
    let new = stage.token(3).seed(3).later(100);
    for (place, expected) in [
        (Place::ReplaceAll, &[&a, &b][..]),
        // The derived one, which is dead by then.
        (Place::KeepLive, &[&b]),
    ] {
        let heard = Heard::new(stage, &[&a, &b]).await?;
        heard.one().insert(new.login(), slot(place)).await?;
        heard.hears(expected).await?;
    }
    let heard = Heard::new(stage, &[&a]).await?;
    let taken_over = stage.others(1).scopes("other");
    heard.one().insert(taken_over.login(), ADD).await?;
    heard.hears(&[&a]).await
}

async fn renewed<S: IssuingStore + WatchedStore>(stage: &Two<'_, S>) -> Result<(), Fault> {
    let old = stage.token(1).seed(1).scopes("read write");
    let shorter = stage.token(2).seed(2).later(1).expires(30).ends(30);
    let narrower = stage.token(3).seed(3).later(1).scopes("read");
    for new in [shorter, narrower] {
        let heard = Heard::new(stage, &[&old]).await?;
        heard.one().insert(new.login(), slot(Place::Renew)).await?;
        heard.hears(&[&old]).await?;
    }
    Ok(())
}

async fn not_too_early<S: IssuingStore + WatchedStore>(stage: &Two<'_, S>) -> Result<(), Fault> {
    let (token, new) = (stage.token(1), stage.token(2).later(10));
    for verb in 0..3 {
        let mut heard = Heard::new(stage, &[&token]).await?;
        let (both, digest, subject) = (heard.both(), token.digest(), stage.subject());
        let new = new.login();
        let mut call: Option<Call<Result<(), StoreError>>> = Some(Box::pin(async move {
            match verb {
                0 => both.0.remove(&digest).await.map(drop),
                1 => both.0.remove_subject(&subject, None).await.map(drop),
                _ => both.0.insert(new, slot(Place::ReplaceAll)).await.map(drop),
            }
        }));
        let both = heard.both();
        let [_, ears] = &mut heard.ears;
        {
            let mut told = Box::pin(ears.until(&digest));
            poll_fn(|context| {
                if let Poll::Ready(told) = told.as_mut().poll(context) {
                    return Poll::Ready(told);
                }
                if let Some(verb) = &mut call
                    && let Poll::Ready(done) = verb.as_mut().poll(context)
                {
                    call = None;
                    context.waker().wake_by_ref();
                    if let Err(error) = done {
                        return Poll::Ready(Err(error.into()));
                    }
                }
                Poll::Pending
            })
            .await?;
        }
        gone(&both.1, "a token that was just told", &digest).await?;
        if let Some(call) = call {
            call.await?;
        }
    }
    Ok(())
}

async fn dropped_next<S: IssuingStore + WatchedStore>(stage: &Two<'_, S>) -> Result<(), Fault> {
    let tokens = [1, 2, 3].map(|number| stage.token(number));
    let [a, b, c] = &tokens;
    let mut heard = Heard::new(stage, &[a, b, c]).await?;
    for token in &tokens {
        for polls in [0, 1] {
            for ears in &mut heard.ears {
                abandoned(ears.next(), polls).await;
            }
        }
        heard.one().remove(&token.digest()).await?;
    }
    heard.hears(&[a, b, c]).await
}

async fn dropped<S: IssuingStore + WatchedStore>(stage: &Two<'_, S>) -> Result<(), Fault> {
    let tokens = [1, 2].map(|number| stage.token(number));
    let [a, b] = &tokens;
    for polls in 0..MOST_POLLS {
        let heard = Heard::new(stage, &[a, b]).await?;
        let removal: Call<Result<u64, StoreError>> = {
            let (both, subject) = (heard.both(), stage.subject());
            Box::pin(async move { both.0.remove_subject(&subject, None).await })
        };
        let answer = abandoned(removal, polls).await;
        let left = heard.one().list(&stage.subject()).await?.len();
        match left {
            0 => heard.hears(&[a, b]).await?,
            left => same("how many tokens are left", &left, &2)?,
        }
        if answer.is_some() {
            break;
        }
    }
    Ok(())
}

async fn rotated<S: RotatingStore + WatchedStore>(stage: &Two<'_, S>) -> Result<(), Fault> {
    let (login, heard) = logged_in(stage).await?;
    heard.one().rotate(login.rotation(0, 2, 10)).await?;
    heard.hears(&[&login.draft]).await
}

async fn reused<S: RotatingStore + WatchedStore>(stage: &Two<'_, S>) -> Result<(), Fault> {
    let (login, heard) = logged_in(stage).await?;
    heard.one().rotate(login.rotation(0, 2, 10)).await?;
    heard.one().rotate(login.rotation(1, 3, 20)).await?;
    heard.one().rotate(login.rotation(0, 4, 21)).await?;
    heard.hears(&[&stage.token(3)]).await
}

async fn logged_in<S: RotatingStore + WatchedStore>(
    stage: &Two<'_, S>,
) -> Result<(Login, Heard<S>), Fault> {
    let login = Login::new(stage.token(1));
    let heard = Heard::new(stage, &[]).await?;
    heard.one().insert(login.draft.refreshable(), ADD).await?;
    Ok((login, heard))
}
