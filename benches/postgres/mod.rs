//! `PostgresStore` with a million tokens, beside pgbench on the same server in the same run.

mod pgbench;
#[path = "../../tests/support/server/mod.rs"]
#[expect(dead_code, reason = "tests need more of it")]
pub(crate) mod server;

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::time::{Duration, Instant, SystemTime};

use sha2::{Digest, Sha256};
use tokio::runtime::{Builder, Runtime};
use tower_expiring_token::{PostgresStore, Timestamp, TokenDigest, TokenStore, Touch};

use self::pgbench::Script;
use self::server::postgres::{Database, Postgres};
use crate::table::{Budget, Table, number};
use crate::tokens::DAY;
use crate::{plot, purge};

const TOKENS: u64 = 1_000_000;
/// How long each measurement takes.
const SECONDS: u64 = 2;
/// Rounds take turns, and the best of each counts.
const ROUNDS: usize = 3;
/// How many uses one statement writes down, and how many statements are under way.
const TOUCHES: usize = 256;
const WRITERS: usize = 2;

const GET: &str = "SELECT issued_at, authenticated_at, last_used_at, expires_at, ends_at, \
    rotated_at, generation, session, subject, kind, scopes, label, client, seed \
    FROM expiring_tokens.token WHERE digest = :digest";
const UPDATE: &str = "UPDATE expiring_tokens.token SET last_used_at = now(), \
    expires_at = greatest(expires_at, least(now() + interval '1 day', ends_at)) \
    WHERE digest = :digest";

/// A million tokens of ten thousand users, as they would be after a while. Every second one ends on
/// the second day.
const FILL: &str = "INSERT INTO expiring_tokens.token
    SELECT now(), now(), now(), now() + interval '1 day',
        now() + (1 + number % 2 * 29) * interval '1 day', NULL, NULL,
        sha256(int8send(number)), substr(sha256(int8send(-number)), 1, 16),
        'user ' || number % 10000, 'access', 'read write', 'phone', NULL, NULL
    FROM generate_series(1, 1000000) AS every (number)";

pub(crate) fn measure() {
    let server = Postgres::start(&["shared_buffers=512MB", "max_wal_size=4GB"]);
    let database = server.database();
    let runtime = Builder::new_multi_thread()
        .worker_threads(2)
        .enable_all()
        .build();
    let runtime = runtime.expect("there are threads");
    let store = runtime.block_on(filled(&database));
    let get = Script::new(&database, "get", GET);
    let update = Script::new(&database, "update", UPDATE);
    let nothing = Script::new(&database, "nothing", "SELECT 1");

    let mut theirs = [0_f64; 4];
    let mut ours = [0_f64; 3];
    let mut round_trips = 0_f64;
    let mut updates = 0_f64;
    let mut touches = 0_f64;
    for _ in 0..ROUNDS {
        for (best, clients) in theirs.iter_mut().zip([1, 8, 16, 64]) {
            *best = best.max(get.run(clients));
        }
        for (best, callers) in ours.iter_mut().zip([1, 16, 64]) {
            *best = best.max(look_ups(&runtime, &store, callers));
        }
        round_trips = round_trips.max(nothing.run(1));
        for clients in [8, 16, 64] {
            updates = updates.max(update.run(clients));
        }
        touches = touches.max(uses(&runtime, &store));
    }
    let best = theirs.iter().copied().fold(0.0, f64::max);

    let title = format!("PostgreSQL, {TOKENS} tokens, a second");
    let mut table = Table::new(title, &["", "pgbench", "PostgresStore", "ratio"]);
    let mut row = |name: String, theirs: f64, ours: f64| {
        let [their, our] = [theirs, ours].map(|value| number(value, 0));
        table.row([name, their, our, number(ours / theirs, 2)]);
    };
    row(
        "SELECT 1, beside a look-up, by 1".to_owned(),
        round_trips,
        ours[0],
    );
    let rates = [
        (1, theirs[0], ours[0]),
        (16, theirs[2], ours[1]),
        (64, theirs[3], ours[2]),
    ];
    for (callers, theirs, ours) in rates {
        row(format!("look-ups by {callers}"), theirs, ours);
    }
    plot::look_ups(
        "postgres",
        "PostgreSQL, a million tokens",
        ["pgbench", "PostgresStore"],
        &rates,
    );
    row(
        "look-ups by 64, beside pgbench's best".to_owned(),
        best,
        ours[2],
    );
    row(format!("uses, {TOUCHES} to a statement"), updates, touches);
    table.print();
    let lasting = (0..100_000).map(|index| digest(index * 7_919 % (TOKENS / 2) * 2 + 1));
    let dead = Timestamp::from(SystemTime::now()) + 2 * DAY;
    let (purge, lifted) = purge::measure("PostgreSQL", &runtime, &store, &lasting.collect(), dead);
    purge.print();
    let budgets = vec![
        Budget::least(
            "look-ups by 1, of pgbench's",
            ours[0] / theirs[0],
            [1.1, 1.8],
            2,
        ),
        Budget::least(
            "look-ups by 16, of pgbench's",
            ours[1] / theirs[2],
            [1.0, 1.2],
            2,
        ),
        Budget::least(
            "look-ups by 64, of pgbench's best",
            ours[2] / best,
            [1.8, 2.5],
            2,
        ),
        Budget::least("uses, of pgbench's best", touches / updates, [3.0, 4.6], 2),
        lifted,
    ];
    Budget::table(&budgets).print();
}

