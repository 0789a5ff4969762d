use std::collections::{HashMap, HashSet};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use super::kept::Kept;
use super::shard::{Shard, shard_of};
use super::watch::Watchers;
use crate::clock::Timestamp;
use crate::store::{Inserted, NewSession, NewToken, Place, Rotated, Rotation};
use crate::token::{SessionId, Subject, TokenDigest, TokenRecord};

/// The tokens of a home's subjects whose digests lead to another shard. One that somebody else
/// has taken over since is forgotten when it is next looked for.
pub(super) type Strays = HashMap<Subject, HashSet<TokenDigest>>;

/// Everything of one subject, while nobody else adds or removes any of it.
pub(super) struct Home<'a> {
    shards: &'a [Shard],
    watchers: &'a Watchers,
    subject: &'a Subject,
    shard: usize,
    tag: u32,
    strays: MutexGuard<'a, Strays>,
}

impl<'a> Home<'a> {
    /// The subject's own of these homes, as soon as nobody else has it.
    pub(super) fn lock(
        homes: &'a [Mutex<Strays>],
        shards: &'a [Shard],
        watchers: &'a Watchers,
        subject: &'a Subject,
    ) -> Self {
        let (route, tag) = subject.route_and_tag();
        let shard = shard_of(route);
        let strays = homes[shard].lock().unwrap_or_else(PoisonError::into_inner);
        Self {
            shards,
            watchers,
            subject,
            shard,
            tag,
            strays,
        }
    }

    fn shard_with(&self, digest: &TokenDigest) -> &'a Shard {
        Shard::with(self.shards, digest)
    }

    fn find(&self, digest: &TokenDigest) -> Option<Arc<Kept>> {
        let found = self.shard_with(digest).get(digest);
        found.filter(|kept| kept.record.subject() == self.subject)
    }

    pub(super) fn all(&mut self) -> Vec<Arc<Kept>> {
        let mut all = self.shards[self.shard].of_subject(self.subject, self.tag);
        let shards = self.shards;
        if let Some(strays) = self.strays.get_mut(self.subject) {
            strays.retain(|digest| {
                let found = Shard::with(shards, digest).get(digest);
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
        if self.shard_with(&digest).put(kept, self.tag) {
            self.watchers.tell(&digest);
        }
    }

    /// Takes a token out, if it is there, the subject's and `wanted`.
    pub(super) fn take(
        &mut self,
        digest: &TokenDigest,
        wanted: impl FnOnce(&TokenRecord) -> bool,
    ) -> bool {
        let shard = self.shard_with(digest);
        let own = |record: &TokenRecord| record.subject() == self.subject && wanted(record);
        let taken = shard.take(digest, own).is_some();
        if taken {
            self.forget(digest);
            self.watchers.tell(digest);
        }
        taken
    }

    pub(super) fn take_where(&mut self, wanted: impl Fn(&TokenRecord) -> bool) -> u64 {
        let all = self.all();
        all.iter()
            .filter(|kept| wanted(&kept.record))
            .map(|kept| u64::from(self.take(&kept.digest, &wanted)))
            .sum()
    }

    pub(super) fn forget(&mut self, stray: &TokenDigest) {
        if let Some(strays) = self.strays.get_mut(self.subject) {
            strays.remove(stray);
            if strays.is_empty() {
                self.strays.remove(self.subject);
            }
        }
    }

    /// Keeps a new session beside the others, as the place says.
    pub(super) fn place(&mut self, new: NewSession, place: Place) -> Inserted {
        let record = &new.access.record;
        let now = record.times().issued_at;
        let derived = |kept: &&Arc<Kept>| {
            let old = &kept.record;
            old.kind() == record.kind() && old.seed().is_some() && old.generation().is_none()
        };
        let mut ended = 0;
        match place {
            Place::Add => {}
            Place::ReplaceAll => {
                let sessions: Vec<SessionId> = self.sessions(record.kind()).into_keys().collect();
                ended = self.take_where(|old| sessions.contains(old.session()));
            }
            Place::Renew => {
                let renewed = |old: &TokenRecord| {
                    (old.subject() == record.subject()).then(|| old.renewed(record))
                };
                for old in self.all().iter().filter(derived) {
                    let shard = self.shard_with(&old.digest);
                    if let Some(kept) = shard.update(&old.digest, renewed) {
                        self.watchers.tell(&old.digest);
                        return instead(&kept);
                    }
                }
            }
            Place::KeepLive => {
                for old in self.all().iter().filter(derived) {
                    // A touch may come in between and keep it alive.
                    self.take(&old.digest, |old| old.times().expires_at <= now);
                    if let Some(live) = self.find(&old.digest) {
                        return instead(&live);
                    }
                }
            }
        }
        self.put(new.access);
        if let Some(refresh) = new.refresh {
            self.put(refresh);
        }
        Inserted {
            instead: None,
            ended,
        }
    }

    /// Removes the least recently used live sessions of a kind, but for one, until no more than
    /// `limit` are left. How many tokens they had.
    pub(super) fn evict(
        &mut self,
        kind: &str,
        but: &SessionId,
        limit: usize,
        now: Timestamp,
    ) -> u64 {
        let mut live: Vec<(Timestamp, SessionId)> = self
            .sessions(kind)
            .into_iter()
            .filter(|(id, life)| id != but && now < life.expires_at)
            .map(|(id, life)| (life.last_used_at, id))
            .collect();
        live.sort_unstable();
        let over = (live.len() + 1).saturating_sub(limit);
        let over = live.into_iter().take(over);
        over.map(|(_, id)| self.take_where(|record| *record.session() == id))
            .sum()
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

    pub(super) fn rotate(&mut self, rotation: Rotation) -> Rotated {
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
            self.shard_with(&rotation.digest)
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

fn instead(kept: &Kept) -> Inserted {
    Inserted {
        instead: Some(kept.record.clone()),
        ended: 0,
    }
}
