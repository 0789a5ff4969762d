use std::hash::BuildHasherDefault;
use std::hint::black_box;

use hashbrown::HashMap;
use tower_expiring_token::{TokenDigest, TokenStore};

use super::filled;
use crate::table::{Table, number};
use crate::tokens::{Last, digest};
use crate::{child, time};

const ROUNDS: usize = 5;

/// A look-up in the store and one in a map that knows nothing but 24 bytes of each token, has no
/// lock and counts no owners. No look-up waits for the one before, so the processor overlaps them.
pub(super) fn measure(tokens: u64) -> Table {
    eprintln!("looking up in memory");
    let [store, map] = child::apart(|| look_ups(tokens));
    let mut table = Table::new("Memory: a look-up, ns", &["", "ns", "beside the bare map"]);
    for (name, nanos) in [("bare map", map), ("memory store", store)] {
        table.row([name.to_owned(), number(nanos, 0), number(nanos / map, 2)]);
    }
    table
}

fn look_ups(tokens: u64) -> [f64; 2] {
    let store = filled(tokens);
    let records = (0..tokens).map(|number| (digest(number), [number; 3]));
    let map: HashMap<TokenDigest, [u64; 3], BuildHasherDefault<Last>> = records.collect();
    // Each is looked up once a round, so that no cache of the processor holds what comes next.
    let digests: Vec<TokenDigest> = (0..tokens)
        .map(|index| digest(index * 7_368_787 % tokens))
        .collect();
    let mut in_store = || {
        for digest in &digests {
            drop(black_box(store.find_now(digest)));
        }
    };
    let mut in_map = || {
        for digest in &digests {
            black_box(map.get(digest).copied());
        }
    };
    let least = time::least(ROUNDS, &mut [&mut in_store, &mut in_map]);
    [0, 1].map(|index: usize| least[index] / tokens as f64)
}
