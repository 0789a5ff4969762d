//! Tokens in a SQLite file: look-ups in place, writes on a thread of their own.

mod builder;
mod connect;
mod error;
mod file;
mod readers;
mod row;
mod schema;
mod sql;
mod verbs;
mod writer;

use std::fmt;
use std::num::NonZeroUsize;
use std::path::PathBuf;
use std::sync::Arc;

use async_trait::async_trait;
use rusqlite::Connection;

pub use self::builder::SqliteBuilder;
pub use self::error::SqliteError;

use self::readers::Readers;
use self::sql::Sql;
use self::writer::Writer;
use super::{
    Finding, Found, Inserted, IssuingStore, NewSession, Rotated, RotatingStore, Rotation, Slot,
    StoreError, TokenStore, Touch,
};
use crate::clock::Timestamp;
use crate::token::{SessionId, Subject, TokenDigest, TokenRecord};

/// Tokens in a SQLite file: for a service on one machine that must not forget its users at a
/// restart. Any number of processes may share the file. Clones are cheap and share all.
///
/// ```no_run
/// use tower_expiring_token::{Lifetime, SqliteStore, TokenAuthority};
///
/// # fn main() -> Result<(), Box<dyn std::error::Error>> {
/// SqliteStore::migrate("tokens.sqlite")?; // makes the file and its tables, where they are missing
/// let store = SqliteStore::open("tokens.sqlite")?;
/// let tokens = TokenAuthority::builder(store).expiry(Lifetime::hours(24)).build()?;
/// # Ok(())
/// # }
/// ```
///
/// The principal is the [`Subject`]; see [`WithPrincipals`](super::WithPrincipals) for your own.
/// The file may be one that your service has already: there the store has two tables, whose names
/// begin with `tet_` ([`SqliteBuilder::prefix`] says otherwise), and `user_version` stays yours.
///
/// # What it promises, and what that costs
///
/// What a verb has acknowledged is on the disk (`synchronous = FULL`): no crash of the process or
/// of the machine brings back a token that was logged out, or takes one that was issued. So a write
/// costs one flush of the disk; writes that wait meanwhile share the next one. A call that is
/// dropped is done whole, or not at all. Writes wait for those of other processes, at most for
/// [`SqliteBuilder::patience`]; more than 1,024 never wait, further ones fail at once. So do all when
/// the file was removed or replaced under the open store, where nobody else would see them; look-ups
/// go on in the file that was opened, so open the store anew before a backup is put in its place.
///
/// Look-ups run in place, on the thread that asks: it takes microseconds, far less than to hand
/// them to another. The file has a write-ahead log, so no look-up waits for a writer, and each
/// sees all that was acknowledged before it began, by any process. A part of the file that the
/// system does not have in memory must come from the disk, which the thread waits for meanwhile;
/// so [`find_now`](TokenStore::find_now) is left to stores that are in memory.
///
/// The file must be on a disk of this machine: a write-ahead log does not work over NFS or SMB.
///
/// # Which SQLite
///
/// The feature `sqlite` links the SQLite that the system has: 3.45.3 or later, as rusqlite 0.43
/// needs it. An older one lacks the symbol `sqlite3_set_clientdata`, says the linker: from 3.37 on
/// (Debian 12 has 3.40), name `rusqlite = "~0.39"` among your dependencies. `sqlite-bundled` builds
/// a current one from source, which takes a C compiler. If another crate of yours brings SQLite
/// along (rusqlite with `bundled`, sqlx), that one is used. Cargo links one version of
/// libsqlite3-sys alone: rusqlite 0.39 to 0.43 will do, also beside sqlx 0.9.
#[derive(Clone)]
pub struct SqliteStore {
    shared: Arc<Shared>,
}

struct Shared {
    sql: Arc<Sql>,
    readers: Readers,
    writer: Writer,
}

/// Anything that went wrong below.
type Failure = Box<dyn std::error::Error + Send + Sync>;

/// A purge lets other writes in after so many rows.
const PURGE_BATCH: usize = 500;

impl SqliteStore {
    /// The store in this file, which must be there with its tables: see
    /// [`migrate`](Self::migrate).
    ///
    /// # Errors
    ///
    /// [`SqliteError`] says what was expected, what was found, and what to do.
    pub fn open(path: impl Into<PathBuf>) -> Result<Self, SqliteError> {
        Self::builder(path).open()
    }

    /// Makes the file and its tables, or what is missing of them: see
    /// [`SqliteBuilder::migrate`].
    ///
    /// # Errors
    ///
    /// [`SqliteError`] says what was expected, what was found, and what to do.
    pub fn migrate(path: impl Into<PathBuf>) -> Result<(), SqliteError> {
        Self::builder(path).migrate()
    }

