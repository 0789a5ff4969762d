//! The tables, in versions, and what is said when they are not there.

use std::path::Path;
use std::thread;
use std::time::Duration;

use rusqlite::{Connection, OptionalExtension, TransactionBehavior};

use super::connect::{self, is_busy};
use super::error::{Fault, SqliteError};

/// What the names in the files begin with, and those of the database unless it is said.
pub(super) const PREFIX: &str = "tet_";

/// Each keeps the code before it working, which may run beside the new one for a while: it adds
/// what has a default, and takes away what the version before has ceased to use.
const MIGRATIONS: [&str; 1] = [include_str!("migrations/0001_tokens.sql")];

const VERSION: usize = MIGRATIONS.len();

/// Makes the tables, or those changes that are missing. Who comes at the same time waits.
pub(super) fn migrate(path: &Path, prefix: &str, patience: Duration) -> Result<(), SqliteError> {
    let mut connection = connect::creating(path, patience)?;
    use_wal(&connection, path, patience)?;
    make(&mut connection, path, prefix)
}

pub(super) fn make(
    connection: &mut Connection,
    path: &Path,
    prefix: &str,
) -> Result<(), SqliteError> {
    let failed = |cause| SqliteError::new(path, Fault::Sql(cause));
    let transaction = connection
        .transaction_with_behavior(TransactionBehavior::Immediate)
        .map_err(failed)?;
    let found = version(&transaction, prefix).map_err(failed)?.unwrap_or(0);
    for migration in MIGRATIONS.iter().skip(found) {
        let sql = migration.replace(PREFIX, prefix);
        transaction.execute_batch(&sql).map_err(failed)?;
    }
    transaction.commit().map_err(failed)?;
    check(connection, path, prefix)
}

/// Holds when the tables are of this version or of the next.
pub(super) fn check(connection: &Connection, path: &Path, prefix: &str) -> Result<(), SqliteError> {
    let found =
        version(connection, prefix).map_err(|cause| SqliteError::new(path, Fault::Sql(cause)))?;
    let fault = match found {
        Some(found) if (VERSION..=VERSION + 1).contains(&found) => return Ok(()),
        Some(found) => Fault::Version {
            found,
            expected: VERSION,
        },
        None => Fault::NoTables {
            prefix: prefix.to_owned(),
            expected: VERSION,
        },
    };
    Err(SqliteError::new(path, fault))
}

/// The version of the tables; none when there are none.
fn version(connection: &Connection, prefix: &str) -> Result<Option<usize>, rusqlite::Error> {
    let name = format!("{prefix}schema");
    let table = "SELECT 1 FROM sqlite_master WHERE type = 'table' AND name = ?1";
    let exists = connection
        .query_row(table, [&name], |_| Ok(()))
        .optional()?;
    if exists.is_none() {
        return Ok(None);
    }
    let newest = format!("SELECT max(version) FROM {name}");
    let newest: Option<u32> = connection.query_row(&newest, [], |row| row.get(0))?;
    Ok(newest.map(|version| version as usize))
}

/// Gives the file a write-ahead log, so that look-ups and writes don't wait for each other. It
/// keeps it. SQLite does not wait when several do this at the same moment, so they take turns here.
pub(super) fn use_wal(
    connection: &Connection,
    path: &Path,
    patience: Duration,
) -> Result<(), SqliteError> {
    const PAUSE: Duration = Duration::from_millis(10);
    let mut left = patience;
    loop {
        let mode = connection
            .pragma_update_and_check(None, "journal_mode", "WAL", |row| row.get::<_, String>(0));
        match mode {
            Ok(mode) if mode == "wal" => return Ok(()),
            Ok(found) => return Err(SqliteError::new(path, Fault::Journal(found))),
            Err(cause) if is_busy(&cause) && !left.is_zero() => {
                thread::sleep(PAUSE);
                left = left.saturating_sub(PAUSE);
            }
            Err(cause) => return Err(SqliteError::new(path, Fault::Sql(cause))),
        }
    }
}
