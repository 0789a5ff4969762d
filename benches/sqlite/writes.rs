use futures_util::future::join_all;
use rusqlite::params;
use tower_expiring_token::{TokenStore, Touch};

use super::{File, TOKENS, connect, digests, insert, runtime};
use crate::table::{Table, number};
use crate::time;
use crate::tokens::{DAY, now};

const CALLERS: [u64; 4] = [1, 16, 64, 512];
const TOUCHES: u64 = 25_600;
const BATCH: usize = 256;

/// What is acknowledged a second, all of it on the disk.
pub(super) fn measure(file: &File) -> Table {
    let native = native(file);
    let mut next = TOKENS;
    let head = ["", "a second", "beside single commits"];
    let mut table = Table::new(
        "SQLite: writes, each on the disk when it is acknowledged",
        &head,
    );
    let mut row = |name: String, rate: f64| {
        table.row([name, number(rate, 0), number(rate / native, 2)]);
    };
    row("native, one update a commit".to_owned(), native);
    for callers in CALLERS {
        let each = 4_000 / callers;
        let nanos = time::once(|| {
            runtime().block_on(join_all((0..callers).map(|caller| {
                let first = next + caller * each;
                async move {
                    for number in first..first + each {
                        insert(&file.store, number).await;
                    }
                }
            })));
        });
        next += callers * each;
        let rate = (callers * each) as f64 * 1e9 / nanos;
        row(format!("logins, {callers} at once"), rate);
    }
    let touches: Vec<Touch> = touches(TOUCHES);
    let nanos = time::once(|| {
        runtime().block_on(async {
            for batch in touches.chunks(BATCH) {
                file.store.extend(batch).await.expect("the disk takes it");
            }
        });
    });
    row(
        format!("uses written behind, {BATCH} to a call"),
        TOUCHES as f64 * 1e9 / nanos,
    );
    table
}

/// Updates a second, each in a transaction of its own, as `synchronous = FULL` has them.
fn native(file: &File) -> f64 {
    const UPDATES: u64 = 1_000;
    let connection = connect(&file.path);
    let full = connection.pragma_update(None, "synchronous", "FULL");
    full.expect("it is a setting");
    let sql = "UPDATE tet_tokens SET last_used_at = ?2, expires_at = ?3 WHERE digest = ?1";
    let mut statement = connection.prepare(sql).expect("the table is there");
    let nanos = time::once(|| {
        for touch in touches(UPDATES) {
            let (used, ends) = (touch.used_at.as_micros(), touch.expires_at.as_micros());
            let values = params![touch.digest.as_bytes(), used, ends];
            statement.execute(values).expect("the disk takes it");
        }
    });
    UPDATES as f64 * 1e9 / nanos
}

/// In the order of their digests, as batches are written.
fn touches(count: u64) -> Vec<Touch> {
    let mut digests = digests(1, count).to_vec();
    digests.sort_unstable();
    let touch = |digest| Touch {
        digest,
        used_at: now() + DAY / 2,
        expires_at: now() + 2 * DAY,
    };
    digests.into_iter().map(touch).collect()
}
