//! What a cache hears, whoever did it.

use std::process::Command;
use std::time::Duration;

use tokio::time::timeout;
use tower_expiring_token::{
    Change, Clock, IssuingStore, Place, PostgresStore, Seed, Slot, StoreError, Subject,
    SystemClock, TokenDigest, TokenRecord, TokenStore, TokenTimes, Touch, Watch, WatchedStore,
};

use super::{migrated, of, store, times, whole};
use crate::support::server::postgres::{self, Database};
use crate::support::server::wait_until;
use crate::support::tokens::{ADD, at, login, session};

async fn next(watch: &mut Box<dyn Watch>) -> Change {
    let next = timeout(Duration::from_secs(30), watch.next()).await;
    next.expect("a change is told")
}

/// A watch that has just said that it is connected.
async fn watch(store: &PostgresStore) -> Box<dyn Watch> {
    let mut watch = store.watch().await.unwrap();
    assert_eq!(next(&mut watch).await, Change::Connected);
    watch
}

/// Removes one more token, and holds if that is what is told next: nothing was told before it.
async fn nothing_was_told(store: &PostgresStore, watch: &mut Box<dyn Watch>) {
    let digest = of("last", 99);
    let login = login(digest, "last", 99, times());
    store.insert(login, ADD).await.unwrap();
    assert!(store.remove(&digest).await.unwrap());
    assert_eq!(next(watch).await, Change::Removed(vec![digest]));
}

fn removed(change: Change) -> Vec<TokenDigest> {
    let Change::Removed(mut digests) = change else {
        panic!("expected removed tokens, found {change:?}");
    };
    digests.sort();
    digests
}

fn sorted(numbers: impl IntoIterator<Item = u64>) -> Vec<TokenDigest> {
    let mut digests: Vec<TokenDigest> = numbers
        .into_iter()
        .map(|number| of("alice", number))
        .collect();
    digests.sort();
    digests
}

async fn keep(store: &PostgresStore, numbers: impl IntoIterator<Item = u64>) {
    for number in numbers {
        let login = login(of("alice", number), "alice", number, times());
        store.insert(login, ADD).await.unwrap();
    }
}

async fn refusal(store: &PostgresStore) -> String {
    let refused: Result<_, StoreError> = store.watch().await;
    whole(&refused.err().expect("nobody can listen"))
}

#[tokio::test]
async fn every_removal_is_told_to_each_node_whoever_removes() {
    let (database, store) = store().await;
    let other = PostgresStore::connect(&database.url()).await.unwrap();
    let mut watches = [watch(&store).await, watch(&other).await];
    keep(&store, 1..=8).await;
    let alice = Subject::new("alice");
    store.remove(&of("alice", 1)).await.unwrap();
    other.remove_session(&alice, &session(2)).await.unwrap();
    database.psql(
        "DELETE FROM expiring_tokens.token WHERE session = decode(repeat('00', 15) || '03', 'hex')",
    );
    let but = session(4);
    store.remove_subject(&alice, Some(&but)).await.unwrap();
    database.psql("SELECT expiring_tokens.remove_subject('alice')");
    for watch in &mut watches {
        for numbers in [1..=1, 2..=2, 3..=3, 5..=8, 4..=4] {
            assert_eq!(removed(next(watch).await), sorted(numbers));
        }
    }
}

