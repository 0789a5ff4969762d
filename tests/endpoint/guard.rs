//! Guessing passwords is slowed down, and nobody else with it.

use std::net::IpAddr;

use futures_util::FutureExt;
use tower_expiring_token::{CheckPassword, Checked, PasswordGuard, StoreError, Who, async_trait};

use super::people::{People, from, login};

#[tokio::test]
async fn after_ten_wrong_ones_a_user_waits_there_and_nowhere_else() {
    let people = People::new();
    for _ in 0..10 {
        let wrong = people.log_in(from(login("alice", "wrong"), 1)).await;
        assert_eq!(wrong.status, 400);
    }
    let asked = people.users.asked();
    let slowed = people.log_in(from(login("alice", "wonderland"), 1)).await;
    assert_eq!(slowed.status, 429);
    assert_eq!(slowed.json()["error"], "slow_down");
    assert_eq!(slowed.header("retry-after"), Some("60"));
    assert_eq!(people.users.asked(), asked, "no password is verified");
    let throttled = "LoginThrottled { subject: None, address: Some(10.0.0.1), retry_after: 60s }";
    assert_eq!(people.heard()[10..], [throttled]);

    assert_eq!(
        people
            .log_in(from(login("alice", "wonderland"), 2))
            .await
            .status,
        200
    );
    assert_eq!(
        people.log_in(from(login("bob", "builder"), 1)).await.status,
        200
    );

    people.wait(60);
    assert_eq!(
        people
            .log_in(from(login("alice", "wonderland"), 1))
            .await
            .status,
        200
    );
}

#[tokio::test]
async fn right_passwords_are_never_charged() {
    let people = People::new();
    for _ in 0..25 {
        assert_eq!(
            people
                .log_in(from(login("alice", "wonderland"), 1))
                .await
                .status,
            200
        );
    }
}

#[tokio::test]
async fn tries_that_nobody_waits_for_count_as_failed() {
    let people = People::new();
    for _ in 0..10 {
        let before = people.users.asked();
        let mut asked = Box::pin(people.log_in(from(login("alice", "wrong"), 1)));
        while people.users.asked() == before {
            let _ = futures_util::poll!(asked.as_mut());
        }
    }
    let slowed = people.log_in(from(login("alice", "wonderland"), 1)).await;
    assert_eq!(slowed.status, 429);
}

#[tokio::test]
async fn an_address_that_tries_many_users_waits_too() {
    let people = People::new();
    for user in 0..100 {
        people
            .log_in(from(login(&format!("user {}", user % 20), "x"), 1))
            .await;
    }
    let slowed = people.log_in(from(login("bob", "builder"), 1)).await;
    assert_eq!(slowed.status, 429);
    assert_eq!(
        people.log_in(from(login("bob", "builder"), 2)).await.status,
        200
    );
}

/// Never says whether a password is right.
struct Hangs;

#[async_trait]
impl CheckPassword for Hangs {
    async fn check(&self, _who: Who<'_>, _password: &str) -> Result<Checked, StoreError> {
        std::future::pending().await
    }
}

#[tokio::test]
async fn nobody_waits_behind_more_than_can_be_checked_in_time_nor_behind_one_address_alone() {
    let people = People::new();
    let hangs = PasswordGuard::new(Hangs, |head| {
        let address = head.headers.get("x-address")?;
        address.to_str().ok()?.parse::<IpAddr>().ok()
    });
    let hangs = &hangs;
    let mut waiting = Vec::new();
    let mut try_from = |address| {
        let asked = from(login("alice", "wonderland"), address);
        let endpoint = people.tokens.login(hangs);
        let mut login = Box::pin(async move { asked.of(endpoint).await });
        let answered = login.as_mut().now_or_never();
        waiting.push(login);
        answered
    };
    for address in 1..=8 {
        for _ in 0..64 {
            assert!(try_from(address).is_none());
        }
        if address < 8 {
            let refused = try_from(address).expect("an answer at once");
            assert_eq!(refused.status, 429);
            assert_eq!(refused.header("retry-after"), Some("1"));
        }
    }
    let refused = try_from(9).expect("an answer at once");
    assert_eq!(refused.status, 503);
    assert_eq!(refused.json()["error"], "temporarily_unavailable");
    assert_eq!(refused.header("retry-after"), Some("1"));
    waiting.clear();
    let throttled = |address| {
        format!(
            "LoginThrottled {{ subject: None, address: Some(10.0.0.{address}), retry_after: 1s }}"
        )
    };
    let refused = (1..8).chain([9]).map(throttled);
    assert_eq!(people.heard(), refused.collect::<Vec<_>>());
    let asked = from(login("alice", "wonderland"), 9);
    let again = asked.of(people.tokens.login(hangs)).now_or_never();
    assert!(again.is_none(), "there is room again: {again:?}");
}
