use std::time::Duration;

use deadpool_postgres::{Object, Pool};
use tokio::time::timeout;
use tokio_postgres::types::ToSql;
use tokio_postgres::{Error, Row};

use super::error::{failure, is_harmless, no_connection, overdue};
use crate::store::StoreError;

/// All that is written, and lists: one statement at a time on each of a few connections.
pub(super) struct Writes {
    pub(super) pool: Pool,
    pub(super) time_out: Duration,
}

type Values<'a> = &'a [&'a (dyn ToSql + Sync)];

impl Writes {
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
    /// is overdue, or that has answered what it should not, is not used again.
    async fn with<T>(
        &self,
        ask: impl AsyncFnOnce(&Object) -> Result<T, Error>,
    ) -> Result<T, StoreError> {
        let half = self.time_out / 2;
        let client = match timeout(half, self.pool.get()).await {
            Ok(client) => client.map_err(|error| no_connection(&error))?,
            Err(_) => return Err(overdue("a connection")),
        };
        let error = match timeout(half, ask(&client)).await {
            Ok(Ok(answer)) => return Ok(answer),
            Ok(Err(error)) if is_harmless(&error) => return Err(failure(&error)),
            Ok(Err(error)) => failure(&error),
            Err(_) => overdue("an answer"),
        };
        drop(Object::take(client));
        Err(error)
    }
}
