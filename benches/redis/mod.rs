//! Redis: look-ups beside `redis-benchmark`, logins and uses, and look-ups while half of all tokens
//! are purged.

mod look_ups;
mod purge;
mod server;
mod writes;

use std::sync::Arc;

use tokio::runtime::{Builder, Runtime};
use tokio::task::JoinSet;
use tower_expiring_token::{IssuingStore, RedisStore, TokenDigest};

use self::server::Server;
use crate::table::Budget;
use crate::tokens::{ADD, digest, login};

const TOKENS: u64 = 1_000_000;

pub(crate) fn measure() {
    let server = Server::start();
    let runtime = runtime();
    let store = runtime.block_on(RedisStore::connect(&server.url()));
    let store = store.expect("the server is there");
    eprintln!("filling Redis with {TOKENS} tokens");
    let empty = server.memory();
    writes::fill(&runtime, &store);
    let bytes = (server.memory() - empty) / TOKENS as f64;
    let (look_ups, mut budgets) = look_ups::measure(&server, &runtime, &store);
    look_ups.print();
    println!("Redis: bytes of the server's memory a token: {bytes:.0}\n");
    writes::measure(&server, &runtime, &store).print();
    let (purge, budget) = purge::measure(&runtime, &store);
    purge.print();
    budgets.push(budget);
    Budget::table(&budgets).print();
}

/// As a service has it: a worker on each core.
fn runtime() -> Runtime {
    let runtime = Builder::new_multi_thread().enable_all().build();
    runtime.expect("a runtime can be had")
}

/// So many callers at once, each of which makes its calls one after the other.
async fn together<F>(callers: u64, call: impl Fn(RedisStore, u64) -> F, store: &RedisStore)
where
    F: Future<Output = ()> + Send + 'static,
{
    let mut all = JoinSet::new();
    for caller in 0..callers {
        all.spawn(call(store.clone(), caller));
    }
    all.join_all().await;
}

async fn insert(store: &RedisStore, number: u64) {
    let inserted = store.insert(login(number), ADD).await;
    inserted.expect("the server takes it");
}

/// Some of all tokens, in an order of no meaning.
fn digests(count: u64, remainder: u64) -> Arc<[TokenDigest]> {
    let numbers = (0..count).map(|number| number * 7_919 % (TOKENS / 2) * 2 + remainder);
    numbers.map(digest).collect()
}
