//! Tokens beside the users that a database has already: SQLite, with one JOIN for a look-up.
//!
//! Each verb is one statement, or one transaction of a few. `rotate.rs` is for refresh tokens
//! alone: leave it out if you issue none.

mod login;
mod rotate;
mod row;

use std::num::NonZeroUsize;
use std::path::Path;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use rusqlite::{Connection, OptionalExtension, Transaction, TransactionBehavior, params};
use tower_expiring_token::{
    Finding, Found, Inserted, IssuingStore, NewSession, SessionId, Slot, StoreError, Subject,
    Timestamp, TokenDigest, TokenRecord, TokenStore, Touch, async_trait,
};

/// A user, as the service knows him. Tokens name him by his id.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct User {
    /// What tokens know as their subject.
    pub id: i64,
    /// What he logs in with.
    pub name: String,
    /// Where he gets his mail.
    pub email: String,
}

/// Tokens in a table beside `users (id, name, email, active)`.
#[derive(Clone)]
pub struct UserStore {
    /// Looks up in place: it takes microseconds, far less than to hand it to another thread, and
    /// with a write-ahead log no reader waits for a writer.
    reads: Arc<Mutex<Connection>>,
    /// Writes wait for one another and for the disk, so they have threads that may.
    writes: Arc<Mutex<Connection>>,
}

const TOKENS: &str = "
    CREATE TABLE IF NOT EXISTS tokens (
        digest           BLOB PRIMARY KEY,
        user_id          INTEGER NOT NULL REFERENCES users (id) ON DELETE CASCADE,
        session          BLOB NOT NULL,
        kind             TEXT NOT NULL,
        scopes           TEXT NOT NULL,
        label            TEXT NOT NULL,
        client           TEXT,
        issued_at        INTEGER NOT NULL, -- all times: microseconds since 1970
        authenticated_at INTEGER NOT NULL,
        last_used_at     INTEGER NOT NULL,
        expires_at       INTEGER NOT NULL,
        ends_at          INTEGER NOT NULL,
        seed             BLOB,
        generation       INTEGER,          -- of refresh tokens alone
        rotated_at       INTEGER
    ) STRICT, WITHOUT ROWID;
    CREATE INDEX IF NOT EXISTS tokens_by_user ON tokens (user_id);
    CREATE INDEX IF NOT EXISTS tokens_by_end ON tokens (ends_at);
";

/// Anything that went wrong below.
type Failure = Box<dyn std::error::Error + Send + Sync>;

impl UserStore {
    /// Opens the database, and adds the table of tokens if it is not there yet.
    ///
    /// # Errors
    ///
    /// When the file can't be opened or is no such database.
    pub fn open(path: &Path) -> Result<Self, rusqlite::Error> {
        let writes = connect(path)?;
        writes.execute_batch(TOKENS)?;
        Ok(Self {
            reads: Arc::new(Mutex::new(connect(path)?)),
            writes: Arc::new(Mutex::new(writes)),
        })
    }

    /// The active user of this name, if there is one: for login.
    ///
    /// # Errors
    ///
    /// [`StoreError`] when the database can't say.
    pub fn user_named(&self, name: &str) -> Result<Option<User>, StoreError> {
        let sql = "SELECT id, name, email FROM users WHERE name = ?1 AND active";
        let reads = lock(&self.reads);
        let mut statement = reads.prepare_cached(sql).map_err(StoreError::new)?;
        let user = |row: &rusqlite::Row<'_>| {
            Ok(User {
                id: row.get(0)?,
                name: row.get(1)?,
                email: row.get(2)?,
            })
        };
        statement
            .query_row([name], user)
            .optional()
            .map_err(StoreError::new)
    }

    /// Runs a verb in one transaction, which ends whole also when nobody waits for it any more.
    async fn write<T: Send + 'static>(
        &self,
        verb: impl FnOnce(&Transaction<'_>) -> Result<T, Failure> + Send + 'static,
    ) -> Result<T, StoreError> {
        let writes = Arc::clone(&self.writes);
        let work = move || {
            let mut writes = lock(&writes);
            let transaction = writes.transaction_with_behavior(TransactionBehavior::Immediate)?;
            let outcome = verb(&transaction)?;
            transaction.commit()?;
            Ok::<T, Failure>(outcome)
        };
        let outcome = tokio::task::spawn_blocking(work).await;
        outcome.map_err(StoreError::new)?.map_err(StoreError::new)
    }
}

#[async_trait]
impl TokenStore for UserStore {
    type Principal = User;

