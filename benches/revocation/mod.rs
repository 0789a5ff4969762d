//! How long a token that is revoked on one node is still let in by another: two processes on one
//! store, from the acknowledgement of the one to the first refusal of the other.

mod node;
mod proxy;

use std::collections::HashMap;
use std::env::{args, current_exe};
use std::io::{BufRead, BufReader, Lines, Write};
use std::process::{Child, ChildStdin, ChildStdout, Command, Stdio};
use std::sync::Arc;
use std::thread::sleep;
use std::time::{Duration, SystemTime};

use sha2::{Digest, Sha256};
use tokio::runtime::{Builder, Runtime};
use tower_expiring_token::{
    IssuingStore, NewSession, NewToken, Place, PostgresStore, RedisStore, SessionId, Slot, Subject,
    Timestamp, TokenDigest, TokenRecord, TokenTimes,
};

use self::node::{CUT, DONE, IN, LOOK, REFUSED, SILENCE, SPEAK};
use crate::postgres::server::postgres::Postgres;
use crate::postgres::server::redis::Redis;
use crate::table::{Table, number};

const TIMES: usize = 200;
const STALENESS: u64 = 30;
const DAY: Duration = Duration::from_secs(86_400);

type Store = Arc<dyn IssuingStore<Principal = Subject>>;

/// What becomes of the channel when a token is revoked.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Channel {
    /// There is none: no cache.
    None,
    Whole,
    /// It is cut just before.
    Cut,
    /// It falls silent just before, and nobody is told.
    Silent,
}

/// The process that is the other node, if this is it.
pub(crate) fn is_node() -> bool {
    let words: Vec<String> = args().skip(2).collect();
    let [store, url, staleness] = &words[..] else {
        return false;
    };
    node::run(store, url, staleness);
    true
}

pub(crate) fn measure() -> Table {
    let head = ["from acknowledged to refused, ms", "median", "worst of 200"];
    let mut table = Table::new("A token revoked on one node, refused on another", &head);
    let runtime = Builder::new_multi_thread()
        .worker_threads(1)
        .enable_all()
        .build();
    let runtime = runtime.expect("a runtime can be had");
    let (postgres, redis) = (Postgres::start(&[]), Redis::start(&["appendonly yes"]));
    let (postgres_url, redis_url) = (postgres.database().url(), redis.url());
    let in_postgres: Store = Arc::new(runtime.block_on(async {
        let migrated = PostgresStore::migrate(&postgres_url).await;
        migrated.expect("the database is ours");
        let store = PostgresStore::connect(&postgres_url).await;
        store.expect("it is there")
    }));
    let in_redis: Store = Arc::new(runtime.block_on(async {
        let store = RedisStore::connect(&redis_url).await;
        store.expect("it is there")
    }));
    for (name, url, store) in [
        ("postgres", &postgres_url, in_postgres),
        ("redis", &redis_url, in_redis),
    ] {
        for (channel, words) in [
            (Channel::None, "no cache"),
            (Channel::Whole, "cache of 30 s"),
            (Channel::Cut, "the same, channel cut just before"),
            (
                Channel::Silent,
                "the same, channel silent since just before",
            ),
        ] {
            eprintln!("{name}: {words}");
            let mut pair = Pair::start(&runtime, &store, name, url, channel);
            let mut took: Vec<Duration> = Vec::new();
            while took.len() < TIMES {
                took.extend(pair.revoke(took.len()));
            }
            took.sort_unstable();
            let cell = |took: Duration| number(took.as_secs_f64() * 1_000.0, 2);
            let [median, worst] = [took[took.len() / 2], took[took.len() - 1]];
            table.row([format!("{name}, {words}"), cell(median), cell(worst)]);
        }
    }
    table
}

/// This node, and the other one.
struct Pair<'a> {
    runtime: &'a Runtime,
    store: &'a Store,
    name: &'a str,
    channel: Channel,
    other: Child,
    tell: ChildStdin,
    told: Lines<BufReader<ChildStdout>>,
}

