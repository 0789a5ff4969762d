//! The one connection of a store, which many callers share: what they ask goes out in the order in
//! which they ask it. When it breaks or is silent for too long, a task makes another.

use std::future::pending;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::{Arc, Mutex, PoisonError, Weak};
use std::time::Duration;

use redis::aio::{MultiplexedConnection, SendError};
use redis::{
    AsyncConnectionConfig, FromRedisValue, PushInfo, PushKind, RedisResult, ScriptInvocation, cmd,
};
use scopeguard::{ScopeGuard, guard};
use tokio::runtime::Handle;
use tokio::sync::watch;
use tokio::task::AbortHandle;
use tokio::time::{sleep, timeout};

use super::address::Address;
use super::error::{breaks, failure, overdue};
use crate::store::StoreError;

const SHORTEST_PAUSE: Duration = Duration::from_millis(50);
const LONGEST_PAUSE: Duration = Duration::from_secs(1);

pub(super) struct Link {
    address: Address,
    /// How long a call may take, all of it.
    time_out: Duration,
    line: watch::Sender<Line>,
    next: AtomicU64,
    /// What makes another connection, if one is needed.
    restoring: Mutex<Option<AbortHandle>>,
}

enum Line {
    Up(Numbered),
    /// The first try after it broke is under way: worth to wait for.
    Trying,
    /// That failed. A task goes on trying.
    Down(StoreError),
}

/// A connection, told apart from those before it and after it.
#[derive(Clone)]
struct Numbered {
    connection: MultiplexedConnection,
    number: u64,
    /// Whether somebody looks if it still answers.
    checking: Arc<AtomicBool>,
    runtime: Arc<Runtime>,
}

/// A task that ends with its runtime, which is all that it does: what works for the connection
/// ends then, too.
struct Runtime(AbortHandle);

impl Link {
    /// Connects, in one try.
    pub(super) async fn new(address: Address, time_out: Duration) -> Result<Arc<Self>, StoreError> {
        let link = Arc::new(Self {
            address,
            time_out,
            line: watch::Sender::new(Line::Trying),
            next: AtomicU64::new(0),
            restoring: Mutex::default(),
        });
        let up = link.try_once().await?;
        link.line.send_replace(Line::Up(up));
        Ok(link)
    }

    pub(super) fn address(&self) -> &Address {
        &self.address
    }

    pub(super) fn time_out(&self) -> Duration {
        self.time_out
    }

    pub(super) async fn script<T: FromRedisValue>(
        self: &Arc<Self>,
        call: ScriptInvocation<'_>,
    ) -> Result<T, StoreError> {
        self.run(|mut connection| async move { call.invoke_async(&mut connection).await })
            .await
    }

    /// Makes a call within the time that it may take.
    pub(super) async fn run<T, F>(
        self: &Arc<Self>,
        call: impl FnOnce(MultiplexedConnection) -> F,
    ) -> Result<T, StoreError>
    where
        F: Future<Output = RedisResult<T>>,
    {
        let mut used = guard(None, |used| {
            if let Some(up) = used {
                self.check(up);
            }
        });
        let whole = async {
            let up = used.insert(self.connected().await?);
            Ok(call(up.connection.clone()).await)
        };
        let answer = timeout(self.time_out, whole).await;
        let used = ScopeGuard::into_inner(used);
        let is_broken = match &answer {
            Ok(Ok(answer)) => answer.as_ref().is_err_and(breaks),
            Ok(Err(_)) => false,
            Err(_) => true,
        };
        if let Some(up) = used.filter(|_| is_broken) {
            self.broken(up.number);
        }
        match answer {
            Ok(answer) => answer?.map_err(|error| failure(&error)),
            Err(_) => Err(overdue()),
        }
    }

