//! `kill -9` of the server under load.

use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use tokio::time::sleep;
use tower_expiring_token::{BearerToken, IssuedToken, PostgresStore, Reason, TokenAuthority};

use super::{authority, migrated};
use crate::support::server::postgres::Postgres;

type Tokens = TokenAuthority<PostgresStore>;

/// What was acknowledged, and how many answers there were.
#[derive(Default)]
struct Seen {
    /// Logins that nobody has tried to end.
    live: Mutex<Vec<IssuedToken>>,
    /// Logouts.
    ended: Mutex<Vec<IssuedToken>>,
    logins: AtomicU64,
    look_ups: AtomicU64,
    over: AtomicBool,
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn no_acknowledged_logout_or_login_is_lost_in_three_crashes_under_load() {
    let mut server = Postgres::start(&[]);
    let database = server.database();
    assert_eq!(database.psql("SHOW fsync"), "on");
    let tokens = authority(migrated(&database, |builder| builder).await);
    let seen = Arc::new(Seen::default());
    let mut users = Vec::new();
    for user in 0..6 {
        users.push(tokio::spawn(use_it(
            tokens.clone(),
            Arc::clone(&seen),
            user,
        )));
    }
    for _ in 0..3 {
        let enough = seen.logins.load(Ordering::Relaxed) + 30;
        while seen.logins.load(Ordering::Relaxed) < enough {
            sleep(Duration::from_millis(5)).await;
        }
        server.kill9();
        sleep(Duration::from_millis(100)).await;
        server.restart();
    }
    seen.over.store(true, Ordering::Relaxed);
    for user in users {
        user.await.unwrap();
    }
    assert!(seen.look_ups.load(Ordering::Relaxed) > 100);
    let ended = std::mem::take(&mut *seen.ended.lock().unwrap());
    assert!(ended.len() > 20, "{}", ended.len());
    for token in &ended {
        assert_eq!(reason(&tokens, token).await, Some(Reason::UnknownToken));
    }
    let live = std::mem::take(&mut *seen.live.lock().unwrap());
    assert!(live.len() > 20, "{}", live.len());
    for token in &live {
        assert_eq!(reason(&tokens, token).await, None);
    }
}

/// Logs in, calls, and logs every other login out, by each of three ways.
async fn use_it(tokens: Tokens, seen: Arc<Seen>, user: u64) {
    let mut number = user;
    while !seen.over.load(Ordering::Relaxed) {
        number += 6;
        let Ok(issued) = tokens.issue(format!("user {number}")).await else {
            continue;
        };
        seen.logins.fetch_add(1, Ordering::Relaxed);
        let reason = reason(&tokens, &issued).await;
        assert!(
            matches!(reason, None | Some(Reason::StoreUnavailable)),
            "a login that was just acknowledged: {reason:?}"
        );
        seen.look_ups.fetch_add(1, Ordering::Relaxed);
        let subject = issued.record().subject();
        let ended = match number / 6 % 6 {
            0 => {
                let token = BearerToken::parse(issued.secret()).unwrap();
                tokens.revoke(&token).await.is_ok()
            }
            1 => tokens
                .revoke_session(subject, issued.session())
                .await
                .is_ok(),
            2 => tokens.revoke_all(subject).await.is_ok(),
            _ => {
                seen.live.lock().unwrap().push(issued);
                continue;
            }
        };
        // Of a logout that was not acknowledged nothing is known.
        if ended {
            seen.ended.lock().unwrap().push(issued);
        }
    }
}

/// Why a token is refused, if it is, once the server can say.
async fn reason(tokens: &Tokens, issued: &IssuedToken) -> Option<Reason> {
    let token = BearerToken::parse(issued.secret()).unwrap();
    let refused = tokens.authenticate(&token).await.err();
    refused.map(|rejection| rejection.reason().clone())
}
