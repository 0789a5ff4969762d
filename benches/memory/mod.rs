//! What a token in memory costs: its bytes, its insert, its look-up beside a bare map's, and a read
//! while half of all tokens are purged. Each is measured in a process of its own.

mod inserts;
mod look_ups;
mod purge;

use std::time::Duration;

use tower_expiring_token::{
    IssuingStore, MemoryStore, NewSession, NewToken, Place, Scopes, SessionId, Slot, Subject,
    Timestamp, TokenDigest, TokenRecord, TokenTimes,
};

use crate::case;
use crate::table::{Budget, Style, number};

const TOKENS: u64 = 1_000_000;
const DAY: Duration = Duration::from_secs(86_400);

/// With a million tokens, or as many as the second argument says.
pub(crate) fn measure() {
    let tokens = std::env::args().nth(2).map_or(TOKENS, |tokens| {
        let tokens = tokens.parse().ok().filter(|&tokens| tokens >= 1_000);
        tokens.expect("the second argument is a number of tokens, 1000 or more")
    });
    println!("Memory: {} tokens\n", number(tokens as f64, 0));
    let (table, mut budgets) = inserts::measure(tokens);
    table.print(Style::Text);
    look_ups::measure(tokens).print(Style::Text);
    let (table, budget) = purge::measure(tokens);
    table.print(Style::Text);
    budgets.push(budget);
    Budget::table(&budgets).print(Style::Text);
}

fn filled(tokens: u64) -> MemoryStore {
    let store = MemoryStore::new();
    (0..tokens).for_each(|number| insert(&store, login(number)));
    store
}

fn insert(store: &MemoryStore, login: NewSession) {
    let slot = Slot {
        place: Place::Add,
        limit: None,
    };
    case::now(store.insert(login, slot)).expect("memory takes it");
}

/// Every second token has ended on the second day.
fn login(number: u64) -> NewSession {
    let days = if number.is_multiple_of(2) { 1 } else { 3 };
    let session = SessionId::from_bytes(u128::from(number).to_be_bytes());
    let times = TokenTimes::fixed(now(), now() + days * DAY);
    let record = TokenRecord::builder("access", session, &subject(number), times)
        .scopes(Scopes::parse("read write").expect("two scopes"))
        .label("phone")
        .build();
    NewSession {
        access: NewToken {
            digest: digest(number),
            record,
        },
        refresh: None,
    }
}

/// Four tokens each.
fn subject(number: u64) -> String {
    format!("user-{:08}", number / 4)
}

/// One that lies where its subject's tokens lie, as those of our own texts do.
fn digest(number: u64) -> TokenDigest {
    use sha2::Digest;
    let mut bytes: [u8; 32] = sha2::Sha256::digest(number.to_be_bytes()).into();
    let [high, low] = (Subject::new(&subject(number)).route() << 4).to_be_bytes();
    bytes[0] = high;
    bytes[1] = low | bytes[1] & 0x0F;
    TokenDigest::from_bytes(bytes)
}

/// Some of the tokens that last, in an order of no meaning.
fn lasting(tokens: u64, count: u64) -> Vec<TokenDigest> {
    let numbers = (0..count).map(|index| index * 7_368_787 % (tokens / 2) * 2 + 1);
    numbers.map(digest).collect()
}

fn now() -> Timestamp {
    Timestamp::from_micros(1_735_689_600_000_000)
}
