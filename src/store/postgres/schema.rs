//! The schema: which version is there, and how it is made.

use tokio_postgres::Client;
use tokio_postgres::error::SqlState;

use super::error::{GRANTS, failure};
use crate::store::StoreError;

/// Where the tables are, unless the builder names another schema.
pub(super) const NAME: &str = "expiring_tokens";

/// From nothing to the version that this crate is built for, one file a version.
const MIGRATIONS: [&str; 1] = [include_str!("migration/0001_tokens.sql")];

/// The version that this crate is built for.
const VERSION: i32 = MIGRATIONS.len() as i32;

/// The name of a schema, fit to stand in a statement as it is.
#[derive(Clone, Debug)]
pub(super) struct Schema(String);

impl Schema {
    pub(super) fn new(name: &str) -> Result<Self, StoreError> {
        let starts = name.starts_with(|first: char| first.is_ascii_lowercase() || first == '_');
        let is_word = |c: char| c.is_ascii_lowercase() || c.is_ascii_digit() || c == '_';
        if starts && name.len() < 64 && name.chars().all(is_word) {
            return Ok(Self(name.to_owned()));
        }
        Err(StoreError::new(format!(
            "expected a schema's name of at most 63 lower-case letters, digits and _, found {name:?}"
        )))
    }

    pub(super) fn name(&self) -> &str {
        &self.0
    }

    /// The same SQL for this schema.
    pub(super) fn sql(&self, sql: &str) -> String {
        sql.replace(NAME, &self.0)
    }

    /// Whether what is there serves this version of the crate; if not, what to do.
    pub(super) async fn check(&self, client: &Client) -> Result<(), StoreError> {
        let Self(name) = self;
        let found = self.version(client).await;
        let needed = match found {
            Ok(Some((version, from))) if version >= VERSION && from <= VERSION => {
                return self.check_rights(client).await;
            }
            Ok(Some((version, from))) if from > VERSION => {
                return Err(StoreError::new(format!(
                    "expected version {VERSION} of the schema {name}, found {version}, which serves \
                     {from} and later: update tower-expiring-token"
                )));
            }
            Ok(Some((version, _))) => format!("found {version}"),
            Ok(None) => "found none".to_owned(),
            Err(error) => match error.code() {
                Some(&SqlState::UNDEFINED_TABLE | &SqlState::INVALID_SCHEMA_NAME) => {
                    "found no such schema".to_owned()
                }
                Some(&SqlState::INSUFFICIENT_PRIVILEGE) => return Err(self.unreadable()),
                _ => return Err(failure(&error)),
            },
        };
        Err(StoreError::new(format!(
            "expected version {VERSION} of the schema {name}, {needed}: call `migrate` with the URL \
             of a role that may create it, or run the files in src/store/postgres/migration"
        )))
    }

    /// Whether tokens may be looked up. Which other rights a service needs depends on what it does.
    async fn check_rights(&self, client: &Client) -> Result<(), StoreError> {
        let sql = self.sql("SELECT has_table_privilege('expiring_tokens.token', 'SELECT')");
        let rows = client.query_typed(&sql, &[]).await;
        let rows = rows.map_err(|error| failure(&error))?;
        let may = rows.first().map_or(Ok(false), |row| row.try_get(0));
        match may.map_err(|error| failure(&error))? {
            true => Ok(()),
            false => Err(self.unreadable()),
        }
    }

    fn unreadable(&self) -> StoreError {
        let Self(name) = self;
        StoreError::new(format!("this role may not read the schema {name}{GRANTS}"))
    }

    /// Brings the schema to the version of this crate. Whoever comes second waits, and finds
    /// nothing left to do.
    pub(super) async fn migrate(&self, client: &mut Client) -> Result<(), StoreError> {
        self.create(client).await.map_err(|error| failure(&error))
    }

    async fn create(&self, client: &mut Client) -> Result<(), tokio_postgres::Error> {
        let transaction = client.transaction().await?;
        let lock = "SELECT pg_advisory_xact_lock(hashtext('expiring_tokens.version'))";
        transaction.batch_execute(&self.sql(lock)).await?;
        let there = "SELECT to_regclass('expiring_tokens.version') IS NOT NULL";
        let there: bool = transaction
            .query_one(&self.sql(there), &[])
            .await?
            .try_get(0)?;
        let version = match there {
            true => self.version(transaction.client()).await?,
            false => None,
        };
        let done = version.map_or(0, |(version, _)| usize::try_from(version).unwrap_or(0));
        for migration in MIGRATIONS.iter().skip(done) {
            transaction.batch_execute(&self.sql(migration)).await?;
        }
        transaction.commit().await
    }

    /// The version that is there, and the oldest that it serves.
    async fn version(&self, client: &Client) -> Result<Option<(i32, i32)>, tokio_postgres::Error> {
        let sql = self.sql("SELECT version, serves_from FROM expiring_tokens.version");
        let rows = client.query_typed(&sql, &[]).await?;
        rows.first()
            .map(|row| Ok((row.try_get(0)?, row.try_get(1)?)))
            .transpose()
    }
}
