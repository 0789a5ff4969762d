//! The other node: a process of its own, which looks tokens up until they are refused.

use std::io::{BufRead, stdin};
use std::sync::mpsc::{Receiver, TryRecvError, channel};
use std::thread;
use std::time::Duration;

use tokio::runtime::Builder;
use tokio::task::yield_now;
use tower_expiring_token::{
    Cached, PostgresStore, RedisStore, TokenDigest, TokenStore, WatchedStore,
};

use super::now;
use super::proxy::{self, Channel};

/// What the first node asks for, a line each, and what it is answered.
pub(super) const LOOK: &str = "look";
pub(super) const IN: &str = "in";
pub(super) const REFUSED: &str = "refused";
pub(super) const CUT: &str = "cut";
pub(super) const SILENCE: &str = "silence";
pub(super) const SPEAK: &str = "speak";
pub(super) const DONE: &str = "done";

/// Does what it is told until nobody tells anything any more.
pub(super) fn run(store: &str, url: &str, staleness: &str) {
    let staleness = Duration::from_secs(staleness.parse().expect("seconds"));
    let (tell, told) = channel();
    thread::spawn(move || {
        let mut lines = stdin().lock().lines().map_while(Result::ok);
        lines.try_for_each(|line| tell.send(line))
    });
    let runtime = Builder::new_current_thread().enable_all().build();
    runtime.expect("a runtime can be had").block_on(async {
        let (url, channel) = proxy::start(url).await;
        if store == "postgres" {
            let store = PostgresStore::connect(&url).await.expect("it is there");
            Node::new(store, staleness, channel).obey(&told).await;
        } else {
            let store = RedisStore::connect(&url).await.expect("it is there");
            Node::new(store, staleness, channel).obey(&told).await;
        }
    });
}

struct Node<S: WatchedStore> {
    store: Cached<S>,
    channel: Channel,
    is_cache: bool,
}

impl<S: WatchedStore> Node<S> {
    fn new(store: S, staleness: Duration, channel: Channel) -> Self {
        Self {
            store: Cached::new(store, staleness).expect("as long as may be"),
            channel,
            is_cache: !staleness.is_zero(),
        }
    }

    async fn obey(&self, told: &Receiver<String>) {
        let mut looking: Vec<TokenDigest> = Vec::new();
        loop {
            match told.try_recv() {
                Ok(line) => println!("{}", self.answer(&line, &mut looking).await),
                Err(TryRecvError::Disconnected) => return,
                Err(TryRecvError::Empty) => {}
            }
            let mut index = 0;
            while let Some(digest) = looking.get(index) {
                if self.finds(digest).await {
                    index += 1;
                } else {
                    println!("{REFUSED} {digest} {}", now().as_micros());
                    looking.swap_remove(index);
                }
            }
            yield_now().await;
        }
    }

    async fn answer(&self, line: &str, looking: &mut Vec<TokenDigest>) -> &'static str {
        let mut words = line.split(' ');
        match words.next() {
            Some(LOOK) => {
                *looking = words.map(|word| word.parse().expect("a digest")).collect();
                self.lets_in(looking).await;
                return IN;
            }
            Some(CUT) => self.channel.cut(),
            Some(SILENCE) => self.channel.be_silent(true),
            Some(SPEAK) => self.channel.be_silent(false),
            _ => panic!("what is {line}?"),
        }
        DONE
    }

    /// Until all are let in, by the cache if there is one.
    async fn lets_in(&self, looking: &[TokenDigest]) {
        for digest in looking {
            loop {
                let remembered = self.store.find_now(digest).is_some();
                if remembered || self.finds(digest).await && !self.is_cache {
                    break;
                }
                yield_now().await;
            }
        }
    }

    async fn finds(&self, digest: &TokenDigest) -> bool {
        let found = match self.store.find_now(digest) {
            Some(found) => found,
            None => self.store.find(digest).await,
        };
        found.expect("the store can say").is_some()
    }
}
