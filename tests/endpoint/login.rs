//! Logging in, in the crate's own words.

use serde_json::json;
use tower_expiring_token::{
    BearerToken, Lifetime, LoginMode, MemoryStore, TokenAuthority, unless_forwarded_https,
};

use super::people::{People, from, login};
use crate::support::ask::{Answered, ask, form, json as post};

#[tokio::test]
async fn a_form_and_json_log_in_alike() {
    let people = People::new();
    let fields = [("username", "alice"), ("password", "wonderland")];
    for ask in [form("/login", &fields), login("alice", "wonderland")] {
        let answered = people.log_in(ask).await;
        assert_eq!(answered.status, 200, "{answered:?}");
        assert_eq!(answered.header("cache-control"), Some("no-store"));
        let content = answered.json();
        assert_eq!(content["scopes"], json!(["read", "write"]));
        let secret = answered.member("token");
        let alice = people
            .tokens
            .authenticate(&BearerToken::parse(&secret).unwrap())
            .await
            .unwrap();
        assert_eq!(alice.subject().as_str(), "alice");
        assert_eq!(content["expires_at"], alice.expires_at().to_string());
    }
}

#[tokio::test]
async fn wrong_unknown_and_suspended_are_told_in_the_same_bytes_and_looked_up_alike() {
    let people = People::new();
    let mut bodies = Vec::new();
    for (name, password) in [
        ("alice", "wrong"),
        ("nobody", "wonderland"),
        ("mallory", "malice"),
        ("alice", "wonderland "),
    ] {
        let before = people.users.asked();
        let answered = people.log_in(login(name, password)).await;
        assert_eq!(answered.status, 400);
        assert_eq!(answered.json()["error"], "invalid_grant");
        assert_eq!(people.users.asked(), before + 1);
        bodies.push(answered.body);
    }
    assert!(bodies.windows(2).all(|pair| pair[0] == pair[1]));
}

#[tokio::test]
async fn of_a_failed_login_events_hear_the_user_if_he_is_known_and_never_what_was_typed() {
    let people = People::new();
    people.log_in(from(login("alice", "typed secret"), 7)).await;
    people.log_in(login("typed secret", "x")).await;
    assert_eq!(
        people.heard(),
        [
            r#"LoginFailed { subject: Some("alice"), address: Some(10.0.0.7) }"#,
            "LoginFailed { subject: None, address: None }",
        ]
    );
}

#[tokio::test]
async fn scopes_may_be_fewer_than_the_users_never_more() {
    let people = People::new();
    let with = |scope: &str| {
        post(
            "/",
            &json!({"username": "alice", "password": "wonderland", "scope": scope}),
        )
    };
    let answered = people.log_in(with("read")).await;
    assert_eq!(answered.json()["scopes"], json!(["read"]));
    for scope in ["read admin", "admin", "re\"ad"] {
        let answered = people.log_in(with(scope)).await;
        assert_eq!(
            (answered.status.as_u16(), &answered.json()["error"]),
            (400, &json!("invalid_scope"))
        );
    }
}

#[tokio::test]
async fn a_name_with_a_null_character_is_a_400() {
    let people = People::new();
    let named = json!({"username": "alice", "password": "wonderland", "name": "a\0b"});
    let answered = people.log_in(post("/", &named)).await;
    assert_eq!(answered.status, 400, "{answered:?}");
    assert_eq!(answered.json()["error"], "invalid_request");
}

#[tokio::test]
async fn a_scope_or_name_that_is_no_text_is_a_400_and_never_taken_for_none() {
    let people = People::new();
    for field in ["scope", "name"] {
        for wish in [json!(["read"]), json!({"read": true}), json!(true)] {
            let mut form = json!({"username": "alice", "password": "wonderland"});
            form[field] = wish;
            let answered = people.log_in(post("/", &form)).await;
            assert_eq!(answered.status, 400, "{form}");
            assert_eq!(answered.json()["error"], "invalid_request");
        }
    }
    let form = json!({"username": "alice", "password": "wonderland", "scope": null, "name": null});
    assert_eq!(people.log_in(post("/", &form)).await.status, 200);
}

#[tokio::test]
async fn a_name_is_what_the_session_is_called() {
    let people = People::new();
    let named = json!({"username": "alice", "password": "wonderland", "name": "Alice's phone"});
    people.log_in(post("/", &named)).await;
    let sessions = people.tokens.sessions(&"alice".into()).await.unwrap();
    assert_eq!(sessions[0].label.as_deref(), Some("Alice's phone"));
}

/// RFC 6749 section 7.1.
#[tokio::test]
async fn the_token_type_is_a_scheme_that_is_served() {
    let people = People::new();
    let asked = json!({"username": "alice", "password": "wonderland", "refresh": true});
    for (schemes, told) in [
        (&[][..], "Bearer"),
        (&["Token"], "Token"),
        (&["Token", "bearer"], "bearer"),
    ] {
        let tokens = TokenAuthority::builder(MemoryStore::new())
            .expiry(Lifetime::hours(24))
            .refresh(Lifetime::days(30));
        let tokens = schemes
            .iter()
            .fold(tokens, |tokens, &word| tokens.scheme(word));
        let tokens = tokens.build().unwrap();
        let login = tokens.login(&people.passwords).with_refresh();
        let answered = post("/", &asked).of(login).await;
        assert_eq!(answered.json()["token_type"], told);
    }
}

