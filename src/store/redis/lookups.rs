//! Look-ups that fall due in the same turn of the runtime share one message. Nobody waits for it:
//! a look-up that is alone goes out at once, and the others when all that can run have run.

use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use redis::{Cmd, Pipeline, RedisResult, Value};
use tokio::runtime::{Handle, Id};
use tokio::sync::oneshot;
use tokio::task::yield_now;

use super::error::failure;
use super::link::Link;
use crate::store::StoreError;

pub(super) struct Lookups {
    link: Arc<Link>,
    queue: Mutex<Queue>,
}

#[derive(Default)]
struct Queue {
    /// How many messages are under way.
    under_way: usize,
    waiting: Vec<Waiting>,
    /// Where that runs which will send for those who wait.
    sender: Option<Id>,
}

struct Waiting {
    key: String,
    answer: oneshot::Sender<Answer>,
}

/// What is kept there, or none if nothing is.
type Answer = Result<Option<Vec<u8>>, StoreError>;

/// A message that is under way, also when it is dropped before its end.
struct Sent<'a>(&'a Lookups);

enum Turn<'a> {
    Alone(Sent<'a>, String),
    Waits(oneshot::Receiver<Answer>),
}

impl Lookups {
    pub(super) fn new(link: Arc<Link>) -> Arc<Self> {
        Arc::new(Self {
            link,
            queue: Mutex::default(),
        })
    }

    pub(super) async fn get(self: &Arc<Self>, key: String) -> Answer {
        match self.turn(key) {
            Turn::Alone(_sent, key) => {
                let mut get = Cmd::with_capacity(2, key.len() + 3);
                get.arg("GET").arg(&key);
                let answer = self
                    .link
                    .run(async move |mut connection| connection.send_packed_command(&get).await)
                    .await;
                answer.and_then(kept)
            }
            Turn::Waits(answer) => answer.await.map_err(StoreError::new)?,
        }
    }

    fn turn(self: &Arc<Self>, key: String) -> Turn<'_> {
        let mut queue = self.queue();
        if queue.under_way == 0 {
            return Turn::Alone(self.sent(&mut queue), key);
        }
        let runtime = Handle::current();
        // Another runtime may end before its sender has sent anything, or be busy for long.
        if queue.waiting.is_empty() || queue.sender != Some(runtime.id()) {
            let lookups = Arc::clone(self);
            // A task of its own: whoever waits may go away, and the others wait on.
            runtime.spawn(async move { lookups.send().await });
            queue.sender = Some(runtime.id());
        }
        let (answer, receiver) = oneshot::channel();
        queue.waiting.push(Waiting { key, answer });
        Turn::Waits(receiver)
    }

    async fn send(&self) {
        yield_now().await;
        let (waiting, _sent) = {
            let mut queue = self.queue();
            if queue.waiting.is_empty() {
                return;
            }
            (std::mem::take(&mut queue.waiting), self.sent(&mut queue))
        };
        let mut gets = Pipeline::with_capacity(waiting.len());
        for one in &waiting {
            gets.cmd("GET").arg(&one.key);
        }
        let count = waiting.len();
        let answers = self
            .link
            .run(async move |mut connection| connection.send_packed_commands(&gets, 0, count).await)
            .await;
        match answers {
            Ok(answers) => {
                for (one, answer) in waiting.into_iter().zip(answers) {
                    let _ = one.answer.send(kept(answer));
                }
            }
            Err(error) => {
                for one in waiting {
                    let _ = one.answer.send(Err(error.clone()));
                }
            }
        }
    }

    fn sent(&self, queue: &mut Queue) -> Sent<'_> {
        queue.under_way += 1;
        Sent(self)
    }

    /// A panic of another thread leaves the queue whole: nothing in here panics half-way.
    fn queue(&self) -> MutexGuard<'_, Queue> {
        self.queue.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Drop for Sent<'_> {
    fn drop(&mut self) {
        self.0.queue().under_way -= 1;
    }
}

fn kept(answer: Value) -> Answer {
    let kept = answer
        .extract_error()
        .and_then(|value| RedisResult::Ok(redis::from_redis_value(value)?));
    kept.map_err(|error| failure(&error))
}