    /// A store in memory, for tests: gone with its last clone. Look-ups wait for writes here.
    ///
    /// # Errors
    ///
    /// [`SqliteError`] says what was expected, what was found, and what to do.
    pub fn in_memory() -> Result<Self, SqliteError> {
        SqliteBuilder::in_memory()
    }

    /// Starts to say how the store in this file is opened.
    pub fn builder(path: impl Into<PathBuf>) -> SqliteBuilder {
        SqliteBuilder::new(path.into())
    }

    fn new(sql: Sql, readers: Readers, writer: Writer) -> Self {
        let sql = Arc::new(sql);
        Self {
            shared: Arc::new(Shared {
                sql,
                readers,
                writer,
            }),
        }
    }

    /// Asks in place. Only where somebody holds the whole file for a moment (who recovers the log
    /// of a process that was killed), it is asked where it may wait.
    async fn read<T: Send + 'static>(
        &self,
        ask: impl Fn(&Connection, &Sql) -> Result<T, Failure> + Send + 'static,
    ) -> Result<T, StoreError> {
        let shared = &self.shared;
        match shared
            .readers
            .read(|connection| ask(connection, &shared.sql))
        {
            Err(failure) if failure.downcast_ref().is_some_and(connect::is_busy) => {
                self.write(ask).await
            }
            answer => answer.map_err(StoreError::new),
        }
    }

    async fn write<T: Send + 'static>(
        &self,
        verb: impl FnOnce(&Connection, &Sql) -> Result<T, Failure> + Send + 'static,
    ) -> Result<T, StoreError> {
        let sql = Arc::clone(&self.shared.sql);
        let verb = move |connection: &Connection| verb(connection, &sql);
        self.shared.writer.write(verb).await
    }
}

impl fmt::Debug for SqliteStore {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("SqliteStore(..)")
    }
}

#[async_trait]
impl TokenStore for SqliteStore {
    type Principal = Subject;

    async fn find(&self, digest: &TokenDigest) -> Finding<Subject> {
        let digest = *digest;
        let record = self
            .read(move |connection, sql| row::first(connection, &sql.find, [digest.as_bytes()]));
        Ok(record.await?.map(Found::of_record))
    }

    async fn extend(&self, touches: &[Touch]) -> Result<(), StoreError> {
        let touches = touches.to_vec();
        self.write(move |connection, sql| verbs::extend(connection, sql, &touches))
            .await
    }
}

#[async_trait]
impl IssuingStore for SqliteStore {
    async fn insert(&self, new: NewSession, slot: Slot) -> Result<Inserted, StoreError> {
        self.write(move |connection, sql| verbs::insert(connection, sql, &new, slot))
            .await
    }

    async fn remove(&self, digest: &TokenDigest) -> Result<bool, StoreError> {
        let digest = *digest;
        self.write(move |connection, sql| {
            Ok(row::change(connection, &sql.remove, [digest.as_bytes()])? > 0)
        })
        .await
    }

    async fn remove_session(
        &self,
        subject: &Subject,
        session: &SessionId,
    ) -> Result<u64, StoreError> {
        let (subject, session) = (subject.clone(), *session);
        self.write(move |connection, sql| {
            let values = (subject.as_str(), session.as_bytes());
            Ok(row::change(connection, &sql.remove_session, values)? as u64)
        })
        .await
    }

    async fn remove_subject(
        &self,
        subject: &Subject,
        but: Option<&SessionId>,
    ) -> Result<u64, StoreError> {
        let (subject, but) = (subject.clone(), but.copied());
        self.write(move |connection, sql| {
            let values = (subject.as_str(), but.as_ref().map(SessionId::as_bytes));
            Ok(row::change(connection, &sql.remove_subject, values)? as u64)
        })
        .await
    }

    async fn list(&self, subject: &Subject) -> Result<Vec<TokenRecord>, StoreError> {
        let subject = subject.clone();
        self.read(move |connection, sql| row::all(connection, &sql.list, [subject.as_str()]))
            .await
    }

    async fn purge(&self, ended_by: Timestamp, most: NonZeroUsize) -> Result<usize, StoreError> {
        let mut purged = 0;
        while purged < most.get() {
            let batch = PURGE_BATCH.min(most.get() - purged);
            let found = self
                .write(move |connection, sql| verbs::purge(connection, sql, ended_by, batch))
                .await?;
            purged += found;
            if found < batch {
                break;
            }
        }
        Ok(purged)
    }
}

#[async_trait]
impl RotatingStore for SqliteStore {
    async fn rotate(&self, rotation: Rotation) -> Result<Rotated, StoreError> {
        self.write(move |connection, sql| verbs::rotate(connection, sql, &rotation))
            .await
    }
}
