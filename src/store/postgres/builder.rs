use std::fmt;
use std::sync::{Arc, OnceLock};
use std::time::Duration;

use deadpool_postgres::{Hook, HookError, Pool, Runtime};
use tokio::time::timeout;

use super::error::{failure, no_connection, overdue};
use super::lookup::Lookups;
use super::schema::{self, Schema};
use super::statements::Statements;
use super::tls::Tls;
use super::url::Target;
use super::warn::warnings;
use super::watch::Listening;
use super::write::Writes;
use super::{Inner, PostgresStore, session};
use crate::store::StoreError;

/// Settings of a [`PostgresStore`]: made by [`PostgresStore::builder`] or
/// [`PostgresStore::with_pool`].
#[must_use = "a builder makes nothing until `connect` or `migrate` is called"]
pub struct PostgresBuilder {
    source: Source,
    schema: String,
    time_out: Duration,
    lookups: usize,
    writes: usize,
    listen: Option<String>,
}

enum Source {
    Url(String),
    Pool(Pool),
}

impl PostgresBuilder {
    pub(super) fn url(url: &str) -> Self {
        Self::new(Source::Url(url.to_owned()))
    }

    pub(super) fn pool(pool: Pool) -> Self {
        Self::new(Source::Pool(pool))
    }

    fn new(source: Source) -> Self {
        Self {
            source,
            schema: schema::NAME.to_owned(),
            time_out: Duration::from_secs(3),
            lookups: 2,
            writes: 4,
            listen: None,
        }
    }

    /// The schema that holds the tables and functions, instead of `expiring_tokens`: at most 63
    /// lower-case letters, digits and `_`.
    pub fn schema(mut self, name: &str) -> Self {
        name.clone_into(&mut self.schema);
        self
    }

    /// After how long a call that has no answer yet is a [`StoreError`], instead of three
    /// seconds. A connection that leaves a statement unanswered for half of that is replaced,
    /// and a server that is reached by URL gives the statement up by then.
    pub fn time_out(mut self, time: Duration) -> Self {
        self.time_out = time;
        self
    }

    /// How many connections look up, instead of two. Each has several look-ups under way.
    pub fn lookup_connections(mut self, connections: usize) -> Self {
        self.lookups = connections;
        self
    }

    /// How many connections write at most, instead of four. They are opened as they are needed.
    /// A pool that is given decides by itself.
    pub fn write_connections(mut self, connections: usize) -> Self {
        self.writes = connections;
        self
    }

    /// Where a cache listens for what other nodes remove, instead of the store's own URL: the
    /// server itself where the store's URL is a pooler in transaction mode, which passes no
    /// notifications on.
    pub fn listen_url(mut self, url: &str) -> Self {
        self.listen = Some(url.to_owned());
        self
    }

    /// Connects, and looks whether the schema is there and of a version that serves this crate.
    /// It creates nothing.
    ///
    /// # Errors
    ///
    /// [`StoreError`] when the server can't be reached, when the schema is missing, too old, too
    /// new or not for this role to read, or when a setting makes no sense; it says what to do.
    pub async fn connect(self) -> Result<PostgresStore, StoreError> {
        if self.lookups == 0 || self.writes == 0 || self.time_out.is_zero() {
            return Err(StoreError::new(
                "expected at least one connection of each sort and some time for an answer",
            ));
        }
        let schema = Schema::new(&self.schema)?;
        let target = self.target()?;
        let settings = Arc::new(OnceLock::new());
        let (lookups, writes) = match &self.source {
            Source::Pool(pool) => (pool.clone(), pool.clone()),
            Source::Url(url) => (
                open(
                    Target::parse(url)?.named("look-ups"),
                    self.lookups,
                    &settings,
                )?,
                open(Target::parse(url)?.named("writes"), self.writes, &settings)?,
            ),
        };
        let statements = Arc::new(Statements::new(&schema));
        let (shared, time_out) = (Arc::clone(&statements), self.time_out);
        let lookups = Lookups::new(lookups, self.lookups, shared, time_out);
        let checked = timeout(self.time_out, async {
            let client = writes.get().await.map_err(|error| no_connection(&error))?;
            schema.check(&client).await?;
            let first = lookups.first().await?;
            let set = async {
                if session::is_own(&first, &client).await? && matches!(self.source, Source::Url(_))
                {
                    let settings = settings.get_or_init(|| self.settings());
                    first.batch_execute(settings).await?;
                    client.batch_execute(settings).await?;
                }
                warnings(&client).await
            };
            set.await.map_err(|error| failure(&error))
        });
        let warnings = checked
            .await
            .unwrap_or_else(|_| Err(overdue("a connection")))?;
        let tls = target.as_ref().map(|target| target.tls.clone());
        let writes = Writes::new(writes, time_out, tls.unwrap_or(Tls::None));
        Ok(PostgresStore(Arc::new(Inner {
            lookups,
            listening: Listening::new(target, &schema, writes.clone(), time_out),
            writes,
            statements,
            schema,
            warnings,
        })))
    }

    /// Creates the schema, or brings it to the version of this crate. The role of the URL must
    /// have the right to. It may be called by several nodes at once and again; the data stays.
    ///
    /// # Errors
    ///
    /// [`StoreError`] when the server can't be reached or does not let the role create.
    pub async fn migrate(self) -> Result<(), StoreError> {
        let schema = Schema::new(&self.schema)?;
        let pool = match &self.source {
            Source::Pool(pool) => pool.clone(),
            Source::Url(url) => Pool::builder(Target::parse(url)?.named("migration").manager())
                .max_size(1)
                .build()
                .map_err(StoreError::new)?,
        };
        let client = timeout(self.time_out, pool.get()).await;
        let mut client = client
            .map_err(|_| overdue("a connection"))?
            .map_err(|error| no_connection(&error))?;
        schema.migrate(&mut client).await
    }

    /// Where to listen, if that is known.
    fn target(&self) -> Result<Option<Target>, StoreError> {
        let url = match (&self.listen, &self.source) {
            (Some(url), _) | (None, Source::Url(url)) => url,
            (None, Source::Pool(_)) => return Ok(None),
        };
        Ok(Some(Target::parse(url)?.named("listening")))
    }

    /// What a statement needs to be right, and the end of one that nobody waits for.
    fn settings(&self) -> String {
        format!(
            "SET SESSION CHARACTERISTICS AS TRANSACTION ISOLATION LEVEL READ COMMITTED; \
             SET statement_timeout = {}",
            (self.time_out / 2).as_millis().clamp(1, i32::MAX as u128)
        )
    }
}

/// A pool whose connections are given these settings, once it is known that they are sessions.
fn open(
    target: Target,
    connections: usize,
    settings: &Arc<OnceLock<String>>,
) -> Result<Pool, StoreError> {
    let settings = Arc::clone(settings);
    let hook = Hook::async_fn(move |client, _| {
        let settings = Arc::clone(&settings);
        Box::pin(async move {
            let Some(settings) = settings.get() else {
                return Ok(());
            };
            let set = client.batch_execute(settings).await;
            set.map_err(HookError::Backend)
        })
    });
    let pool = Pool::builder(target.manager())
        .max_size(connections)
        .post_create(hook)
        .runtime(Runtime::Tokio1);
    pool.build().map_err(StoreError::new)
}

impl fmt::Debug for PostgresBuilder {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("PostgresBuilder")
            .field("schema", &self.schema)
            .field("time_out", &self.time_out)
            .finish_non_exhaustive()
    }
}
