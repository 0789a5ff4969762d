//! Changing a password ends what was opened with the old one.

use std::sync::Arc;

use serde_json::json;
use tower::Layer;
use tower_expiring_token::{
    BearerToken, ChangePassword, Login, StoreError, Subject, async_trait, hash_password,
};

use super::people::{Changes, People, login};
use crate::support::ask::{Answered, json as post};

async fn change(people: &People, token: &str, old: &str, new: &str) -> Answered {
    let changes = Changes(Arc::clone(&people.users));
    let service = people.tokens.password_change(&people.passwords, changes);
    let ask = post("/password", &json!({"old": old, "new": new})).bearer(token);
    ask.of(people.tokens.layer().layer(service)).await
}

async fn lives(people: &People, token: &str) -> bool {
    let token = BearerToken::parse(token).unwrap();
    people.tokens.authenticate(&token).await.is_ok()
}

#[tokio::test]
async fn all_tokens_of_the_user_end_and_a_fresh_one_is_given() {
    let people = People::new();
    let (phone, laptop) = (
        people.token("alice", "wonderland").await,
        people.token("alice", "wonderland").await,
    );
    let bob = people.token("bob", "builder").await;
    let answered = change(&people, &phone, "wonderland", "looking glass").await;
    assert_eq!(answered.status, 200, "{answered:?}");
    assert!(lives(&people, &answered.member("token")).await);
    assert!(!lives(&people, &phone).await);
    assert!(!lives(&people, &laptop).await);
    assert!(lives(&people, &bob).await);
    assert_eq!(
        people.log_in(login("alice", "wonderland")).await.status,
        400
    );
    assert_eq!(
        people.log_in(login("alice", "looking glass")).await.status,
        200
    );
}

#[tokio::test]
async fn a_wrong_old_one_changes_nothing_and_ends_nothing() {
    let people = People::new();
    let phone = people.token("alice", "wonderland").await;
    let answered = change(&people, &phone, "wrong", "looking glass").await;
    assert_eq!(answered.json()["error"], "invalid_grant");
    assert!(lives(&people, &phone).await);
    assert_eq!(
        people.log_in(login("alice", "wonderland")).await.status,
        200
    );
}

#[tokio::test]
async fn a_new_one_that_is_not_good_enough_is_refused_in_its_users_words_and_ends_nothing() {
    let people = People::new();
    let laptop = people.token("alice", "wonderland").await;
    let phone = people.token("alice", "wonderland").await;
    let answered = change(&people, &phone, "wonderland", "short").await;
    assert_eq!(answered.status, 400);
    assert_eq!(
        answered.member("error_description"),
        "expected six characters or more, found fewer"
    );
    assert!(lives(&people, &phone).await && lives(&people, &laptop).await);
    assert_eq!(
        people.log_in(login("alice", "wonderland")).await.status,
        200
    );
}

#[tokio::test]
async fn a_change_that_fails_half_way_leaves_no_session_that_the_user_wanted_to_end() {
    let people = People::new();
    let (phone, laptop) = (
        people.token("alice", "wonderland").await,
        people.token("alice", "wonderland").await,
    );
    let answered = change(&people, &phone, "wonderland", "the disk is full").await;
    assert_eq!(
        (answered.status.as_u16(), answered.header("retry-after")),
        (503, Some("1"))
    );
    assert!(!lives(&people, &phone).await);
    assert!(!lives(&people, &laptop).await);
    assert_eq!(
        people.log_in(login("alice", "wonderland")).await.status,
        200
    );
}

#[tokio::test]
async fn a_password_that_was_reset_meanwhile_is_not_changed_by_who_knew_the_old_one() {
    let people = People::new();
    let thief = people.token("alice", "wonderland").await;
    let reset = hash_password("given by the administrator").unwrap();
    people
        .users
        .meanwhile(|users| users.change("alice", |alice| alice.phc = reset));
    let answered = change(&people, &thief, "wonderland", "the thief's own").await;
    assert_eq!(answered.status, 400, "{answered:?}");
    assert_eq!(answered.json()["error"], "invalid_grant");
    let reset = login("alice", "given by the administrator");
    assert_eq!(people.log_in(reset).await.status, 200);
}

/// What happens to her while alice's password is being changed, after it has been.
struct Overtaken {
    people: Arc<People>,
    by: fn(&mut Login),
}

#[async_trait]
impl ChangePassword for Overtaken {
    async fn fault(&self, _: &Subject, _: &str) -> Result<Option<&'static str>, StoreError> {
        Ok(None)
    }

    async fn change(&self, subject: &Subject, new: &str) -> Result<(), StoreError> {
        let phc = hash_password(new).map_err(StoreError::new)?;
        let users = &self.people.users;
        users.change("alice", |alice| alice.phc = phc);
        users.change("alice", self.by);
        self.people.tokens.revoke_all(subject).await?;
        Ok(())
    }
}

#[tokio::test]
async fn a_change_that_another_one_or_a_suspension_overtakes_opens_nothing() {
    let reset: fn(&mut Login) = |alice| alice.phc = hash_password("the owner's own").unwrap();
    for by in [reset, |alice| alice.suspended = true] {
        let people = Arc::new(People::new());
        let thief = people.token("alice", "wonderland").await;
        let change = Overtaken {
            people: Arc::clone(&people),
            by,
        };
        let service = people.tokens.password_change(&people.passwords, change);
        let fields = json!({"old": "wonderland", "new": "the thief's own"});
        let ask = post("/password", &fields).bearer(&thief);
        let answered = ask.of(people.tokens.layer().layer(service)).await;
        assert_eq!(answered.status, 400, "{answered:?}");
        assert_eq!(answered.json()["error"], "invalid_grant");
        let sessions = people.tokens.sessions(&"alice".into()).await.unwrap();
        assert_eq!(sessions, []);
    }
}

#[tokio::test]
async fn a_number_is_no_password() {
    let people = People::new();
    let phone = people.token("alice", "wonderland").await;
    let changes = Changes(Arc::clone(&people.users));
    let service = people.tokens.password_change(&people.passwords, changes);
    let service = people.tokens.layer().layer(service);
    for fields in [
        json!({"old": "wonderland", "new": 12_345_678}),
        json!({"old": 7, "new": "looking glass"}),
    ] {
        let ask = post("/password", &fields).bearer(&phone);
        let answered = ask.of(service.clone()).await;
        assert_eq!(answered.json()["error"], "invalid_request");
        assert!(lives(&people, &phone).await);
    }
}
