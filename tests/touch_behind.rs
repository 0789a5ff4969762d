//! Uses written behind the requests: no request waits, and no use is forgotten.

use std::sync::Arc;
use std::time::Duration;

use futures_util::future::FutureExt;
use tokio::time::{sleep, timeout};
use tower_expiring_token::testing::ManualClock;
use tower_expiring_token::{
    BearerToken, Clock, IssuedToken, Lifetime, MemoryStore, Subject, Timestamp, TokenAuthority,
    Touch,
};

use crate::support::writes::{Manner, Writes};

const IDLE: u64 = 600;

/// One authority that writes behind, and one over the same tokens that issues them.
struct Node {
    tokens: TokenAuthority<Writes>,
    issuer: TokenAuthority<MemoryStore>,
    store: Writes,
    clock: ManualClock,
}

impl Node {
    fn new() -> Self {
        let (store, clock) = (Writes::new(), ManualClock::default());
        let lifetime = Lifetime::hours(24).idle(Duration::from_secs(IDLE));
        let tokens = TokenAuthority::builder(store.clone())
            .expiry(lifetime)
            .clock(clock.clone())
            .touch_behind();
        let issuer = TokenAuthority::builder(store.memory.clone())
            .expiry(lifetime)
            .clock(clock.clone());
        Self {
            tokens: tokens.build().unwrap(),
            issuer: issuer.build().unwrap(),
            store,
            clock,
        }
    }

    async fn issue(&self) -> IssuedToken {
        self.issuer.issue("alice").await.unwrap()
    }

    async fn passes(&self, issued: &IssuedToken) -> bool {
        let token = BearerToken::parse(issued.secret()).unwrap();
        self.tokens.authenticate(&token).await.is_ok()
    }

    /// On another node, which knows what is written and no more.
    async fn passes_elsewhere(&self, issued: &IssuedToken) -> bool {
        let token = BearerToken::parse(issued.secret()).unwrap();
        self.issuer.authenticate(&token).await.is_ok()
    }

    async fn last_used_at(&self) -> Timestamp {
        let sessions = self.issuer.sessions(&Subject::new("alice")).await.unwrap();
        sessions[0].last_used_at
    }

    fn later(&self, seconds: u64) {
        self.clock.advance(Duration::from_secs(seconds));
    }
}

/// Long enough for the task to have its turn.
async fn a_turn() {
    sleep(Duration::from_millis(1_100)).await;
}

#[tokio::test]
async fn no_request_waits_for_its_touch() {
    let node = Node::new();
    node.store.be(Manner::NeverEnds);
    let issued = node.issue().await;
    for _ in 0..20 {
        node.later(100);
        assert_eq!(node.passes(&issued).now_or_never(), Some(true));
        tokio::task::yield_now().await;
    }
}

#[tokio::test(start_paused = true)]
async fn uses_are_written_in_batches_in_the_order_of_their_digests() {
    let node = Node::new();
    let mut tokens = Vec::new();
    for _ in 0..300 {
        tokens.push(node.issue().await);
    }
    node.later(60);
    for issued in tokens.iter().chain(&tokens) {
        assert!(node.passes(issued).await);
    }
    assert!(node.store.written().is_empty(), "nobody waited");
    a_turn().await;
    let written = node.store.written();
    let sizes: Vec<usize> = written.iter().map(Vec::len).collect();
    assert_eq!(sizes, [256, 44]);
    let all: Vec<Touch> = written.concat();
    assert!(all.is_sorted_by(|one, next| one.digest < next.digest));
    assert!(all.iter().all(|touch| touch.used_at == node.clock.now()));
    a_turn().await;
    assert!(node.store.written().is_empty(), "each is written once");
}

#[tokio::test(start_paused = true)]
async fn a_failed_batch_is_written_with_the_next() {
    let node = Node::new();
    let issued = node.issue().await;
    node.store.be(Manner::Fails);
    for _ in 0..3 {
        node.later(60);
        assert!(node.passes(&issued).await);
        a_turn().await;
    }
    assert_eq!(node.last_used_at().await, issued.record().times().issued_at);
    node.store.be(Manner::Works);
    a_turn().await;
    assert_eq!(node.last_used_at().await, node.clock.now());
}

#[tokio::test(start_paused = true)]
async fn a_token_in_use_lives_on_while_nothing_can_be_written_and_afterwards() {
    let node = Node::new();
    let issued = node.issue().await;
    node.store.be(Manner::Fails);
    for _ in 0..20 {
        node.later(IDLE / 2);
        assert!(node.passes(&issued).await);
        a_turn().await;
    }
    assert!(!node.passes_elsewhere(&issued).await, "by its record");
    node.store.be(Manner::Works);
    a_turn().await;
    assert!(node.passes_elsewhere(&issued).await);
    assert_eq!(node.last_used_at().await, node.clock.now());
    node.later(IDLE);
    assert!(!node.passes(&issued).await, "idle");
}

