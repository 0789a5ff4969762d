//! The schema: made by whom it may, found by everybody else.

use std::fs;
use std::path::Path;

use tower_expiring_token::{IssuingStore, PostgresStore, Subject, TokenStore};

use super::{migrated, of, times, whole};
use crate::support::server::postgres;
use crate::support::tokens::{ADD, login};

async fn refusal(url: &str) -> String {
    whole(&PostgresStore::connect(url).await.unwrap_err())
}

#[tokio::test]
async fn connect_says_which_version_it_expected_and_found_and_what_to_do() {
    let database = postgres::shared();
    let missing = refusal(&database.url()).await;
    assert!(
        missing.contains("expected version 1 of the schema expiring_tokens, found no such schema"),
        "{missing}"
    );
    assert!(missing.contains("call `migrate`"), "{missing}");
    PostgresStore::migrate(&database.url()).await.unwrap();
    PostgresStore::connect(&database.url()).await.unwrap();

    database.psql("UPDATE expiring_tokens.version SET version = 0, serves_from = 0");
    let old = refusal(&database.url()).await;
    assert!(old.contains("found 0: call `migrate`"), "{old}");

    database.psql("UPDATE expiring_tokens.version SET version = 2, serves_from = 1");
    PostgresStore::connect(&database.url()).await.unwrap();

    database.psql("UPDATE expiring_tokens.version SET version = 3, serves_from = 2");
    let new = refusal(&database.url()).await;
    let expected = "expected version 1 of the schema expiring_tokens, found 3, which serves 2 and \
        later: update tower-expiring-token";
    assert!(new.contains(expected), "{new}");

    database.psql("DELETE FROM expiring_tokens.version");
    let none = refusal(&database.url()).await;
    assert!(none.contains("found none: call `migrate`"), "{none}");
}

#[tokio::test]
async fn a_store_works_on_with_the_next_version_whose_table_has_one_more_column() {
    let (database, store) = super::store().await;
    let keep = async |store: &PostgresStore, number| {
        let login = login(of("alice", number), "alice", number, times());
        store.insert(login, ADD).await
    };
    keep(&store, 1).await.unwrap();
    database.psql(
        "ALTER TABLE expiring_tokens.token ADD COLUMN tenant text;
         UPDATE expiring_tokens.version SET version = 2, serves_from = 1",
    );
    // A statement that was prepared before may fail, on each connection once.
    for _ in 0..4 {
        let _ = keep(&store, 2).await;
    }
    keep(&store, 2).await.unwrap();
    assert_eq!(store.list(&Subject::new("alice")).await.unwrap().len(), 2);
    let later = PostgresStore::connect(&database.url()).await.unwrap();
    keep(&later, 3).await.unwrap();
    assert!(later.find(&of("alice", 3)).await.unwrap().is_some());
}

#[tokio::test(flavor = "multi_thread")]
async fn several_nodes_may_migrate_at_once_and_again() {
    let database = postgres::shared();
    let nodes = (0..8).map(|_| {
        let url = database.url();
        tokio::spawn(async move { PostgresStore::migrate(&url).await })
    });
    for node in nodes.collect::<Vec<_>>() {
        node.await.unwrap().unwrap();
    }
    let store = PostgresStore::connect(&database.url()).await.unwrap();
    let login = login(of("alice", 1), "alice", 1, times());
    store.insert(login, ADD).await.unwrap();
    PostgresStore::migrate(&database.url()).await.unwrap();
    assert!(store.find(&of("alice", 1)).await.unwrap().is_some());
}

#[tokio::test]
async fn psql_makes_the_schema_from_the_file_and_a_role_without_rights_to_create_uses_it() {
    let database = postgres::shared();
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("..");
    let file = root.join("src/store/postgres/migration/0001_tokens.sql");
    let sql = fs::read_to_string(file).unwrap();
    database.psql(&sql);
    database.psql("CREATE ROLE service LOGIN");
    let url = database.url_of("service", "unread");
    let refused = refusal(&url).await;
    assert!(refused.contains("run the GRANT statements"), "{refused}");
    let lines = sql.lines().filter_map(|line| line.strip_prefix("--   "));
    let grants: Vec<&str> = lines.filter(|line| line.starts_with("GRANT")).collect();
    database.psql(&grants[..2].concat());
    let refused = refusal(&url).await;
    assert!(refused.contains("run the GRANT statements"), "{refused}");

    database.psql("GRANT SELECT ON expiring_tokens.token TO service");
    let store = PostgresStore::connect(&url).await.unwrap();
    assert!(store.find(&of("alice", 1)).await.unwrap().is_none());
    let refused = store.remove(&of("alice", 1)).await.unwrap_err();
    let refused = whole(&refused);
    assert!(refused.contains("run the GRANT statements"), "{refused}");

    database.psql(grants[2]);
    let store = PostgresStore::connect(&url).await.unwrap();
    let login = login(of("alice", 1), "alice", 1, times());
    store.insert(login, ADD).await.unwrap();
    let removed = store.remove_subject(&Subject::new("alice"), None).await;
    assert_eq!(removed.unwrap(), 1);
    PostgresStore::migrate(&url).await.unwrap();
}

#[tokio::test]
async fn schemas_of_other_names_lie_side_by_side() {
    let database = postgres::shared();
    let one = migrated(&database, |builder| builder.schema("tenant_1")).await;
    let two = migrated(&database, |builder| builder.schema("tenant_2")).await;
    let digest = of("alice", 1);
    let login = login(digest, "alice", 1, times());
    one.insert(login, ADD).await.unwrap();
    assert!(one.find(&digest).await.unwrap().is_some());
    assert!(two.find(&digest).await.unwrap().is_none());
    for name in ["", "Tokens", "to kens", "7", "a;b", &"a".repeat(64)] {
        let builder = PostgresStore::builder(&database.url()).schema(name);
        let refused = whole(&builder.connect().await.unwrap_err());
        assert!(refused.contains("expected a schema's name"), "{refused}");
    }
}
