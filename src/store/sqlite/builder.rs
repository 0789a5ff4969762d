use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex};
use std::thread;
use std::time::Duration;

use rusqlite::Connection;

use super::SqliteStore;
use super::connect;
use super::error::{Fault, SqliteError};
use super::file::File;
use super::readers::Readers;
use super::schema::{self, PREFIX};
use super::sql::Sql;
use super::writer::Writer;

const PATIENCE: Duration = Duration::from_secs(5);
const LONGEST_PREFIX: usize = 32;
const MOST_READERS: usize = 16;

/// Says how a [`SqliteStore`] is opened. Made by [`SqliteStore::builder`].
#[derive(Clone, Debug)]
#[must_use = "a builder opens nothing until `open` is called"]
pub struct SqliteBuilder {
    path: PathBuf,
    prefix: String,
    patience: Duration,
}

impl SqliteBuilder {
    pub(super) fn new(path: PathBuf) -> Self {
        Self {
            path,
            prefix: PREFIX.to_owned(),
            patience: PATIENCE,
        }
    }

    /// What the names of tables and indices begin with, instead of `tet_`: at most 32 ASCII
    /// letters, digits and underscores.
    pub fn prefix(mut self, prefix: impl Into<String>) -> Self {
        self.prefix = prefix.into();
        self
    }

    /// For how long a write waits while another process writes, instead of 5 seconds. A disk that
    /// takes twice as long to take a write is not waited for either.
    pub fn patience(mut self, patience: Duration) -> Self {
        self.patience = patience;
        self
    }

    /// Makes the file and its tables, or the changes to them that are missing; without any it
    /// does nothing. Processes that do this at the same time wait for each other. Call it before
    /// [`open`](Self::open), at each start if you like; or run the SQL files of
    /// `src/store/sqlite/migrations` by a tool of your own.
    ///
    /// It waits for the disk: call it where that hurts nobody, as at the start.
    ///
    /// # Errors
    ///
    /// [`SqliteError`] says what was expected, what was found, and what to do.
    pub fn migrate(&self) -> Result<(), SqliteError> {
        self.check_prefix()?;
        schema::migrate(&self.path, &self.prefix, self.patience)
    }

    /// The store. The file and its tables must be there, in the version of this release or in the
    /// next.
    ///
    /// It waits for the disk: call it where that hurts nobody, as at the start.
    ///
    /// # Errors
    ///
    /// [`SqliteError`] says what was expected, what was found, and what to do.
    pub fn open(&self) -> Result<SqliteStore, SqliteError> {
        self.check_prefix()?;
        let writing = connect::writing(&self.path, self.patience)?;
        schema::use_wal(&writing, &self.path, self.patience)?;
        schema::check(&writing, &self.path, &self.prefix)?;
        let readers = thread::available_parallelism().map_or(1, usize::from);
        let readers = (0..readers.min(MOST_READERS))
            .map(|_| Ok(shared(connect::reading(&self.path)?)))
            .collect::<Result<_, SqliteError>>()?;
        let file = File::at(&self.path)
            .map_err(|cause| SqliteError::new(&self.path, Fault::File(cause)))?;
        self.start(shared(writing), Some(file), Readers::new(readers))
    }

    pub(super) fn in_memory() -> Result<SqliteStore, SqliteError> {
        let builder = Self::new(":memory:".into());
        let mut connection = connect::in_memory()?;
        schema::make(&mut connection, &builder.path, &builder.prefix)?;
        let connection = shared(connection);
        let readers = Readers::new(Box::new([Arc::clone(&connection)]));
        builder.start(connection, None, readers)
    }

    fn start(
        &self,
        writing: Arc<Mutex<Connection>>,
        file: Option<File>,
        readers: Readers,
    ) -> Result<SqliteStore, SqliteError> {
        let writer = Writer::start(writing, file, self.patience.saturating_mul(2))
            .map_err(|cause| SqliteError::new(&self.path, Fault::Thread(cause)))?;
        Ok(SqliteStore::new(Sql::new(&self.prefix), readers, writer))
    }

    fn check_prefix(&self) -> Result<(), SqliteError> {
        let prefix = &self.prefix;
        let valid = prefix.len() <= LONGEST_PREFIX
            && prefix.starts_with(|first: char| first.is_ascii_alphabetic() || first == '_')
            && prefix
                .bytes()
                .all(|byte| byte.is_ascii_alphanumeric() || byte == b'_')
            && !prefix.to_ascii_lowercase().starts_with("sqlite_");
        if valid {
            return Ok(());
        }
        let fault = Fault::Prefix(prefix.clone());
        Err(SqliteError::new(Path::new(""), fault))
    }
}

fn shared(connection: Connection) -> Arc<Mutex<Connection>> {
    Arc::new(Mutex::new(connection))
}
