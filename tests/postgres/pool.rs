//! A pool that the application has already.

use deadpool_postgres::{Manager, Pool};
use tower_expiring_token::{Change, IssuingStore, PostgresStore, TokenStore, Watch, WatchedStore};

use super::{of, times, whole};
use crate::support::server::postgres;
use crate::support::tokens::{ADD, login};

#[tokio::test]
async fn an_applications_own_pool_serves_a_store_that_listens_by_a_url() {
    let database = postgres::shared();
    let config = database.url().parse().unwrap();
    let manager = Manager::new(config, tokio_postgres::NoTls);
    let pool = Pool::builder(manager).max_size(3).build().unwrap();
    PostgresStore::with_pool(pool.clone())
        .migrate()
        .await
        .unwrap();

    let store = PostgresStore::with_pool(pool.clone())
        .connect()
        .await
        .unwrap();
    let digest = of("alice", 1);
    store
        .insert(login(digest, "alice", 1, times()), ADD)
        .await
        .unwrap();
    assert!(store.find(&digest).await.unwrap().is_some());
    let refused = whole(&store.watch().await.err().expect("it can't listen"));
    assert!(refused.contains("a `listen_url`"), "{refused}");

    let listening = PostgresStore::with_pool(pool.clone()).listen_url(&database.url());
    let mut watch: Box<dyn Watch> = listening.connect().await.unwrap().watch().await.unwrap();
    assert_eq!(watch.next().await, Change::Connected);
    assert!(store.remove(&digest).await.unwrap());
    assert_eq!(watch.next().await, Change::Removed(vec![digest]));
    // The application's own work goes on with it.
    let client = pool.get().await.unwrap();
    assert_eq!(
        client
            .query_one("SELECT 7", &[])
            .await
            .unwrap()
            .get::<_, i32>(0),
        7
    );
}