impl<'a> Pair<'a> {
    fn start(
        runtime: &'a Runtime,
        store: &'a Store,
        name: &'a str,
        url: &str,
        channel: Channel,
    ) -> Self {
        let staleness = match channel {
            Channel::None => 0,
            _ => STALENESS,
        };
        let mut other = Command::new(current_exe().expect("this program"))
            .args(["revocation", name, url, &staleness.to_string()])
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .spawn()
            .expect("this program starts");
        let tell = other.stdin.take().expect("it is piped");
        let told = other.stdout.take().expect("it is piped");
        Self {
            runtime,
            store,
            name,
            channel,
            other,
            tell,
            told: BufReader::new(told).lines(),
        }
    }

    /// Revokes tokens that the other node lets in. How long it still did.
    fn revoke(&mut self, first: usize) -> Vec<Duration> {
        // While the channel is silent, several wait for the other node to notice.
        let (many, pause) = match self.channel {
            Channel::Silent => (20, Duration::from_millis(50)),
            _ => (1, Duration::ZERO),
        };
        let digests: Vec<TokenDigest> = (first..first + many).map(|n| self.insert(n)).collect();
        let words: Vec<String> = digests.iter().map(ToString::to_string).collect();
        self.ask(&format!("{LOOK} {}", words.join(" ")), IN);
        match self.channel {
            Channel::Cut => self.ask(CUT, DONE),
            Channel::Silent => self.ask(SILENCE, DONE),
            Channel::None | Channel::Whole => {}
        }
        let mut acknowledged = HashMap::new();
        for digest in &digests {
            sleep(pause);
            let removed = self.runtime.block_on(self.store.remove(digest));
            assert!(removed.expect("the store can say"), "it was there");
            acknowledged.insert(*digest, now());
        }
        let took = digests.iter().map(|_| {
            let line = self.hear();
            let words: Vec<&str> = line.split(' ').collect();
            let [REFUSED, digest, at] = words[..] else {
                panic!("what is {line}?");
            };
            let digest: TokenDigest = digest.parse().expect("a digest");
            let at = Timestamp::from_micros(at.parse().expect("microseconds"));
            // No time at all, where it is refused before the acknowledgement has arrived.
            at.since(acknowledged[&digest])
        });
        let took = took.collect();
        if self.channel == Channel::Silent {
            self.ask(SPEAK, DONE);
        }
        took
    }

    fn ask(&mut self, line: &str, answer: &str) {
        writeln!(self.tell, "{line}").expect("it listens");
        assert_eq!(self.hear(), answer);
    }

    fn hear(&mut self) -> String {
        let line = self.told.next().expect("it lives");
        line.expect("it is text")
    }

    /// Logs somebody in.
    fn insert(&self, number: usize) -> TokenDigest {
        let subject = format!("{} {} {number}", self.name, self.channel as u8);
        let hash: [u8; 32] = Sha256::digest(&subject).into();
        let digest = TokenDigest::from_bytes(hash);
        let session = SessionId::from_bytes(*hash.first_chunk().expect("it is longer"));
        let times = TokenTimes::fixed(now(), now() + DAY);
        let record = TokenRecord::builder("access", session, &subject, times).build();
        let login = NewSession {
            access: NewToken { digest, record },
            refresh: None,
        };
        let slot = Slot {
            place: Place::Add,
            limit: None,
        };
        let inserted = self.runtime.block_on(self.store.insert(login, slot));
        inserted.expect("the store keeps it");
        digest
    }
}

impl Drop for Pair<'_> {
    fn drop(&mut self) {
        let _ = self.other.kill();
        let _ = self.other.wait();
    }
}

/// By the system's clock, which both processes read.
fn now() -> Timestamp {
    SystemTime::now().into()
}
