//! What a token in memory costs: its bytes, its insert, its look-up beside a bare map's, and a read
//! while half of all tokens are purged. Each is measured in a process of its own.

mod inserts;
mod look_ups;
mod purge;

use tower_expiring_token::{IssuingStore, MemoryStore, NewSession, TokenDigest};

use crate::case;
use crate::table::{Budget, number};
use crate::tokens::{ADD, digest, login};

const TOKENS: u64 = 1_000_000;

/// With a million tokens, or as many as the second argument says.
pub(crate) fn measure() {
    let tokens = std::env::args().nth(2).map_or(TOKENS, |tokens| {
        let tokens = tokens.parse().ok().filter(|&tokens| tokens >= 1_000);
        tokens.expect("the second argument is a number of tokens, 1000 or more")
    });
    println!("Memory: {} tokens\n", number(tokens as f64, 0));
    let (table, mut budgets) = inserts::measure(tokens);
    table.print();
    let (table, budget) = look_ups::measure(tokens);
    table.print();
    budgets.push(budget);
    let (table, budget) = purge::measure(tokens);
    table.print();
    budgets.push(budget);
    Budget::table(&budgets).print();
}

fn filled(tokens: u64) -> MemoryStore {
    let store = MemoryStore::new();
    (0..tokens).for_each(|number| insert(&store, login(number)));
    store
}

fn insert(store: &MemoryStore, login: NewSession) {
    case::now(store.insert(login, ADD)).expect("memory takes it");
}

/// Some of the tokens that last, in an order of no meaning.
fn lasting(tokens: u64, count: u64) -> Vec<TokenDigest> {
    let numbers = (0..count).map(|index| index * 7_368_787 % (tokens / 2) * 2 + 1);
    numbers.map(digest).collect()
}
