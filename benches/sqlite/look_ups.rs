use std::hint::black_box;
use std::thread;

use futures_util::future::join_all;
use rusqlite::Connection;
use tower_expiring_token::{SqliteStore, TokenDigest, TokenStore};

use super::{File, connect, digests, runtime};
use crate::plot;
use crate::table::{Budget, Table, number};
use crate::time;

const ROUNDS: usize = 100;
const TURN: u64 = 5_000;
const CALLERS: [usize; 3] = [1, 16, 64];

/// Look-ups a second: of one thread with so many callers, and of all cores.
pub(super) fn measure(file: &File) -> (Table, Vec<Budget>) {
    let cores = thread::available_parallelism().map_or(1, usize::from);
    let digests = digests(0, TURN);
    let mut connections: Vec<Connection> = (0..cores).map(|_| connect(&file.path)).collect();
    let alone = connect(&file.path);
    let mut native_alone = || native(&alone, &digests);
    let mut ours = CALLERS.map(|callers| {
        let digests = &digests;
        move || runtime().block_on(look_up(&file.store, digests, callers))
    });
    let mut native_everywhere = || {
        thread::scope(|scope| {
            for connection in &mut connections {
                let digests = &digests;
                scope.spawn(move || native(connection, digests));
            }
        });
    };
    let mut ours_everywhere = || {
        thread::scope(|scope| {
            for _ in 0..cores {
                scope.spawn(|| runtime().block_on(look_up(&file.store, &digests, 16)));
            }
        });
    };
    let [one, few, many] = &mut ours;
    let nanos = time::least(
        ROUNDS,
        &mut [
            &mut native_alone,
            one,
            few,
            many,
            &mut native_everywhere,
            &mut ours_everywhere,
        ],
    );
    let rate = |nanos: f64, threads: usize| TURN as f64 * threads as f64 * 1e9 / nanos;
    let (one_core, all_cores) = (rate(nanos[0], 1), rate(nanos[4], cores));
    let rows = [
        ("a native loop, one core", one_core, one_core),
        ("1 caller", rate(nanos[1], 1), one_core),
        ("16 callers", rate(nanos[2], 1), one_core),
        ("64 callers", rate(nanos[3], 1), one_core),
        ("a native loop on each core", all_cores, all_cores),
        ("16 callers on each core", rate(nanos[5], cores), all_cores),
    ];
    let rates = [1, 2, 3].map(|row: usize| (CALLERS[row - 1] as u64, one_core, rows[row].1));
    plot::look_ups(
        "sqlite",
        "SQLite, a million tokens, one core",
        ["a native loop", "SqliteStore"],
        &rates,
    );
    let head = ["", "a second", "beside native"];
    let mut table = Table::new("SQLite: look-ups among 1 000 000 tokens", &head);
    for (name, rate, native) in rows {
        table.row([name.to_owned(), number(rate, 0), number(rate / native, 2)]);
    }
    let bars = [0.7, 0.9];
    let budgets = vec![
        Budget::least(
            "SQLite, 1 caller beside native",
            rows[1].1 / one_core,
            bars,
            2,
        ),
        Budget::least(
            "SQLite, 16 callers beside native",
            rows[2].1 / one_core,
            bars,
            2,
        ),
        Budget::least(
            "SQLite, 64 callers beside native",
            rows[3].1 / one_core,
            bars,
            2,
        ),
    ];
    (table, budgets)
}

/// One prepared statement; each column is read as SQLite has it, and nothing is kept.
fn native(connection: &Connection, digests: &[TokenDigest]) {
    let mut statement = connection
        .prepare_cached(
            "SELECT subject, session, kind, scopes, label, client, issued_at, authenticated_at,
                last_used_at, expires_at, ends_at, seed, generation, rotated_at
            FROM tet_tokens WHERE digest = ?1",
        )
        .expect("the table is there");
    for digest in digests {
        let mut rows = statement.query([digest.as_bytes()]).expect("it answers");
        let row = rows
            .next()
            .expect("it answers")
            .expect("the token is there");
        for column in 0..14 {
            black_box(row.get_ref(column).expect("the column is there"));
        }
    }
}

async fn look_up(store: &SqliteStore, digests: &[TokenDigest], callers: usize) {
    let caller = async |own: &[TokenDigest]| {
        for digest in own {
            let found = store.find(digest).await.expect("it answers");
            black_box(found.expect("the token is there"));
            if callers > 1 {
                // As requests do now and then: other callers have their turn.
                tokio::task::yield_now().await;
            }
        }
    };
    join_all(digests.chunks(digests.len().div_ceil(callers)).map(caller)).await;
}
