use std::time::Duration;

use deadpool_postgres::{Object, Pool};
use scopeguard::{ScopeGuard, guard};
use tokio::runtime::Handle;
use tokio::time::timeout;
use tokio_postgres::types::ToSql;
use tokio_postgres::{Error, Row};

use super::error::{failure, is_harmless, no_connection, overdue};
use super::tls::Tls;
use crate::store::StoreError;

/// All that is written, and lists: one statement at a time on each of a few connections.
#[derive(Clone)]
pub(super) struct Writes {
    pool: Pool,
    time_out: Duration,
    /// How the server is told to give something up.
    tls: Tls,
}

type Values<'a> = &'a [&'a (dyn ToSql + Sync)];

impl Writes {
    pub(super) const fn new(pool: Pool, time_out: Duration, tls: Tls) -> Self {
        Self {
            pool,
            time_out,
            tls,
        }
    }

    pub(super) async fn rows(&self, sql: &str, values: Values<'_>) -> Result<Vec<Row>, StoreError> {
        self.with(async |client| {
            let statement = client.prepare_cached(sql).await?;
            client.query(&statement, values).await
        })
        .await
    }

    /// How many rows were written.
    pub(super) async fn execute(&self, sql: &str, values: Values<'_>) -> Result<u64, StoreError> {
        self.with(async |client| {
            let statement = client.prepare_cached(sql).await?;
            client.execute(&statement, values).await
        })
        .await
    }

    /// Half of the time is for a connection, the other for the answer. A connection whose answer
    /// is overdue, or that has answered what it should not, is not used again, whether or not the
    /// caller has waited for that.
    pub(super) async fn with<T>(
        &self,
        ask: impl AsyncFnOnce(&Object) -> Result<T, Error>,
    ) -> Result<T, StoreError> {
        let half = self.time_out / 2;
        let client = match timeout(half, self.pool.get()).await {
            Ok(client) => client.map_err(|error| no_connection(&error))?,
            Err(_) => return Err(overdue("a connection")),
        };
        let client = guard(client, |client| self.wait_for(client));
        let answer = timeout(half, ask(&client)).await;
        let client = ScopeGuard::into_inner(client);
        match answer {
            Ok(Ok(answer)) => Ok(answer),
            Ok(Err(error)) if is_harmless(&error) => Err(failure(&error)),
            Ok(Err(error)) => {
                drop(Object::take(client));
                Err(failure(&error))
            }
            Err(_) => {
                tokio::spawn(self.clone().give_up(client));
                Err(overdue("an answer"))
            }
        }
    }

    /// Has a connection whose caller has gone used again once it has answered.
    fn wait_for(&self, client: Object) {
        let Ok(runtime) = Handle::try_current() else {
            drop(Object::take(client));
            return;
        };
        let writes = self.clone();
        runtime.spawn(async move {
            match timeout(writes.time_out / 2, client.simple_query("")).await {
                Ok(Ok(_)) => drop(client),
                Ok(Err(_)) => drop(Object::take(client)),
                Err(_) => writes.give_up(client).await,
            }
        });
    }

    /// Closes a connection, but has the server give up first what it does for it: one that waits
    /// for a standby notices nothing else, and takes up a place among the server's connections.
    async fn give_up(self, client: Object) {
        let client = Object::take(client);
        let cancelled = self.tls.cancel(client.cancel_token());
        let _ = timeout(self.time_out, cancelled).await;
    }
}
