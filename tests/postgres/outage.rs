//! Servers that are gone, hang, and come back.

use std::process::Command;
use std::time::Duration;

use futures_util::future::join_all;
use tokio::time::timeout;
use tower_expiring_token::{BearerToken, PostgresStore, Reason, TokenAuthority};

use super::{authority, migrated};
use crate::support::house::changed;
use crate::support::server::postgres::{self, Postgres};

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

fn signal(signal: &str, ids: &[&str]) {
    let mut kill = Command::new("kill");
    let sent = kill.arg(format!("-{signal}")).args(ids).status();
    assert!(sent.unwrap().success());
}
