//! The tables: made by a call of its own, checked at the start, and no other table is touched.

use std::error::Error;
use std::path::Path;
use std::sync::Barrier;
use std::thread;
use std::time::Duration;

use rusqlite::Connection;
use tower_expiring_token::{BearerToken, Lifetime, SqliteStore, TokenAuthority};

use crate::support::database::{Databases, run};

const FIRST: &str = include_str!("../../src/store/sqlite/migrations/0001_tokens.sql");

/// Whether a token can be issued, used and revoked.
async fn works(store: SqliteStore) -> bool {
    let builder = TokenAuthority::builder(store).expiry(Lifetime::hours(1));
    let tokens = builder.build().unwrap();
    let issued = tokens.issue("alice").await.unwrap();
    let token = BearerToken::parse(issued.secret()).unwrap();
    tokens.authenticate(&token).await.unwrap();
    tokens.revoke(&token).await.unwrap()
}

/// What is said to somebody who opens a store there.
fn refusal(path: &Path) -> String {
    SqliteStore::open(path).unwrap_err().to_string()
}

fn number(path: &Path, sql: &str) -> i64 {
    let connection = Connection::open(path).unwrap();
    connection.query_row(sql, [], |row| row.get(0)).unwrap()
}

#[tokio::test]
async fn without_a_file_or_tables_it_is_said_what_to_call() {
    let databases = Databases::new();
    let path = databases.path();
    let refused = refusal(&path);
    assert!(
        refused.contains("found no file: call `SqliteStore::migrate` first"),
        "{refused}"
    );
    assert!(!path.exists(), "it makes none");

    let users = databases.create(&["alice"]);
    let refused = refusal(&users);
    assert!(
        refused.contains(
            "expected the tables of tokens, version 1 with the prefix \"tet_\", found none"
        ),
        "{refused}"
    );
    assert!(refused.contains(users.to_str().unwrap()), "{refused}");

    SqliteStore::migrate(&users).unwrap();
    assert!(works(SqliteStore::open(&users).unwrap()).await);
    let other = SqliteStore::builder(&users).prefix("other_");
    let refused = other.open().unwrap_err().to_string();
    assert!(
        refused.contains("prefix \"other_\", found none"),
        "{refused}"
    );
}

#[tokio::test]
async fn a_migration_leaves_the_rest_of_the_file_as_it_is() {
    let databases = Databases::new();
    let path = databases.create(&["alice", "bob"]);
    Connection::open(&path)
        .unwrap()
        .pragma_update(None, "user_version", 42)
        .unwrap();
    for _ in 0..3 {
        SqliteStore::migrate(&path).unwrap();
    }
    assert!(works(SqliteStore::open(&path).unwrap()).await);
    assert_eq!(
        number(&path, "SELECT user_version FROM pragma_user_version"),
        42
    );
    assert_eq!(number(&path, "SELECT count(*) FROM users"), 2);
    assert_eq!(number(&path, "SELECT count(*) FROM tet_schema"), 1);
}

#[test]
fn migrations_at_once_wait_for_each_other() {
    const NODES: usize = 6;
    let databases = Databases::new();
    for _ in 0..50 {
        let path = databases.path();
        let start = Barrier::new(NODES);
        thread::scope(|scope| {
            for _ in 0..NODES {
                scope.spawn(|| {
                    start.wait();
                    SqliteStore::migrate(&path).unwrap();
                    SqliteStore::open(&path).unwrap();
                });
            }
        });
        assert_eq!(number(&path, "SELECT count(*) FROM tet_schema"), 1);
    }
}

