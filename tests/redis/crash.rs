//! What a server that was killed has lost: nothing that it had acknowledged.

use std::collections::HashMap;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use tokio::time::sleep;
use tower_expiring_token::{IssuingStore, RedisStore, TokenDigest, TokenStore};

use super::{on, times, until};
use crate::support::server::redis::{Redis, prefix};
use crate::support::tokens::{ADD, foreign, login, own};

/// What was acknowledged of each token: that it is there, or that it is not.
type Acknowledged = Arc<Mutex<HashMap<TokenDigest, bool>>>;

#[tokio::test(flavor = "multi_thread")]
async fn no_acknowledged_login_or_logout_is_lost_when_the_server_is_killed() {
    let mut server = Redis::start(&["appendonly yes", "appendfsync always"]);
    let store = on(&server, &prefix()).await;
    assert_eq!(store.warnings(), [] as [String; 0]);
    let acknowledged = Acknowledged::default();
    let next = Arc::new(AtomicU64::new(0));
    for _ in 0..3 {
        let stop = Arc::new(AtomicBool::new(false));
        let callers: Vec<_> = (0..8)
            .map(|_| {
                let (store, next) = (store.clone(), Arc::clone(&next));
                let (stop, acknowledged) = (Arc::clone(&stop), Arc::clone(&acknowledged));
                tokio::spawn(async move {
                    while !stop.load(Ordering::Relaxed) {
                        let number = next.fetch_add(1, Ordering::Relaxed);
                        come_and_go(&store, number, &acknowledged).await;
                    }
                })
            })
            .collect();
        sleep(Duration::from_millis(500)).await;
        server.kill9();
        sleep(Duration::from_millis(100)).await;
        stop.store(true, Ordering::Relaxed);
        for caller in callers {
            caller
                .await
                .expect("answers are Ok or StoreError, never a panic");
        }
        server.restart();
        until("the store works again", async || {
            store.find(&foreign(0)).await.is_ok()
        })
        .await;
        let acknowledged = acknowledged.lock().unwrap().clone();
        assert!(acknowledged.len() > 100, "there was a load");
        for (digest, is_there) in acknowledged {
            let found = store.find(&digest).await.unwrap().is_some();
            assert_eq!(found, is_there, "{digest}");
        }
    }
}

/// Logs in, and, two times of three, out again.
async fn come_and_go(store: &RedisStore, number: u64, acknowledged: &Acknowledged) {
    let subject = format!("user {}", number % 50);
    let digest = own(&subject, number);
    let know = |what| {
        let mut acknowledged = acknowledged.lock().unwrap();
        match what {
            Some(is_there) => acknowledged.insert(digest, is_there),
            // Who knows.
            None => acknowledged.remove(&digest),
        };
    };
    let new = login(digest, &subject, number, times());
    if store.insert(new, ADD).await.is_err() {
        return;
    }
    know(Some(true));
    if number.is_multiple_of(3) {
        return;
    }
    know(None);
    if store.remove(&digest).await.is_ok() {
        know(Some(false));
    }
}
