//! Writes, on a thread of their own: those that wait share one commit.

use std::future::poll_fn;
use std::pin::{Pin, pin};
use std::sync::mpsc::{Receiver, RecvTimeoutError, Sender, channel};
use std::task::Poll;
use std::time::Duration;
use std::{io, thread};

use rusqlite::{Connection, TransactionBehavior};
use tokio::sync::mpsc::error::TrySendError;
use tokio::sync::{mpsc, oneshot, watch};

use super::Failure;
use super::file::File;
use super::readers::{Shared, lock};
use crate::store::StoreError;

/// More writes than this never wait: further ones fail at once.
const MOST_WAITING: usize = 1_024;
/// Writes to one commit.
const BATCH: usize = 128;

/// Hands writes to the thread, which ends when the last of these is gone and all is written.
pub(super) struct Writer {
    jobs: mpsc::Sender<Box<dyn Job>>,
    /// Whether the disk takes too long to take a batch.
    stuck: watch::Receiver<bool>,
}

/// A write that somebody waits for, or did.
trait Job: Send {
    /// Does it, within the batch's transaction.
    fn run(&mut self, connection: &Connection) -> Result<(), ()>;
    /// Tells what came of it, when the transaction has ended.
    fn answer(self: Box<Self>, committed: Result<(), StoreError>);
}

struct Write<V, T> {
    verb: Option<V>,
    outcome: Option<Result<T, StoreError>>,
    answer: oneshot::Sender<Result<T, StoreError>>,
}

impl Writer {
    /// With the file that the connection writes to, if there is any. A batch that takes longer than
    /// `patience` is given up by those who wait for it.
    pub(super) fn start(
        connection: Shared,
        file: Option<File>,
        patience: Duration,
    ) -> Result<Self, io::Error> {
        let (jobs, waiting) = mpsc::channel(MOST_WAITING);
        let (beats, heard) = channel();
        let (stick, stuck) = watch::channel(false);
        thread::Builder::new()
            .name("tokens-write".to_owned())
            .spawn(move || write(&connection, file.as_ref(), waiting, &beats))?;
        thread::Builder::new()
            .name("tokens-watch".to_owned())
            .spawn(move || watch_over(&heard, patience, &stick))?;
        Ok(Self { jobs, stuck })
    }

    /// Does a verb in a transaction. It is done whole also when nobody waits for it any more.
    pub(super) async fn write<T: Send + 'static>(
        &self,
        verb: impl FnOnce(&Connection) -> Result<T, Failure> + Send + 'static,
    ) -> Result<T, StoreError> {
        const STUCK: &str = "the disk has not taken a write in time; it may be taken yet";
        const GONE: &str = "the thread that writes has ended";
        let mut stuck = self.stuck.clone();
        if *stuck.borrow() {
            return Err(StoreError::new(STUCK));
        }
        let (answer, mut answered) = oneshot::channel();
        let write = Write {
            verb: Some(verb),
            outcome: None,
            answer,
        };
        self.jobs.try_send(Box::new(write)).map_err(|refused| {
            StoreError::new(match refused {
                TrySendError::Full(_) => format!("{MOST_WAITING} writes wait already"),
                TrySendError::Closed(_) => GONE.to_owned(),
            })
        })?;
        let mut stuck = pin!(stuck.wait_for(|stuck| *stuck));
        poll_fn(|context| {
            if let Poll::Ready(answer) = Pin::new(&mut answered).poll(context) {
                return Poll::Ready(answer.unwrap_or_else(|_| Err(StoreError::new(GONE))));
            }
            stuck
                .as_mut()
                .poll(context)
                .map(|_| Err(StoreError::new(STUCK)))
        })
        .await
    }
}

/// The thread's work: as long as there are senders, all that waits, in one commit.
fn write(
    connection: &Shared,
    file: Option<&File>,
    mut waiting: mpsc::Receiver<Box<dyn Job>>,
    beats: &Sender<()>,
) {
    let mut batch = Vec::with_capacity(BATCH);
    while waiting.blocking_recv_many(&mut batch, BATCH) > 0 {
        let _ = beats.send(());
        let there = file.map_or(Ok(()), File::check);
        let committed = there.and_then(|()| commit(&mut lock(connection), &mut batch));
        let _ = beats.send(());
        for job in batch.drain(..) {
            job.answer(committed.clone());
        }
    }
}

/// A write that fails leaves the others of its batch as they are.
fn commit(connection: &mut Connection, batch: &mut [Box<dyn Job>]) -> Result<(), StoreError> {
    let mut commit = || {
        let transaction = connection.transaction_with_behavior(TransactionBehavior::Immediate)?;
        let tell = |sql: &str| transaction.prepare_cached(sql)?.execute([]);
        for job in &mut *batch {
            tell("SAVEPOINT write")?;
            if job.run(&transaction).is_err() {
                // Where this fails, as it may on a full disk, SQLite has rolled all back.
                tell("ROLLBACK TO write")?;
            }
            tell("RELEASE write")?;
        }
        transaction.commit()
    };
    commit().map_err(StoreError::new)
}

/// The other thread's work: it hears when a batch begins and when it ends, and says so when that
/// takes too long. While nothing is written it sleeps.
fn watch_over(beats: &Receiver<()>, patience: Duration, stick: &watch::Sender<bool>) {
    while beats.recv().is_ok() {
        if beats.recv_timeout(patience) == Err(RecvTimeoutError::Timeout) {
            stick.send_replace(true);
            let _ = beats.recv();
            stick.send_replace(false);
        }
    }
}

