//! A file that is removed or replaced under a store.

use std::error::Error;
use std::fs;
use std::path::Path;

use futures_util::future::join_all;
use rusqlite::Connection;
use tower_expiring_token::{Lifetime, SqliteStore, StoreError, TokenAuthority};

use crate::support::database::Databases;

type Tokens = TokenAuthority<SqliteStore>;

fn authority(store: SqliteStore) -> Tokens {
    let tokens = TokenAuthority::builder(store).expiry(Lifetime::hours(24));
    tokens.build().unwrap()
}

async fn said(tokens: &Tokens) -> String {
    let ended = tokens.revoke_all(&"alice".into()).await;
    let error: StoreError = ended.expect_err("it would be lost");
    assert!(tokens.issue("alice").await.is_err());
    error.source().expect("says what is wrong").to_string()
}

/// The database and what SQLite keeps beside it.
fn rename(from: &Path, to: &Path) {
    for tail in ["", "-wal", "-shm"] {
        let with = |path: &Path| format!("{}{tail}", path.display());
        fs::rename(with(from), with(to)).unwrap();
    }
}

#[tokio::test]
async fn nothing_is_acknowledged_that_is_written_to_a_file_that_is_gone() {
    let databases = Databases::new();
    let (path, aside) = (databases.path(), databases.path());
    SqliteStore::migrate(&path).unwrap();
    let tokens = authority(SqliteStore::open(&path).unwrap());
    tokens.issue("alice").await.unwrap();
    rename(&path, &aside);
    let error = said(&tokens).await;
    assert!(error.contains("found none"), "{error}");
    SqliteStore::migrate(&path).unwrap();
    let error = said(&tokens).await;
    assert!(error.contains("found another one"), "{error}");
    fs::remove_file(&path).unwrap();
    rename(&aside, &path);
    assert_eq!(tokens.revoke_all(&"alice".into()).await.unwrap(), 1);
}

#[tokio::test]
async fn all_its_files_are_open_before_the_first_look_up() {
    let databases = Databases::new();
    let path = databases.path();
    SqliteStore::migrate(&path).unwrap();
    let tokens = authority(SqliteStore::open(&path).unwrap());
    rename(&path, &databases.path());
    assert!(tokens.sessions(&"alice".into()).await.unwrap().is_empty());
}

#[tokio::test]
async fn a_log_that_grew_beside_a_long_look_shrinks_once_that_has_ended() {
    const LARGEST: u64 = 16 << 20;
    let databases = Databases::new();
    let path = databases.path();
    SqliteStore::migrate(&path).unwrap();
    let tokens = authority(SqliteStore::open(&path).unwrap());
    let log = || {
        fs::metadata(format!("{}-wal", path.display()))
            .unwrap()
            .len()
    };
    let looking = Connection::open(&path).unwrap();
    looking
        .execute_batch("BEGIN; SELECT count(*) FROM tet_tokens")
        .unwrap();
    while log() <= LARGEST {
        let label = "x".repeat(4_000);
        let issued = (0..64).map(|_| tokens.issue("alice").label(&label).into_future());
        join_all(issued)
            .await
            .into_iter()
            .for_each(|issued| drop(issued.unwrap()));
    }
    looking.execute_batch("COMMIT").unwrap();
    for _ in 0..3 {
        tokens.issue("alice").await.unwrap();
    }
    assert!(log() <= LARGEST, "{} bytes are left", log());
}
