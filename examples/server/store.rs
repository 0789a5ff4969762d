//! The store that a URL names.

use std::error::Error;
use std::sync::Arc;

use tower_expiring_token::{
    Cached, MemoryStore, PostgresStore, RedisStore, RotatingStore, SqliteStore, Subject,
    WatchedStore,
};

use crate::flags::Flags;
use crate::tokens::Store;

type Failure = Box<dyn Error>;

/// Opens it, and makes or migrates its tables.
pub(crate) async fn open(flags: &Flags) -> Result<Store, Failure> {
    let url = flags.store.as_str();
    match url.split_once(':') {
        None if url == "memory" => {
            needs_no_cache(flags, url);
            Ok(Arc::new(MemoryStore::new()))
        }
        Some(("sqlite", path)) => {
            needs_no_cache(flags, "sqlite");
            SqliteStore::migrate(path)?;
            Ok(Arc::new(SqliteStore::open(path)?))
        }
        Some(("postgres" | "postgresql", _)) => {
            PostgresStore::migrate(url).await?;
            let store = PostgresStore::connect(url).await?;
            warn(store.warnings());
            cached(flags, store)
        }
        Some(("redis" | "rediss", _)) => {
            let store = RedisStore::connect(url).await?;
            warn(store.warnings());
            cached(flags, store)
        }
        _ => Err(format!(
            "--store: expected memory, sqlite:PATH, postgres://… or redis://…, found {url:?}"
        )
        .into()),
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

fn needs_no_cache(flags: &Flags, store: &str) {
    if flags.cache.is_some() {
        eprintln!("--cache has no effect with {store}, which answers as fast as a cache");
    }
}

fn warn(warnings: &[impl AsRef<str>]) {
    for warning in warnings {
        eprintln!("--store: {}", warning.as_ref());
    }
}
