use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex};

use super::home::{Home, Strays};
use super::kept::Kept;
use super::shard::{SHARDS, Shard, shard_of};
use super::watch::Watchers;
use crate::clock::Timestamp;
use crate::store::{Inserted, NewSession, Rotated, Rotation, Slot, Touch, Watch};
use crate::token::{Subject, TokenDigest, TokenRecord};

/// All tokens. A digest's route names its shard, and since the subject's route is in the digest,
/// a subject's tokens lie in one shard; those of a foreign form don't, and are listed at home.
///
/// Whoever adds or removes tokens of a subject holds the subject's home; whoever changes a shard
/// holds that alone and briefly. Homes are taken before shards, and never two of either.
pub(super) struct Tokens {
    shards: Box<[Shard]>,
    homes: Box<[Mutex<Strays>]>,
    purge_next: AtomicUsize,
    watchers: Watchers,
}

impl Default for Tokens {
    fn default() -> Self {
        Self {
            shards: (0..SHARDS).map(|_| Shard::default()).collect(),
            homes: (0..SHARDS).map(|_| Mutex::default()).collect(),
            purge_next: AtomicUsize::new(0),
            watchers: Watchers::default(),
        }
    }
}

impl Tokens {
    pub(super) fn len(&self) -> usize {
        self.shards.iter().map(Shard::len).sum()
    }

    pub(super) fn find(&self, digest: &TokenDigest) -> Option<Arc<Kept>> {
        self.shard(digest).get(digest)
    }

    pub(super) fn extend(&self, touch: &Touch) {
        self.shard(&touch.digest).update(&touch.digest, |record| {
            let times = record.times().extended(touch.used_at, touch.expires_at);
            (times != *record.times()).then(|| record.at(times))
        });
    }

    pub(super) fn insert(&self, new: NewSession, slot: Slot) -> Inserted {
        let record = new.access.record.clone();
        let mut home = self.home(record.subject());
        let mut inserted = home.place(new, slot.place);
        if let Some(limit) = slot.limit {
            let stays = inserted.instead.as_ref().unwrap_or(&record).session();
            let now = record.times().issued_at;
            inserted.ended += home.evict(record.kind(), stays, limit.get(), now);
        }
        inserted
    }

    pub(super) fn remove(&self, digest: &TokenDigest) -> bool {
        while let Some(kept) = self.find(digest) {
            if self.home(kept.record.subject()).take(digest, |_| true) {
                return true;
            }
        }
        false
    }

    pub(super) fn remove_where(
        &self,
        subject: &Subject,
        wanted: impl Fn(&TokenRecord) -> bool,
    ) -> u64 {
        self.home(subject).take_where(wanted)
    }

    pub(super) fn list(&self, subject: &Subject) -> Vec<TokenRecord> {
        self.home(subject)
            .all()
            .into_iter()
            .map(|kept| kept.record.clone())
            .collect()
    }

    pub(super) fn rotate(&self, rotation: Rotation) -> Rotated {
        let Some(kept) = self.find(&rotation.digest) else {
            return Rotated::Unknown;
        };
        self.home(kept.record.subject()).rotate(rotation)
    }

    /// Each shard once, from where the last purge stopped. Purges at the same time each see all,
    /// so that each knows of itself whether any is left.
    pub(super) fn purge_order(&self) -> impl Iterator<Item = usize> + use<> {
        let first = self.purge_next.load(Ordering::Relaxed);
        (first..first + SHARDS).map(|shard| shard % SHARDS)
    }

    /// Purges a shard. How many tokens it took out: at most `most`, and all that there were, if
    /// they are fewer.
    pub(super) fn purge_shard(&self, index: usize, ended_by: Timestamp, most: usize) -> usize {
        self.purge_next.store(index, Ordering::Relaxed);
        let shard = &self.shards[index];
        let ended = |record: &TokenRecord| record.times().ends_at <= ended_by;
        let mut purged = 0;
        for part in shard.parts() {
            while purged < most {
                let found = shard.search(part.clone(), most - purged, ended);
                let all = found.len() < most - purged;
                let taken = found.iter().filter(|it| self.purge_one(index, it, ended));
                purged += taken.count();
                if all {
                    break;
                }
            }
        }
        if purged > 0 {
            shard.fit();
        }
        purged
    }

    /// Whether it was there; another purge may have been faster.
    fn purge_one(&self, shard: usize, kept: &Kept, ended: impl Fn(&TokenRecord) -> bool) -> bool {
        let subject = kept.record.subject();
        let strays = (shard_of(subject.route()) != shard).then(|| self.home(subject));
        let taken = self.shards[shard].take(&kept.digest, ended).is_some();
        if let Some(mut home) = strays.filter(|_| taken) {
            home.forget(&kept.digest);
        }
        taken
    }

    pub(super) fn watch(&self) -> Box<dyn Watch> {
        self.watchers.watch()
    }

    fn shard(&self, digest: &TokenDigest) -> &Shard {
        Shard::with(&self.shards, digest)
    }

    fn home<'a>(&'a self, subject: &'a Subject) -> Home<'a> {
        Home::lock(&self.homes, &self.shards, &self.watchers, subject)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::store::{NewToken, Place};
    use crate::token::{SessionId, TokenTimes};

    #[test]
    fn a_purge_of_nearly_all_gives_their_room_back() {
        let tokens = Tokens::default();
        let add = Slot {
            place: Place::Add,
            limit: None,
        };
        for number in 0..1_000_u64 {
            let mut bytes = [0; 32];
            bytes[24..].copy_from_slice(&number.to_be_bytes());
            let ends_at = Timestamp::from_micros(if number < 10 { 2 } else { 1 });
            let times = TokenTimes::fixed(Timestamp::from_micros(0), ends_at);
            let session = SessionId::from_bytes([0; 16]);
            let access = NewToken {
                digest: TokenDigest::from_bytes(bytes),
                record: TokenRecord::builder("access", session, "alice", times).build(),
            };
            let refresh = None;
            tokens.insert(NewSession { access, refresh }, add);
        }
        let purged = tokens.purge_shard(0, Timestamp::from_micros(1), 2_000);
        assert_eq!((purged, tokens.len()), (990, 10));
        assert!(tokens.shards[0].is_fit());
    }
}
