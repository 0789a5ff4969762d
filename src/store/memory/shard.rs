use std::ops::RangeInclusive;
use std::sync::{Arc, PoisonError, RwLock, RwLockReadGuard, RwLockWriteGuard};

use super::kept::Kept;
use super::table::{Bucket, Buckets, Table};
use crate::token::{Subject, TokenDigest, TokenRecord};

pub(super) const SHARDS: usize = 1024;

/// A table of tokens behind a lock of its own.
#[derive(Default)]
pub(super) struct Shard {
    table: RwLock<Table>,
}

impl Shard {
    /// The one of these where a token with this digest lies.
    pub(super) fn with<'a>(shards: &'a [Self], digest: &TokenDigest) -> &'a Self {
        &shards[shard_of(digest.route())]
    }

    pub(super) fn len(&self) -> usize {
        self.read().len()
    }

    pub(super) fn get(&self, digest: &TokenDigest) -> Option<Arc<Kept>> {
        self.read()
            .get(digest)
            .map(|bucket| Arc::clone(&bucket.kept))
    }

    /// Keeps a token, instead of one with the same digest. Whether there was one.
    pub(super) fn put(&self, kept: Arc<Kept>, subject: u32) -> bool {
        let mut table = self.write();
        if table.is_full() {
            drop(table);
            self.fit();
            table = self.write();
        }
        let replaced = table.insert(Bucket::new(kept, subject));
        drop(table);
        replaced.is_some()
    }

    /// Puts another record in a token's place, if the token is there and `change` makes one.
    pub(super) fn update(
        &self,
        digest: &TokenDigest,
        change: impl FnOnce(&TokenRecord) -> Option<TokenRecord>,
    ) -> Option<Arc<Kept>> {
        let mut table = self.write();
        let bucket = table.get_mut(digest)?;
        let record = change(&bucket.kept.record)?;
        bucket.kept = Arc::new(Kept {
            digest: *digest,
            record,
        });
        Some(Arc::clone(&bucket.kept))
    }

    /// Takes a token out, if it is there and `wanted`.
    pub(super) fn take(
        &self,
        digest: &TokenDigest,
        wanted: impl FnOnce(&TokenRecord) -> bool,
    ) -> Option<Arc<Kept>> {
        let mut table = self.write();
        if !wanted(&table.get(digest)?.kept.record) {
            return None;
        }
        table.remove(digest).map(|bucket| bucket.kept)
    }

    pub(super) fn of_subject(&self, subject: &Subject, tag: u32) -> Vec<Arc<Kept>> {
        let table = self.read();
        let own = table
            .iter()
            .filter(|bucket| bucket.subject == tag && bucket.kept.record.subject() == subject);
        own.map(|bucket| Arc::clone(&bucket.kept)).collect()
    }

    /// What a search goes through one by one, so that nobody waits for all of it.
    pub(super) fn parts(&self) -> impl Iterator<Item = RangeInclusive<u32>> + use<> {
        self.read().parts()
    }

    /// At most this many tokens of a part that are `wanted`.
    pub(super) fn search(
        &self,
        part: RangeInclusive<u32>,
        most: usize,
        wanted: impl Fn(&TokenRecord) -> bool,
    ) -> Vec<Arc<Kept>> {
        let table = self.read();
        let found = table
            .part(part)
            .filter(|bucket| wanted(&bucket.kept.record))
            .take(most);
        found.map(|bucket| Arc::clone(&bucket.kept)).collect()
    }

    /// Gives the table as much room as it should have.
    pub(super) fn fit(&self) {
        let better = self.read().better();
        if let Some(buckets) = better {
            let buckets = Buckets::free(buckets);
            let idle = self.write().move_to(buckets);
            drop(idle);
        }
    }

    #[cfg(test)]
    pub(super) fn is_fit(&self) -> bool {
        self.read().better().is_none()
    }

    /// A panic of another thread leaves the table whole: nothing in here panics half-way.
    fn read(&self) -> RwLockReadGuard<'_, Table> {
        self.table.read().unwrap_or_else(PoisonError::into_inner)
    }

    fn write(&self) -> RwLockWriteGuard<'_, Table> {
        self.table.write().unwrap_or_else(PoisonError::into_inner)
    }
}

/// Where tokens with this route lie, and the home of the subjects that have it.
pub(super) fn shard_of(route: u16) -> usize {
    usize::from(route) % SHARDS
}
