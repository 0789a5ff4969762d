use std::sync::atomic::{AtomicUsize, Ordering, fence};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError, Weak};
use std::task::{Poll, Waker};

use async_trait::async_trait;

use crate::store::{Change, Watch};
use crate::token::TokenDigest;

/// A watch that is not read for so long is told to forget everything, instead of each token.
const MOST: usize = 4_096;

/// Who is told what goes.
#[derive(Default)]
pub(super) struct Watchers {
    many: AtomicUsize,
    list: Mutex<Vec<Weak<Mailbox>>>,
}

/// What one of them has not read yet.
struct Mailbox(Mutex<Letters>);

struct Letters {
    first: Option<Change>,
    removed: Vec<TokenDigest>,
    reader: Option<Waker>,
}

struct MemoryWatch(Arc<Mailbox>);

impl Watchers {
    pub(super) fn watch(&self) -> Box<dyn Watch> {
        let mailbox = Arc::new(Mailbox(Mutex::new(Letters {
            first: Some(Change::Connected),
            removed: Vec::new(),
            reader: None,
        })));
        let mut list = self.list.lock().unwrap_or_else(PoisonError::into_inner);
        list.push(Arc::downgrade(&mailbox));
        self.many.store(list.len(), Ordering::Relaxed);
        // Whoever counts none below has changed the table before this watch reads it.
        fence(Ordering::SeqCst);
        Box::new(MemoryWatch(mailbox))
    }

    /// Tells what has just been changed. Costs next to nothing while nobody listens.
    pub(super) fn tell(&self, digest: &TokenDigest) {
        fence(Ordering::SeqCst);
        if self.many.load(Ordering::Relaxed) == 0 {
            return;
        }
        let mut list = self.list.lock().unwrap_or_else(PoisonError::into_inner);
        list.retain(|mailbox| {
            let mailbox = mailbox.upgrade();
            mailbox.is_some_and(|mailbox| {
                mailbox.put(*digest);
                true
            })
        });
        self.many.store(list.len(), Ordering::Relaxed);
    }
}

// === impl Mailbox ===

impl Mailbox {
    fn put(&self, digest: TokenDigest) {
        let mut letters = self.letters();
        if letters.removed.len() == MOST {
            letters.removed.clear();
            letters.first = Some(Change::Lost);
        }
        // Who has not heard of the connection yet has nothing to forget.
        if letters.first.is_none() {
            letters.removed.push(digest);
        }
        if let Some(reader) = letters.reader.take() {
            reader.wake();
        }
    }

    fn letters(&self) -> MutexGuard<'_, Letters> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

#[async_trait]
impl Watch for MemoryWatch {
    async fn next(&mut self) -> Change {
        std::future::poll_fn(|context| {
            let mut letters = self.0.letters();
            if let Some(change) = letters.first.take() {
                if change == Change::Lost {
                    letters.first = Some(Change::Connected);
                }
                return Poll::Ready(change);
            }
            if !letters.removed.is_empty() {
                return Poll::Ready(Change::Removed(std::mem::take(&mut letters.removed)));
            }
            letters.reader = Some(context.waker().clone());
            Poll::Pending
        })
        .await
    }
}
