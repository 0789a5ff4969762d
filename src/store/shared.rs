//! An `Arc` of a store is a store: written by hand, since a second `#[async_trait]` would box each
//! future a second time.

use std::num::NonZeroUsize;
use std::pin::Pin;
use std::sync::Arc;

use super::{
    Finding, Inserted, IssuingStore, NewSession, Rotated, RotatingStore, Rotation, Slot,
    StoreError, TokenStore, Touch, Watch, WatchedStore,
};
use crate::clock::Timestamp;
use crate::token::{SessionId, Subject, TokenDigest, TokenRecord};

type BoxFuture<'f, T> = Pin<Box<dyn Future<Output = T> + Send + 'f>>;

impl<T: TokenStore + ?Sized> TokenStore for Arc<T> {
    type Principal = T::Principal;

    fn find<'a, 'b, 'f>(
        &'a self,
        digest: &'b TokenDigest,
    ) -> BoxFuture<'f, Finding<Self::Principal>>
    where
        'a: 'f,
        'b: 'f,
        Self: 'f,
    {
        (**self).find(digest)
    }

    fn find_now(&self, digest: &TokenDigest) -> Option<Finding<Self::Principal>> {
        (**self).find_now(digest)
    }

    fn extend<'a, 'b, 'f>(&'a self, touches: &'b [Touch]) -> BoxFuture<'f, Result<(), StoreError>>
    where
        'a: 'f,
        'b: 'f,
        Self: 'f,
    {
        (**self).extend(touches)
    }
}

impl<T: IssuingStore + ?Sized> IssuingStore for Arc<T> {
    fn insert<'a, 'f>(
        &'a self,
        new: NewSession,
        slot: Slot,
    ) -> BoxFuture<'f, Result<Inserted, StoreError>>
    where
        'a: 'f,
        Self: 'f,
    {
        (**self).insert(new, slot)
    }

    fn holds<'a, 'b, 'f>(
        &'a self,
        digest: &'b TokenDigest,
    ) -> BoxFuture<'f, Result<bool, StoreError>>
    where
        'a: 'f,
        'b: 'f,
        Self: 'f,
    {
        (**self).holds(digest)
    }

    fn remove<'a, 'b, 'f>(
        &'a self,
        digest: &'b TokenDigest,
    ) -> BoxFuture<'f, Result<bool, StoreError>>
    where
        'a: 'f,
        'b: 'f,
        Self: 'f,
    {
        (**self).remove(digest)
    }

    fn remove_session<'a, 'b, 'c, 'f>(
        &'a self,
        subject: &'b Subject,
        session: &'c SessionId,
    ) -> BoxFuture<'f, Result<u64, StoreError>>
    where
        'a: 'f,
        'b: 'f,
        'c: 'f,
        Self: 'f,
    {
        (**self).remove_session(subject, session)
    }

    fn remove_subject<'a, 'b, 'c, 'f>(
        &'a self,
        subject: &'b Subject,
        but: Option<&'c SessionId>,
    ) -> BoxFuture<'f, Result<u64, StoreError>>
    where
        'a: 'f,
        'b: 'f,
        'c: 'f,
        Self: 'f,
    {
        (**self).remove_subject(subject, but)
    }

    fn list<'a, 'b, 'f>(
        &'a self,
        subject: &'b Subject,
    ) -> BoxFuture<'f, Result<Vec<TokenRecord>, StoreError>>
    where
        'a: 'f,
        'b: 'f,
        Self: 'f,
    {
        (**self).list(subject)
    }

    fn purge<'a, 'f>(
        &'a self,
        ended_by: Timestamp,
        most: NonZeroUsize,
    ) -> BoxFuture<'f, Result<usize, StoreError>>
    where
        'a: 'f,
        Self: 'f,
    {
        (**self).purge(ended_by, most)
    }
}

impl<T: RotatingStore + ?Sized> RotatingStore for Arc<T> {
    fn rotate<'a, 'f>(&'a self, rotation: Rotation) -> BoxFuture<'f, Result<Rotated, StoreError>>
    where
        'a: 'f,
        Self: 'f,
    {
        (**self).rotate(rotation)
    }
}

impl<T: WatchedStore + ?Sized> WatchedStore for Arc<T> {
    fn watch<'a, 'f>(&'a self) -> BoxFuture<'f, Result<Box<dyn Watch>, StoreError>>
    where
        'a: 'f,
        Self: 'f,
    {
        (**self).watch()
    }
}
