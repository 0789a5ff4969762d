//! A login whose password is changed, or whose user is suspended, while the password is verified:
//! whoever then ended all tokens has missed none.

use std::sync::Mutex;

use serde_json::json;
use tower_expiring_token::{
    BearerToken, CheckPassword, Checked, Client, LoginMode, OAuth, PasswordGuard, Scopes,
    StoreError, Subject, Verified, Who, async_trait, hash_password,
};

use super::people::{People, Users, login};
use crate::support::ask::{Answered, form, json as post};

fn changes(users: &Users) {
    let new = hash_password("looking glass").unwrap();
    users.change("alice", |alice| alice.phc = new);
}

fn suspends(users: &Users) {
    users.change("alice", |alice| alice.suspended = true);
}

fn demotes(users: &Users) {
    users.change("alice", |alice| alice.scopes = Scopes::none());
}

fn fails(users: &Users) {
    users.fail();
}

fn renames(users: &Users) {
    users.change("alice", |alice| alice.subject = Subject::new("another"));
}

async fn assert_nothing_lives(people: &People, answered: &Answered) {
    let told = String::from_utf8_lossy(&answered.body);
    assert!(!told.contains("tet_") && !told.contains("ter_"), "{told}");
    let sessions = people.tokens.sessions(&"alice".into()).await.unwrap();
    assert_eq!(sessions, []);
}

#[tokio::test]
async fn a_login_with_the_password_or_the_scopes_of_a_moment_ago_opens_nothing() {
    let refreshing = || {
        let fields = json!({"username": "alice", "password": "wonderland", "refresh": true});
        post("/login", &fields)
    };
    for meanwhile in [changes, suspends, renames, demotes] {
        for ask in [login("alice", "wonderland"), refreshing()] {
            let people = People::new();
            people.users.meanwhile(meanwhile);
            let endpoint = people.tokens.login(&people.passwords).with_refresh();
            let answered = ask.of(endpoint).await;
            assert_eq!(answered.status, 400, "{answered:?}");
            assert_eq!(answered.json()["error"], "invalid_grant");
            assert_nothing_lives(&people, &answered).await;
        }
    }
}

#[tokio::test]
async fn nor_does_the_password_grant() {
    let people = People::new();
    people.users.meanwhile(changes);
    let phone = Client::public("phone").scopes(["read"]).unwrap();
    let oauth =
        OAuth::new(&people.tokens, [phone]).dangerously_allow_password_grant(&people.passwords);
    let fields = [
        ("grant_type", "password"),
        ("client_id", "phone"),
        ("username", "alice"),
        ("password", "wonderland"),
    ];
    let answered = form("/token", &fields).of(oauth.token()).await;
    assert_eq!(answered.status, 400, "{answered:?}");
    assert_eq!(answered.json()["error"], "invalid_grant");
    assert_nothing_lives(&people, &answered).await;
}

#[tokio::test]
async fn where_nobody_can_say_whether_it_still_holds_its_token_ends() {
    let people = People::new();
    people.users.meanwhile(fails);
    let answered = people.log_in(login("alice", "wonderland")).await;
    assert_eq!(answered.status, 503, "{answered:?}");
    assert_nothing_lives(&people, &answered).await;
}

/// Says so, one after another.
struct Says(Mutex<Vec<Checked>>);

#[async_trait]
impl CheckPassword for Says {
    async fn check(&self, _who: Who<'_>, _password: &str) -> Result<Checked, StoreError> {
        Ok(self.0.lock().unwrap().remove(0))
    }
}

#[tokio::test]
async fn a_check_of_ones_own_is_asked_again() {
    let people = People::new();
    let right = |name| Checked::Right(Verified::new(Subject::new(name), Scopes::default()));
    let wrong = Checked::Wrong(None);
    for (second, status) in [(right("alice"), 200), (right("bob"), 400), (wrong, 400)] {
        let says = Says(Mutex::new(vec![right("alice"), second]));
        let passwords = PasswordGuard::new(says, |_| None);
        let ask = login("alice", "wonderland");
        let answered = ask.of(people.tokens.login(&passwords)).await;
        assert_eq!(answered.status, status, "{answered:?}");
        let live = people.tokens.sessions(&"alice".into()).await.unwrap().len();
        assert_eq!(live, usize::from(status == 200));
        people.tokens.revoke_all(&"alice".into()).await.unwrap();
    }
}

/// The first time right; then the table of users is away.
struct GoesAway(Mutex<u32>);

#[async_trait]
impl CheckPassword for GoesAway {
    async fn check(&self, _who: Who<'_>, _password: &str) -> Result<Checked, StoreError> {
        let mut asked = self.0.lock().unwrap();
        *asked += 1;
        if *asked > 1 {
            return Err(StoreError::new("the table of users is away"));
        }
        let verified = Verified::new(Subject::new("alice"), Scopes::default());
        Ok(Checked::Right(verified))
    }
}

#[tokio::test]
async fn a_token_that_other_logins_have_had_is_not_ended_by_one_that_fails() {
    for mode in [LoginMode::Renew, LoginMode::ReplaceExpired] {
        let people = People::with(|builder| builder.login(mode));
        let here = people.tokens.issue("alice").await.unwrap();
        let passwords = PasswordGuard::new(GoesAway(Mutex::default()), |_| None);
        let ask = login("alice", "wonderland");
        let answered = ask.of(people.tokens.login(&passwords)).await;
        assert_eq!(answered.status, 503, "{answered:?}");
        let token = BearerToken::parse(here.secret()).unwrap();
        assert!(people.tokens.authenticate(&token).await.is_ok(), "{mode:?}");
    }
}
