use std::time::Duration;

use tower_expiring_token::Cached;
use tower_expiring_token::testing::contract::{self, Broken};

use super::node;
use crate::support::remote::Remote;

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
