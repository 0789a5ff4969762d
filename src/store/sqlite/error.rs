use std::fmt;
use std::io;
use std::path::{Path, PathBuf};

use super::schema::PREFIX;

/// Why a [`SqliteStore`](super::SqliteStore) can't be opened or migrated: what was expected, what
/// was found, and what to do. `Debug` says it, too, with the cause.
pub struct SqliteError {
    path: PathBuf,
    fault: Fault,
}

#[derive(Debug)]
pub(super) enum Fault {
    Library {
        expected: &'static str,
        found: &'static str,
    },
    Prefix(String),
    NoFile,
    File(io::Error),
    Open(rusqlite::Error),
    Journal(String),
    NoTables {
        prefix: String,
        expected: usize,
    },
    Version {
        found: usize,
        expected: usize,
    },
    Sql(rusqlite::Error),
    Thread(io::Error),
}

impl SqliteError {
    pub(super) fn new(path: &Path, fault: Fault) -> Self {
        Self {
            path: path.to_owned(),
            fault,
        }
    }
}

impl fmt::Display for SqliteError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let path = self.path.display();
        match &self.fault {
            Fault::Library { expected, found } => write!(
                f,
                "expected SQLite {expected} or later, found the system's {found}: turn on the feature `sqlite-bundled`"
            ),
            Fault::Prefix(found) => write!(
                f,
                "expected a prefix of at most 32 ASCII letters, digits and underscores that begins with neither a digit nor \"sqlite_\", found {found:?}: choose one such as {PREFIX:?}"
            ),
            Fault::NoFile => write!(
                f,
                "{path}: expected a database, found no file: call `SqliteStore::migrate` first, which makes it"
            ),
            Fault::File(_) | Fault::Open(_) => write!(
                f,
                "{path}: expected a file that this process can read and write, or a folder where it can make one: check the path and its rights"
            ),
            Fault::Journal(found) => write!(
                f,
                "{path}: expected a database that can have a write-ahead log, found journal mode {found:?}: keep it in a file on a local disk, or use `SqliteStore::in_memory`"
            ),
            Fault::NoTables { prefix, expected } => write!(
                f,
                "{path}: expected the tables of tokens, version {expected} with the prefix {prefix:?}, found none: call `SqliteStore::migrate` first, with the same prefix"
            ),
            Fault::Version { found, expected } if found < expected => write!(
                f,
                "{path}: expected the tables of tokens in version {expected} or {}, found {found}: call `SqliteStore::migrate` first",
                expected + 1
            ),
            Fault::Version { found, expected } => write!(
                f,
                "{path}: expected the tables of tokens in version {expected} or {}, found {found}: a later release of tower-expiring-token has migrated them; use that one",
                expected + 1
            ),
            Fault::Sql(_) => write!(
                f,
                "{path}: expected a SQLite database that answers, found an error: see its cause"
            ),
            Fault::Thread(_) => f.write_str("the system gave no thread to write on"),
        }
    }
}

impl fmt::Debug for SqliteError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match std::error::Error::source(self) {
            None => write!(f, "SqliteError({self})"),
            Some(cause) => write!(f, "SqliteError({self}: {cause})"),
        }
    }
}

impl std::error::Error for SqliteError {
    fn source(&self) -> Option<&(dyn std::error::Error + 'static)> {
        match &self.fault {
            Fault::Open(cause) | Fault::Sql(cause) => Some(cause),
            Fault::File(cause) | Fault::Thread(cause) => Some(cause),
            _ => None,
        }
    }
}
