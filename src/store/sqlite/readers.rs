//! Look-ups in place: a few connections, of which each thread has one that is mostly its own.

use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError, TryLockError};

use rusqlite::Connection;

pub(super) type Shared = Arc<Mutex<Connection>>;

/// Connections that only read.
pub(super) struct Readers(Box<[Shared]>);

thread_local! {
    static SEAT: usize = {
        static SEATS: AtomicUsize = AtomicUsize::new(0);
        SEATS.fetch_add(1, Ordering::Relaxed)
    };
}

impl Readers {
    /// One or more.
    pub(super) fn new(connections: Box<[Shared]>) -> Self {
        Self(connections)
    }

    pub(super) fn read<T>(&self, read: impl FnOnce(&Connection) -> T) -> T {
        read(&self.free())
    }

    /// A connection that nobody uses; if there is none, one that is free soon.
    fn free(&self) -> MutexGuard<'_, Connection> {
        let own = SEAT.with(|seat| seat % self.0.len());
        let (before, from) = self.0.split_at(own);
        for connection in from.iter().chain(before) {
            match connection.try_lock() {
                Ok(free) => return free,
                Err(TryLockError::Poisoned(free)) => return free.into_inner(),
                Err(TryLockError::WouldBlock) => {}
            }
        }
        lock(&self.0[own])
    }
}

/// A panic of another thread has ended its transaction.
pub(super) fn lock(connection: &Mutex<Connection>) -> MutexGuard<'_, Connection> {
    connection.lock().unwrap_or_else(PoisonError::into_inner)
}
