use std::num::NonZeroUsize;
use std::pin::pin;
use std::sync::{Arc, Mutex};
use std::task::{Context, Poll, Waker};

use tokio::sync::mpsc::{UnboundedReceiver, UnboundedSender, unbounded_channel};
use tower_expiring_token::{
    Change, Finding, Inserted, IssuingStore, MemoryStore, NewSession, Place, Rotated,
    RotatingStore, Rotation, SessionId, Slot, StoreError, Subject, Timestamp, TokenDigest,
    TokenRecord, TokenStore, Touch, Watch, WatchedStore, async_trait,
};

/// What is wrong with what a store tells.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Untold {
    Connection,
    WhatOthersDid,
    SecondsOfASession,
    AfterAHundred,
    Evictions,
    Replacements,
    TakenOver,
    Renewals,
    Rotations,
    Reuse,
    /// It is told, but before it happens.
    Nothing,
    WhileNobodyWaits,
    WhenDropped,
}

/// The memory store, which tells all but something. Clones are two values on the same data.
pub(crate) struct Secretive {
    untold: Untold,
    store: MemoryStore,
    /// What the store itself tells of the last verb.
    changed: Arc<Mutex<Box<dyn Watch>>>,
    ears: Arc<Mutex<Vec<UnboundedSender<Change>>>>,
}

struct Ear {
    untold: Untold,
    changes: UnboundedReceiver<Change>,
}

impl Secretive {
    pub(crate) async fn two(untold: Untold) -> (Self, Self) {
        let store = MemoryStore::new();
        let mut watch = store.watch().await.unwrap();
        assert_eq!(watch.next().await, Change::Connected);
        let one = Self {
            untold,
            store,
            changed: Arc::new(Mutex::new(watch)),
            ears: Arc::default(),
        };
        let ears = match untold {
            Untold::WhatOthersDid => Arc::default(),
            _ => Arc::clone(&one.ears),
        };
        let (store, changed) = (one.store.clone(), Arc::clone(&one.changed));
        let two = Self {
            untold,
            store,
            changed,
            ears,
        };
        (one, two)
    }

    /// Tells what has just changed, but not the secret.
    async fn told<T>(&self, secret: Option<Untold>, answer: T) -> T {
        let mut changed = Vec::new();
        {
            let mut watch = self.changed.lock().unwrap();
            let mut context = Context::from_waker(Waker::noop());
            while let Poll::Ready(Change::Removed(some)) = pin!(watch.next()).poll(&mut context) {
                changed.extend(some);
            }
        }
        match self.untold {
            Untold::AfterAHundred => changed.truncate(100),
            Untold::SecondsOfASession if secret == Some(self.untold) => changed.truncate(1),
            Untold::WhenDropped => tokio::task::yield_now().await,
            untold if secret == Some(untold) => changed.clear(),
            _ => {}
        }
        self.tell(Change::Removed(changed));
        answer
    }

    async fn too_early(&self, digests: &[TokenDigest]) {
        if self.untold == Untold::Nothing {
            self.tell(Change::Removed(digests.to_vec()));
            tokio::task::yield_now().await;
        }
    }

    fn tell(&self, change: Change) {
        let ears = self.ears.lock().unwrap();
        ears.iter().for_each(|ear| drop(ear.send(change.clone())));
    }
}

#[async_trait]
impl Watch for Ear {
    async fn next(&mut self) -> Change {
        let change = self.changes.recv().await;
        if self.untold == Untold::WhileNobodyWaits {
            tokio::task::yield_now().await;
        }
        change.unwrap_or(Change::Lost)
    }
}

#[async_trait]
impl WatchedStore for Secretive {
    async fn watch(&self) -> Result<Box<dyn Watch>, StoreError> {
        let (ear, changes) = unbounded_channel();
        if self.untold != Untold::Connection {
            ear.send(Change::Connected).unwrap();
        }
        self.ears.lock().unwrap().push(ear);
        let untold = self.untold;
        Ok(Box::new(Ear { untold, changes }))
    }
}

#[async_trait]
impl TokenStore for Secretive {
    type Principal = Subject;

    async fn find(&self, digest: &TokenDigest) -> Finding<Subject> {
        self.store.find(digest).await
    }

    async fn extend(&self, touches: &[Touch]) -> Result<(), StoreError> {
        self.store.extend(touches).await
    }
}

#[async_trait]
impl IssuingStore for Secretive {
    async fn insert(&self, new: NewSession, slot: Slot) -> Result<Inserted, StoreError> {
        let secret = match slot {
            Slot { limit: Some(_), .. } => Untold::Evictions,
            Slot { place, .. } => match place {
                Place::Add => Untold::TakenOver,
                Place::Renew => Untold::Renewals,
                Place::KeepLive | Place::ReplaceAll => Untold::Replacements,
            },
        };
        let inserted = self.store.insert(new, slot).await;
        self.told(Some(secret), inserted).await
    }

    async fn remove(&self, digest: &TokenDigest) -> Result<bool, StoreError> {
        self.too_early(&[*digest]).await;
        let removed = self.store.remove(digest).await;
        self.told(None, removed).await
    }

    async fn remove_session(
        &self,
        subject: &Subject,
        session: &SessionId,
    ) -> Result<u64, StoreError> {
        let removed = self.store.remove_session(subject, session).await;
        self.told(Some(Untold::SecondsOfASession), removed).await
    }

    async fn remove_subject(
        &self,
        subject: &Subject,
        but: Option<&SessionId>,
    ) -> Result<u64, StoreError> {
        let removed = self.store.remove_subject(subject, but).await;
        self.told(None, removed).await
    }

    async fn list(&self, subject: &Subject) -> Result<Vec<TokenRecord>, StoreError> {
        self.store.list(subject).await
    }

    async fn purge(&self, ended_by: Timestamp, most: NonZeroUsize) -> Result<usize, StoreError> {
        self.store.purge(ended_by, most).await
    }
}

#[async_trait]
impl RotatingStore for Secretive {
    async fn rotate(&self, rotation: Rotation) -> Result<Rotated, StoreError> {
        let rotated = self.store.rotate(rotation).await;
        let secret = match &rotated {
            Ok(Rotated::Reused) => Untold::Reuse,
            _ => Untold::Rotations,
        };
        self.told(Some(secret), rotated).await
    }
}
