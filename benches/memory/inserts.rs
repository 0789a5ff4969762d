use std::fs;

use tower_expiring_token::MemoryStore;

use super::insert;
use crate::quantile::{median, quantile};
use crate::table::{Budget, Table, number};
use crate::tokens::login;
use crate::{child, time};

const FILLS: usize = 5;

/// What filling an empty store takes. The worst insert of a fill may have met something else that
/// the machine did, so the bar is for the median of them.
pub(super) fn measure(tokens: u64) -> (Table, Vec<Budget>) {
    let fills = [(); FILLS].map(|()| {
        eprintln!("filling memory");
        child::apart(|| fill(tokens))
    });
    let of = |column: usize| fills.map(|fill| fill[column]).to_vec();
    let head = ["", "median", "most"];
    let mut table = Table::new(format!("Memory: {FILLS} fills"), &head);
    let mut middle = |name: &str, column, digits| {
        let most = of(column).into_iter().fold(0.0, f64::max);
        let middle = median(of(column));
        table.row([
            name.to_owned(),
            number(middle, digits),
            number(most, digits),
        ]);
        middle
    };
    let bytes = middle("bytes of the process a token", 0, 0);
    middle("median insert, µs", 1, 2);
    middle("p99.99 insert, µs", 2, 1);
    let worst = middle("worst insert, µs", 3, 0);
    let budgets = vec![
        Budget::most("memory: bytes a token", bytes, [256.0, 200.0], 0),
        Budget::most("memory: worst insert, µs", worst, [1000.0, 900.0], 0),
    ];
    (table, budgets)
}

/// Bytes a token; the median, the p99.99 and the worst insert in microseconds.
fn fill(tokens: u64) -> [f64; 4] {
    // Written once, so that it is in memory before the tokens are.
    let mut nanos = vec![f64::NAN; tokens as usize];
    let store = MemoryStore::new();
    let before = resident();
    for (number, nanos) in (0..tokens).zip(&mut nanos) {
        let mut login = Some(login(number));
        *nanos = time::once(|| insert(&store, login.take().expect("it is inserted once")));
    }
    let bytes = (resident() - before) / tokens as f64;
    nanos.sort_unstable_by(f64::total_cmp);
    let [median, most, worst] = [0.5, 0.9999, 1.0].map(|part| quantile(&nanos, part) / 1e3);
    [bytes, median, most, worst]
}

/// The bytes of this process that are in memory, what the allocator keeps for itself among them.
fn resident() -> f64 {
    let status = fs::read_to_string("/proc/self/status").expect("Linux tells");
    let line = status.lines().find_map(|line| line.strip_prefix("VmRSS:"));
    let kilobytes = line.and_then(|line| line.trim().strip_suffix(" kB"));
    let kilobytes: f64 = kilobytes
        .and_then(|number| number.parse().ok())
        .expect("a number of kB");
    kilobytes * 1024.0
}
