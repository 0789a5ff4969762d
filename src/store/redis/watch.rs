//! What changed, as the server's tracking of keys tells it: also what other programs changed.

use std::future::pending;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use async_trait::async_trait;
use redis::aio::{MultiplexedConnection, SendError};
use redis::{PushInfo, PushKind, RedisResult, Value, cmd};
use tokio::sync::mpsc;
use tokio::time::{sleep, timeout};

use super::error::in_time;
use super::keys::Keys;
use super::link::{Link, config};
use crate::store::watch::{HEARTBEAT, PATIENCE};
use crate::store::{Change, StoreError, Watch};
use crate::token::TokenDigest;

const SHORTEST_PAUSE: Duration = Duration::from_millis(50);
const LONGEST_PAUSE: Duration = Duration::from_secs(1);
/// How many messages may wait for whoever watches. More are a loss.
const MOST: usize = 1024;

pub(super) struct RedisWatch {
    changes: mpsc::Receiver<Change>,
    /// That its task has ended is told.
    over: bool,
}

/// A connection that hears of changes.
struct Ear {
    connection: MultiplexedConnection,
    pushes: mpsc::Receiver<PushInfo>,
}

pub(super) async fn watch(link: Arc<Link>, keys: Arc<Keys>) -> Result<RedisWatch, StoreError> {
    let ear = Ear::new(&link, &keys).await?;
    let (tell, changes) = mpsc::channel(MOST);
    tokio::spawn(listen(link, keys, ear, tell));
    Ok(RedisWatch {
        changes,
        over: false,
    })
}

#[async_trait]
impl Watch for RedisWatch {
    async fn next(&mut self) -> Change {
        match self.changes.recv().await {
            Some(change) => change,
            None if self.over => pending().await,
            None => {
                self.over = true;
                Change::Lost
            }
        }
    }
}

/// Listens until nobody watches any more, on one connection after the other.
async fn listen(link: Arc<Link>, keys: Arc<Keys>, mut ear: Ear, tell: mpsc::Sender<Change>) {
    loop {
        if tell.send(Change::Connected).await.is_err() || !ear.hear(&link, &keys, &tell).await {
            return;
        }
        drop(ear);
        if tell.send(Change::Lost).await.is_err() {
            return;
        }
        let mut pause = SHORTEST_PAUSE;
        ear = loop {
            match Ear::new(&link, &keys).await {
                Ok(ear) => break ear,
                Err(_) if tell.is_closed() => return,
                Err(_) => sleep(pause).await,
            }
            pause = (2 * pause).min(LONGEST_PAUSE);
        };
    }
}

impl Ear {
    async fn new(link: &Link, keys: &Keys) -> Result<Self, StoreError> {
        let (sender, pushes) = mpsc::channel(MOST);
        // Dropped when it overflows, which its receiver takes for the end of the connection.
        let sender = Mutex::new(Some(sender));
        let config = config().set_push_sender(move |push| {
            let mut sender = sender.lock().unwrap_or_else(PoisonError::into_inner);
            let sent = sender.as_ref().map(|sender| sender.try_send(push));
            if let Some(Ok(())) = sent {
                return Ok(());
            }
            *sender = None;
            Err(SendError)
        });
        let mut connection = link.address().connect(&config, link.time_out()).await?;
        let mut track = cmd("CLIENT");
        track.arg(&["TRACKING", "ON", "BCAST", "PREFIX"]);
        track.arg(keys.of_tokens());
        in_time(link.time_out(), track.exec_async(&mut connection)).await?;
        Ok(Self { connection, pushes })
    }

    /// Tells what it hears until the connection is lost. False: nobody watches any more.
    async fn hear(&mut self, link: &Link, keys: &Keys, tell: &mpsc::Sender<Change>) -> bool {
        loop {
            match timeout(HEARTBEAT, self.pushes.recv()).await {
                Ok(Some(push)) if push.kind == PushKind::Invalidate => {
                    let Some(digests) = removed(keys, &push.data) else {
                        // Everything was removed at once: as good as a loss.
                        return true;
                    };
                    if tell.send(Change::Removed(digests)).await.is_err() {
                        return false;
                    }
                }
                Ok(Some(push)) if push.kind != PushKind::Disconnection => {}
                Ok(_) => return true,
                Err(_) => {
                    let ping = self.ping();
                    if tell.is_closed() {
                        return false;
                    }
                    let patience = PATIENCE.min(link.time_out());
                    if in_time(patience, ping).await.is_err() {
                        return true;
                    }
                }
            }
        }
    }

    async fn ping(&mut self) -> RedisResult<()> {
        cmd("PING").exec_async(&mut self.connection).await
    }
}

/// The tokens that a message names. None: it means all keys.
fn removed(keys: &Keys, data: &[Value]) -> Option<Vec<TokenDigest>> {
    let Some(Value::Array(names)) = data.first() else {
        return None;
    };
    let digests = names.iter().filter_map(|name| match name {
        Value::BulkString(name) => keys.digest(name),
        _ => None,
    });
    Some(digests.collect())
}
