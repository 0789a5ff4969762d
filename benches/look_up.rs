//! A look-up that is answered from memory: by the memory store, by a cache before a store that is
//! far away, and by maps that such a cache could be made of.

use std::hash::BuildHasherDefault;
use std::hint::black_box;
use std::sync::Barrier;
use std::thread;
use std::time::Duration;

use tokio::runtime::{Builder, Runtime};
use tower_expiring_token::{
    Cached, Clock, Finding, Found, IssuingStore, MemoryStore, NewSession, NewToken, SessionId,
    StoreError, Subject, SystemClock, Timestamp, TokenDigest, TokenRecord, TokenStore, TokenTimes,
    Touch, Watch, WatchedStore, async_trait,
};

use crate::table::{Table, number};
use crate::time;
use crate::tokens::{ADD, Last};

const SIZES: [usize; 3] = [1_000, 16_000, 250_000];
/// Look-ups of each kind at each size, so that all are over before anything is stale.
const LOOK_UPS: usize = 1_500_000;
/// Look-ups of the hot token by each of two threads.
const HOT: usize = 50_000;
const LONGEST: Duration = Duration::from_secs(30);

/// Nanoseconds of a look-up.
pub(crate) fn measure() -> Table {
    let head = [
        "look-up that hits, ns",
        "1,000 tokens",
        "16,000",
        "250,000",
        "one, on two cores",
    ];
    let mut table = Table::new("A look-up from memory", &head);
    let columns: Vec<Vec<f64>> = SIZES
        .iter()
        .map(|&size| of_many(size))
        .chain([hot()])
        .collect();
    let names = [
        "memory store",
        "Cached",
        "a cache made of papaya",
        "a cache made of moka",
    ];
    for (index, name) in names.into_iter().enumerate() {
        let cell = |column: usize| number(columns[column][index], 1);
        table.row([name.to_owned(), cell(0), cell(1), cell(2), cell(3)]);
    }
    let ratio = |column: usize| number(columns[column][1] / columns[column][0], 2);
    table.row([
        "Cached / memory store".to_owned(),
        ratio(0),
        ratio(1),
        ratio(2),
        ratio(3),
    ]);
    table
}

fn of_many(size: usize) -> Vec<f64> {
    let all = All::new(size);
    // Each is looked up once a round, in an order that no processor guesses.
    let order: Vec<TokenDigest> = (0..size)
        .map(|index| digest(index * 7_919 % size))
        .collect();
    let mut works = all.works().map(|look_up| {
        let order = &order;
        move || order.iter().for_each(&look_up)
    });
    let mut works: Vec<&mut dyn FnMut()> = works.iter_mut().map(|work| work as _).collect();
    let least = time::least(LOOK_UPS / size, &mut works);
    least.into_iter().map(|nanos| nanos / size as f64).collect()
}

/// One token that two threads look up all the time.
fn hot() -> Vec<f64> {
    let all = All::new(1_000);
    let digest = digest(1);
    let mut works = all.works().map(|look_up| {
        move || {
            let together = Barrier::new(2);
            thread::scope(|scope| {
                for _ in 0..2 {
                    scope.spawn(|| {
                        together.wait();
                        (0..HOT).for_each(|_| look_up(&digest));
                    });
                }
            });
        }
    });
    let mut works: Vec<&mut dyn FnMut()> = works.iter_mut().map(|work| work as _).collect();
    let least = time::least(LOOK_UPS / HOT, &mut works);
    least.into_iter().map(|nanos| nanos / HOT as f64).collect()
}

/// The same tokens in each.
struct All {
    memory: MemoryStore,
    cached: Cached<Far>,
    papaya: papaya::HashMap<TokenDigest, Kept, BuildHasherDefault<Last>>,
    moka: moka::sync::Cache<TokenDigest, Found<Subject>>,
    _runtime: Runtime,
}

type LookUp<'a> = Box<dyn Fn(&TokenDigest) + Sync + 'a>;
type Kept = (Found<Subject>, Timestamp);

impl All {
    fn new(size: usize) -> Self {
        // It runs by itself: the cache answers while its listening task does.
        let runtime = Builder::new_multi_thread()
            .worker_threads(1)
            .enable_all()
            .build()
            .expect("a runtime");
        let memory = MemoryStore::new();
        // So empty that it misses hardly any of them.
        let cached = Cached::with_entries(Far(memory.clone()), LONGEST, size * 4)
            .expect("as long as may be");
        let papaya = papaya::HashMap::default();
        let moka = moka::sync::Cache::builder().max_capacity(size as u64 * 4);
        let moka = moka.time_to_live(LONGEST).build();
        runtime.block_on(async {
            for index in 0..size {
                memory
                    .insert(login(index), ADD)
                    .await
                    .expect("memory takes it");
            }
            while !cached.stats().is_connected {
                let _ = cached.find(&digest(0)).await;
                tokio::task::yield_now().await;
            }
            for index in 0..size {
                let found = cached.find(&digest(index)).await;
                let found = found.expect("memory answers").expect("it is there");
                papaya
                    .pin()
                    .insert(digest(index), (found.clone(), SystemClock.now() + LONGEST));
                moka.insert(digest(index), found);
            }
        });
        Self {
            memory,
            cached,
            papaya,
            moka,
            _runtime: runtime,
        }
    }

    /// A look-up by each.
    fn works(&self) -> [LookUp<'_>; 4] {
        [
            Box::new(|digest| drop(black_box(self.memory.find_now(digest)))),
            Box::new(|digest| drop(black_box(self.cached.find_now(digest)))),
            Box::new(|digest| {
                let now = SystemClock.now();
                let found = self
                    .papaya
                    .pin()
                    .get(digest)
                    .filter(|kept| now < kept.1)
                    .map(|kept| kept.0.clone());
                drop(black_box(found));
            }),
            Box::new(|digest| drop(black_box(self.moka.get(digest)))),
        ]
    }
}

impl Drop for All {
    fn drop(&mut self) {
        let (entries, size) = (self.cached.stats().entries, self.papaya.len());
        assert!(
            entries * 1_000 > size * 999,
            "hardly one was missed, none has become stale"
        );
    }
}

fn digest(index: usize) -> TokenDigest {
    use sha2::{Digest, Sha256};
    TokenDigest::from_bytes(Sha256::digest(index.to_be_bytes()).into())
}

fn login(index: usize) -> NewSession {
    let now = SystemClock.now();
    let times = TokenTimes::fixed(now, now + Duration::from_secs(24 * 3_600));
    let session = SessionId::from_bytes((index as u128).to_be_bytes());
    let record =
        TokenRecord::builder("access", session, &format!("user-{index:08}"), times).build();
    NewSession {
        access: NewToken {
            digest: digest(index),
            record,
        },
        refresh: None,
    }
}

/// Memory that answers as a database does: by a future.
struct Far(MemoryStore);

#[async_trait]
impl TokenStore for Far {
    type Principal = Subject;

    async fn find(&self, digest: &TokenDigest) -> Finding<Subject> {
        self.0.find(digest).await
    }

    async fn extend(&self, touches: &[Touch]) -> Result<(), StoreError> {
        self.0.extend(touches).await
    }
}

#[async_trait]
impl WatchedStore for Far {
    async fn watch(&self) -> Result<Box<dyn Watch>, StoreError> {
        self.0.watch().await
    }
}
