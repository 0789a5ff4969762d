//! Redis: look-ups beside `redis-benchmark`, logins and uses, and look-ups while half of all tokens
//! are purged.

mod look_ups;
mod server;
mod writes;

use std::sync::Arc;

use tokio::runtime::{Builder, Runtime};
use tower_expiring_token::{IssuingStore, RedisStore, TokenDigest};

use self::server::Server;
use crate::purge;
use crate::table::Budget;
use crate::tokens::{ADD, DAY, digest, login, now};

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
    let lasting = digests(100_000, 1);
    let (purge, budget) = purge::measure("Redis", &runtime, &store, &lasting, now() + 2 * DAY);
    purge.print();
    budgets.push(budget);
    Budget::table(&budgets).print();
}

/// As a service has it: a worker on each core.
fn runtime() -> Runtime {
    let runtime = Builder::new_multi_thread().enable_all().build();
    runtime.expect("a runtime can be had")
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
