//! The store contract, in a file and in memory, in turns and in parallel, under any runtime.

use tower_expiring_token::SqliteStore;
use tower_expiring_token::testing::contract::{self, Broken};

use super::empty;
use crate::support::database::Databases;
use crate::support::spread::Spread;

#[tokio::test]
async fn a_store_in_a_file_keeps_the_contract() -> Result<(), Broken> {
    let databases = Databases::new();
    contract::rotating_store(|| async { empty(&databases) }).await
}

#[tokio::test(flavor = "multi_thread")]
async fn a_store_in_a_file_keeps_the_contract_in_parallel() -> Result<(), Broken> {
    let databases = Databases::new();
    contract::rotating_store(|| async { empty(&databases) })
        .spawn(|job| drop(tokio::spawn(job)))
        .await
}

#[tokio::test(flavor = "multi_thread")]
async fn several_values_of_a_store_on_one_file_keep_the_contract_together() -> Result<(), Broken> {
    let databases = Databases::new();
    contract::rotating_store(|| async {
        let path = databases.path();
        SqliteStore::migrate(&path).unwrap();
        Spread::over([(); 3].map(|()| SqliteStore::open(&path).unwrap()))
    })
    .spawn(|job| drop(tokio::spawn(job)))
    .await
}

#[tokio::test]
async fn a_store_in_memory_keeps_the_contract() -> Result<(), Broken> {
    contract::rotating_store(|| async { SqliteStore::in_memory().unwrap() }).await
}

#[tokio::test]
async fn a_store_in_memory_keeps_the_contract_on_threads() -> Result<(), Broken> {
    contract::rotating_store(|| async { SqliteStore::in_memory().unwrap() })
        .spawn(contract::on_a_thread)
        .await
}