#[tokio::test]
async fn a_token_that_is_renewed_replaced_limited_or_shortened_is_told() {
    let (database, store) = store().await;
    let mut watch = watch(&store).await;
    let derived = |number: u64, seconds| {
        let mut login = login(of("alice", number), "alice", number, times());
        let times = TokenTimes::fixed(at(seconds), at(seconds + 600));
        let record = TokenRecord::builder("access", session(number), "alice", times);
        login.access.record = record.seed(Some(Seed::from_bytes([7; 32]))).build();
        login
    };
    let renew = Slot {
        place: Place::Renew,
        limit: None,
    };
    store.insert(derived(1, 0), renew).await.unwrap();
    store.insert(derived(2, 1), renew).await.unwrap();
    assert_eq!(removed(next(&mut watch).await), sorted([1]));

    store.insert(derived(1, 2), ADD).await.unwrap();
    assert_eq!(removed(next(&mut watch).await), sorted([1]));

    let only = Slot {
        place: Place::Add,
        limit: std::num::NonZeroUsize::new(1),
    };
    store.insert(derived(3, 3), only).await.unwrap();
    assert_eq!(removed(next(&mut watch).await), sorted([1]));

    database.psql("UPDATE expiring_tokens.token SET expires_at = expires_at - interval '1 second'");
    assert_eq!(removed(next(&mut watch).await), sorted([3]));
    database.psql("UPDATE expiring_tokens.token SET scopes = 'read'");
    assert_eq!(removed(next(&mut watch).await), sorted([3]));
}

#[tokio::test]
async fn uses_and_the_purge_of_what_has_ended_are_told_to_nobody() {
    let (_database, store) = store().await;
    let mut watch = watch(&store).await;
    keep(&store, [1]).await;
    let touch = Touch {
        digest: of("alice", 1),
        used_at: at(30),
        expires_at: at(600),
    };
    store.extend(&[touch]).await.unwrap();
    let long_ago = tower_expiring_token::Timestamp::from_micros(1_000_000);
    let ended = TokenTimes::fixed(long_ago, long_ago + Duration::from_secs(60));
    let login = login(of("alice", 2), "alice", 2, ended);
    store.insert(login, ADD).await.unwrap();
    let most = std::num::NonZeroUsize::new(10).unwrap();
    assert_eq!(store.purge(at(0), most).await.unwrap(), 1);
    nothing_was_told(&store, &mut watch).await;
}

/// A server whose clock is ahead takes tokens for ended that nodes let in.
#[tokio::test]
async fn a_removal_is_told_though_the_servers_clock_is_ahead() {
    let (_database, store) = store().await;
    let mut watch = watch(&store).await;
    let ends_at = SystemClock.now() - Duration::from_secs(45 * 60);
    let times = TokenTimes::fixed(ends_at - Duration::from_secs(60), ends_at);
    let login = login(of("alice", 1), "alice", 1, times);
    store.insert(login, ADD).await.unwrap();
    assert!(store.remove(&of("alice", 1)).await.unwrap());
    assert_eq!(removed(next(&mut watch).await), sorted([1]));
}

#[tokio::test]
async fn many_removals_are_told_in_parts_and_very_many_as_everything() {
    let (database, store) = store().await;
    let mut watch = watch(&store).await;
    let fill = |many: u32| {
        format!(
            "INSERT INTO expiring_tokens.token SELECT now(), now(), now(), 'infinity', 'infinity',
                NULL, NULL, sha256(number::text::bytea), decode(repeat('00', 16), 'hex'), 'alice',
                'access', '' FROM generate_series(1, {many}) AS all_of_them (number)"
        )
    };
    database.psql(&fill(1_000));
    database.psql("DELETE FROM expiring_tokens.token");
    let mut told = 0;
    while told < 1_000 {
        told += removed(next(&mut watch).await).len();
    }
    assert_eq!(told, 1_000);

    database.psql(&fill(20_000));
    database.psql("DELETE FROM expiring_tokens.token");
    assert_eq!(next(&mut watch).await, Change::Lost);
    assert_eq!(next(&mut watch).await, Change::Connected);

    keep(&store, [1]).await;
    database.psql("TRUNCATE expiring_tokens.token");
    assert_eq!(next(&mut watch).await, Change::Lost);
    assert_eq!(next(&mut watch).await, Change::Connected);
    nothing_was_told(&store, &mut watch).await;
}

