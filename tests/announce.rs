//! Who is let in by a token that ends soon is told in how many seconds, where a layer was asked to.

use std::net::SocketAddr;
use std::time::Duration;

use axum::Router;
use axum::body::Body;
use axum::routing::get;
use tower_expiring_token::testing::ManualClock;
use tower_expiring_token::{
    Authenticated, Json, Lifetime, MemoryStore, Rejection, RequireLayer, Scopes, TOKEN_EXPIRES_IN,
    TokenAuthority,
};

use crate::support::house::House;
use crate::support::wire::{self, Heard, serve_axum};
use crate::support::writes::{Manner, Writes};

const DAY: u64 = 24 * 3600;
const WITHIN: Duration = Duration::from_secs(300);

async fn ask(address: SocketAddr, path: &str, token: &str) -> Heard {
    let field = format!("Bearer {token}");
    wire::get(address, path, &[("authorization", &field)]).await
}

/// What is told to who is let in.
async fn told(address: SocketAddr, token: &str) -> Option<String> {
    let heard = ask(address, "/", token).await;
    assert_eq!(heard.status, 200, "{heard:?}");
    announced(&heard)
}

fn announced(heard: &Heard) -> Option<String> {
    let mut values = heard.headers.get_all("token-expires-in").iter();
    let value = values.next()?.to_str().unwrap().to_owned();
    assert_eq!(values.next(), None, "one header: {heard:?}");
    Some(value)
}

fn millis(millis: u64) -> Duration {
    Duration::from_millis(millis)
}

#[tokio::test]
async fn the_last_seconds_are_told_rounded_down_and_none_before() {
    for house in [House::at_once(), House::that_waits()] {
        let router = Router::new().route("/", get(async || "in"));
        let announcing = house.tokens.layer().announce_expiry(WITHIN).respond(Json);
        let address = serve_axum(router.clone().layer(announcing)).await;
        let quiet = serve_axum(router.layer(house.tokens.layer())).await;

        let token = house.token("alice", &[]).await;
        assert_eq!(told(address, &token).await, None);
        house.wait(millis((DAY - 300) * 1_000 - 1));
        assert_eq!(told(address, &token).await, None, "300.001 seconds");
        for (passed, seconds) in [(1, "300"), (1, "299"), (998, "299"), (298_002, "0")] {
            house.wait(millis(passed));
            assert_eq!(told(address, &token).await.as_deref(), Some(seconds));
            assert_eq!(told(quiet, &token).await, None, "nobody has asked for it");
        }
    }
}

#[tokio::test]
async fn a_request_that_writes_its_use_down_is_told_too() {
    let house = House::at_once();
    let router = Router::new().route("/", get(async || "in"));
    let layer = house.tokens.layer().announce_expiry(WITHIN);
    let address = serve_axum(router.layer(layer)).await;
    let token = house.token("alice", &[]).await;
    house.wait(Duration::from_secs(DAY - 300));
    let before = house.touched();
    assert_eq!(told(address, &token).await.as_deref(), Some("300"));
    assert_eq!(house.touched(), before + 1);
}

#[tokio::test]
async fn no_refusal_has_it_whoever_refuses() {
    let house = House::at_once();
    let writers = RequireLayer::all(["write"]).unwrap();
    let handler = async |caller: Authenticated| -> Result<&'static str, Rejection> {
        caller.require_all(&Scopes::parse("write").unwrap())?;
        Ok("in")
    };
    let own = async |caller: Authenticated| {
        let check = caller.require_all(&Scopes::parse("write").unwrap());
        check.map_err(|rejection| rejection.response(Body::from("no")))
    };
    let layer = house.tokens.layer().announce_expiry(Duration::MAX);
    let router = Router::new()
        .route("/", get(async || "in"))
        .route("/layer", get(async || "in").layer(writers))
        .route("/handler", get(handler))
        .route("/own", get(own));
    let address = serve_axum(router.clone().layer(layer.clone())).await;
    let optional = serve_axum(router.layer(layer.optional())).await;

    let expired = house.expired().await;
    let reader = house.token("alice", &["read"]).await;
    assert_eq!(told(address, &reader).await.unwrap(), DAY.to_string());
    assert_eq!(told(optional, &reader).await.unwrap(), DAY.to_string());
    let missing = ask(address, "/nope", &reader).await;
    assert!(missing.status == 404 && announced(&missing).is_some());

    let revoked = house.revoked().await;
    for (path, token, status) in [
        ("/", expired.as_str(), 401),
        ("/", &revoked, 401),
        ("/", "two words", 400),
        ("/layer", &reader, 403),
        ("/handler", &reader, 403),
        ("/own", &reader, 403),
    ] {
        for address in [address, optional] {
            let refused = ask(address, path, token).await;
            assert_eq!(refused.status, status, "{refused:?}");
            assert_eq!(announced(&refused), None, "{path} {token}");
        }
    }
    for (address, status) in [(address, 401), (optional, 200)] {
        let anonymous = wire::get(address, "/", &[]).await;
        assert_eq!(anonymous.status, status);
        assert_eq!(announced(&anonymous), None);
    }
    house.fail();
    let unavailable = ask(address, "/", &reader).await;
    assert_eq!(unavailable.status, 503);
    assert_eq!(announced(&unavailable), None);
}

