use std::num::NonZeroUsize;
use std::sync::atomic::{AtomicBool, Ordering};

use tower_expiring_token::{
    Inserted, IssuingStore, NewSession, Place, SessionId, Slot, StoreError, Subject, Timestamp,
    TokenDigest, TokenRecord, async_trait,
};

use super::{Mutant, Wrong};
use crate::support::tokens::ADD;

#[async_trait]
impl IssuingStore for Mutant {
    async fn insert(&self, new: NewSession, slot: Slot) -> Result<Inserted, StoreError> {
        self.forget();
        if self.is(Wrong::InsertLeavesATransactionOpen) {
            let begun = Begun(&self.open);
            tokio::task::yield_now().await;
            begun.commit();
        }
        let record = new.access.record.clone();
        let subject = record.subject();
        let now = record.times().issued_at;
        let mut slot = slot;
        if self.is(Wrong::EvictTheNew) && slot.limit.is_some() {
            return self.insert_then_evict(new, slot).await;
        }
        let mut ended = 0;
        if let Some(limit) = slot.limit
            && let Some(evicted) = self.evict(&new, slot.place, limit.get()).await?
        {
            slot.limit = None;
            ended = evicted;
        }
        let derived = self.of(subject).into_iter().find(|(_, old)| {
            old.kind() == record.kind() && old.seed().is_some() && old.generation().is_none()
        });
        match (self.wrong, slot.place) {
            (Wrong::AddReplaces, Place::Add) => {
                self.store.remove_subject(subject, None).await?;
            }
            (Wrong::EqualDigestsFail, _) if self.kept(&new.access.digest).is_some() => {
                return Err(StoreError::new("UNIQUE constraint failed"));
            }
            (Wrong::ReplaceAllTakesOtherKinds, Place::ReplaceAll) => {
                ended = self.store.remove_subject(subject, None).await?;
            }
            (Wrong::ReplaceAllLeavesDerived, Place::ReplaceAll) if derived.is_some() => {
                slot.place = Place::Add;
            }
            (Wrong::ReplaceAllLeavesDelegated, Place::ReplaceAll) => {
                for (digest, old) in self.of(subject) {
                    if old.kind() == record.kind() {
                        ended += u64::from(self.store.remove(&digest).await?);
                    }
                }
            }
            (Wrong::InsertInTwoSteps, Place::ReplaceAll) => {
                ended = self.store.remove_subject(subject, None).await?;
                tokio::task::yield_now().await;
            }
            (Wrong::RenewInserts, Place::Renew) => slot.place = Place::Add,
            (Wrong::RenewSparesTheDead, Place::Renew) => slot.place = Place::KeepLive,
            (Wrong::KeepLiveRenews, Place::KeepLive) => slot.place = Place::Renew,
            (Wrong::RenewKeepsTheLabel, Place::Renew) => {
                if let Some((digest, old)) = derived {
                    let old = old.at(*record.times());
                    self.put(digest, old.clone()).await;
                    return Ok(instead(old));
                }
            }
            (Wrong::RenewBringsBack, Place::Renew) => {
                let seen = self.seen.lock().unwrap().clone();
                let old = seen.into_iter().find(|(_, old)| old.seed().is_some());
                if let Some((digest, old)) = old {
                    self.put(digest, old.renewed(&record)).await;
                }
            }
            (Wrong::RenewTakesRandom, Place::Renew) => {
                if let Some((digest, old)) = self.of(subject).into_iter().next() {
                    self.put(digest, old.renewed(&record)).await;
                    return Ok(instead(old.renewed(&record)));
                }
            }
            (Wrong::RefreshIsDerived, Place::Renew) => {
                let refresh = |old: &TokenRecord| old.seed().is_some();
                let old = self.of(subject).into_iter().find(|(_, old)| refresh(old));
                if let Some((_, old)) = old.filter(|(_, old)| old.generation().is_some()) {
                    return Ok(instead(old));
                }
            }
            (Wrong::KeepLiveReturnsTheDead, Place::KeepLive) => {
                if let Some((_, old)) = derived.filter(|(_, old)| old.times().expires_at <= now) {
                    return Ok(instead(old));
                }
            }
            (Wrong::LookThenRenew, Place::Renew | Place::KeepLive) if derived.is_none() => {
                tokio::task::yield_now().await;
                slot.place = Place::Add;
            }
            _ => {}
        }
        self.see(&new);
        let mut inserted = self.store.insert(new, slot).await?;
        inserted.ended += ended;
        match self.wrong {
            Wrong::InsertSaysNothingOfLimits if slot.limit.is_some() => inserted.ended = 0,
            Wrong::InsertSaysNothingOfPlaces if slot.limit.is_none() => inserted.ended = 0,
            _ => {}
        }
        Ok(inserted)
    }

