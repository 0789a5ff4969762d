use std::collections::HashSet;
use std::sync::Arc;

use super::Two;
use crate::store::{Change, IssuingStore, NewToken, Watch, WatchedStore};
use crate::testing::contract::broken::{Fault, same};
use crate::testing::contract::in_time::in_time;
use crate::testing::contract::token::Draft;
use crate::token::TokenDigest;

/// How many more tokens may be told before one that went before them.
const OUT_OF_ORDER: u64 = 8;

/// Two values of a store on the same data, each with a watch that listens.
pub(super) struct Heard<S> {
    store: Arc<(S, S)>,
    pub(super) ears: [Ears; 2],
    later: Vec<TokenDigest>,
}

/// A watch, and what it has told.
pub(super) struct Ears {
    watch: Box<dyn Watch>,
    told: HashSet<TokenDigest>,
    /// A loss tells of all that went until then.
    lost: bool,
}

impl<S: IssuingStore + WatchedStore> Heard<S> {
    /// Of a store with these tokens.
    pub(super) async fn new(stage: &Two<'_, S>, tokens: &[&Draft]) -> Result<Self, Fault> {
        let later = (0..OUT_OF_ORDER).map(|number| stage.others(10_000 + number).token());
        let later: Vec<NewToken> = later.collect();
        let tokens = tokens.iter().map(|draft| draft.token());
        let all: Vec<NewToken> = tokens.chain(later.iter().cloned()).collect();
        let store = stage.holding(&all).await?;
        let ears = [Ears::of(&store.0).await?, Ears::of(&store.1).await?];
        let later = later.iter().map(|token| token.digest).collect();
        Ok(Self { store, ears, later })
    }

    /// The value whose verbs are called.
    pub(super) fn one(&self) -> &S {
        &self.store.0
    }

    pub(super) fn both(&self) -> Arc<(S, S)> {
        Arc::clone(&self.store)
    }

    /// Holds unless both watches tell of these tokens, which a verb has just removed.
    pub(super) async fn hears(mut self, expected: &[&Draft]) -> Result<(), Fault> {
        let expected: Vec<TokenDigest> = expected.iter().map(|draft| draft.digest()).collect();
        let mut missing = usize::MAX;
        for later in self.later {
            // What is told after it was certainly told by now, give or take a few.
            self.store.0.remove(&later).await?;
            for ears in &mut self.ears {
                ears.until(&later).await?;
            }
            let untold = |digest: &&TokenDigest| !self.ears.iter().all(|ears| ears.has(digest));
            missing = expected.iter().filter(untold).count();
            if missing == 0 {
                break;
            }
        }
        same("how many of the tokens were not told", &missing, &0)
    }
}

impl Ears {
    async fn of<S: WatchedStore>(store: &S) -> Result<Self, Fault> {
        let mut watch = store.watch().await?;
        let first = in_time(watch.next()).await;
        same("the first change", &first, &Some(Change::Connected))?;
        Ok(Self {
            watch,
            told: HashSet::new(),
            lost: false,
        })
    }

    pub(super) fn has(&self, digest: &TokenDigest) -> bool {
        self.lost || self.told.contains(digest)
    }

    /// Hears the next change. Cancel safe, if the watch is.
    pub(super) async fn next(&mut self) {
        match self.watch.next().await {
            Change::Connected => {}
            Change::Removed(digests) => self.told.extend(digests),
            Change::Lost => self.lost = true,
        }
    }

    /// Hears until this token is told.
    pub(super) async fn until(&mut self, digest: &TokenDigest) -> Result<(), Fault> {
        let told = in_time(async {
            while !self.has(digest) {
                self.next().await;
            }
        });
        let never = || Fault::new("a token that was removed was not told in five seconds");
        told.await.ok_or_else(never)
    }
}
