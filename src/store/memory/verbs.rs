use std::collections::{HashMap, HashSet};
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use super::kept::Kept;
use super::shard::Shard;
use super::watch::Watchers;
use crate::clock::Timestamp;
use crate::store::{Inserted, NewSession, NewToken, Place, Rotated, Rotation, Slot, Touch, Watch};
use crate::token::{SessionId, Subject, TokenDigest, TokenRecord};

const SHARDS: usize = 1024;

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

/// The tokens of a home's subjects whose digests lead to another shard. One that somebody else
/// has taken over since is forgotten when it is next looked for.
type Strays = HashMap<Subject, HashSet<TokenDigest>>;

/// Everything of one subject, while nobody else adds or removes any of it.
struct Home<'a> {
    tokens: &'a Tokens,
    subject: &'a Subject,
    shard: usize,
    tag: u32,
    strays: MutexGuard<'a, Strays>,
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
        let (session, inserted) = home.place(new, slot.place);
        if let Some(limit) = slot.limit {
            home.evict(
                record.kind(),
                &session,
                limit.get(),
                record.times().issued_at,
            );
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
        &self.shards[shard_of(digest.route())]
    }

    fn home<'a>(&'a self, subject: &'a Subject) -> Home<'a> {
        let (route, tag) = subject.route_and_tag();
        let shard = shard_of(route);
        let strays = self.homes[shard]
            .lock()
            .unwrap_or_else(PoisonError::into_inner);
        Home {
            tokens: self,
            subject,
            shard,
            tag,
            strays,
        }
    }
}

// === impl Home ===

