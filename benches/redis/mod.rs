//! Redis: look-ups beside `redis-benchmark`, logins and uses, and look-ups while half of all tokens
//! are purged.

mod look_ups;
mod purge;
mod server;
mod writes;

use std::sync::Arc;
use std::time::Duration;

use tokio::runtime::{Builder, Runtime};
use tokio::task::JoinSet;
use tower_expiring_token::{
    IssuingStore, NewSession, NewToken, Place, RedisStore, Scopes, SessionId, Slot, Subject,
    Timestamp, TokenDigest, TokenRecord, TokenTimes,
};

use self::server::Server;
use crate::table::{Budget, Style};

const TOKENS: u64 = 1_000_000;
const DAY: Duration = Duration::from_secs(86_400);

pub(crate) fn measure() {
    let server = Server::start();
    let runtime = runtime();
    let store = runtime.block_on(RedisStore::connect(&server.url()));
    let store = store.expect("the server is there");
    eprintln!("filling Redis with {TOKENS} tokens");
    let empty = server.memory();
    writes::fill(&runtime, &store);
    let bytes = (server.memory() - empty) / TOKENS as f64;
    let (look_ups, mut budgets) = look_ups::measure(&server, &runtime, &store);
    look_ups.print(Style::Text);
    println!("Redis: bytes of the server's memory a token: {bytes:.0}\n");
    writes::measure(&server, &runtime, &store).print(Style::Text);
    let (purge, budget) = purge::measure(&runtime, &store);
    purge.print(Style::Text);
    budgets.push(budget);
    Budget::table(&budgets).print(Style::Text);
}

/// As a service has it: a worker on each core.
fn runtime() -> Runtime {
    let runtime = Builder::new_multi_thread().enable_all().build();
    runtime.expect("a runtime can be had")
}

/// So many callers at once, each of which makes its calls one after the other.
async fn together<F>(callers: u64, call: impl Fn(RedisStore, u64) -> F, store: &RedisStore)
where
    F: Future<Output = ()> + Send + 'static,
{
    let mut all = JoinSet::new();
    for caller in 0..callers {
        all.spawn(call(store.clone(), caller));
    }
    all.join_all().await;
}

async fn insert(store: &RedisStore, number: u64) {
    let slot = Slot {
        place: Place::Add,
        limit: None,
    };
    let inserted = store.insert(login(number), slot).await;
    inserted.expect("the server takes it");
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

/// Some of all tokens, in an order of no meaning.
fn digests(count: u64, remainder: u64) -> Arc<[TokenDigest]> {
    let numbers = (0..count).map(|number| number * 7_919 % (TOKENS / 2) * 2 + remainder);
    numbers.map(digest).collect()
}

fn now() -> Timestamp {
    Timestamp::from_micros(1_735_689_600_000_000)
}
