use std::future::poll_fn;
use std::pin::pin;
use std::sync::mpsc::{RecvTimeoutError, channel};
use std::sync::{Arc, Mutex, PoisonError};
use std::task::{Poll, Waker};
use std::thread;
use std::time::Duration;

/// For how long a store may take to tell a change: much longer than any does.
const PATIENCE: Duration = Duration::from_secs(5);

/// What comes of it, or none if nothing does in time. Needs no runtime's timer, since the suite
/// runs under any.
pub(super) async fn in_time<T>(future: impl Future<Output = T>) -> Option<T> {
    enum Alarm {
        Set(Option<Waker>),
        Rung,
    }
    let alarm = Arc::new(Mutex::new(Alarm::Set(None)));
    let (_answered, waiting) = channel::<()>();
    let ring = Arc::clone(&alarm);
    thread::spawn(move || {
        if waiting.recv_timeout(PATIENCE) == Err(RecvTimeoutError::Timeout) {
            let mut alarm = ring.lock().unwrap_or_else(PoisonError::into_inner);
            if let Alarm::Set(Some(waker)) = std::mem::replace(&mut *alarm, Alarm::Rung) {
                waker.wake();
            }
        }
    });
    let mut future = pin!(future);
    poll_fn(|context| {
        if let Poll::Ready(answer) = future.as_mut().poll(context) {
            return Poll::Ready(Some(answer));
        }
        match &mut *alarm.lock().unwrap_or_else(PoisonError::into_inner) {
            Alarm::Set(waker) => {
                *waker = Some(context.waker().clone());
                Poll::Pending
            }
            Alarm::Rung => Poll::Ready(None),
        }
    })
    .await
}
