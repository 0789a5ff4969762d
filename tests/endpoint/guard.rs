//! Guessing passwords is slowed down, and nobody else with it.

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
