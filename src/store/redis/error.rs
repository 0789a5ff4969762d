use std::time::Duration;

use redis::{ErrorKind, RedisError, RedisResult, ServerErrorKind};
use tokio::time::timeout;

use crate::store::StoreError;

/// What the server or the client said, and what to do about it where that is known.
pub(super) fn failure(error: &RedisError) -> StoreError {
    let hint = match error.kind() {
        ErrorKind::Server(ServerErrorKind::ReadOnly) => {
            ": this is a replica; name its master, or let Sentinel do it (redis-sentinel://…)"
        }
        ErrorKind::Server(ServerErrorKind::Moved | ServerErrorKind::CrossSlot) => {
            ": Redis Cluster is not supported; use a server alone, or Sentinel"
        }
        _ => "",
    };
    StoreError::new(format!("Redis: {error}{hint}"))
}

pub(super) async fn in_time<T>(
    time_out: Duration,
    answer: impl Future<Output = RedisResult<T>>,
) -> Result<T, StoreError> {
    match timeout(time_out, answer).await {
        Ok(answer) => answer.map_err(|error| failure(&error)),
        Err(_) => Err(overdue()),
    }
}

pub(super) fn overdue() -> StoreError {
    StoreError::new("Redis: the answer is overdue")
}

/// Whether a connection is of no more use after this: it is cut, or leads to a replica.
pub(super) fn breaks(error: &RedisError) -> bool {
    error.is_unrecoverable_error() || error.kind() == ErrorKind::Server(ServerErrorKind::ReadOnly)
}