#[tokio::test]
async fn a_refresh_token_is_given_where_it_is_served_and_asked_for() {
    let people = People::new();
    let asked = json!({"username": "alice", "password": "wonderland", "refresh": true});
    let service = people.tokens.login(&people.passwords);
    let refused = post("/", &asked).of(service.clone()).await;
    assert_eq!(refused.json()["error"], "invalid_request");

    let answered = post("/", &asked).of(service.clone().with_refresh()).await;
    let content = answered.json();
    assert_eq!(
        (&content["token_type"], &content["expires_in"]),
        (&json!("Bearer"), &json!(86_400))
    );
    let refresh = answered.member("refresh_token");
    people
        .tokens
        .refresh(&BearerToken::parse(&refresh).unwrap())
        .await
        .unwrap();

    let fields = [
        ("username", "alice"),
        ("password", "wonderland"),
        ("refresh", "true"),
    ];
    let by_form = form("/", &fields).of(service.clone().with_refresh()).await;
    by_form.member("refresh_token");
    for neither in [json!("1"), json!("yes"), json!("True"), json!(1), json!([])] {
        let asked = json!({"username": "alice", "password": "wonderland", "refresh": neither});
        let refused = post("/", &asked).of(service.clone().with_refresh()).await;
        assert_eq!(refused.json()["error"], "invalid_request", "{neither}");
    }
    for no in [json!(false), json!(null), json!(""), json!("false")] {
        let asked = json!({"username": "alice", "password": "wonderland", "refresh": no});
        let answered = post("/", &asked).of(service.clone().with_refresh()).await;
        answered.member("token");
    }
    let plain = login("alice", "wonderland")
        .of(service.with_refresh())
        .await;
    plain.member("token");
}

#[tokio::test]
async fn the_login_mode_decides_what_becomes_of_the_tokens_that_are_there() {
    let people = People::with(|builder| builder.login(LoginMode::Renew));
    let first = people.token("alice", "wonderland").await;
    people.wait(3600);
    assert_eq!(people.token("alice", "wonderland").await, first);

    let people = People::with(|builder| builder.login(LoginMode::ReplaceAll));
    let first = people.token("alice", "wonderland").await;
    people.token("alice", "wonderland").await;
    let token = BearerToken::parse(&first).unwrap();
    assert!(people.tokens.authenticate(&token).await.is_err());
}

#[tokio::test]
async fn fields_that_are_missing_repeated_or_no_text_are_a_400_without_a_look_at_users() {
    let people = People::new();
    let twice = r#"{"username":"alice","username":"bob","password":"x"}"#;
    for ask in [
        ask("POST", "/"),
        form("/", &[("username", "alice")]),
        form("/", &[("username", "alice"), ("password", "")]),
        form(
            "/",
            &[("username", "a"), ("username", "b"), ("password", "x")],
        ),
        post("/", &json!({"username": "alice", "password": null})),
        post("/", &json!({"username": ["alice"], "password": {}})),
        post("/", &json!({"username": "alice", "password": 7})),
        post("/", &json!({"username": 7, "password": "x"})),
        post(
            "/",
            &json!({"username": "alice", "password": "won\0derland"}),
        ),
        post("/", &json!(["alice"])),
        ask("POST", "/").content("application/json", "{"),
        ask("POST", "/").content("application/json", twice),
    ] {
        let answered = people.log_in(ask).await;
        assert_eq!(answered.status, 400, "{answered:?}");
        assert_eq!(answered.json()["error"], "invalid_request");
    }
    assert_eq!(people.users.asked(), 0);
}

#[tokio::test]
async fn other_methods_media_and_lengths_have_their_statuses() {
    let people = People::new();
    let unfit = |answered: &Answered, status: u16, found: &str| {
        assert_eq!(answered.status, status);
        let content = answered.json();
        assert_eq!(content["error"], "invalid_request");
        let description = content["error_description"].as_str().unwrap();
        assert!(description.ends_with(found), "{description}");
    };
    let got = people.log_in(ask("GET", "/")).await;
    unfit(&got, 405, "found another");
    assert_eq!(got.header("allow"), Some("POST"));
    let xml = people
        .log_in(ask("POST", "/").content("text/xml", "<a/>"))
        .await;
    unfit(&xml, 415, "found another or none");
    let long = login("alice", &"x".repeat(17 * 1024));
    unfit(&people.log_in(long).await, 413, "found more");
}

#[tokio::test]
async fn a_password_that_comes_in_clear_is_not_read() {
    let people = People::new();
    let service = people
        .tokens
        .login(&people.passwords)
        .refuse_cleartext(unless_forwarded_https);
    let answered = login("alice", "wonderland").of(service.clone()).await;
    assert_eq!(answered.status, 400);
    assert_eq!(people.users.asked(), 0);
    let safe = login("alice", "wonderland").header("x-forwarded-proto", "https");
    assert_eq!(safe.of(service).await.status, 200);
}

#[tokio::test]
async fn users_or_tokens_that_can_not_be_asked_are_a_503() {
    let people = People::new();
    people.store.fail();
    let answered = people.log_in(login("alice", "wonderland")).await;
    assert_eq!(
        (answered.status.as_u16(), answered.header("retry-after")),
        (503, Some("1"))
    );
    people.store.heal();
    people.users.fail();
    assert_eq!(
        people.log_in(login("alice", "wonderland")).await.status,
        503
    );
}
