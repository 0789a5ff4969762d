//! No password and no seed stands in what may come to a log.

use std::time::Duration;

use tower_expiring_token::{IssuingStore, PostgresStore, Seed, TokenRecord};

use super::{migrated, of, times, whole};
use crate::support::server::postgres::{self, LOCKED};
use crate::support::tokens::{ADD, login, session};

const PASSWORD: &str = "correct-horse";

fn keeps_it(text: &str) {
    assert!(!text.contains("horse"), "{text}");
}

#[tokio::test]
async fn errors_and_debug_say_what_is_wrong_without_the_password() {
    let database = postgres::shared();
    let create = format!(
        "DROP ROLE IF EXISTS {LOCKED}; CREATE ROLE {LOCKED} LOGIN SUPERUSER PASSWORD '{PASSWORD}'"
    );
    database.psql(&create);
    let url = database.url_of(LOCKED, PASSWORD);
    PostgresStore::migrate(&url).await.unwrap();
    let store = PostgresStore::connect(&url).await.unwrap();
    keeps_it(&format!("{store:?} {:?}", PostgresStore::builder(&url)));

    let port = url
        .split(':')
        .next_back()
        .and_then(|rest| rest.split('/').next())
        .unwrap();
    let wrong = [
        url.replace(PASSWORD, "wrong-horse"),
        format!("postgres://{LOCKED}:{PASSWORD}@127.0.0.1:1/none"),
        format!("postgres://{LOCKED}:{PASSWORD}@127.0.0.1:{port}/none"),
        format!("postgres://{LOCKED}:{PASSWORD}/x@127.0.0.1:{port}/postgres"),
        format!("postgres://{LOCKED}:{PASSWORD}?x@127.0.0.1:{port}/postgres"),
        format!("postgres://{LOCKED}:{PASSWORD}@127.0.0.1:{port}/postgres?sslmode={PASSWORD}"),
        format!("user={LOCKED} password={PASSWORD}' port={port}"),
        format!("{PASSWORD}:{PASSWORD}"),
    ];
    for url in wrong {
        let builder = || PostgresStore::builder(&url).time_out(Duration::from_secs(5));
        for error in [
            builder().connect().await.map(drop).unwrap_err(),
            builder().migrate().await.unwrap_err(),
        ] {
            let text = whole(&error);
            assert!(text.len() > 60, "{text}");
            keeps_it(&text);
            keeps_it(&format!("{error:?}"));
        }
    }
}

#[tokio::test]
async fn an_error_quotes_no_row() {
    let database = postgres::shared();
    let store = migrated(&database, |builder| builder).await;
    database.psql("ALTER TABLE expiring_tokens.token ADD CHECK (subject <> 'mallory')");
    let mut login = login(of("mallory", 1), "mallory", 1, times());
    let record = TokenRecord::builder("access", session(1), "mallory", times());
    login.access.record = record.seed(Some(Seed::from_bytes([0xAB; 32]))).build();
    let error = store.insert(login, ADD).await.unwrap_err();
    let text = format!("{} {error:?}", whole(&error));
    assert!(text.contains("check constraint"), "{text}");
    assert!(!text.to_lowercase().contains("abababab"), "{text}");
}
