use std::hint::black_box;
use std::sync::Arc;

use tokio::runtime::Runtime;
use tower_expiring_token::{RedisStore, TokenStore};

use super::server::Server;
use super::{TOKENS, digests};
use crate::callers::together;
use crate::plot::{self, Rates};
use crate::table::{Budget, Table, number};
use crate::time;

const ROUNDS: usize = 6;

/// Look-ups of so many callers, how many in a round, and the bars.
const CASES: [(u64, u64, &str, [f64; 2]); 3] = [
    (
        1,
        20_000,
        "Redis, 1 caller beside redis-benchmark",
        [0.8, 0.95],
    ),
    (
        16,
        160_000,
        "Redis, 16 callers beside redis-benchmark",
        [0.65, 0.9],
    ),
    (
        64,
        320_000,
        "Redis, 64 callers beside redis-benchmark",
        [1.5, 1.8],
    ),
];

/// Look-ups a second, the best of rounds that take turns with `redis-benchmark`'s.
pub(super) fn measure(
    server: &Server,
    runtime: &Runtime,
    store: &RedisStore,
) -> (Table, Vec<Budget>) {
    // As many values of the same size, under keys that `redis-benchmark` can name.
    let fill = format!(
        "for n = 0, {TOKENS} - 1 do \
         redis.call('SET', string.format('value:%012d', n), string.rep('x', 120)) end"
    );
    server.cli(&["EVAL", &fill, "0"]);
    let mut best = [[0.0_f64; 2]; CASES.len()];
    for _ in 0..ROUNDS {
        for ((callers, count, ..), best) in CASES.into_iter().zip(&mut best) {
            let theirs = server.benchmark(callers, count, &["GET", "value:__rand_int__"]);
            let ours = ours(runtime, store, callers, count);
            *best = [best[0].max(theirs), best[1].max(ours)];
        }
    }
    server.cli(&[
        "EVAL",
        &fill
            .replace("'SET'", "'DEL'")
            .replace(", string.rep('x', 120)", ""),
        "0",
    ]);
    let head = ["callers", "redis-benchmark GET", "look-ups", "beside it"];
    let title = format!("Redis: a second, among {} tokens", number(TOKENS as f64, 0));
    let mut table = Table::new(title, &head);
    let mut budgets = Vec::new();
    let rates = CASES.map(|(callers, ..)| callers).into_iter().zip(best);
    let rates: Vec<Rates> = rates
        .map(|(callers, best)| (callers, best[0], best[1]))
        .collect();
    plot::look_ups(
        "redis",
        "Redis, a million tokens",
        ["redis-benchmark", "RedisStore"],
        &rates,
    );
    for ((callers, _, what, bars), [theirs, ours]) in CASES.into_iter().zip(best) {
        table.row([
            callers.to_string(),
            number(theirs, 0),
            number(ours, 0),
            number(ours / theirs, 2),
        ]);
        budgets.push(Budget::least(what, ours / theirs, bars, 2));
    }
    (table, budgets)
}

fn ours(runtime: &Runtime, store: &RedisStore, callers: u64, count: u64) -> f64 {
    let digests = digests(count, 0);
    let own = count as usize / callers as usize;
    let look_up = |store: RedisStore, caller: u64| {
        let digests = Arc::clone(&digests);
        async move {
            for digest in &digests[caller as usize * own..][..own] {
                let found = store.find(digest).await.expect("it answers");
                black_box(found.expect("the token is there"));
            }
        }
    };
    let nanos = time::once(|| runtime.block_on(together(callers, look_up, store)));
    count as f64 * 1e9 / nanos
}