#[tokio::test]
async fn the_seconds_count_from_the_response_and_the_layer_has_the_last_word() {
    let clock = ManualClock::default();
    let tokens = TokenAuthority::builder(MemoryStore::new())
        .expiry(Lifetime::new(Duration::from_secs(310)))
        .clock(clock.clone())
        .build()
        .unwrap();
    let slow = clock.clone();
    let handler = async move || {
        slow.advance(Duration::from_secs(20));
        [(TOKEN_EXPIRES_IN, "soon")]
    };
    let router = Router::new().route("/", get(handler));
    let address = serve_axum(router.layer(tokens.layer().announce_expiry(WITHIN))).await;
    let issued = tokens.issue("alice").await.unwrap();
    assert_eq!(
        told(address, issued.secret()).await.as_deref(),
        Some("290"),
        "310 when it came in"
    );
    clock.advance(Duration::from_secs(280));
    assert_eq!(
        told(address, issued.secret()).await.as_deref(),
        Some("0"),
        "it has ended meanwhile"
    );
}

/// A service whose tokens slide, an hour at most, and its clock.
struct Sliding {
    address: SocketAddr,
    token: String,
    clock: ManualClock,
    store: Writes,
}

impl Sliding {
    async fn new(idle: u64, within: u64, behind: bool) -> Self {
        let (store, clock) = (Writes::new(), ManualClock::default());
        let life = Lifetime::minutes(60).idle(Duration::from_secs(idle));
        let tokens = TokenAuthority::builder(store.clone())
            .expiry(life)
            .clock(clock.clone());
        let tokens = if behind {
            tokens.touch_behind()
        } else {
            tokens
        };
        let tokens = tokens.build().unwrap();
        let issuer = TokenAuthority::builder(store.memory.clone())
            .expiry(life)
            .clock(clock.clone());
        let issued = issuer.build().unwrap().issue("alice").await.unwrap();
        let layer = tokens.layer().announce_expiry(Duration::from_secs(within));
        let router = Router::new().route("/", get(async || "in")).layer(layer);
        Self {
            address: serve_axum(router).await,
            token: issued.secret().to_owned(),
            clock,
            store,
        }
    }

    async fn told_after(&self, seconds: u64) -> Option<u64> {
        self.clock.advance(Duration::from_secs(seconds));
        let told = told(self.address, &self.token).await;
        told.map(|seconds| seconds.parse().unwrap())
    }
}

#[tokio::test]
async fn an_idle_end_that_the_request_moves_alarms_nobody_and_the_end_of_the_life_does() {
    for behind in [false, true] {
        let sliding = Sliding::new(600, 120, behind).await;
        for seconds in [595, 0, 30, 565, 590, 590, 590, 510] {
            assert_eq!(sliding.told_after(seconds).await, None, "{behind}");
        }
        // 3,470 seconds after its issue.
        assert_eq!(sliding.told_after(10).await, Some(120), "{behind}");
        assert_eq!(sliding.told_after(119).await, Some(1), "{behind}");
    }
}

#[tokio::test]
async fn an_idle_time_that_is_shorter_tells_each_time_how_long_a_pause_may_be() {
    let sliding = Sliding::new(100, 300, false).await;
    assert_eq!(sliding.told_after(0).await, Some(100));
    assert_eq!(sliding.told_after(50).await, Some(100), "it is moved");
    assert_eq!(
        sliding.told_after(9).await,
        Some(91),
        "this use is not written"
    );
    assert_eq!(sliding.told_after(90).await, Some(100));
}

#[tokio::test]
async fn a_use_that_can_not_be_written_moves_no_end_and_says_so() {
    let sliding = Sliding::new(600, 120, false).await;
    sliding.store.be(Manner::Fails);
    assert_eq!(sliding.told_after(500).await, Some(100));
    assert_eq!(sliding.told_after(50).await, Some(50));
    sliding.store.be(Manner::Works);
    assert_eq!(sliding.told_after(49).await, None);
}

#[tokio::test]
async fn of_requests_at_once_those_that_leave_the_writing_to_another_alarm_nobody() {
    let sliding = Sliding::new(600, 120, false).await;
    sliding.clock.advance(Duration::from_secs(590));
    // Both have found the token as it was before either writes.
    sliding.store.answer_late();
    let answers = async {
        for _ in 0..2 {
            sliding.store.answer();
        }
    };
    let (one, two, ()) = tokio::join!(sliding.told_after(0), sliding.told_after(0), answers);
    assert_eq!((one, two), (None, None));
}
