//! What one client, user or guess does not do to another's.

use serde_json::json;
use tower_expiring_token::{
    BearerToken, CheckPassword, Checked, Client, ClientSecret, Drf, Lifetime, LoginMode,
    MemoryStore, OAuth, PasswordGuard, Scopes, StoreError, Subject, TokenAuthority, Verified, Who,
    async_trait,
};

use super::people::{People, login};
use crate::support::ask::{Answered, form, json as post};

/// Anybody with any password may read and write, but for `alice`, whose password nobody knows.
struct Anybody;

#[async_trait]
impl CheckPassword for Anybody {
    async fn check(&self, who: Who<'_>, password: &str) -> Result<Checked, StoreError> {
        if password == "guess" {
            return Ok(Checked::Wrong(None));
        }
        let scopes = Scopes::of(["read", "write"]).expect("are scopes");
        Ok(Checked::Right(Verified::new(
            Subject::new(who.as_str()),
            scopes,
        )))
    }
}

fn tokens(mode: LoginMode) -> TokenAuthority<MemoryStore> {
    let tokens = TokenAuthority::builder(MemoryStore::new()).expiry(Lifetime::hours(1));
    let tokens = tokens.refresh(Lifetime::days(30)).login(mode);
    tokens.build().expect("is valid")
}

fn client(id: &str, scopes: &[&str]) -> Client {
    let client = Client::confidential(id, ClientSecret::of("s")).acts_as("jobs");
    client.scopes(scopes).expect("are scopes")
}

#[tokio::test]
async fn no_client_is_told_anothers_token_nor_has_its_own_widened_by_another() {
    for mode in [LoginMode::ReplaceExpired, LoginMode::Renew] {
        for grant in ["client_credentials", "password"] {
            let tokens = tokens(mode);
            let passwords = PasswordGuard::new(Anybody, |_| None);
            let clients = [
                client("big", &["read", "write"]),
                client("small", &["read"]),
            ];
            let oauth = OAuth::new(&tokens, clients);
            let oauth = oauth.dangerously_allow_password_grant(&passwords);
            let get = async |id: &str| -> Answered {
                let fields = [
                    ("grant_type", grant),
                    ("username", "bob"),
                    ("password", "b"),
                ];
                form("/token", &fields)
                    .basic(id, "s")
                    .of(oauth.token())
                    .await
            };
            let first = get("small").await.member("access_token");
            assert_eq!(get("big").await.member("scope"), "read write");
            assert_eq!(get("small").await.member("scope"), "read");
            let token = BearerToken::parse(&first).unwrap();
            let caller = tokens.authenticate(&token).await.unwrap();
            assert_eq!(caller.scopes().as_str(), "read");
            assert_eq!(caller.record().client(), Some("small"));
        }
    }
}

#[tokio::test]
async fn the_password_grant_gives_default_scopes_where_none_are_asked_for() {
    let tokens = tokens(LoginMode::New);
    let passwords = PasswordGuard::new(Anybody, |_| None);
    let app = client("app", &["read", "write"]).default_scopes(["read"]);
    let oauth = OAuth::new(&tokens, [app.unwrap()]);
    let oauth = oauth.dangerously_allow_password_grant(&passwords);
    for (scope, given) in [("", "read"), ("write", "write")] {
        let mut fields = vec![
            ("grant_type", "password"),
            ("username", "bob"),
            ("password", "b"),
        ];
        fields.extend((!scope.is_empty()).then_some(("scope", scope)));
        let answered = form("/token", &fields).basic("app", "s").of(oauth.token());
        assert_eq!(answered.await.member("scope"), given);
    }
}

/// RFC 7662 section 2.1.
#[tokio::test]
async fn who_has_no_secret_learns_of_no_token() {
    let tokens = tokens(LoginMode::New);
    let oauth = OAuth::new(&tokens, [Client::public("page").introspects_all()]);
    let issued = tokens.issue("alice").await.unwrap();
    let fields = [("client_id", "page"), ("token", issued.secret())];
    let answered = form("/introspect", &fields).of(oauth.introspection()).await;
    assert_eq!(answered.status, 401, "{answered:?}");
    assert_eq!(answered.json()["error"], "invalid_client");
}

#[tokio::test]
async fn a_right_password_forgives_no_guesses_at_a_name_that_differs_in_case() {
    let tokens = tokens(LoginMode::New);
    let passwords = PasswordGuard::new(Anybody, |_| None);
    let mut guesses = 0;
    for _ in 0..8 {
        for _ in 0..9 {
            let guess = login("alice", "guess").of(tokens.login(&passwords)).await;
            guesses += u32::from(guess.status == 400);
        }
        let own = login("ALICE", "her own");
        own.of(tokens.login(&passwords)).await;
    }
    assert!(guesses <= 10, "{guesses} guesses in one instant");
}

#[tokio::test]
async fn who_asks_for_a_refresh_token_is_told_it_in_each_style() {
    let tokens = tokens(LoginMode::New);
    let passwords = PasswordGuard::new(Anybody, |_| None);
    let fields = json!({"username": "bob", "password": "b", "refresh": true});
    for endpoint in [
        tokens.login(&passwords).with_refresh(),
        tokens.login(&passwords).with_refresh().drf(Drf::stock()),
        tokens.login(&passwords).with_refresh().knox(),
    ] {
        let answered = post("/login", &fields).of(endpoint).await;
        assert!(answered.member("refresh_token").starts_with("ter_"));
    }
}

#[tokio::test]
async fn a_hash_that_asks_for_terabytes_is_nobodys_and_harms_nobody() {
    let people = People::new();
    let output = "A".repeat(43);
    let huge = format!("$argon2id$v=19$m=4294967295,t=1,p=1$c2FsdHNhbHRzYWx0${output}");
    people.users.change("alice", |alice| alice.phc = huge);
    let answered = people.log_in(login("alice", "wonderland")).await;
    assert_eq!(answered.status, 400, "{answered:?}");
    assert_eq!(people.log_in(login("bob", "builder")).await.status, 200);
}
