use std::any::{Any, type_name};
use std::sync::{Arc, PoisonError, RwLock, RwLockReadGuard, RwLockWriteGuard};

use hashbrown::HashTable;

use crate::store::Held;
use crate::token::{Subject, TokenDigest, TokenRecord};

/// A table of tokens. The digest's own bytes are the hash: nobody chooses them.
#[derive(Default)]
pub(super) struct Shard {
    slots: RwLock<HashTable<Slot>>,
}

/// A token as it is kept, and as requests carry it around: one allocation.
pub(super) struct Kept {
    pub(super) digest: TokenDigest,
    pub(super) record: TokenRecord,
}

/// Sixteen bytes, so that neither growth nor a search for a subject follows pointers.
struct Slot {
    kept: Arc<Kept>,
    hash: u32,
    subject: u32,
}

impl Shard {
    pub(super) fn len(&self) -> usize {
        self.read().len()
    }

    pub(super) fn get(&self, digest: &TokenDigest) -> Option<Arc<Kept>> {
        let hash = hash_of(digest);
        self.read()
            .find(spread(hash), |slot| slot.is(hash, digest))
            .map(|slot| Arc::clone(&slot.kept))
    }

    /// Keeps a token, instead of one with the same digest. Whether there was one.
    pub(super) fn put(&self, kept: Arc<Kept>, subject: u32) -> bool {
        let hash = hash_of(&kept.digest);
        let mut slots = self.write();
        match slots.find_mut(spread(hash), |slot| slot.is(hash, &kept.digest)) {
            Some(slot) => {
                *slot = Slot {
                    kept,
                    hash,
                    subject,
                };
                true
            }
            None => {
                slots.insert_unique(
                    spread(hash),
                    Slot {
                        kept,
                        hash,
                        subject,
                    },
                    |slot| spread(slot.hash),
                );
                false
            }
        }
    }

    /// Puts another record in a token's place, if the token is there and `change` makes one.
    pub(super) fn update(
        &self,
        digest: &TokenDigest,
        change: impl FnOnce(&TokenRecord) -> Option<TokenRecord>,
    ) -> Option<Arc<Kept>> {
        let hash = hash_of(digest);
        let mut slots = self.write();
        let slot = slots.find_mut(spread(hash), |slot| slot.is(hash, digest))?;
        let record = change(&slot.kept.record)?;
        slot.kept = Arc::new(Kept {
            digest: *digest,
            record,
        });
        Some(Arc::clone(&slot.kept))
    }

    /// Takes a token out, if it is there and `wanted`.
    pub(super) fn take(
        &self,
        digest: &TokenDigest,
        wanted: impl FnOnce(&TokenRecord) -> bool,
    ) -> Option<Arc<Kept>> {
        let hash = hash_of(digest);
        let mut slots = self.write();
        let slot = slots
            .find_entry(spread(hash), |slot| slot.is(hash, digest))
            .ok()?;
        wanted(&slot.get().kept.record).then(|| slot.remove().0.kept)
    }

    pub(super) fn of_subject(&self, subject: &Subject, tag: u32) -> Vec<Arc<Kept>> {
        let slots = self.read();
        let own = slots
            .iter()
            .filter(|slot| slot.subject == tag && slot.kept.record.subject() == subject);
        own.map(|slot| Arc::clone(&slot.kept)).collect()
    }

    /// At most this many tokens that are `wanted`.
    pub(super) fn search(
        &self,
        most: usize,
        wanted: impl Fn(&TokenRecord) -> bool,
    ) -> Vec<Arc<Kept>> {
        let slots = self.read();
        let found = slots
            .iter()
            .filter(|slot| wanted(&slot.kept.record))
            .take(most);
        found.map(|slot| Arc::clone(&slot.kept)).collect()
    }

    /// Gives memory back when most of it lies idle.
    pub(super) fn shrink(&self) {
        let mut slots = self.write();
        if slots.len() < slots.capacity() / 4 {
            slots.shrink_to_fit(|slot| spread(slot.hash));
        }
    }

    /// A panic of another thread leaves the table whole: nothing in here panics half-way.
    fn read(&self) -> RwLockReadGuard<'_, HashTable<Slot>> {
        self.slots.read().unwrap_or_else(PoisonError::into_inner)
    }

    fn write(&self) -> RwLockWriteGuard<'_, HashTable<Slot>> {
        self.slots.write().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Slot {
    fn is(&self, hash: u32, digest: &TokenDigest) -> bool {
        self.hash == hash && self.kept.digest == *digest
    }
}

impl Held for Kept {
    fn record(&self) -> &TokenRecord {
        &self.record
    }

    fn principal(&self) -> Option<&(dyn Any + Send + Sync)> {
        Some(self.record.subject())
    }

    fn principal_type(&self) -> &'static str {
        type_name::<Subject>()
    }
}

/// The last bytes: the first are the route, which all tokens of a shard share.
fn hash_of(digest: &TokenDigest) -> u32 {
    let [.., a, b, c, d] = *digest.as_bytes();
    u32::from_be_bytes([a, b, c, d])
}

/// The table takes its tags from the high bits and its places from the low ones.
fn spread(hash: u32) -> u64 {
    u64::from(hash) << 32 | u64::from(hash)
}
