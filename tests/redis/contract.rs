//! The suite for stores.

use tower_expiring_token::testing::contract::{self, Broken};

use super::{empty, on};
use crate::support::server::redis::{prefix, shared};

#[tokio::test]
async fn the_redis_store_keeps_the_contract() -> Result<(), Broken> {
    contract::rotating_store(empty).await
}

#[tokio::test(flavor = "multi_thread")]
async fn the_redis_store_keeps_the_contract_in_parallel() -> Result<(), Broken> {
    contract::rotating_store(empty)
        .spawn(|job| drop(tokio::spawn(job)))
        .await
}

#[tokio::test]
async fn the_redis_store_tells_its_watches() -> Result<(), Broken> {
    contract::watched_store(|| async {
        let prefix = prefix();
        (on(shared(), &prefix).await, on(shared(), &prefix).await)
    })
    .await
}