    async fn find(&self, digest: &TokenDigest) -> Finding<User> {
        const SQL: &str = "
            SELECT t.*, u.name, u.email, u.active
            FROM tokens t JOIN users u ON u.id = t.user_id WHERE t.digest = ?1";
        let find = || {
            let reads = lock(&self.reads);
            let mut statement = reads.prepare_cached(SQL)?;
            let mut rows = statement.query([digest.as_bytes()])?;
            let Some(row) = rows.next()? else {
                return Ok(None);
            };
            let record = row::record(row)?;
            if !row.get("active")? {
                return Ok(Some(Found::suspended(record)));
            }
            let user = User {
                id: row.get("user_id")?,
                name: row.get("name")?,
                email: row.get("email")?,
            };
            Ok::<_, Failure>(Some(Found::new(record, user)))
        };
        find().map_err(StoreError::new)
    }

    async fn extend(&self, touches: &[Touch]) -> Result<(), StoreError> {
        const SQL: &str = "
            UPDATE tokens SET last_used_at = max(last_used_at, ?2),
                expires_at = max(expires_at, min(?3, ends_at))
            WHERE digest = ?1 AND ?2 < expires_at";
        let touches = touches.to_vec();
        self.write(move |transaction| {
            let mut statement = transaction.prepare_cached(SQL)?;
            for touch in touches {
                let (used_at, expires_at) =
                    (touch.used_at.as_micros(), touch.expires_at.as_micros());
                statement.execute(params![touch.digest.as_bytes(), used_at, expires_at])?;
            }
            Ok(())
        })
        .await
    }
}

#[async_trait]
impl IssuingStore for UserStore {
    async fn insert(&self, new: NewSession, slot: Slot) -> Result<Inserted, StoreError> {
        self.write(move |transaction| {
            let record = &new.access.record;
            let instead = login::make_place(transaction, record, slot.place)?;
            if instead.is_none() {
                row::put(transaction, &new.access)?;
                if let Some(refresh) = &new.refresh {
                    row::put(transaction, refresh)?;
                }
            }
            if let Some(limit) = slot.limit {
                let stays = *instead.as_ref().unwrap_or(record).session();
                login::evict(transaction, record, &stays, limit)?;
            }
            Ok(instead.map_or(Inserted::New, Inserted::Instead))
        })
        .await
    }

    async fn remove(&self, digest: &TokenDigest) -> Result<bool, StoreError> {
        let digest = *digest;
        self.write(move |transaction| {
            let sql = "DELETE FROM tokens WHERE digest = ?1";
            Ok(transaction.execute(sql, [digest.as_bytes()])? > 0)
        })
        .await
    }

    async fn remove_session(
        &self,
        subject: &Subject,
        session: &SessionId,
    ) -> Result<u64, StoreError> {
        let (user, session) = (row::user_id(subject), *session);
        self.write(move |transaction| {
            let sql = "DELETE FROM tokens WHERE user_id = ?1 AND session = ?2";
            Ok(transaction.execute(sql, params![user, session.as_bytes()])? as u64)
        })
        .await
    }

    async fn remove_subject(
        &self,
        subject: &Subject,
        but: Option<&SessionId>,
    ) -> Result<u64, StoreError> {
        let (user, but) = (row::user_id(subject), but.copied());
        self.write(move |transaction| {
            let sql = "DELETE FROM tokens WHERE user_id = ?1 AND session IS NOT ?2";
            let but = but.as_ref().map(SessionId::as_bytes);
            Ok(transaction.execute(sql, params![user, but])? as u64)
        })
        .await
    }

    async fn list(&self, subject: &Subject) -> Result<Vec<TokenRecord>, StoreError> {
        let list = || {
            let reads = lock(&self.reads);
            let mut statement = reads.prepare_cached("SELECT * FROM tokens WHERE user_id = ?1")?;
            let mut rows = statement.query([row::user_id(subject)])?;
            let mut records = Vec::new();
            while let Some(row) = rows.next()? {
                records.push(row::record(row)?);
            }
            Ok::<_, Failure>(records)
        };
        list().map_err(StoreError::new)
    }

    async fn purge(&self, ended_by: Timestamp, most: NonZeroUsize) -> Result<usize, StoreError> {
        const SQL: &str = "
            DELETE FROM tokens
            WHERE digest IN (SELECT digest FROM tokens WHERE ends_at <= ?1 LIMIT ?2)";
        let most = i64::try_from(most.get()).unwrap_or(i64::MAX);
        self.write(move |transaction| {
            Ok(transaction.execute(SQL, params![ended_by.as_micros(), most])?)
        })
        .await
    }
}

fn connect(path: &Path) -> Result<Connection, rusqlite::Error> {
    let connection = Connection::open(path)?;
    connection.pragma_update(None, "journal_mode", "WAL")?;
    connection.pragma_update(None, "foreign_keys", true)?;
    Ok(connection)
}

/// A panic of another thread has rolled its transaction back.
fn lock(connection: &Mutex<Connection>) -> MutexGuard<'_, Connection> {
    connection.lock().unwrap_or_else(PoisonError::into_inner)
}