    /// Has another connection made if this one answers nobody: its callers may all have gone
    /// before that was noticed.
    fn check(self: &Arc<Self>, up: Numbered) {
        let link = Arc::clone(self);
        let Numbered {
            mut connection,
            number,
            checking,
            ..
        } = up;
        if let Ok(runtime) = Handle::try_current()
            && !checking.swap(true, Ordering::Relaxed)
        {
            runtime.spawn(async move {
                let ping = cmd("PING");
                let answer = timeout(link.time_out, ping.exec_async(&mut connection)).await;
                checking.store(false, Ordering::Relaxed);
                // An error is an answer, too.
                if answer.map_or(true, |answer| answer.as_ref().is_err_and(breaks)) {
                    link.broken(number);
                }
            });
        }
    }

    async fn connected(self: &Arc<Self>) -> Result<Numbered, StoreError> {
        let up = match &*self.line.borrow() {
            Line::Up(up) => Some(up.clone()),
            Line::Trying | Line::Down(_) => None,
        };
        match up {
            Some(up) if up.runtime.lasts() => return Ok(up),
            Some(up) => self.broken(up.number),
            None => self.restore(),
        }
        let mut line = self.line.subscribe();
        let line = line.wait_for(|line| !matches!(line, Line::Trying)).await;
        match &*line.map_err(StoreError::new)? {
            Line::Up(up) => Ok(up.clone()),
            Line::Down(error) => Err(error.clone()),
            Line::Trying => Err(StoreError::new("not connected yet")),
        }
    }

    /// Has another connection made, unless somebody has by now.
    fn broken(self: &Arc<Self>, number: u64) {
        let is_first = self.line.send_if_modified(|line| {
            let is_this = matches!(line, Line::Up(up) if up.number == number);
            if is_this {
                *line = Line::Trying;
            }
            is_this
        });
        if is_first {
            self.restore();
        }
    }

    /// Starts what makes another connection, unless it is at work: it may have ended with its
    /// runtime.
    fn restore(self: &Arc<Self>) {
        let mut task = self
            .restoring
            .lock()
            .unwrap_or_else(PoisonError::into_inner);
        if task.as_ref().is_none_or(AbortHandle::is_finished)
            && let Ok(runtime) = Handle::try_current()
        {
            let restoring = runtime.spawn(restore(Arc::downgrade(self)));
            *task = Some(restoring.abort_handle());
        }
    }

    async fn try_once(self: &Arc<Self>) -> Result<Numbered, StoreError> {
        let number = self.next.fetch_add(1, Ordering::Relaxed);
        let link = Arc::downgrade(self);
        let config = config().set_push_sender(move |push: PushInfo| {
            if push.kind == PushKind::Disconnection
                && let Some(link) = link.upgrade()
            {
                link.broken(number);
            }
            Ok::<(), SendError>(())
        });
        let connection = self.address.connect(&config, self.time_out).await?;
        Ok(Numbered {
            connection,
            number,
            checking: Arc::default(),
            runtime: Arc::new(Runtime::current()),
        })
    }
}

impl Runtime {
    fn current() -> Self {
        Self(tokio::spawn(pending::<()>()).abort_handle())
    }

    fn lasts(&self) -> bool {
        !self.0.is_finished()
    }
}

impl Drop for Runtime {
    fn drop(&mut self) {
        self.0.abort();
    }
}

/// Tries until there is a connection, or nobody needs one any more.
async fn restore(link: Weak<Link>) {
    let mut pause = SHORTEST_PAUSE;
    while let Some(link) = link.upgrade() {
        match link.try_once().await {
            Ok(up) => {
                link.line.send_replace(Line::Up(up));
                return;
            }
            Err(error) => link.line.send_replace(Line::Down(error)),
        };
        drop(link);
        sleep(pause).await;
        pause = (2 * pause).min(LONGEST_PAUSE);
    }
}

/// What all connections have in common. Times are kept here, not there.
pub(super) fn config() -> AsyncConnectionConfig {
    AsyncConnectionConfig::new()
        .set_connection_timeout(None)
        .set_response_timeout(None)
}
