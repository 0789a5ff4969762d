//! Calls that meet: whichever comes first, the outcome is that of one after the other.

mod issue;
mod look_up;
mod rotate;

use std::num::NonZeroUsize;
use std::sync::Arc;

use super::broken::Fault;
use super::spawn::Call;
use super::stage::Stage;
use super::token::{Draft, at};
use crate::store::{
    Inserted, IssuingStore, NewSession, Rotated, RotatingStore, Rotation, Slot, StoreError, Touch,
};
use crate::token::TokenDigest;

pub(super) use issue::issuing;
pub(super) use look_up::look_ups;
pub(super) use rotate::rotating;

/// What a call in a meeting has come to.
#[derive(Clone, Debug, PartialEq, Eq)]
enum Came {
    Inserted(Inserted),
    Removed(u64),
    Rotated(Rotated),
    Done,
}

fn call<S, F>(store: &Arc<S>, call: impl FnOnce(Arc<S>) -> F) -> Call<Result<Came, StoreError>>
where
    F: Future<Output = Result<Came, StoreError>> + Send + 'static,
{
    Box::pin(call(Arc::clone(store)))
}

fn insert<S: IssuingStore>(
    store: &Arc<S>,
    new: NewSession,
    slot: Slot,
) -> Call<Result<Came, StoreError>> {
    call(store, async move |store| {
        store.insert(new, slot).await.map(Came::Inserted)
    })
}

fn remove_all<S: IssuingStore>(store: &Arc<S>, whose: &Draft) -> Call<Result<Came, StoreError>> {
    let subject = whose.token().record.subject().clone();
    call(store, async move |store| {
        store
            .remove_subject(&subject, None)
            .await
            .map(Came::Removed)
    })
}

fn remove_one<S: IssuingStore>(
    store: &Arc<S>,
    digest: TokenDigest,
) -> Call<Result<Came, StoreError>> {
    call(store, async move |store| {
        store
            .remove(&digest)
            .await
            .map(|removed| Came::Removed(removed.into()))
    })
}

fn extend<S: IssuingStore>(store: &Arc<S>, touches: Vec<Touch>) -> Call<Result<Came, StoreError>> {
    call(store, async move |store| {
        store.extend(&touches).await.map(|()| Came::Done)
    })
}

fn purge<S: IssuingStore>(store: &Arc<S>, seconds: u64) -> Call<Result<Came, StoreError>> {
    call(store, async move |store| {
        let most = NonZeroUsize::new(1_000).unwrap_or(NonZeroUsize::MIN);
        store
            .purge(at(seconds), most)
            .await
            .map(|purged| Came::Removed(purged as u64))
    })
}

fn rotate<S: RotatingStore>(store: &Arc<S>, rotation: Rotation) -> Call<Result<Came, StoreError>> {
    call(store, async move |store| {
        store.rotate(rotation).await.map(Came::Rotated)
    })
}

/// Lets the calls meet, another one first in each round. What they came to, in order.
async fn meet<S: IssuingStore>(
    stage: &Stage<'_, S>,
    round: usize,
    mut calls: Vec<Call<Result<Came, StoreError>>>,
) -> Result<Vec<Came>, Fault> {
    let first = round % calls.len();
    calls.rotate_left(first);
    let came = stage.together(calls).await?;
    let mut came = came
        .into_iter()
        .collect::<Result<Vec<Came>, StoreError>>()?;
    came.rotate_right(first);
    Ok(came)
}

impl Came {
    fn removed(&self) -> u64 {
        match self {
            Self::Removed(many) => *many,
            _ => 0,
        }
    }
}
