//! Tokens in PostgreSQL.

mod builder;
mod error;
mod line;
mod lookup;
mod messages;
mod row;
mod schema;
mod session;
mod statements;
mod tls;
mod url;
mod verbs;
mod warn;
mod watch;
mod write;

use std::fmt;
use std::sync::Arc;

use deadpool_postgres::Pool;

pub use self::builder::PostgresBuilder;

use self::lookup::Lookups;
use self::schema::Schema;
use self::statements::Statements;
use self::watch::Listening;
use self::write::Writes;
use crate::store::StoreError;

/// Tokens in PostgreSQL 12 or later, in a schema of their own. Clones are cheap and share their
/// connections.
///
/// ```no_run
/// use tower_expiring_token::{Lifetime, PostgresStore, TokenAuthority};
///
/// # #[tokio::main(flavor = "current_thread")]
/// # async fn main() -> Result<(), Box<dyn std::error::Error>> {
/// let url = "postgres://service:secret@db.example.com/app?sslmode=require";
/// let store = PostgresStore::connect(url).await?;
/// for warning in store.warnings() {
///     eprintln!("tokens: {warning}");
/// }
/// let tokens = TokenAuthority::builder(store).expiry(Lifetime::hours(24)).build()?;
/// # let _ = tokens;
/// # Ok(())
/// # }
/// ```
///
/// The principal is the [`Subject`](crate::Subject); see
/// [`WithPrincipals`](crate::WithPrincipals) for your own. Calls need tokio: they are made within
/// the runtime in which the store was connected.
///
/// # The URL
///
/// As libpq reads it: several hosts, `target_session_attrs`, `connect_timeout`, `options` and so
/// on. `sslmode=require`, `verify-ca` and `verify-full` all encrypt by TLS (feature `tls`) and
/// verify the server's certificate and name, against the system's roots or those in
/// `sslrootcert`; any other mode, or none, does not encrypt.
///
/// # The schema
///
/// [`migrate`](Self::migrate) makes it, or your own migration tool runs the files in
/// `src/store/postgres/migration`; `connect` creates nothing and needs no right to. A version of
/// the crate that is built for schema *n* also runs against schema *n* + 1, so migrate first and
/// then replace one node after the other.
///
/// Everything is in the schema `expiring_tokens`: one name to grant rights on, which neither
/// meets your tables nor depends on anybody's `search_path`.
///
/// # In your own transaction
///
/// Verbs that touch several tokens are functions of the schema, which any client calls beside
/// its own changes: with a password changes who is logged in, or neither does.
///
/// ```sql
/// BEGIN;
/// UPDATE users SET password = '…' WHERE name = 'alice';
/// SELECT expiring_tokens.remove_subject('alice');
/// COMMIT;
/// ```
///
/// `remove_session(subject, session)` ends one login, and `DELETE` by hand ends any tokens;
/// caches hear of it at commit. The functions take the subject's lock until the transaction ends
/// and want its isolation to be READ COMMITTED, the default: in a stricter one they could miss a
/// token that was inserted meanwhile, and they fail instead.
///
/// # Connections
///
/// Two look up, at most four write, and one listens for each cache. Look-ups are pipelined, and
/// those that find no room share a statement; nobody waits for others to come. A call is answered
/// within [its time-out](PostgresBuilder::time_out) (503 for the client), a connection whose
/// answer is overdue is replaced, and after an outage the next call finds the server again.
///
/// # What an answer is worth
///
/// A login or logout that was acknowledged is on disk, and survives `kill -9` and loss of power,
/// unless the server was told otherwise. [`warnings`](Self::warnings) says so when it connects to
/// a server with `synchronous_commit` or `fsync` off, to a standby, to a primary that may fail
/// over to a standby that lags, or across machines without encryption.
///
/// - *Standbys* show removals late. Look up at the primary, or accept that.
/// - *Failover* to an asynchronous standby forgets what it had not received; name it in
///   `synchronous_standby_names` and it forgets nothing. Give all hosts and
///   `target_session_attrs=read-write`, and the new primary is found.
/// - *PgBouncer* in session mode changes nothing, while its pool has seven connections for each
///   node. In transaction mode it must be 1.21 or later with `max_prepared_statements` above zero,
///   and caches need a [`listen_url`](PostgresBuilder::listen_url) that leads past it.
#[derive(Clone)]
pub struct PostgresStore(Arc<Inner>);

struct Inner {
    lookups: Lookups,
    writes: Writes,
    listening: Listening,
    statements: Arc<Statements>,
    schema: Schema,
    warnings: Vec<&'static str>,
}

impl PostgresStore {
    /// Connects with the usual settings. It creates nothing.
    ///
    /// # Errors
    ///
    /// As [`PostgresBuilder::connect`].
    pub async fn connect(url: &str) -> Result<Self, StoreError> {
        Self::builder(url).connect().await
    }

    /// Creates the schema, or brings it to the version of this crate.
    ///
    /// # Errors
    ///
    /// As [`PostgresBuilder::migrate`].
    pub async fn migrate(url: &str) -> Result<(), StoreError> {
        Self::builder(url).migrate().await
    }

    /// Starts with the server at this URL.
    pub fn builder(url: &str) -> PostgresBuilder {
        PostgresBuilder::url(url)
    }

    /// Starts with a pool that the application has. The store takes its look-up connections out
    /// of it for good, and borrows one for each write. Its connections must be left in READ
    /// COMMITTED, as they come.
    pub fn with_pool(pool: Pool) -> PostgresBuilder {
        PostgresBuilder::pool(pool)
    }

    /// What of the server's settings makes its answers worth less, as sentences; for a log. It
    /// was looked at when the store connected.
    #[must_use]
    pub fn warnings(&self) -> &[&'static str] {
        &self.0.warnings
    }
}

impl fmt::Debug for PostgresStore {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("PostgresStore")
            .field("schema", &self.0.schema.name())
            .finish_non_exhaustive()
    }
}
