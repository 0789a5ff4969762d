use std::collections::HashMap;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, PoisonError, RwLock, RwLockReadGuard, RwLockWriteGuard};

use tokio::sync::OnceCell;

use crate::store::{Finding, Found};
use crate::token::TokenDigest;

/// Places in a set.
pub(super) const WAYS: usize = 8;

/// A few places for entries, and the loads of tokens that belong there, behind one lock: as a
/// processor's cache is built, so that it never grows and a look-up reads three lines of memory.
#[repr(align(64))]
pub(super) struct Set<P>(RwLock<Places<P>>);

#[repr(C)]
pub(super) struct Places<P> {
    tags: [u32; WAYS],
    next: usize,
    entries: [Option<Entry<P>>; WAYS],
    /// Those that somebody may join, with how many wait for each.
    loads: HashMap<TokenDigest, (Arc<Load<P>>, usize)>,
}

/// A token as it was found.
pub(super) struct Entry<P> {
    pub(super) digest: TokenDigest,
    pub(super) found: Found<P>,
    /// By the clock that never goes back.
    pub(super) fresh_until: u64,
    pub(super) era: u32,
    pub(super) used: AtomicBool,
}

/// A look-up that several callers wait for. Where the one who makes it goes away, another one
/// makes it again.
pub(super) struct Load<P> {
    pub(super) era: u32,
    pub(super) spoils: u64,
    /// By the clock that never goes back.
    pub(super) began: u64,
    pub(super) answer: OnceCell<Finding<P>>,
}

impl<P> Default for Set<P> {
    fn default() -> Self {
        Self(RwLock::new(Places {
            tags: [0; WAYS],
            next: 0,
            entries: [const { None }; WAYS],
            loads: HashMap::new(),
        }))
    }
}

impl<P> Set<P> {
    /// An entry that `is_good`, used once more.
    pub(super) fn get(
        &self,
        digest: &TokenDigest,
        is_good: impl FnOnce(&Entry<P>) -> bool,
    ) -> Option<Found<P>> {
        let places = self.read();
        let entry = places.entry(digest).filter(|entry| is_good(entry))?;
        if !entry.used.load(Ordering::Relaxed) {
            entry.used.store(true, Ordering::Relaxed);
        }
        Some(entry.found.clone())
    }

    /// A panic of another thread leaves it whole: nothing in here panics half-way.
    pub(super) fn read(&self) -> RwLockReadGuard<'_, Places<P>> {
        self.0.read().unwrap_or_else(PoisonError::into_inner)
    }

    pub(super) fn write(&self) -> RwLockWriteGuard<'_, Places<P>> {
        self.0.write().unwrap_or_else(PoisonError::into_inner)
    }
}

impl<P> Places<P> {
    pub(super) fn entry(&self, digest: &TokenDigest) -> Option<&Entry<P>> {
        let tag = tag_of(digest);
        let tagged = self.tags.iter().zip(&self.entries);
        tagged
            .filter(|(known, _)| **known == tag)
            .find_map(|(_, entry)| entry.as_ref().filter(|entry| entry.digest == *digest))
    }

    pub(super) fn entries(&self) -> impl Iterator<Item = &Entry<P>> {
        self.entries.iter().flatten()
    }

    pub(super) fn loading(&self) -> usize {
        self.loads.len()
    }

    /// Keeps an entry, in the place that can be spared best. Which one.
    pub(super) fn put(&mut self, entry: Entry<P>, is_good: impl Fn(&Entry<P>) -> bool) -> usize {
        let place = self.spare(&entry.digest, is_good);
        self.tags[place] = tag_of(&entry.digest);
        self.entries[place] = Some(entry);
        place
    }

    /// Takes out the entries that are not `wanted`.
    pub(super) fn retain(&mut self, wanted: impl Fn(&Entry<P>) -> bool) {
        for entry in &mut self.entries {
            if entry.as_ref().is_some_and(|entry| !wanted(entry)) {
                *entry = None;
            }
        }
    }

    /// Forgets a token: its entry, and whoever comes from now on joins no load of it that began
    /// before.
    pub(super) fn forget(&mut self, digest: &TokenDigest) {
        self.loads.remove(digest);
        self.retain(|entry| entry.digest != *digest);
    }

    /// Sits down to wait for a load: one that `is_good`, or else a `new` one. Whether somebody
    /// waits for it already.
    pub(super) fn sit(
        &mut self,
        digest: &TokenDigest,
        is_good: impl FnOnce(&Load<P>) -> bool,
        new: impl FnOnce() -> Load<P>,
    ) -> (Arc<Load<P>>, bool) {
        if let Some((load, waiting)) = self.loads.get_mut(digest)
            && is_good(load)
        {
            *waiting += 1;
            return (Arc::clone(load), true);
        }
        let load = Arc::new(new());
        self.loads.insert(*digest, (Arc::clone(&load), 1));
        (load, false)
    }

    /// The load is made: nobody joins it any more. Whether its token was not forgotten since.
    pub(super) fn finish(&mut self, digest: &TokenDigest, load: &Arc<Load<P>>) -> bool {
        let known = self.loads.get(digest);
        let is_known = known.is_some_and(|(known, _)| Arc::ptr_eq(known, load));
        if is_known {
            self.loads.remove(digest);
        }
        is_known
    }

    /// One that waited for this load goes. When nobody is left, so does the load.
    pub(super) fn leave(&mut self, digest: &TokenDigest, load: &Arc<Load<P>>) {
        if let Some((known, waiting)) = self.loads.get_mut(digest)
            && Arc::ptr_eq(known, load)
        {
            *waiting -= 1;
            if *waiting == 0 {
                self.loads.remove(digest);
            }
        }
    }

    /// The token's own place; or else one that is empty or holds nothing good; or else the next
    /// in turn that was not used since its last turn.
    fn spare(&mut self, digest: &TokenDigest, is_good: impl Fn(&Entry<P>) -> bool) -> usize {
        let of = |wanted: &dyn Fn(&Option<Entry<P>>) -> bool| self.entries.iter().position(wanted);
        let own = |entry: &Option<Entry<P>>| entry.as_ref().is_some_and(|e| e.digest == *digest);
        let idle = |entry: &Option<Entry<P>>| !entry.as_ref().is_some_and(&is_good);
        if let Some(place) = of(&own).or_else(|| of(&idle)) {
            return place;
        }
        loop {
            let place = self.next;
            self.next = (self.next + 1) % WAYS;
            let used = self.entries[place]
                .as_mut()
                .map(|entry| entry.used.get_mut());
            if !used.is_some_and(std::mem::take) {
                return place;
            }
        }
    }
}

/// Other bytes than those that name the set: its entries are told apart by them.
fn tag_of(digest: &TokenDigest) -> u32 {
    let [.., a, b, c, d, _, _, _, _] = *digest.as_bytes();
    u32::from_be_bytes([a, b, c, d])
}
