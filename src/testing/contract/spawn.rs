//! Calls at the same time, under whatever runtime there is.

use std::future::poll_fn;
use std::pin::{Pin, pin};
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::task::{Context, Poll, Wake, Waker};
use std::thread::{self, Thread};

use super::broken::Fault;

/// What [`Contract::spawn`](super::Contract::spawn) is given to run.
pub type Job = Call<()>;

pub(super) type Call<T> = Pin<Box<dyn Future<Output = T> + Send>>;
pub(super) type Spawn = Arc<dyn Fn(Job)>;

/// Runs a job on a thread of its own: for stores that need no runtime.
pub fn on_a_thread(mut job: Job) {
    struct Unpark(Thread);

    impl Wake for Unpark {
        fn wake(self: Arc<Self>) {
            self.0.unpark();
        }
    }

    thread::spawn(move || {
        let waker = Waker::from(Arc::new(Unpark(thread::current())));
        let mut context = Context::from_waker(&waker);
        while job.as_mut().poll(&mut context).is_pending() {
            thread::park();
        }
    });
}

/// Makes all of the calls at the same time. Their answers, in the same order.
pub(super) async fn together<T: Send + 'static>(
    spawn: Option<&Spawn>,
    calls: Vec<Call<T>>,
) -> Result<Vec<T>, Fault> {
    let answers = match spawn {
        None => in_turns(calls).await,
        Some(spawn) => in_parallel(spawn, calls).await,
    };
    let all: Option<Vec<T>> = answers.into_iter().collect();
    all.ok_or_else(|| Fault::new("a call that was spawned panicked, or was never run to its end"))
}

/// Polls a call at most so often, then drops it. Its answer, if it came to one.
pub(super) async fn abandoned<T>(call: impl Future<Output = T>, polls: usize) -> Option<T> {
    let mut call = pin!(call);
    let mut polled = 0;
    poll_fn(|context| {
        if polled == polls {
            return Poll::Ready(None);
        }
        polled += 1;
        let answer = call.as_mut().poll(context).map(Some);
        if answer.is_pending() && polled == polls {
            return Poll::Ready(None);
        }
        answer
    })
    .await
}

async fn in_turns<T>(calls: Vec<Call<T>>) -> Vec<Option<T>> {
    let mut calls: Vec<Option<Call<T>>> = calls.into_iter().map(Some).collect();
    let mut answers: Vec<Option<T>> = calls.iter().map(|_| None).collect();
    poll_fn(|context| {
        for (call, answer) in calls.iter_mut().zip(&mut answers) {
            if let Some(waiting) = call
                && let Poll::Ready(ready) = waiting.as_mut().poll(context)
            {
                (*call, *answer) = (None, Some(ready));
            }
        }
        if calls.iter().all(Option::is_none) {
            Poll::Ready(())
        } else {
            Poll::Pending
        }
    })
    .await;
    answers
}

async fn in_parallel<T: Send + 'static>(spawn: &Spawn, calls: Vec<Call<T>>) -> Vec<Option<T>> {
    let meeting = Arc::new(Meeting {
        size: calls.len(),
        arrived: AtomicUsize::new(0),
        outcome: Mutex::new(Outcome {
            answers: calls.iter().map(|_| None).collect(),
            left: calls.len(),
            waker: None,
        }),
    });
    for (index, call) in calls.into_iter().enumerate() {
        let seat = Seat(Arc::clone(&meeting));
        spawn(Box::pin(async move {
            seat.0.everybody_is_here().await;
            let answer = call.await;
            seat.0.outcome().answers[index] = Some(answer);
        }));
    }
    poll_fn(|context| {
        let mut outcome = meeting.outcome();
        if outcome.left == 0 {
            return Poll::Ready(std::mem::take(&mut outcome.answers));
        }
        outcome.waker = Some(context.waker().clone());
        Poll::Pending
    })
    .await
}

struct Meeting<T> {
    size: usize,
    arrived: AtomicUsize,
    outcome: Mutex<Outcome<T>>,
}

struct Outcome<T> {
    answers: Vec<Option<T>>,
    left: usize,
    waker: Option<Waker>,
}

/// A spawned call's part in a meeting. Left on drop: the call may panic, or never run.
struct Seat<T>(Arc<Meeting<T>>);

impl<T> Meeting<T> {
    fn outcome(&self) -> MutexGuard<'_, Outcome<T>> {
        self.outcome.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Busily, so that the calls begin as close together as they can.
    async fn everybody_is_here(&self) {
        self.arrived.fetch_add(1, Ordering::SeqCst);
        poll_fn(|context| {
            if self.arrived.load(Ordering::SeqCst) >= self.size {
                return Poll::Ready(());
            }
            thread::yield_now();
            context.waker().wake_by_ref();
            Poll::Pending
        })
        .await;
    }
}

impl<T> Drop for Seat<T> {
    fn drop(&mut self) {
        self.0.arrived.fetch_add(1, Ordering::SeqCst);
        let mut outcome = self.0.outcome();
        outcome.left -= 1;
        if outcome.left == 0
            && let Some(waker) = outcome.waker.take()
        {
            waker.wake();
        }
    }
}