#[tokio::test(start_paused = true)]
async fn an_idle_token_dies_in_time_also_while_its_last_use_is_unwritten() {
    let node = Node::new();
    let issued = node.issue().await;
    node.store.be(Manner::Fails);
    node.later(IDLE - 1);
    assert!(node.passes(&issued).await);
    node.later(IDLE - 1);
    assert!(node.passes(&issued).await);
    node.later(IDLE);
    assert!(!node.passes(&issued).await);
}

#[tokio::test(start_paused = true)]
async fn what_was_revoked_or_had_ended_is_not_revived() {
    let node = Node::new();
    let (revoked, other) = (node.issue().await, node.issue().await);
    node.later(60);
    assert!(node.passes(&revoked).await && node.passes(&other).await);
    let token = BearerToken::parse(revoked.secret()).unwrap();
    assert!(node.issuer.revoke(&token).await.unwrap());
    assert!(!node.passes(&revoked).await, "its use is still unwritten");
    a_turn().await;
    assert!(!node.passes(&revoked).await);
    assert!(node.passes(&other).await);
}

#[tokio::test(start_paused = true)]
async fn a_look_up_that_began_before_a_write_counts_the_use_that_was_written() {
    let node = Node::new();
    let issued = node.issue().await;
    node.later(IDLE - 5);
    assert!(node.passes(&issued).await);
    node.later(10);
    node.store.answer_late();
    let mut stale = Box::pin(node.passes(&issued));
    assert_eq!(stale.as_mut().now_or_never(), None);
    a_turn().await;
    assert_eq!(node.store.written().len(), 1);
    node.store.answer();
    assert!(stale.await);
}

#[tokio::test(start_paused = true)]
async fn a_shutdown_writes_what_is_left_or_says_that_it_can_not() {
    let node = Node::new();
    let issued = node.issue().await;
    node.later(60);
    assert!(node.passes(&issued).await);
    node.store.be(Manner::Fails);
    assert!(node.tokens.shutdown().await.is_err());
    node.store.be(Manner::Works);
    node.tokens.shutdown().await.unwrap();
    assert_eq!(node.last_used_at().await, node.clock.now());
}

#[test]
fn without_a_runtime_a_request_writes_its_use_itself() {
    let node = Node::new();
    let issued = node.issue().now_or_never().unwrap();
    node.later(60);
    assert_eq!(node.passes(&issued).now_or_never(), Some(true));
    assert_eq!(node.store.written().len(), 1);
}

#[test]
fn a_use_outlives_the_runtime_that_it_was_made_on() {
    let node = Node::new();
    let runtime = || {
        let mut runtime = tokio::runtime::Builder::new_current_thread();
        runtime.enable_time().start_paused(true).build().unwrap()
    };
    let (one, other) = runtime().block_on(async {
        let issued = (node.issue().await, node.issue().await);
        node.later(60);
        assert!(node.passes(&issued.0).await);
        issued
    });
    assert!(node.store.written().is_empty());
    runtime().block_on(async {
        assert!(node.passes(&other).await);
        a_turn().await;
    });
    let mut written = node.store.written().concat();
    written.sort_by_key(|touch| touch.digest);
    assert_eq!(written.len(), 2, "both are written, by the second's task");
    assert!(one.session() != other.session());
}

#[tokio::test(start_paused = true)]
async fn the_task_keeps_no_authority_that_nobody_else_has() {
    for manner in [Manner::Works, Manner::Fails] {
        let node = Node::new();
        let store = Arc::new(node.store.clone());
        let tokens = TokenAuthority::builder(Arc::clone(&store))
            .expiry(Lifetime::hours(24))
            .clock(node.clock.clone())
            .touch_behind()
            .build()
            .unwrap();
        let issued = node.issue().await;
        node.later(60);
        let token = BearerToken::parse(issued.secret()).unwrap();
        assert!(tokens.authenticate(&token).await.is_ok());
        node.store.be(manner);
        drop(tokens);
        a_turn().await;
        a_turn().await;
        assert_eq!(Arc::strong_count(&store), 1);
    }
}

#[tokio::test(start_paused = true)]
async fn a_write_that_never_ends_does_not_keep_all_others_from_beginning() {
    let node = Node::new();
    let issued = node.issue().await;
    node.clock.advance(Duration::from_secs(100));
    node.store.be(Manner::NeverEnds);
    assert!(node.passes(&issued).await);
    sleep(Duration::from_secs(5)).await;
    node.store.be(Manner::Works);
    let written = timeout(Duration::from_secs(60), node.tokens.shutdown()).await;
    written.expect("it ends").expect("is written");
}
