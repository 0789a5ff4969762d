use std::time::Duration;

use example_own_database::UserStore;
use tower_expiring_token::testing::contract::{self, Broken};
use tower_expiring_token::{
    Cached, SqliteStore, StoreError, TokenStore, Watch, WatchedStore, async_trait,
};

use super::node;
use crate::support::database::Databases;
use crate::support::remote::{Remote, Silence};
use crate::support::spread::Spread;

#[tokio::test]
async fn a_cached_store_keeps_the_contract() -> Result<(), Broken> {
    contract::rotating_store(|| node(Remote::new())).await
}

#[tokio::test(flavor = "multi_thread")]
async fn a_cached_store_keeps_the_contract_on_a_runtime_of_many_threads() -> Result<(), Broken> {
    contract::rotating_store(|| node(Remote::new()))
        .spawn(|job| drop(tokio::spawn(job)))
        .await
}

#[tokio::test]
async fn a_cached_store_whose_channel_is_cut_keeps_the_contract() -> Result<(), Broken> {
    contract::rotating_store(|| async {
        let store = Remote::new();
        let cached = node(store.clone()).await;
        store.store.cut();
        cached
    })
    .await
}

#[tokio::test]
async fn a_cache_that_is_off_keeps_the_contract() -> Result<(), Broken> {
    contract::rotating_store(|| async { Cached::new(Remote::new(), Duration::ZERO).unwrap() }).await
}

#[tokio::test(flavor = "multi_thread")]
async fn a_cache_before_sqlite_keeps_the_contract() -> Result<(), Broken> {
    let databases = Databases::new();
    let empty = || async {
        let path = databases.path();
        SqliteStore::migrate(&path).unwrap();
        node(Spread::over([SqliteStore::open(&path).unwrap()])).await
    };
    contract::rotating_store(empty)
        .spawn(|job| drop(tokio::spawn(job)))
        .await
}

#[tokio::test]
async fn a_cache_before_sqlite_in_memory_keeps_the_contract() -> Result<(), Broken> {
    let empty = || async { node(Spread::over([SqliteStore::in_memory().unwrap()])).await };
    contract::rotating_store(empty).await
}

#[tokio::test]
async fn a_cache_before_an_own_database_keeps_the_contract() -> Result<(), Broken> {
    let databases = Databases::new();
    let empty = || async {
        let database = databases.create(&["alice", "bob", "carol"]);
        node(Spread::over([UserStore::open(&database).unwrap()])).await
    };
    contract::rotating_store(empty)
        .subjects(["1", "2", "3"])
        .await
}

/// Nobody but the cache's own process changes what is in there, so there is nothing to tell.
#[async_trait]
impl<S: TokenStore> WatchedStore for Spread<S> {
    async fn watch(&self) -> Result<Box<dyn Watch>, StoreError> {
        Ok(Box::new(Silence { is_told: false }))
    }
}
