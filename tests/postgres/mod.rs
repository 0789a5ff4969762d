//! What `PostgresStore` promises, on real servers.

mod contract;
mod crash;
mod line;
mod migrate;
mod others;
mod outage;
mod pool;
mod secrets;
mod tls;
mod transaction;
mod watch;

use std::error::Error;
use std::time::Duration;

use tower_expiring_token::{
    Lifetime, PostgresBuilder, PostgresStore, StoreError, TokenAuthority, TokenDigest, TokenTimes,
};

use crate::support::server::postgres::{self, Database};
use crate::support::tokens::{at, own};

/// A store in a new database, which has the schema.
async fn store() -> (Database, PostgresStore) {
    let database = postgres::shared();
    let store = migrated(&database, |builder| builder).await;
    (database, store)
}

/// Makes the schema with these settings, and a store with them.
async fn migrated(
    database: &Database,
    settings: impl Fn(PostgresBuilder) -> PostgresBuilder,
) -> PostgresStore {
    let builder = || settings(PostgresStore::builder(&database.url()));
    builder().migrate().await.unwrap();
    builder().connect().await.unwrap()
}

fn authority(store: PostgresStore) -> TokenAuthority<PostgresStore> {
    let tokens = TokenAuthority::builder(store).expiry(Lifetime::hours(24));
    tokens.build().unwrap()
}

/// Times of the year 2100, and ten minutes between.
fn times() -> TokenTimes {
    TokenTimes::fixed(at(0), at(0) + Duration::from_secs(600))
}

fn of(subject: &str, number: u64) -> TokenDigest {
    own(subject, number)
}

/// An error and all that it was caused by.
fn whole(error: &StoreError) -> String {
    let mut text = error.to_string();
    let mut source = error.source();
    while let Some(cause) = source {
        text = format!("{text}: {cause}");
        source = cause.source();
    }
    text
}

/// A connection as a user's own client has it.
async fn client(database: &Database) -> tokio_postgres::Client {
    let connected = tokio_postgres::connect(&database.url(), tokio_postgres::NoTls).await;
    let (client, connection) = connected.unwrap();
    tokio::spawn(connection);
    client
}
