use std::future::{pending, poll_fn};
use std::pin::pin;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::task::{Poll, Waker};

use async_trait::async_trait;

use crate::store::{Change, Watch, WatchedStore};

/// A channel that is cut by hand.
#[derive(Debug, Default)]
pub(super) struct Channel(Mutex<State>);

#[derive(Debug, Default)]
struct State {
    is_cut: bool,
    /// How often it was, so that a short cut is noticed too.
    cuts: usize,
    waiting: Vec<Waker>,
}

/// What a store tells, through such a channel.
pub(super) struct ThroughChannel<S> {
    store: S,
    channel: Arc<Channel>,
    /// While it is not cut, and how often it had been when this began.
    watch: Option<(Box<dyn Watch>, usize)>,
}

impl Channel {
    pub(super) fn cut(&self) {
        self.change(|state| {
            state.is_cut = true;
            state.cuts += 1;
        });
    }

    pub(super) fn mend(&self) {
        self.change(|state| state.is_cut = false);
    }

    fn change(&self, change: impl FnOnce(&mut State)) {
        let mut state = self.state();
        change(&mut state);
        state.waiting.drain(..).for_each(Waker::wake);
    }

    /// Waits until its state is such that there is an answer.
    async fn when<T>(&self, answer: impl Fn(&State) -> Option<T>) -> T {
        poll_fn(|context| {
            let mut state = self.state();
            if let Some(answer) = answer(&state) {
                return Poll::Ready(answer);
            }
            let waker = context.waker();
            if !state.waiting.iter().any(|known| known.will_wake(waker)) {
                state.waiting.push(waker.clone());
            }
            Poll::Pending
        })
        .await
    }

    fn state(&self) -> MutexGuard<'_, State> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl<S: WatchedStore> ThroughChannel<S> {
    pub(super) const fn new(store: S, channel: Arc<Channel>) -> Self {
        Self {
            store,
            channel,
            watch: None,
        }
    }
}

#[async_trait]
impl<S: WatchedStore> Watch for ThroughChannel<S> {
    async fn next(&mut self) -> Change {
        if self.watch.is_none() {
            let whole = |state: &State| (!state.is_cut).then_some(state.cuts);
            let cuts = self.channel.when(whole).await;
            match self.store.watch().await {
                Ok(watch) => self.watch = Some((watch, cuts)),
                Err(_) => return pending().await,
            }
        }
        let Some((watch, before)) = &mut self.watch else {
            return pending().await;
        };
        let before = *before;
        let cut = |state: &State| (state.cuts != before).then_some(Change::Lost);
        let mut cut = pin!(self.channel.when(cut));
        let mut next = watch.next();
        let change = poll_fn(|context| match cut.as_mut().poll(context) {
            Poll::Ready(lost) => Poll::Ready(lost),
            Poll::Pending => next.as_mut().poll(context),
        })
        .await;
        drop(next);
        if change == Change::Lost {
            self.watch = None;
        }
        change
    }
}
