//! What befalls one caller befalls no other.

use futures_util::future::join_all;
use tower_expiring_token::{IssuingStore, PostgresStore, TokenStore};

use super::{of, times};
use crate::support::server::postgres;
use crate::support::tokens::{ADD, login};

async fn connect(database: &postgres::Database) -> PostgresStore {
    PostgresStore::migrate(&database.url()).await.unwrap();
    PostgresStore::connect(&database.url()).await.unwrap()
}

#[tokio::test(flavor = "multi_thread")]
async fn a_row_that_cant_be_read_fails_nobody_elses_look_up() {
    let database = postgres::shared();
    let store = connect(&database).await;
    let (good, bad) = (of("alice", 1), of("bob", 2));
    store
        .insert(login(good, "alice", 1, times()), ADD)
        .await
        .unwrap();
    store
        .insert(login(bad, "bob", 2, times()), ADD)
        .await
        .unwrap();
    database.psql("UPDATE expiring_tokens.token SET scopes = 'a\"b' WHERE subject = 'bob'");
    // Many share a statement.
    let finds = (0..400).map(|number| {
        let (store, is_bad) = (store.clone(), number % 20 == 0);
        let digest = if is_bad { bad } else { good };
        tokio::spawn(async move { store.find(&digest).await.is_err() == is_bad })
    });
    for as_it_should_be in join_all(finds).await {
        assert!(as_it_should_be.unwrap());
    }
}
