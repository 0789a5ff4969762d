//! Every store that there is, for promises that none of them may break.

use example_own_database::UserStore;
use tower_expiring_token::{MemoryStore, PostgresStore, RedisStore, SqliteStore};

use super::database::Databases;
use super::server::postgres::{self, Database};
use super::server::redis;

/// Subjects that every store knows.
pub(crate) const ALICE: &str = "1";
pub(crate) const BOB: &str = "2";

pub(crate) async fn memory() -> (MemoryStore, ()) {
    (MemoryStore::new(), ())
}

pub(crate) async fn own_database() -> (UserStore, Databases) {
    let databases = Databases::new();
    let store = UserStore::open(&databases.create(&["alice", "bob"])).expect("is opened");
    (store, databases)
}

pub(crate) async fn sqlite() -> (SqliteStore, Databases) {
    let databases = Databases::new();
    let path = databases.path();
    SqliteStore::migrate(&path).expect("is made");
    (SqliteStore::open(&path).expect("is opened"), databases)
}

pub(crate) async fn postgres() -> (PostgresStore, Database) {
    let database = postgres::shared();
    let builder = || PostgresStore::builder(&database.url());
    builder().migrate().await.expect("is made");
    (builder().connect().await.expect("is there"), database)
}

pub(crate) async fn redis() -> (RedisStore, ()) {
    let store = RedisStore::builder(&redis::shared().url()).prefix(&redis::prefix());
    (store.connect().await.expect("is there"), ())
}

/// Makes a test of each of these functions for each store. They take the store, empty.
macro_rules! on_every_store {
    ($($promise:ident),+ $(,)?) => {
        crate::support::stores::on_every_store!(@ memory: $($promise),+);
        crate::support::stores::on_every_store!(@ own_database: $($promise),+);
        crate::support::stores::on_every_store!(@ sqlite: $($promise),+);
        crate::support::stores::on_every_store!(@ postgres: $($promise),+);
        crate::support::stores::on_every_store!(@ redis: $($promise),+);
    };
    (@ $store:ident: $($promise:ident),+) => {
        mod $store {
            $(
                #[tokio::test(flavor = "multi_thread", worker_threads = 2)]
                async fn $promise() {
                    let (store, _kept) = crate::support::stores::$store().await;
                    super::$promise(store).await;
                }
            )+
        }
    };
}

pub(crate) use on_every_store;
