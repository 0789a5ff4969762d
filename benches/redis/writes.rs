use std::ops::Range;

use tokio::runtime::Runtime;
use tower_expiring_token::{RedisStore, TokenStore, Touch};

use super::server::Server;
use super::{TOKENS, digests, insert};
use crate::callers::together;
use crate::table::{Table, number};
use crate::time;
use crate::tokens::{DAY, now};

const CALLERS: u64 = 64;
const LOGINS: u64 = 64_000;
const TOUCHES: u64 = 128_000;
/// As uses are written behind.
const BATCH: usize = 256;

pub(super) fn fill(runtime: &Runtime, store: &RedisStore) {
    log_in(runtime, store, 0..TOKENS);
}

/// What is acknowledged a second by a server that keeps nothing on disk.
pub(super) fn measure(server: &Server, runtime: &Runtime, store: &RedisStore) -> Table {
    let set = ["SET", "value:__rand_int__", "x"];
    let native = server.benchmark(CALLERS, 200_000, &set);
    let head = ["", "a second", "beside redis-benchmark SET"];
    let mut table = Table::new("Redis: writes", &head);
    let mut row = |name: String, rate: f64| {
        table.row([name, number(rate, 0), number(rate / native, 2)]);
    };
    row(format!("redis-benchmark SET, {CALLERS} at once"), native);
    let nanos = time::once(|| log_in(runtime, store, TOKENS..TOKENS + LOGINS));
    row(
        format!("logins, {CALLERS} at once"),
        LOGINS as f64 * 1e9 / nanos,
    );
    let touch = |digest| Touch {
        digest,
        used_at: now() + DAY / 2,
        expires_at: now() + DAY,
    };
    let touches: Vec<Touch> = digests(TOUCHES, 0).iter().copied().map(touch).collect();
    let nanos = time::once(|| {
        runtime.block_on(async {
            for batch in touches.chunks(BATCH) {
                store.extend(batch).await.expect("the server takes it");
            }
        });
    });
    row(
        format!("uses written behind, {BATCH} to a call"),
        TOUCHES as f64 * 1e9 / nanos,
    );
    table
}

fn log_in(runtime: &Runtime, store: &RedisStore, numbers: Range<u64>) {
    let log_in = |store: RedisStore, caller: u64| {
        let own = numbers
            .clone()
            .skip(caller as usize)
            .step_by(CALLERS as usize);
        async move {
            for number in own {
                insert(&store, number).await;
            }
        }
    };
    runtime.block_on(together(CALLERS, log_in, store));
}
