//! The store that a URL names.

use std::error::Error;
use std::sync::Arc;

use tower_expiring_token::{
    Cached, MemoryStore, PostgresStore, RedisStore, RotatingStore, SqliteStore, Subject,
    WatchedStore,
};

use crate::flags::{Flags, StoreUrl};
use crate::tokens::Store;

type Failure = Box<dyn Error>;

/// Opens it, and makes or migrates its tables.
pub(crate) async fn open(flags: &Flags) -> Result<Store, Failure> {
    match &flags.store {
        StoreUrl::Memory => Ok(Arc::new(MemoryStore::new())),
        StoreUrl::Sqlite(path) => {
            SqliteStore::migrate(path)?;
            Ok(Arc::new(SqliteStore::open(path)?))
        }
        StoreUrl::Postgres(url) => {
            PostgresStore::migrate(url).await?;
            let store = PostgresStore::connect(url).await?;
            warn(store.warnings());
            cached(flags, store)
        }
        StoreUrl::Redis(url) => {
            let store = RedisStore::connect(url).await?;
            warn(store.warnings());
            cached(flags, store)
        }
    }
}

fn cached<S>(flags: &Flags, store: S) -> Result<Store, Failure>
where
    S: RotatingStore<Principal = Subject> + WatchedStore,
{
    Ok(match flags.cache {
        None => Arc::new(store),
        Some(staleness) => Arc::new(Cached::new(store, staleness)?),
    })
}

fn warn(warnings: &[impl AsRef<str>]) {
    for warning in warnings {
        eprintln!("--store: {}", warning.as_ref());
    }
}
