//! Connections, and what each is told when it is made.

use std::path::Path;
use std::time::Duration;

use rusqlite::{Connection, Error, ErrorCode, OpenFlags};

use super::error::{Fault, SqliteError};

/// More statements than there are verbs.
const STATEMENTS: usize = 32;

/// SQLite can't count longer.
const LONGEST_PATIENCE: Duration = Duration::from_secs(24 * 3600);

/// `STRICT` tables, `RETURNING`.
const OLDEST_LIBRARY: (i32, &str) = (3_037_000, "3.37");

/// What the log may keep of the disk once it begins anew, in bytes: some four times what it usually
/// takes. A look-up that somebody leaves open for long lets it grow.
const LARGEST_LOG: i64 = 16 << 20;

/// Makes the file, if it is not there.
pub(super) fn creating(path: &Path, patience: Duration) -> Result<Connection, SqliteError> {
    open(path, OpenFlags::SQLITE_OPEN_CREATE, patience)
}

/// What a commit has acknowledged is on the disk: a crash of the machine takes nothing of it.
pub(super) fn writing(path: &Path, patience: Duration) -> Result<Connection, SqliteError> {
    if !path.exists() {
        return Err(SqliteError::new(path, Fault::NoFile));
    }
    let connection = open(path, OpenFlags::empty(), patience)?;
    let told = connection
        .pragma_update(None, "synchronous", "FULL")
        // Where flushing alone does not reach the disk (macOS).
        .and_then(|()| connection.pragma_update(None, "fullfsync", true))
        .and_then(|()| limit_log(&connection));
    told.map_err(|cause| SqliteError::new(path, Fault::Sql(cause)))?;
    Ok(connection)
}

/// The pragma answers, so that it can't be updated like the others.
fn limit_log(connection: &Connection) -> Result<(), Error> {
    connection.pragma_update_and_check(None, "journal_size_limit", LARGEST_LOG, |_| Ok(()))
}

/// Never waits for a lock, since it is asked in place.
pub(super) fn reading(path: &Path) -> Result<Connection, SqliteError> {
    let connection = open(path, OpenFlags::empty(), Duration::ZERO)?;
    let look = |row: &rusqlite::Row<'_>| row.get::<_, i64>(0);
    let told = connection
        .pragma_update(None, "query_only", true)
        // SQLite opens its files when it is first asked, and there may be no room for them then.
        .and_then(|()| connection.query_row("SELECT count(*) FROM sqlite_schema", [], look));
    match told {
        Err(cause) if !is_busy(&cause) => Err(SqliteError::new(path, Fault::Sql(cause))),
        _ => Ok(connection),
    }
}

/// Gone when it is closed.
pub(super) fn in_memory() -> Result<Connection, SqliteError> {
    check_library()?;
    let connection = Connection::open_in_memory();
    let connection =
        connection.map_err(|cause| SqliteError::new(Path::new(":memory:"), Fault::Open(cause)))?;
    connection.set_prepared_statement_cache_capacity(STATEMENTS);
    Ok(connection)
}

fn open(path: &Path, further: OpenFlags, patience: Duration) -> Result<Connection, SqliteError> {
    check_library()?;
    // Each connection has a mutex of ours around it.
    let flags = OpenFlags::SQLITE_OPEN_READ_WRITE | OpenFlags::SQLITE_OPEN_NO_MUTEX | further;
    let connection = Connection::open_with_flags(path, flags)
        .and_then(|connection| {
            connection.busy_timeout(patience.min(LONGEST_PATIENCE))?;
            Ok(connection)
        })
        .map_err(|cause| SqliteError::new(path, Fault::Open(cause)))?;
    connection.set_prepared_statement_cache_capacity(STATEMENTS);
    Ok(connection)
}

fn check_library() -> Result<(), SqliteError> {
    let (oldest, expected) = OLDEST_LIBRARY;
    if rusqlite::version_number() >= oldest {
        return Ok(());
    }
    let found = rusqlite::version();
    Err(SqliteError::new(
        Path::new(""),
        Fault::Library { expected, found },
    ))
}

/// Whether somebody else holds what was needed.
pub(super) fn is_busy(error: &Error) -> bool {
    matches!(
        error.sqlite_error_code(),
        Some(ErrorCode::DatabaseBusy | ErrorCode::DatabaseLocked)
    )
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::{creating, writing};

    #[test]
    fn a_commit_is_flushed_to_the_disk() {
        let path = std::env::temp_dir().join(format!("flushed-{}.sqlite", std::process::id()));
        creating(&path, Duration::ZERO).unwrap();
        let connection = writing(&path, Duration::ZERO).unwrap();
        let setting = |name| connection.pragma_query_value(None, name, |row| row.get(0));
        const FULL: i64 = 2;
        assert_eq!(setting("synchronous"), Ok(FULL));
        assert_eq!(setting("fullfsync"), Ok(1));
        std::fs::remove_file(&path).unwrap();
    }
}