#[tokio::test]
async fn stores_with_prefixes_of_their_own_share_a_file_and_nothing_else() {
    let databases = Databases::new();
    let path = databases.path();
    let stores = ["", "_", "a1_", "Tet_tokens"].map(|prefix| {
        let builder = SqliteStore::builder(&path);
        let builder = if prefix.is_empty() {
            builder
        } else {
            builder.prefix(prefix)
        };
        builder.migrate().unwrap();
        builder.open().unwrap()
    });
    for store in &stores {
        assert!(works(store.clone()).await);
    }
    let one = TokenAuthority::builder(stores[0].clone())
        .expiry(Lifetime::hours(1))
        .build()
        .unwrap();
    let other = TokenAuthority::builder(stores[1].clone())
        .expiry(Lifetime::hours(1))
        .build()
        .unwrap();
    let issued = one.issue("alice").await.unwrap();
    let token = BearerToken::parse(issued.secret()).unwrap();
    assert!(one.authenticate(&token).await.is_ok());
    assert!(other.authenticate(&token).await.is_err());
}

#[test]
fn a_prefix_that_can_not_be_one_is_refused() {
    let databases = Databases::new();
    let long = "x".repeat(33);
    for prefix in [
        "", "1_", "a b", "a\"; --", "sqlite_", "SQLite_x", "ä_", &long,
    ] {
        let builder = SqliteStore::builder(databases.path()).prefix(prefix);
        for refused in [builder.migrate().unwrap_err(), builder.open().unwrap_err()] {
            let refused = refused.to_string();
            assert!(
                refused.starts_with("expected a prefix of at most 32"),
                "{refused}"
            );
        }
    }
}

#[tokio::test]
async fn the_sql_files_may_be_run_by_any_other_tool() {
    let databases = Databases::new();
    let path = databases.create(&[]);
    Connection::open(&path)
        .unwrap()
        .execute_batch(FIRST)
        .unwrap();
    assert!(works(SqliteStore::open(&path).unwrap()).await);
    SqliteStore::migrate(&path).unwrap();
    assert_eq!(number(&path, "SELECT count(*) FROM tet_schema"), 1);
}

#[tokio::test]
async fn this_version_runs_with_the_tables_of_the_next_and_refuses_those_after() {
    let databases = Databases::new();
    let path = databases.path();
    SqliteStore::migrate(&path).unwrap();
    let before = SqliteStore::open(&path).unwrap();
    run(&path, "ALTER TABLE tet_tokens ADD COLUMN thumbprint BLOB");
    run(&path, "INSERT INTO tet_schema (version) VALUES (2)");
    assert!(works(before.clone()).await, "one that runs already");
    assert!(works(SqliteStore::open(&path).unwrap()).await);
    SqliteStore::migrate(&path).unwrap();

    run(&path, "INSERT INTO tet_schema (version) VALUES (3)");
    let expected = "expected the tables of tokens in version 1 or 2, found 3";
    let refused = refusal(&path);
    assert!(
        refused.contains(expected) && refused.contains("use that one"),
        "{refused}"
    );
    let refused = SqliteStore::migrate(&path).unwrap_err().to_string();
    assert!(refused.contains(expected), "{refused}");
    assert!(works(before).await);
}

#[test]
fn what_is_no_database_on_a_disk_is_refused_with_its_reason() {
    let databases = Databases::new();
    let path = databases.path();
    std::fs::write(&path, "to whom it may concern").unwrap();
    for error in [
        SqliteStore::open(&path).unwrap_err(),
        SqliteStore::migrate(&path).unwrap_err(),
    ] {
        let cause = error.source().unwrap().to_string();
        assert!(cause.contains("not a database"), "{error}: {cause}");
    }
    let nowhere = path.with_file_name("no such folder").join("tokens.sqlite");
    let refused = SqliteStore::migrate(&nowhere).unwrap_err().to_string();
    assert!(
        refused.contains("check the path and its rights"),
        "{refused}"
    );

    for memory in [":memory:", ""] {
        let refused = SqliteStore::migrate(memory).unwrap_err().to_string();
        assert!(
            refused.contains("use `SqliteStore::in_memory`"),
            "{refused}"
        );
    }
}

#[test]
fn any_patience_will_do() {
    let databases = Databases::new();
    let path = databases.path();
    SqliteStore::migrate(&path).unwrap();
    let store = SqliteStore::builder(&path).patience(Duration::MAX).open();
    assert!(store.is_ok());
}
