//! The schema's functions beside a user's own changes, by a client of his own.

use tower_expiring_token::{IssuingStore, Subject, TokenStore};

use super::{client, of, store, times};
use crate::support::tokens::{ADD, login, session};

#[tokio::test]
async fn a_logout_in_a_users_own_transaction_counts_when_that_commits() {
    let (database, store) = store().await;
    database.psql("CREATE TABLE users AS SELECT 'alice' AS name, 'old' AS password");
    for number in [1, 2] {
        let login = login(of("alice", number), "alice", number, times());
        store.insert(login, ADD).await.unwrap();
    }
    let change = "UPDATE users SET password = 'new' WHERE name = 'alice'";
    let logout = "SELECT expiring_tokens.remove_subject('alice')";
    let mut client = client(&database).await;

    let transaction = client.transaction().await.unwrap();
    transaction.execute(change, &[]).await.unwrap();
    let removed: i64 = transaction.query_one(logout, &[]).await.unwrap().get(0);
    assert_eq!(removed, 2);
    assert!(store.find(&of("alice", 1)).await.unwrap().is_some());
    transaction.rollback().await.unwrap();
    assert!(store.find(&of("alice", 1)).await.unwrap().is_some());
    assert_eq!(database.psql("SELECT password FROM users"), "old");

    let transaction = client.transaction().await.unwrap();
    transaction.execute(change, &[]).await.unwrap();
    transaction.query_one(logout, &[]).await.unwrap();
    transaction.commit().await.unwrap();
    assert!(store.list(&Subject::new("alice")).await.unwrap().is_empty());
    assert_eq!(database.psql("SELECT password FROM users"), "new");
}

#[tokio::test]
async fn one_session_or_all_but_one_end_by_the_same_functions() {
    let (_database, store) = store().await;
    for number in [1, 2, 3] {
        let login = login(of("alice", number), "alice", number, times());
        store.insert(login, ADD).await.unwrap();
    }
    let client = client(&_database).await;
    let one = "SELECT expiring_tokens.remove_session('alice', $1)";
    let (first, second) = (session(1), session(2));
    let removed = client.query_one(one, &[&first.as_bytes().as_slice()]).await;
    assert_eq!(removed.unwrap().get::<_, i64>(0), 1);
    let others = "SELECT expiring_tokens.remove_subject('alice', but => $1)";
    let removed = client
        .query_one(others, &[&second.as_bytes().as_slice()])
        .await;
    assert_eq!(removed.unwrap().get::<_, i64>(0), 1);
    assert!(store.find(&of("alice", 2)).await.unwrap().is_some());
}

#[tokio::test(flavor = "multi_thread")]
async fn a_login_waits_for_a_logout_that_has_not_committed_and_stays() {
    let (database, store) = store().await;
    let mut client = client(&database).await;
    let transaction = client.transaction().await.unwrap();
    let logout = "SELECT expiring_tokens.remove_subject('alice')";
    transaction.query_one(logout, &[]).await.unwrap();
    let waiting = {
        let (store, login) = (store.clone(), login(of("alice", 1), "alice", 1, times()));
        tokio::spawn(async move { store.insert(login, ADD).await })
    };
    let waits = "SELECT EXISTS (SELECT FROM pg_locks WHERE locktype = 'advisory' AND NOT granted)";
    assert!(crate::support::server::wait_until(
        || database.psql(waits) == "t"
    ));
    assert!(!waiting.is_finished());
    transaction.commit().await.unwrap();
    waiting.await.unwrap().unwrap();
    assert!(store.find(&of("alice", 1)).await.unwrap().is_some());
}

#[tokio::test]
async fn a_transaction_that_could_miss_a_new_token_is_refused() {
    let (database, _store) = store().await;
    let client = client(&database).await;
    for level in ["REPEATABLE READ", "SERIALIZABLE"] {
        let begin = format!("BEGIN ISOLATION LEVEL {level}");
        client.batch_execute(&begin).await.unwrap();
        let logout = "SELECT expiring_tokens.remove_subject('alice')";
        let refused = client.query_one(logout, &[]).await.unwrap_err();
        let said = refused.as_db_error().unwrap().message();
        assert!(said.contains(&format!("found {level}")), "{said}");
        client.batch_execute("ROLLBACK").await.unwrap();
    }
    // Whatever a database's default is, the store itself asks for what it needs.
    database.psql("DO $$ BEGIN EXECUTE format('ALTER DATABASE %I SET default_transaction_isolation = serializable', current_database()); END $$");
    let store = tower_expiring_token::PostgresStore::connect(&database.url())
        .await
        .unwrap();
    let login = login(of("alice", 1), "alice", 1, times());
    store.insert(login, ADD).await.unwrap();
}
