//! Passwords that are asked for again, tokens made by tokens, people who are suspended, and what
//! lasts.

use serde_json::{Value, json};

use super::super::routes::{call, log_in, token};
use super::super::streams::Ticks;
use super::server::{Server, json_of};
use super::{Flow, flows};
use crate::support::curl::curl;

pub(super) const FLOWS: &[Flow] = flows![
    what_is_dangerous_takes_a_password_of_the_last_five_minutes,
    a_token_made_by_a_token_is_narrower_and_ends_with_it,
    a_suspended_user_is_refused_while_it_lasts,
    streams_end_with_what_ends_their_token,
    a_changed_password_ends_all_other_sessions,
];

fn what_is_dangerous_takes_a_password_of_the_last_five_minutes(server: &mut Server) {
    let stale = server.log_in("alice");
    server.wait(301);
    let refused = call(server, "POST", "/danger", &stale);
    assert_eq!(refused.status, 401);
    let challenge = refused.all("www-authenticate")[0];
    let error = r#"error="insufficient_user_authentication""#;
    assert!(challenge.contains(error), "{challenge}");
    let wrong = server.post("/step-up", &stale, &json!({"password": "looking glass"}));
    assert_eq!(wrong.status, 400);
    let right = json!({"password": "wonderland"});
    let fresh = token(&server.post("/step-up", &stale, &right));
    assert_eq!(call(server, "POST", "/danger", &fresh).status, 200);
    assert_eq!(call(server, "POST", "/danger", &stale).status, 401);
    assert_eq!(server.sessions(&fresh).len(), 1, "it is the same session");
    server.log_out(&fresh);
    assert!(!server.lets_in(&stale));
}

fn a_token_made_by_a_token_is_narrower_and_ends_with_it(server: &mut Server) {
    let whole = server.log_in("alice");
    let read = token(&server.log_in_with(&json!({"scope": "read"})));
    let delegate =
        |maker: &str, scopes: Value| server.post("/delegate", maker, &json!({"scopes": scopes}));
    assert_eq!(delegate(&read, json!(["read", "write"])).status, 400);
    let made = token(&delegate(&whole, json!(["read"])));
    assert_eq!(call(server, "GET", "/read", &made).status, 200);
    assert_eq!(call(server, "POST", "/write", &made).status, 403);
    for (method, path) in [("GET", "/me"), ("POST", "/logout"), ("POST", "/delegate")] {
        let refused = call(server, method, path, &made);
        assert_eq!(refused.status, 401, "{path} is for logins");
    }
    let ends = |token: &str| server.introspect(token)["exp"].as_i64().expect("an end");
    assert!(ends(&made) <= ends(&whole));
    server.log_out(&whole);
    assert_eq!(call(server, "GET", "/read", &made).status, 401);
    assert_eq!(call(server, "GET", "/read", &read).status, 200);
}

fn a_suspended_user_is_refused_while_it_lasts(server: &mut Server) {
    let (alice, pair, bob) = (server.log_in("alice"), server.pair(), server.log_in("bob"));
    let set = |action: &str| {
        let url = format!("{}/admin/users/alice/{action}", server.url);
        assert_eq!(curl(&["-X", "POST", &url]).status, 204);
    };
    set("deactivate");
    assert!(!server.lets_in(&alice));
    assert_eq!(server.introspect(&alice), json!({"active": false}));
    server.refuses_refresh(&pair.refresh);
    assert_eq!(log_in(server, "alice", "wonderland").status, 400);
    assert!(server.lets_in(&bob));
    set("activate");
    assert!(server.lets_in(&alice));
    assert_eq!(server.refresh(&pair.refresh, "").status, 200);
}

fn streams_end_with_what_ends_their_token(server: &mut Server) {
    let (revoked, pair, bob) = (server.log_in("alice"), server.pair(), server.log_in("bob"));
    let [first, second, third] =
        [&revoked, &pair.access, &bob].map(|token| Ticks::begin(server, token));
    server.revoke(&revoked);
    server.revoke(&pair.refresh);
    server.log_out(&bob);
    for ticks in [first, second, third] {
        assert!(ticks.end_cleanly());
    }
}

fn a_changed_password_ends_all_other_sessions(server: &mut Server) {
    let (here, there, pair) = (
        server.log_in("alice"),
        server.log_in("alice"),
        server.pair(),
    );
    let change = |token: &str, old: &str, new: &str| {
        server.post("/password", token, &json!({"old": old, "new": new}))
    };
    assert_eq!(change(&here, "wrong", "looking glass").status, 400);
    assert!(server.lets_in(&there), "nothing has changed");
    let fresh = token(&change(&here, "wonderland", "looking glass"));
    assert_eq!(server.let_in(&[here, there, pair.access]), 0);
    server.refuses_refresh(&pair.refresh);
    assert_eq!(log_in(server, "alice", "wonderland").status, 400);
    assert_eq!(server.sessions(&fresh).len(), 1);
    // As the flows after this one expect it.
    json_of(&change(&fresh, "looking glass", "wonderland"));
}
