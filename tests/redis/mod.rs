//! Tokens in Redis.

mod contract;
mod crash;
mod foreign;
mod keys;
mod outage;
mod runtimes;
mod secrets;
mod sentinel;
mod settings;
mod tls;
mod watch;

use std::error::Error;
use std::time::Duration;

use tokio::time::sleep;
use tower_expiring_token::{Change, RedisStore, StoreError, TokenTimes, Watch};

use crate::support::server::PATIENCE;
use crate::support::server::redis::{self, Redis};
use crate::support::tokens::at;

/// A store without any token, on the server that all tests share.
async fn empty() -> RedisStore {
    on(redis::shared(), &redis::prefix()).await
}

/// A store on a server.
async fn on(server: &Redis, prefix: &str) -> RedisStore {
    let store = RedisStore::builder(&server.url()).prefix(prefix);
    store.connect().await.unwrap()
}

/// Issued at 0, ends at 600.
fn times() -> TokenTimes {
    TokenTimes::fixed(at(0), at(600))
}

/// Looks until it is so.
async fn until(what: &str, mut is_so: impl AsyncFnMut() -> bool) {
    for _ in 0..PATIENCE {
        if is_so().await {
            return;
        }
        sleep(Duration::from_millis(10)).await;
    }
    panic!("not so, however long one waits: {what}");
}

/// Hears changes until one is `wanted`.
async fn hear(watch: &mut dyn Watch, wanted: impl Fn(&Change) -> bool) {
    let heard = async { while !wanted(&watch.next().await) {} };
    let in_time = tokio::time::timeout(Duration::from_secs(30), heard).await;
    in_time.expect("it is told");
}

/// An error and all of its causes.
fn told(error: &StoreError) -> String {
    let mut told = error.to_string();
    let mut source = error.source();
    while let Some(cause) = source {
        told = format!("{told}: {cause}");
        source = cause.source();
    }
    told
}
