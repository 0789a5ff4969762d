//! Tokens in a SQLite database that has users already: a table beside theirs, and one JOIN.
//!
//! A look-up runs in place, since it takes microseconds. What writes waits for the disk, so it runs
//! on a thread that may block, and on a connection of its own: look-ups go on beside it.
//! `rotate.rs` is for refresh tokens alone: leave it out if you issue none.

mod login;
mod rotate;
mod row;

use std::num::NonZeroUsize;
use std::path::Path;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use rusqlite::{
    Connection, OptionalExtension, Row, Transaction, TransactionBehavior, named_params,
};
use tower_expiring_token::{
    Finding, Found, Inserted, IssuingStore, NewSession, SessionId, Slot, StoreError, Subject,
    Timestamp, TokenDigest, TokenRecord, TokenStore, Touch, async_trait,
};

/// A user, as handlers see him.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct User {
    /// His key; a token's subject is its text.
    pub id: i64,
    /// What he logs in by.
    pub name: String,
    /// Where mail finds him.
    pub email: String,
}

/// Tokens in a table beside `users (id, name, email, active)`. Clones share their connections.
#[derive(Clone, Debug)]
pub struct UserStore {
    reads: Arc<Mutex<Connection>>,
    writes: Arc<Mutex<Connection>>,
}

const TOKENS: &str = "
    CREATE TABLE IF NOT EXISTS tokens (
        digest           BLOB PRIMARY KEY,
        user_id          INTEGER NOT NULL REFERENCES users (id) ON DELETE CASCADE,
        session          BLOB NOT NULL,
        kind             TEXT NOT NULL,
        label            TEXT,
        client           TEXT,
        scopes           TEXT NOT NULL,
        issued_at        INTEGER NOT NULL, -- all times: microseconds since 1970
        authenticated_at INTEGER NOT NULL,
        last_used_at     INTEGER NOT NULL,
        expires_at       INTEGER NOT NULL,
        ends_at          INTEGER NOT NULL,
        seed             BLOB,
        generation       INTEGER,          -- of refresh tokens alone
        rotated_at       INTEGER
    ) STRICT, WITHOUT ROWID;
    CREATE INDEX IF NOT EXISTS tokens_of_user ON tokens (user_id, session);
    CREATE INDEX IF NOT EXISTS tokens_by_end ON tokens (ends_at);";

impl UserStore {
    /// Opens a database with a table of users, and makes that of tokens if it is missing.
    ///
    /// # Errors
    ///
    /// When SQLite can't.
    pub fn open(database: &Path) -> Result<Self, rusqlite::Error> {
        let writes = Connection::open(database)?;
        // Look-ups read beside a write.
        writes.pragma_update(None, "journal_mode", "wal")?;
        writes.pragma_update(None, "foreign_keys", true)?;
        writes.execute_batch(TOKENS)?;
        Ok(Self {
            reads: Arc::new(Mutex::new(Connection::open(database)?)),
            writes: Arc::new(Mutex::new(writes)),
        })
    }

    /// The user of this name, if he may log in.
    ///
    /// # Errors
    ///
    /// When SQLite can't say.
    pub fn user_named(&self, name: &str) -> Result<Option<User>, rusqlite::Error> {
        lock(&self.reads)
            .prepare_cached(
                "SELECT id AS user_id, name, email FROM users WHERE name = ?1 AND active",
            )?
            .query_row([name], user)
            .optional()
    }

    /// One transaction, which goes on to its end though nobody waits for it any more.
    async fn write<T: Send + 'static>(
        &self,
        work: impl FnOnce(&Transaction<'_>) -> Result<T, rusqlite::Error> + Send + 'static,
    ) -> Result<T, StoreError> {
        let writes = Arc::clone(&self.writes);
        let written = tokio::task::spawn_blocking(move || {
            let mut connection = lock(&writes);
            let transaction =
                connection.transaction_with_behavior(TransactionBehavior::Immediate)?;
            let done = work(&transaction)?;
            transaction.commit()?;
            Ok::<T, rusqlite::Error>(done)
        });
        written
            .await
            .map_err(StoreError::new)?
            .map_err(StoreError::new)
    }
}

#[async_trait]
impl TokenStore for UserStore {
    type Principal = User;