impl<V, T> Job for Write<V, T>
where
    V: FnOnce(&Connection) -> Result<T, Failure> + Send,
    T: Send,
{
    fn run(&mut self, connection: &Connection) -> Result<(), ()> {
        let Some(verb) = self.verb.take() else {
            return Ok(());
        };
        let outcome = verb(connection).map_err(StoreError::new);
        let done = outcome.as_ref().map(drop).map_err(drop);
        self.outcome = Some(outcome);
        done
    }

    fn answer(self: Box<Self>, committed: Result<(), StoreError>) {
        let outcome = match (self.outcome, committed) {
            (Some(Ok(outcome)), Ok(())) => Ok(outcome),
            (Some(Err(error)), _) | (_, Err(error)) => Err(error),
            (None, Ok(())) => return,
        };
        // Nobody may be waiting any more.
        let _ = self.answer.send(outcome);
    }
}

#[cfg(test)]
mod tests {
    use std::pin::Pin;
    use std::sync::mpsc::{Sender, channel};
    use std::sync::{Arc, Mutex};
    use std::task::{Context, Waker};
    use std::thread;
    use std::time::Duration;

    use rusqlite::Connection;

    use super::super::readers::{Shared, lock};
    use super::{MOST_WAITING, Writer};

    const LONG: Duration = Duration::from_secs(3_600);

    fn database() -> Shared {
        let connection = Connection::open_in_memory().unwrap();
        connection
            .execute_batch("CREATE TABLE numbers (number UNIQUE)")
            .unwrap();
        Arc::new(Mutex::new(connection))
    }

    fn numbers(database: &Shared) -> Vec<i64> {
        let connection = lock(database);
        let mut statement = connection
            .prepare("SELECT number FROM numbers ORDER BY number")
            .unwrap();
        let numbers = statement.query_map([], |row| row.get(0)).unwrap();
        numbers.map(Result::unwrap).collect()
    }

    fn add(writer: &Writer, number: i64) -> impl Future<Output = bool> {
        let write = writer.write(move |connection| {
            // Twice, so that a second one of the same number has done something when it fails.
            connection.execute("INSERT INTO numbers VALUES (-?1)", [number])?;
            connection.execute("INSERT INTO numbers VALUES (abs(?1) % 100)", [number])?;
            Ok(())
        });
        async { write.await.is_ok() }
    }

    /// A write that is under way until what is given is dropped.
    fn hold(writer: &Writer) -> (Pin<Box<impl Future<Output = bool>>>, Sender<()>) {
        let (begin, begun) = channel();
        let (end, ended) = channel::<()>();
        let write = writer.write(move |_| {
            let _ = begin.send(());
            let _ = ended.recv();
            Ok(())
        });
        let mut write = Box::pin(async { write.await.is_ok() });
        start(&mut write);
        begun.recv().unwrap();
        (write, end)
    }

    fn start(write: &mut Pin<Box<impl Future<Output = bool>>>) {
        let mut context = Context::from_waker(Waker::noop());
        assert!(write.as_mut().poll(&mut context).is_pending());
    }

    /// A write that nobody waits for; it may be done already.
    fn abandon(write: impl Future<Output = bool>) {
        let mut context = Context::from_waker(Waker::noop());
        let _ = Box::pin(write).as_mut().poll(&mut context);
    }

    #[tokio::test]
    async fn a_write_that_fails_leaves_the_others_of_its_batch() {
        let database = database();
        let writer = Writer::start(Arc::clone(&database), None, LONG).unwrap();
        let (_held, end) = hold(&writer);
        let mut writes = [1, 101, 2].map(|number| Box::pin(add(&writer, number)));
        writes.iter_mut().for_each(start);
        drop(end);
        let mut done = Vec::new();
        for write in writes {
            done.push(write.await);
        }
        assert_eq!(done, [true, false, true]);
        assert_eq!(numbers(&database), [-2, -1, 1, 2]);
    }

    #[tokio::test]
    async fn a_write_that_nobody_waits_for_is_done() {
        let database = database();
        let writer = Writer::start(Arc::clone(&database), None, LONG).unwrap();
        let (_held, end) = hold(&writer);
        abandon(add(&writer, 1));
        drop(end);
        assert!(add(&writer, 2).await);
        assert_eq!(numbers(&database), [-2, -1, 1, 2]);
    }

    #[tokio::test]
    async fn so_many_writes_wait_and_a_further_one_fails_at_once() {
        let database = database();
        let writer = Writer::start(Arc::clone(&database), None, LONG).unwrap();
        let (held, end) = hold(&writer);
        for _ in 0..MOST_WAITING {
            abandon(add(&writer, 1));
        }
        assert!(!add(&writer, 2).await);
        drop(end);
        drop(held);
        drop(writer);
        ended(&database);
        assert_eq!(numbers(&database), [-1, 1]);
    }

    #[tokio::test]
    async fn a_disk_that_hangs_fails_all_that_wait_and_serves_again_when_it_works() {
        let writer = Writer::start(database(), None, Duration::from_millis(20)).unwrap();
        let (held, end) = hold(&writer);
        assert!(!held.await, "it is given up");
        assert!(!add(&writer, 1).await, "nothing waits behind it");
        drop(end);
        while !add(&writer, 2).await {
            thread::yield_now();
        }
    }

    #[test]
    fn the_thread_ends_with_its_last_writer_and_has_done_all() {
        let database = database();
        let writer = Writer::start(Arc::clone(&database), None, LONG).unwrap();
        abandon(add(&writer, 1));
        drop(writer);
        ended(&database);
        assert_eq!(numbers(&database), [-1, 1]);
    }

    /// Waits until the thread has left the database.
    fn ended(database: &Shared) {
        while Arc::strong_count(database) > 1 {
            thread::yield_now();
        }
    }
}