    async fn holds(&self, digest: &TokenDigest) -> Result<bool, StoreError> {
        if self.is(Wrong::HoldsWhatWasThere) {
            return Ok(self.seen.lock().unwrap().contains_key(digest));
        }
        self.store.holds(digest).await
    }

    async fn remove(&self, digest: &TokenDigest) -> Result<bool, StoreError> {
        self.forget();
        let read = self.kept(digest).is_some();
        if self.open.swap(false, Ordering::Relaxed) {
            return Ok(read);
        }
        if self.is(Wrong::RemoveCountsWhatItRead) {
            tokio::task::yield_now().await;
            self.store.remove(digest).await?;
            return Ok(read);
        }
        let removed = self.store.remove(digest).await?;
        if self.is(Wrong::RemoveTwiceFails) && !removed {
            return Err(StoreError::new("no such row"));
        }
        Ok(removed)
    }

    async fn remove_session(
        &self,
        subject: &Subject,
        session: &SessionId,
    ) -> Result<u64, StoreError> {
        self.forget();
        let of_session = |(_, record): &(_, TokenRecord)| record.session() == session;
        match self.wrong {
            Wrong::RemoveSessionTakesOne => {
                let first = self.of(subject).into_iter().find(of_session);
                let digest = first.map_or(TokenDigest::from_bytes([0; 32]), |(digest, _)| digest);
                Ok(self.store.remove(&digest).await?.into())
            }
            Wrong::RemoveSessionOfAnybody => {
                let first = self.all().into_iter().find(of_session);
                let whose = first.map_or(subject.clone(), |(_, record)| record.subject().clone());
                self.store.remove_session(&whose, session).await
            }
            Wrong::RefreshStays => {
                let of_session = self.of(subject).into_iter().filter(of_session);
                let mut removed = 0;
                for (digest, _) in of_session.filter(|(_, record)| record.generation().is_none()) {
                    removed += u64::from(self.store.remove(&digest).await?);
                }
                Ok(removed)
            }
            _ => self.store.remove_session(subject, session).await,
        }
    }

    async fn remove_subject(
        &self,
        subject: &Subject,
        but: Option<&SessionId>,
    ) -> Result<u64, StoreError> {
        self.forget();
        match self.wrong {
            Wrong::RemoveSubjectForgetsBut => self.store.remove_subject(subject, None).await,
            Wrong::RemoveSubjectMiscounts => {
                Ok(self.store.remove_subject(subject, but).await?.min(1))
            }
            Wrong::RemoveSubjectCountsFirst => {
                let count = self.of(subject).len() as u64;
                tokio::task::yield_now().await;
                let removed = self.store.remove_subject(subject, but).await?;
                Ok(if but.is_none() { count } else { removed })
            }
            Wrong::RemoveOneByOne => {
                let mut removed = 0;
                for (digest, record) in self.of(subject) {
                    if Some(record.session()) != but {
                        removed += u64::from(self.store.remove(&digest).await?);
                        tokio::task::yield_now().await;
                    }
                }
                Ok(removed)
            }
            Wrong::SubjectsInAnyCase => {
                let mut removed = 0;
                for (_, record) in self.all() {
                    if record.subject().eq_ignore_ascii_case(subject) {
                        removed += self.store.remove_subject(record.subject(), but).await?;
                    }
                }
                Ok(removed)
            }
            Wrong::SubjectsAsNumbers => {
                let number = Subject::new(subject.trim_start_matches('0'));
                self.store.remove_subject(&number, but).await
            }
            _ => self.store.remove_subject(subject, but).await,
        }
    }

    async fn list(&self, subject: &Subject) -> Result<Vec<TokenRecord>, StoreError> {
        let mut records = self.store.list(subject).await?;
        if self.is(Wrong::ListHidesTheDead) {
            records.retain(|record| record.times().last_used_at < record.times().expires_at);
        }
        Ok(records)
    }

