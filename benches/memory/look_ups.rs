use std::hash::BuildHasherDefault;
use std::hint::black_box;
use std::sync::RwLock;

use hashbrown::HashMap;
use tower_expiring_token::{TokenDigest, TokenStore};

use super::filled;
use crate::table::{Budget, Table, number};
use crate::tokens::{Last, digest};
use crate::{child, time};

const ROUNDS: usize = 5;

/// As many as the store has.
const SHARDS: usize = 1_024;

type Map = HashMap<TokenDigest, [u64; 3], BuildHasherDefault<Last>>;

/// A look-up in the store and in two maps that know nothing but 24 bytes of each token: one of
/// shards and locks, as the store's is, and one that nobody can write to while it is read.
/// Each waits for the one before, as look-ups of requests do.
pub(super) fn measure(tokens: u64) -> (Table, Budget) {
    eprintln!("looking up in memory");
    let [store, sharded, single] = child::apart(|| look_ups(tokens));
    let head = ["", "ns", "beside the bare map"];
    let mut table = Table::new("Memory: a look-up, ns", &head);
    for (name, nanos) in [
        ("a map without lock", single),
        ("bare map: shards, each with its lock", sharded),
        ("memory store", store),
    ] {
        table.row([
            name.to_owned(),
            number(nanos, 0),
            number(nanos / sharded, 2),
        ]);
    }
    let name = "look-up beside the bare map's";
    (table, Budget::most(name, store / sharded, [1.3, 1.1], 2))
}

fn look_ups(tokens: u64) -> [f64; 3] {
    let store = filled(tokens);
    let records = || (0..tokens).map(|number| (digest(number), [number; 3]));
    let mut sharded: Vec<Map> = (0..SHARDS).map(|_| Map::default()).collect();
    for (digest, record) in records() {
        sharded[shard(&digest)].insert(digest, record);
    }
    let sharded: Vec<RwLock<Map>> = sharded.into_iter().map(RwLock::new).collect();
    let single: Map = records().collect();
    // Each is looked up once a round, so that no cache of the processor holds what comes next.
    let digests: Vec<TokenDigest> = (0..tokens)
        .map(|index| digest(index * 7_368_787 % tokens))
        .collect();
    let mut in_store = || {
        follow(&digests, |digest| {
            let found = store.find_now(digest).expect("memory knows at once");
            let found = found.expect("memory answers");
            found.map_or(0, |it| it.record().times().issued_at.as_micros() as u64)
        });
    };
    let mut in_shards = || {
        follow(&digests, |digest| {
            let map = sharded[shard(digest)].read().expect("nobody panics");
            map.get(digest).map_or(0, |record| record[0])
        });
    };
    let mut in_one = || {
        follow(&digests, |digest| {
            single.get(digest).map_or(0, |record| record[0])
        });
    };
    let least = time::least(ROUNDS, &mut [&mut in_store, &mut in_shards, &mut in_one]);
    [0, 1, 2].map(|index: usize| least[index] / tokens as f64)
}

/// Looks them all up; which comes next is known when this one's record is read.
fn follow(digests: &[TokenDigest], look_up: impl Fn(&TokenDigest) -> u64) {
    let nothing = black_box(0);
    let mut next = 0;
    while let Some(digest) = digests.get(next) {
        next += 1 + (look_up(digest) & nothing) as usize;
    }
}

fn shard(digest: &TokenDigest) -> usize {
    let [high, low, ..] = *digest.as_bytes();
    usize::from(u16::from_be_bytes([high, low])) % SHARDS
}