    async fn find(&self, digest: &TokenDigest) -> Finding<User> {
        lock(&self.reads)
            .prepare_cached(
                "SELECT t.*, u.name, u.email, u.active
                FROM tokens t JOIN users u ON u.id = t.user_id WHERE t.digest = ?1",
            )
            .and_then(|mut found| found.query_row([digest.as_bytes()], found_user).optional())
            .map_err(StoreError::new)
    }

    async fn extend(&self, touches: &[Touch]) -> Result<(), StoreError> {
        let touches = touches.to_vec();
        self.write(move |tokens| {
            let mut extend = tokens.prepare_cached(
                "UPDATE tokens SET last_used_at = max(last_used_at, :used_at),
                    expires_at = max(expires_at, min(:expires_at, ends_at))
                WHERE digest = :digest AND :used_at < expires_at",
            )?;
            for touch in touches {
                extend.execute(named_params! {
                    ":digest": touch.digest.as_bytes(),
                    ":used_at": touch.used_at.as_micros(),
                    ":expires_at": touch.expires_at.as_micros(),
                })?;
            }
            Ok(())
        })
        .await
    }
}

#[async_trait]
impl IssuingStore for UserStore {
    async fn insert(&self, new: NewSession, slot: Slot) -> Result<Inserted, StoreError> {
        self.write(move |tokens| login::insert(tokens, &new, slot))
            .await
    }

    async fn remove(&self, digest: &TokenDigest) -> Result<bool, StoreError> {
        let digest = *digest;
        self.write(move |tokens| {
            tokens.execute("DELETE FROM tokens WHERE digest = ?1", [digest.as_bytes()])
        })
        .await
        .map(|removed| removed > 0)
    }

    async fn remove_session(
        &self,
        subject: &Subject,
        session: &SessionId,
    ) -> Result<u64, StoreError> {
        let (user, session) = (row::user_id(subject), *session);
        self.write(move |tokens| {
            let sql = "DELETE FROM tokens WHERE user_id = ?1 AND session = ?2";
            tokens.execute(sql, (user, session.as_bytes()))
        })
        .await
        .map(|removed| removed as u64)
    }

    async fn remove_subject(
        &self,
        subject: &Subject,
        but: Option<&SessionId>,
    ) -> Result<u64, StoreError> {
        let (user, but) = (row::user_id(subject), but.copied());
        self.write(move |tokens| {
            let sql = "DELETE FROM tokens WHERE user_id = ?1 AND session IS NOT ?2";
            tokens.execute(sql, (user, but.as_ref().map(SessionId::as_bytes)))
        })
        .await
        .map(|removed| removed as u64)
    }

    async fn list(&self, subject: &Subject) -> Result<Vec<TokenRecord>, StoreError> {
        let user = row::user_id(subject);
        lock(&self.reads)
            .prepare_cached("SELECT * FROM tokens WHERE user_id = ?1")
            .and_then(|mut all| all.query_map([user], row::record)?.collect())
            .map_err(StoreError::new)
    }

    async fn purge(&self, ended_by: Timestamp, most: NonZeroUsize) -> Result<usize, StoreError> {
        let most = i64::try_from(most.get()).unwrap_or(i64::MAX);
        self.write(move |tokens| {
            let sql = "DELETE FROM tokens WHERE digest IN
                (SELECT digest FROM tokens WHERE ends_at <= ?1 LIMIT ?2)";
            tokens.execute(sql, (ended_by.as_micros(), most))
        })
        .await
    }
}

/// A transaction that a panic ended has been rolled back.
fn lock(connection: &Mutex<Connection>) -> MutexGuard<'_, Connection> {
    connection.lock().unwrap_or_else(PoisonError::into_inner)
}

fn user(row: &Row<'_>) -> Result<User, rusqlite::Error> {
    Ok(User {
        id: row.get("user_id")?,
        name: row.get("name")?,
        email: row.get("email")?,
    })
}

fn found_user(row: &Row<'_>) -> Result<Found<User>, rusqlite::Error> {
    let record = row::record(row)?;
    Ok(if row.get("active")? {
        Found::new(record, user(row)?)
    } else {
        Found::suspended(record)
    })
}
