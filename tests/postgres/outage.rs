//! Servers that are gone, hang, and come back.

use std::future::IntoFuture;
use std::process::Command;
use std::time::Duration;

use futures_util::future::join_all;
use tokio::time::timeout;
use tower_expiring_token::{BearerToken, PostgresStore, Reason, TokenAuthority};

use super::{authority, migrated};
use crate::support::house::changed;
use crate::support::server::postgres::{self, Postgres};
use crate::support::silence::Network;

type Tokens = TokenAuthority<PostgresStore>;

/// Why a token is refused, if it is.
async fn reason(tokens: &Tokens, secret: &str) -> Option<Reason> {
    let token = BearerToken::parse(secret).unwrap();
    let verdict = timeout(Duration::from_secs(60), tokens.authenticate(&token)).await;
    let refused = verdict.expect("an answer comes").err();
    refused.map(|rejection| rejection.reason().clone())
}

#[tokio::test(flavor = "multi_thread")]
async fn while_the_server_is_gone_nobody_is_let_in_or_sent_away_and_then_all_is_as_before() {
    let mut server = Postgres::start(&[]);
    let brief =
        |builder: tower_expiring_token::PostgresBuilder| builder.time_out(Duration::from_secs(1));
    let tokens = authority(migrated(&server.database(), brief).await);
    let issued = tokens.issue("alice").await.unwrap();
    for _ in 0..2 {
        assert_eq!(reason(&tokens, issued.secret()).await, None);
        server.kill9();
        let all = (0..200).map(|_| reason(&tokens, issued.secret()));
        for reason in join_all(all).await {
            assert_eq!(reason, Some(Reason::StoreUnavailable));
        }
        let garbage = changed(issued.secret());
        assert_eq!(reason(&tokens, &garbage).await, Some(Reason::UnknownToken));
        assert!(tokens.issue("alice").await.is_err());
        assert!(tokens.revoke_all(issued.record().subject()).await.is_err());
        server.restart();
        assert_eq!(reason(&tokens, issued.secret()).await, None);
        tokens.issue("bob").await.unwrap();
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn where_the_server_takes_no_further_connection_those_that_are_there_look_up_for_all() {
    let database = postgres::shared();
    PostgresStore::migrate(&database.url()).await.unwrap();
    database.psql(
        "CREATE ROLE crowded LOGIN;
        GRANT USAGE ON SCHEMA expiring_tokens TO crowded;
        GRANT ALL ON ALL TABLES IN SCHEMA expiring_tokens TO crowded",
    );
    let builder = PostgresStore::builder(&database.url_of("crowded", "unread"));
    let tokens = authority(builder.connect().await.unwrap());
    let issued = tokens.issue("alice").await.unwrap();
    assert_eq!(reason(&tokens, issued.secret()).await, None);
    let open = "SELECT count(*) FROM pg_stat_activity WHERE usename = 'crowded'";
    let open = database.psql(open);
    database.psql(&format!("ALTER ROLE crowded CONNECTION LIMIT {open}"));
    let all = (0..200).map(|_| reason(&tokens, issued.secret()));
    for reason in join_all(all).await {
        assert_eq!(reason, None);
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn connections_whose_answers_are_overdue_are_replaced() {
    let database = postgres::shared();
    let brief =
        |builder: tower_expiring_token::PostgresBuilder| builder.time_out(Duration::from_secs(1));
    let tokens = authority(migrated(&database, brief).await);
    let issued = tokens.issue("alice").await.unwrap();
    // So that each connection for look-ups is there.
    join_all((0..20).map(|_| reason(&tokens, issued.secret()))).await;
    let ids = database.psql(
        "SELECT pid FROM pg_stat_activity WHERE datname = current_database()
            AND application_name LIKE 'tower-expiring-token%'",
    );
    let ids: Vec<&str> = ids.lines().collect();
    assert!(ids.len() >= 3, "{ids:?}");
    // They neither answer nor close, as behind a network that loses everything.
    signal("STOP", &ids);
    let all = (0..20).map(|_| reason(&tokens, issued.secret()));
    let reasons = join_all(all).await;
    assert!(
        reasons.contains(&Some(Reason::StoreUnavailable)),
        "{reasons:?}"
    );
    let answers = async || {
        let all = (0..20).map(|_| reason(&tokens, issued.secret()));
        join_all(all).await.iter().all(Option::is_none)
    };
    while !answers().await {}
    while tokens.issue("bob").await.is_err() {}
    signal("CONT", &ids);
}

#[tokio::test(flavor = "multi_thread")]
async fn silent_connections_are_replaced_though_no_caller_waits_for_that() {
    let database = postgres::shared();
    let network = Network::to(database.port()).await;
    let own = database.port().to_string();
    let url = database.url().replace(&own, &network.port().to_string());
    PostgresStore::migrate(&database.url()).await.unwrap();
    let store = PostgresStore::builder(&url)
        .time_out(Duration::from_secs(1))
        .lookup_connections(1);
    let tokens = authority(store.connect().await.unwrap());
    let issued = tokens.issue("alice").await.unwrap();
    // So that all connections for writes are there.
    join_all((0..20).map(|_| tokens.issue("alice").into_future())).await;
    network.forget();
    let patience = Duration::from_millis(100);
    let looks_up = async || {
        let token = BearerToken::parse(issued.secret()).unwrap();
        matches!(
            timeout(patience, tokens.authenticate(&token)).await,
            Ok(Ok(_))
        )
    };
    let logs_in = async || {
        let issuing = tokens.issue("bob").into_future();
        matches!(timeout(patience, issuing).await, Ok(Ok(_)))
    };
    let healed = async {
        while !looks_up().await {}
        while !logs_in().await {}
    };
    let healed = timeout(Duration::from_secs(30), healed).await;
    healed.expect("connections that answer nobody are found out");
}

#[tokio::test(flavor = "multi_thread")]
async fn commits_that_wait_for_a_standby_that_is_away_pile_up_no_connections() {
    let server = Postgres::start(&[]);
    let database = server.database();
    let brief =
        |builder: tower_expiring_token::PostgresBuilder| builder.time_out(Duration::from_secs(1));
    let tokens = authority(migrated(&database, brief).await);
    tokens.issue("alice").await.unwrap();
    database.psql("ALTER SYSTEM SET synchronous_standby_names = 'nobody'");
    database.psql("SELECT pg_reload_conf()");
    // Connections hear of it a moment later; one that waits has, and the others by then.
    while tokens.issue("alice").await.is_ok() {}
    for round in 0..6 {
        let login = |user: usize| tokens.issue(format!("{round} {user}")).into_future();
        for refused in join_all((0..8).map(login)).await {
            assert!(refused.is_err());
        }
    }
    // What was given up last may still be ending.
    let waiting = "SELECT count(*) FROM pg_stat_activity WHERE wait_event = 'SyncRep'";
    let waiting: usize = database.psql(waiting).parse().unwrap();
    assert!(waiting <= 8, "{waiting} backends wait for a standby");
    database.psql("ALTER SYSTEM RESET synchronous_standby_names");
    database.psql("SELECT pg_reload_conf()");
    while tokens.issue("bob").await.is_err() {}
}

fn signal(signal: &str, ids: &[&str]) {
    let mut kill = Command::new("kill");
    let sent = kill.arg(format!("-{signal}")).args(ids).status();
    assert!(sent.unwrap().success());
}