#[tokio::test]
async fn a_watch_that_nobody_asks_forgets_everything_instead_of_growing() {
    let (database, store) = store().await;
    let mut watch = store.watch().await.unwrap();
    database.psql(
        "INSERT INTO expiring_tokens.token SELECT now(), now(), now(), 'infinity', 'infinity',
            NULL, NULL, sha256(number::text::bytea), decode(repeat('00', 16), 'hex'), 'alice',
            'access', '' FROM generate_series(1, 5000) AS all_of_them (number)",
    );
    database.psql(
        "DO $$ DECLARE gone bytea; BEGIN
            FOR gone IN SELECT digest FROM expiring_tokens.token LOOP
                DELETE FROM expiring_tokens.token WHERE digest = gone;
            END LOOP;
        END $$",
    );
    keep(&store, [1]).await;
    store.remove(&of("alice", 1)).await.unwrap();
    let last = Change::Removed(vec![of("alice", 1)]);
    // It comes last: everybody has been told all by then.
    let mut seen = vec![];
    while seen.last() != Some(&last) {
        seen.push(next(&mut watch).await);
    }
    assert!(seen.len() < 4_200, "{}", seen.len());
    assert_eq!(seen[..2], [Change::Lost, Change::Connected]);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_silent_channel_is_lost_however_long_the_store_may_wait() {
    let database = postgres::shared();
    let hour = Duration::from_secs(3600);
    let store = migrated(&database, |builder| builder.time_out(hour)).await;
    let mut watch = watch(&store).await;
    let listening = database.psql(
        "SELECT pid FROM pg_stat_activity
            WHERE application_name LIKE '%listening' AND datname = current_database()",
    );
    let signal = |name: &str| {
        let sent = Command::new("kill")
            .args([name, listening.as_str()])
            .status();
        assert!(sent.unwrap().success());
    };
    signal("-STOP");
    assert_eq!(next(&mut watch).await, Change::Lost);
    assert_eq!(next(&mut watch).await, Change::Connected);
    nothing_was_told(&store, &mut watch).await;
    signal("-CONT");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_cut_channel_is_said_and_comes_back_by_itself() {
    let (database, store) = store().await;
    let mut watch = watch(&store).await;
    let cut = "SELECT pg_terminate_backend(pid) FROM pg_stat_activity
        WHERE application_name LIKE '%listening' AND datname = current_database()";
    for _ in 0..2 {
        assert_eq!(database.psql(cut), "t");
        assert_eq!(next(&mut watch).await, Change::Lost);
        assert_eq!(next(&mut watch).await, Change::Connected);
        nothing_was_told(&store, &mut watch).await;
    }
    drop(watch);
    let listening = "SELECT count(*) FROM pg_stat_activity
        WHERE application_name LIKE '%listening' AND datname = current_database()";
    assert!(wait_until(|| database.psql(listening) == "0"));
}

#[tokio::test]
async fn a_channel_that_would_not_tell_all_is_refused_with_what_to_do() {
    let database = postgres::shared();
    let elsewhere = postgres::shared();
    let store = migrated(&database, |builder| {
        builder
            .listen_url(&elsewhere.url())
            .time_out(Duration::from_millis(700))
    })
    .await;
    let refused = refusal(&store).await;
    assert!(
        refused.contains("notifications do not arrive: expected a `listen_url`"),
        "{refused}"
    );

    let store = PostgresStore::connect(&database.url()).await.unwrap();
    database.psql("ALTER TABLE expiring_tokens.token DISABLE TRIGGER tell_changed");
    let refused = refusal(&store).await;
    let enable = "ALTER TABLE expiring_tokens.token ENABLE TRIGGER USER";
    assert!(refused.contains(enable), "{refused}");
    database.psql(enable);
    watch(&store).await;
}

#[tokio::test]
async fn stores_of_other_schemas_hear_nothing() {
    let database: Database = postgres::shared();
    let one = migrated(&database, |builder| builder.schema("one")).await;
    let two = migrated(&database, |builder| builder.schema("two")).await;
    let mut watch = watch(&one).await;
    keep(&two, [1]).await;
    two.remove(&of("alice", 1)).await.unwrap();
    nothing_was_told(&one, &mut watch).await;
}