impl Home<'_> {
    fn find(&self, digest: &TokenDigest) -> Option<Arc<Kept>> {
        let found = self.tokens.find(digest);
        found.filter(|kept| kept.record.subject() == self.subject)
    }

    fn all(&mut self) -> Vec<Arc<Kept>> {
        let mut all = self.tokens.shards[self.shard].of_subject(self.subject, self.tag);
        if let Some(strays) = self.strays.get_mut(self.subject) {
            strays.retain(|digest| {
                let found = self.tokens.find(digest);
                let own = found.filter(|kept| kept.record.subject() == self.subject);
                let is_own = own.is_some();
                all.extend(own);
                is_own
            });
            if strays.is_empty() {
                self.strays.remove(self.subject);
            }
        }
        all
    }

    fn put(&mut self, new: NewToken) {
        if shard_of(new.digest.route()) != self.shard {
            let strays = self.strays.entry(self.subject.clone()).or_default();
            strays.insert(new.digest);
        }
        let NewToken { digest, record } = new;
        let kept = Arc::new(Kept { digest, record });
        if self.tokens.shard(&digest).put(kept, self.tag) {
            self.tokens.watchers.tell(&digest);
        }
    }

    /// Takes a token out, if it is there, the subject's and `wanted`.
    fn take(&mut self, digest: &TokenDigest, wanted: impl FnOnce(&TokenRecord) -> bool) -> bool {
        let shard = self.tokens.shard(digest);
        let own = |record: &TokenRecord| record.subject() == self.subject && wanted(record);
        let taken = shard.take(digest, own).is_some();
        if taken {
            self.forget(digest);
            self.tokens.watchers.tell(digest);
        }
        taken
    }

    fn take_where(&mut self, wanted: impl Fn(&TokenRecord) -> bool) -> u64 {
        let all = self.all();
        all.iter()
            .filter(|kept| wanted(&kept.record))
            .map(|kept| u64::from(self.take(&kept.digest, &wanted)))
            .sum()
    }

    fn forget(&mut self, stray: &TokenDigest) {
        if let Some(strays) = self.strays.get_mut(self.subject) {
            strays.remove(stray);
            if strays.is_empty() {
                self.strays.remove(self.subject);
            }
        }
    }

    /// The session that is there in the end, and what came of the new one.
    fn place(&mut self, new: NewSession, place: Place) -> (SessionId, Inserted) {
        let record = &new.access.record;
        let now = record.times().issued_at;
        let derived = |kept: &&Arc<Kept>| {
            let old = &kept.record;
            old.kind() == record.kind() && old.seed().is_some() && old.generation().is_none()
        };
        match place {
            Place::Add => {}
            Place::ReplaceAll => {
                let sessions: Vec<SessionId> = self.sessions(record.kind()).into_keys().collect();
                self.take_where(|old| sessions.contains(old.session()));
            }
            Place::Renew => {
                let renewed = |old: &TokenRecord| {
                    (old.subject() == record.subject()).then(|| old.renewed(record))
                };
                for old in self.all().iter().filter(derived) {
                    let shard = self.tokens.shard(&old.digest);
                    if let Some(kept) = shard.update(&old.digest, renewed) {
                        self.tokens.watchers.tell(&old.digest);
                        return (
                            *kept.record.session(),
                            Inserted::Instead(kept.record.clone()),
                        );
                    }
                }
            }
            Place::KeepLive => {
                for old in self.all().iter().filter(derived) {
                    // A touch may come in between and keep it alive.
                    self.take(&old.digest, |old| old.times().expires_at <= now);
                    if let Some(live) = self.find(&old.digest) {
                        return (
                            *live.record.session(),
                            Inserted::Instead(live.record.clone()),
                        );
                    }
                }
            }
        }
        let session = *record.session();
        self.put(new.access);
        if let Some(refresh) = new.refresh {
            self.put(refresh);
        }
        (session, Inserted::New)
    }

    /// Removes the least recently used live sessions of a kind, but for one, until no more than
    /// `limit` are left.
    fn evict(&mut self, kind: &str, but: &SessionId, limit: usize, now: Timestamp) {
        let mut live: Vec<(Timestamp, SessionId)> = self
            .sessions(kind)
            .into_iter()
            .filter(|(id, life)| id != but && now < life.expires_at)
            .map(|(id, life)| (life.last_used_at, id))
            .collect();
        live.sort_unstable();
        let over = (live.len() + 1).saturating_sub(limit);
        for (_, id) in live.into_iter().take(over) {
            self.take_where(|record| *record.session() == id);
        }
    }

    fn sessions(&mut self, kind: &str) -> HashMap<SessionId, Life> {
        let mut sessions: HashMap<SessionId, Life> = HashMap::new();
        for kept in self.all().iter().filter(|kept| kept.record.kind() == kind) {
            let times = kept.record.times();
            let life = sessions.entry(*kept.record.session()).or_default();
            life.expires_at = life.expires_at.max(times.expires_at);
            life.last_used_at = life.last_used_at.max(times.last_used_at);
        }
        sessions
    }

    fn rotate(&mut self, rotation: Rotation) -> Rotated {
        let Some(kept) = self.find(&rotation.digest) else {
            return Rotated::Unknown;
        };
        let record = &kept.record;
        let Some(current) = record
            .generation()
            .filter(|_| rotation.at < record.times().expires_at)
        else {
            return Rotated::Unknown;
        };
        let session = *record.session();
        let is_access = |record: &TokenRecord| {
            *record.session() == session
                && record.kind() == rotation.access.record.kind()
                && record.generation().is_none()
        };
        if rotation.generation == current {
            self.take_where(is_access);
            self.tokens
                .shard(&rotation.digest)
                .update(&rotation.digest, |record| {
                    Some(record.rotated(
                        rotation.at,
                        record.times().extended(rotation.at, rotation.expires_at),
                    ))
                });
            self.put(rotation.access);
            return Rotated::Rotated;
        }
        let last = rotation.generation.checked_add(1) == Some(current);
        let in_grace = record
            .rotated_at()
            .is_some_and(|at| rotation.at.since(at) < rotation.grace);
        if last && in_grace {
            let first = self.all().into_iter().find(|kept| is_access(&kept.record));
            return first.map_or(Rotated::Unknown, |kept| Rotated::Again(kept.record.clone()));
        }
        if rotation.generation < current {
            self.take_where(|record| *record.session() == session);
            return Rotated::Reused;
        }
        Rotated::Unknown
    }
}

fn shard_of(route: u16) -> usize {
    usize::from(route) % SHARDS
}

/// What eviction needs to know of a session.
struct Life {
    expires_at: Timestamp,
    last_used_at: Timestamp,
}

impl Default for Life {
    fn default() -> Self {
        let never = Timestamp::from_micros(i64::MIN);
        Self {
            expires_at: never,
            last_used_at: never,
        }
    }
}