    async fn purge(&self, ended_by: Timestamp, most: NonZeroUsize) -> Result<usize, StoreError> {
        self.forget();
        match self.wrong {
            Wrong::PurgeByExpiresAt => {
                let mut purged = 0;
                for (digest, record) in self.all() {
                    if record.times().expires_at <= ended_by && purged < most.get() {
                        purged += usize::from(self.store.remove(&digest).await?);
                    }
                }
                Ok(purged)
            }
            Wrong::PurgeTakesMore => {
                let purged = self.store.purge(ended_by, NonZeroUsize::MAX).await?;
                Ok(purged.min(most.get()))
            }
            Wrong::PurgeGivesUpEarly => {
                let few = most.min(NonZeroUsize::new(5).unwrap());
                self.store.purge(ended_by, few).await
            }
            Wrong::PurgeDeletesWhatItRead => {
                let ended = |record: &TokenRecord| record.times().ends_at <= ended_by;
                let read = self.all().into_iter().filter(|(_, record)| ended(record));
                let read: Vec<_> = read.take(most.get()).collect();
                tokio::task::yield_now().await;
                let mut purged = 0;
                for (digest, _) in read {
                    purged += usize::from(self.store.remove(&digest).await?);
                }
                Ok(purged)
            }
            Wrong::PurgeWritesBack => {
                let read = self.all();
                tokio::task::yield_now().await;
                let purged = self.store.purge(ended_by, most).await?;
                for (digest, record) in read {
                    if record.times().ends_at > ended_by {
                        self.put(digest, record).await;
                    }
                }
                Ok(purged)
            }
            _ => self.store.purge(ended_by, most).await,
        }
    }
}

impl Mutant {
    /// Whoever was least recently used goes, and be it the new one.
    async fn insert_then_evict(&self, new: NewSession, slot: Slot) -> Result<Inserted, StoreError> {
        let record = new.access.record.clone();
        self.see(&new);
        self.store.insert(new, ADD).await?;
        let mut all = self.of(record.subject());
        all.retain(|(_, old)| old.kind() == record.kind());
        all.sort_by_key(|(_, old)| old.times().last_used_at);
        let over = all
            .len()
            .saturating_sub(slot.limit.map_or(usize::MAX, NonZeroUsize::get));
        let mut inserted = Inserted::default();
        for (digest, _) in all.into_iter().take(over) {
            inserted.ended += u64::from(self.store.remove(&digest).await?);
        }
        Ok(inserted)
    }

    /// Makes room for a login in a wrong way. How many tokens ended, if it has done so.
    async fn evict(
        &self,
        new: &NewSession,
        place: Place,
        limit: usize,
    ) -> Result<Option<u64>, StoreError> {
        let record = &new.access.record;
        let now = record.times().issued_at;
        let mut others = self.of(record.subject());
        others.retain(|(_, old)| {
            let live = self.is(Wrong::CountTheDead) || now < old.times().expires_at;
            live && (self.is(Wrong::CountOtherKinds) || old.kind() == record.kind())
        });
        others.sort_by_key(|(digest, old)| {
            let times = old.times();
            let used_at = match self.wrong {
                Wrong::EvictByIssue => times.issued_at,
                Wrong::EvictBlindToUses => self.seen(digest).unwrap().times().last_used_at,
                _ => times.last_used_at,
            };
            (used_at, *digest)
        });
        match self.wrong {
            Wrong::EvictByIssue | Wrong::EvictBlindToUses => {}
            Wrong::CountThenInsert => tokio::task::yield_now().await,
            Wrong::CountTheDead
            | Wrong::CountOtherKinds
            | Wrong::CountTokens
            | Wrong::EvictLeavesDelegated => {}
            Wrong::LimitOnlyBesideAdd => return Ok((place != Place::Add).then_some(0)),
            _ => return Ok(None),
        }
        let over = (others.len() + 1).saturating_sub(limit);
        let mut ended = 0;
        for (digest, old) in others.into_iter().take(over) {
            ended += match self.wrong {
                Wrong::CountTokens | Wrong::EvictLeavesDelegated => {
                    u64::from(self.store.remove(&digest).await?)
                }
                _ => {
                    let (subject, session) = (old.subject(), old.session());
                    self.store.remove_session(subject, session).await?
                }
            };
        }
        Ok(Some(ended))
    }
}

/// A transaction that stays open if it is dropped.
struct Begun<'a>(&'a AtomicBool);

impl Begun<'_> {
    fn commit(self) {
        std::mem::forget(self);
    }
}

impl Drop for Begun<'_> {
    fn drop(&mut self) {
        self.0.store(true, Ordering::Relaxed);
    }
}

fn instead(record: TokenRecord) -> Inserted {
    Inserted {
        instead: Some(record),
        ended: 0,
    }
}
