//! What other processes remove, heard by LISTEN.

use std::collections::VecDeque;
use std::future::poll_fn;
use std::pin::pin;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::task::Poll;
use std::time::Duration;

use async_trait::async_trait;
use tokio::sync::{Notify, oneshot};
use tokio::task::JoinHandle;
use tokio::time::{sleep, timeout};
use tokio_postgres::{AsyncMessage, Client, Error, Notification};

use super::PostgresStore;
use super::error::{failure, overdue};
use super::messages::Messages;
use super::schema::Schema;
use super::url::Target;
use super::write::Writes;
use crate::store::watch::{HEARTBEAT, PATIENCE};
use crate::store::{Change, StoreError, Watch, WatchedStore};
use crate::token::TokenDigest;

/// How many changes wait for a cache. If it is slower than that, it forgets everything instead.
const MOST: usize = 4_096;
/// Pauses between attempts to connect, doubled from the first to the last.
const PAUSES: [Duration; 2] = [Duration::from_millis(50), Duration::from_secs(2)];

/// What it takes to listen.
pub(super) struct Listening {
    target: Option<Target>,
    way: Way,
}

/// The rest of that, which each listener has.
#[derive(Clone)]
struct Way {
    writes: Writes,
    channel: String,
    ready: String,
    time_out: Duration,
}

/// Changes that a cache has not taken yet.
#[derive(Default)]
struct Heard {
    changes: Mutex<VecDeque<Change>>,
    some: Notify,
}

struct Listener {
    heard: Arc<Heard>,
    task: JoinHandle<()>,
}

/// Whether the look-ups go to a primary, and all triggers of the table that notify are on.
const READY: &str = "
    SELECT pg_is_in_recovery(), count(*) = 3 FROM pg_trigger
    WHERE tgrelid = 'expiring_tokens.token'::regclass AND tgname LIKE 'tell\\_%'
        AND tgenabled IN ('O', 'A')";

impl Listening {
    pub(super) fn new(
        target: Option<Target>,
        schema: &Schema,
        writes: Writes,
        time_out: Duration,
    ) -> Self {
        let way = Way {
            writes,
            channel: schema.name().to_owned(),
            ready: schema.sql(READY),
            time_out,
        };
        Self { target, way }
    }

    async fn start(&self) -> Result<Listener, StoreError> {
        let target = self.target.clone().ok_or_else(|| {
            StoreError::new("a pool can't listen: give the builder a `listen_url` beside it")
        })?;
        self.way.is_ready().await?;
        let heard = Arc::new(Heard::default());
        let (tell, told) = oneshot::channel();
        let task = keep_listening(target, self.way.clone(), Arc::clone(&heard), tell);
        let listener = Listener {
            heard,
            task: tokio::spawn(task),
        };
        let started = told.await;
        started.unwrap_or_else(|_| Err(overdue("a connection")))?;
        Ok(listener)
    }
}

/// Listens until it is aborted. Of the first attempt it tells what came.
async fn keep_listening(
    target: Target,
    way: Way,
    heard: Arc<Heard>,
    first: oneshot::Sender<Result<(), StoreError>>,
) {
    let mut first = Some(first);
    let [shortest, longest] = PAUSES;
    let mut pause = shortest;
    loop {
        let connected = timeout(way.time_out, target.tls.clone().connect(&target.config)).await;
        let ended = match connected {
            Err(_) => overdue("a connection"),
            Ok(Err(error)) => failure(&error),
            Ok(Ok((client, messages))) => {
                way.listen(&client, messages, &heard, || {
                    pause = shortest;
                    heard.push(Change::Connected);
                    if let Some(first) = first.take() {
                        let _ = first.send(Ok(()));
                    }
                })
                .await
            }
        };
        if let Some(first) = first.take() {
            let _ = first.send(Err(ended));
            return;
        }
        heard.push(Change::Lost);
        sleep(pause).await;
        pause = longest.min(pause * 2);
    }
}

impl Way {
    /// # Errors
    ///
    /// When nobody would hear of every removal in time.
    async fn is_ready(&self) -> Result<(), StoreError> {
        let asked = self.writes.with(async |client| {
            let row = client.query_typed(&self.ready, &[]).await?;
            let row = row
                .first()
                .map(|row| Ok::<_, Error>((row.try_get(0)?, row.try_get(1)?)));
            Ok(row.transpose()?.unwrap_or_default())
        });
        match asked.await? {
            (true, _) => Err(StoreError::new(
                "a cache before a standby would keep what the standby has not yet seen removed: \
                 look up at the primary, or without a cache",
            )),
            (false, false) => Err(StoreError::new(format!(
                "the triggers that tell caches are off: ALTER TABLE {}.token ENABLE TRIGGER USER",
                self.channel
            ))),
            (false, true) => Ok(()),
        }
    }

