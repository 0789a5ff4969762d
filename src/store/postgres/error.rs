use std::error::Error as _;

use deadpool_postgres::PoolError;
use tokio_postgres::Error;
use tokio_postgres::error::SqlState;

use crate::store::StoreError;

/// What to do about a right that a role lacks.
pub(super) const GRANTS: &str =
    ": as its owner, run the GRANT statements at the top of 0001_tokens.sql";

/// What the server or the client said, but for details: those may quote rows.
pub(super) fn failure(error: &Error) -> StoreError {
    let Some(said) = error.as_db_error() else {
        let cause = error.source().map(|cause| format!(": {cause}"));
        return StoreError::new(format!("PostgreSQL: {error}{}", cause.unwrap_or_default()));
    };
    let hint = match *said.code() {
        SqlState::INVALID_SQL_STATEMENT_NAME | SqlState::DUPLICATE_PSTATEMENT => {
            ": prepared statements do not last here, so this is a pooler in transaction mode; \
             give PgBouncer 1.21 or later `max_prepared_statements`, or use session mode"
        }
        SqlState::READ_ONLY_SQL_TRANSACTION => {
            ": this is a standby; for a cluster whose primary moves, name all hosts and say \
             target_session_attrs=read-write in the URL"
        }
        SqlState::INSUFFICIENT_PRIVILEGE => GRANTS,
        _ => "",
    };
    let (code, message) = (said.code().code(), said.message());
    StoreError::new(format!("PostgreSQL: {message} (SQLSTATE {code}){hint}"))
}

pub(super) fn no_connection(error: &PoolError) -> StoreError {
    match error {
        PoolError::Backend(error) => failure(error),
        PoolError::Timeout(_) => overdue("a connection"),
        error => StoreError::new(format!("PostgreSQL: no connection: {error}")),
    }
}

pub(super) fn overdue(what: &str) -> StoreError {
    StoreError::new(format!("PostgreSQL: {what} is overdue"))
}

/// Whether a connection is as good as before: what was asked was wrong, or met somebody else.
pub(super) fn is_harmless(error: &Error) -> bool {
    let class = error.code().and_then(|code| code.code().get(..2));
    class.is_some_and(|class| ["22", "23", "40", "55", "P0"].contains(&class))
        || error.code() == Some(&SqlState::QUERY_CANCELED)
}