async fn filled(database: &Database) -> PostgresStore {
    PostgresStore::migrate(&database.url())
        .await
        .expect("the schema is made");
    database.psql(FILL);
    database.psql("VACUUM (ANALYZE) expiring_tokens.token");
    database.psql("CHECKPOINT");
    let store = PostgresStore::connect(&database.url()).await;
    store.expect("the server is there")
}

/// Look-ups a second by so many callers, each of which waits for its answer.
fn look_ups(runtime: &Runtime, store: &PostgresStore, callers: usize) -> f64 {
    repeat(runtime, callers, |caller| {
        let store = store.clone();
        let mut random = random(caller);
        move |_| {
            let (store, digest) = (store.clone(), digest(random() % TOKENS + 1));
            async move {
                let found = store.find(&digest).await;
                assert!(found.expect("the server answers").is_some());
                1
            }
        }
    })
}

/// Uses a second, written down in batches.
fn uses(runtime: &Runtime, store: &PostgresStore) -> f64 {
    repeat(runtime, WRITERS, |writer| {
        let store = store.clone();
        let mut random = random(writer);
        move |elapsed: Duration| {
            let used_at = Timestamp::from(SystemTime::now());
            let touches: Vec<Touch> = (0..TOUCHES)
                .map(|_| Touch {
                    digest: digest(random() % TOKENS + 1),
                    used_at,
                    expires_at: used_at + DAY + elapsed,
                })
                .collect();
            let store = store.clone();
            async move {
                store.extend(&touches).await.expect("the server writes");
                TOUCHES as u64
            }
        }
    })
}

/// How much all of them get done in a second.
fn repeat<W, F>(runtime: &Runtime, workers: usize, worker: impl Fn(usize) -> W) -> f64
where
    W: FnMut(Duration) -> F + Send + 'static,
    F: Future<Output = u64> + Send,
{
    let over = Arc::new(AtomicBool::new(false));
    let done = Arc::new(AtomicU64::new(0));
    let begun = Instant::now();
    runtime.block_on(async {
        let mut tasks = Vec::new();
        for index in 0..workers {
            let mut work = worker(index);
            let (over, done) = (Arc::clone(&over), Arc::clone(&done));
            tasks.push(tokio::spawn(async move {
                while !over.load(Ordering::Relaxed) {
                    let many = work(begun.elapsed()).await;
                    done.fetch_add(many, Ordering::Relaxed);
                }
            }));
        }
        tokio::time::sleep(Duration::from_secs(SECONDS)).await;
        over.store(true, Ordering::Relaxed);
        for task in tasks {
            task.await.expect("a worker ends");
        }
    });
    done.load(Ordering::Relaxed) as f64 / begun.elapsed().as_secs_f64()
}

/// The digest of a token of [`FILL`].
fn digest(number: u64) -> TokenDigest {
    TokenDigest::from_bytes(Sha256::digest(number.to_be_bytes()).into())
}

/// Xorshift.
fn random(seed: usize) -> impl FnMut() -> u64 + Send {
    let mut state = (seed as u64 + 1) * 0x9E37_79B9_7F4A_7C15;
    move || {
        state ^= state << 13;
        state ^= state >> 7;
        state ^= state << 17;
        state
    }
}