    /// Listens until the connection fails. Why it did.
    async fn listen(
        &self,
        client: &Client,
        mut messages: Messages,
        heard: &Heard,
        connected: impl FnMut(),
    ) -> StoreError {
        let arrived = Notify::new();
        let mut talk = pin!(self.talk(client, &arrived, connected));
        poll_fn(|context| {
            while let Poll::Ready(message) = messages.poll(context) {
                match message {
                    Some(Ok(AsyncMessage::Notification(said))) => {
                        if said.channel() == self.channel {
                            heard.hear(&said);
                        } else {
                            arrived.notify_one();
                        }
                    }
                    Some(Ok(_)) => {}
                    Some(Err(error)) => return Poll::Ready(failure(&error)),
                    None => return Poll::Ready(StoreError::new("PostgreSQL: connection closed")),
                }
            }
            talk.as_mut().poll(context)
        })
        .await
    }

    /// Says that it listens once a notification has gone the whole way that those of a removal
    /// go, from the connections that write. Then asks now and then, until an answer is overdue.
    async fn talk(
        &self,
        client: &Client,
        arrived: &Notify,
        mut connected: impl FnMut(),
    ) -> StoreError {
        let begun = timeout(self.time_out, self.begin(client, arrived)).await;
        match begun {
            Ok(Ok(())) => connected(),
            Ok(Err(error)) => return error,
            Err(_) => {
                return StoreError::new(
                    "notifications do not arrive: expected a `listen_url` that leads to the \
                     database of the store, and not through a pooler in transaction mode",
                );
            }
        }
        loop {
            sleep(HEARTBEAT).await;
            let patience = PATIENCE.min(self.time_out);
            match timeout(patience, client.simple_query("SELECT 1")).await {
                Ok(Ok(_)) => {}
                Ok(Err(error)) => return failure(&error),
                Err(_) => return overdue("a heartbeat"),
            }
        }
    }

    async fn begin(&self, client: &Client, arrived: &Notify) -> Result<(), StoreError> {
        let mut random = [0; 8];
        getrandom::fill(&mut random).map_err(StoreError::new)?;
        let probe = format!("probe_{}", hex::encode(random));
        let listen = format!("LISTEN {}; LISTEN {probe}", self.channel);
        let listening = client.batch_execute(&listen).await;
        listening.map_err(|error| failure(&error))?;
        let notify = format!("NOTIFY {probe}");
        let sent = self
            .writes
            .with(async |client| client.batch_execute(&notify).await);
        sent.await?;
        arrived.notified().await;
        Ok(())
    }
}

impl Heard {
    fn hear(&self, said: &Notification) {
        match digests(said.payload()) {
            Some(digests) => self.push(Change::Removed(digests)),
            None => self.everything(&mut self.changes()),
        }
    }

    fn push(&self, change: Change) {
        let mut changes = self.changes();
        if changes.len() < MOST {
            changes.push_back(change);
            self.some.notify_one();
        } else {
            let lost = change == Change::Lost;
            self.everything(&mut changes);
            if lost {
                changes.pop_back();
            }
        }
    }

    /// Anything may have changed, but from here on all is told again.
    fn everything(&self, changes: &mut VecDeque<Change>) {
        changes.clear();
        changes.extend([Change::Lost, Change::Connected]);
        self.some.notify_one();
    }

    fn changes(&self) -> MutexGuard<'_, VecDeque<Change>> {
        self.changes.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// The digests that a notification names. None: it says anything else.
fn digests(payload: &str) -> Option<Vec<TokenDigest>> {
    let mut digests = Vec::with_capacity(payload.len() / 64);
    for digits in payload.as_bytes().chunks(64) {
        let mut bytes = [0; 32];
        hex::decode_to_slice(digits, &mut bytes).ok()?;
        digests.push(TokenDigest::from_bytes(bytes));
    }
    Some(digests).filter(|digests| !digests.is_empty())
}

#[async_trait]
impl WatchedStore for PostgresStore {
    async fn watch(&self) -> Result<Box<dyn Watch>, StoreError> {
        Ok(Box::new(self.0.listening.start().await?))
    }
}

#[async_trait]
impl Watch for Listener {
    async fn next(&mut self) -> Change {
        loop {
            if let Some(change) = self.heard.changes().pop_front() {
                return change;
            }
            self.heard.some.notified().await;
        }
    }
}

impl Drop for Listener {
    fn drop(&mut self) {
        self.task.abort();
    }
}
