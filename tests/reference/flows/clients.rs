//! What OAuth clients do for themselves and with the tokens of others.

use serde_json::{Value, json};

use super::super::routes::{call, token};
use super::server::{Pair, Server, json_of};
use super::{Flow, flows};
use crate::support::curl::curl;

pub(super) const FLOWS: &[Flow] = flows![
    a_client_has_tokens_of_its_own,
    an_access_token_is_revoked_alone,
    a_refresh_token_is_revoked_with_its_session,
    what_lives_is_told_to_the_client_and_to_nobody_else,
    what_lives_is_told_to_a_token_with_the_scope_for_it,
];

fn a_client_has_tokens_of_its_own(server: &mut Server) {
    let form = "grant_type=client_credentials&scope=read";
    let told = json_of(&server.oauth("/oauth/token", form));
    assert_eq!(told["scope"], "read");
    assert_eq!(told["refresh_token"], Value::Null);
    let own = told["access_token"].as_str().expect("text");
    assert_eq!(json_of(&call(server, "GET", "/me", own))["user"], "app");
    assert_eq!(call(server, "POST", "/write", own).status, 403);
    let alice = server.log_in("alice");
    assert_eq!(server.sessions(&alice).len(), 1, "it is no session of hers");
    server.log_out(own);
    assert!(!server.lets_in(own));
}

fn an_access_token_is_revoked_alone(server: &mut Server) {
    let pair = server.pair();
    for _ in 0..2 {
        server.revoke(&pair.access);
        assert!(!server.lets_in(&pair.access));
    }
    let next = Pair::of(&server.refresh(&pair.refresh, ""));
    assert!(server.lets_in(&next.access));
}

fn a_refresh_token_is_revoked_with_its_session(server: &mut Server) {
    let (pair, other) = (server.pair(), server.pair());
    server.revoke(&pair.refresh);
    assert!(!server.lets_in(&pair.access));
    server.refuses_refresh(&pair.refresh);
    assert!(server.lets_in(&other.access));
}

fn what_lives_is_told_to_the_client_and_to_nobody_else(server: &mut Server) {
    let pair = server.pair();
    let told = server.introspect(&pair.access);
    assert_eq!(told["active"], true);
    assert_eq!(told["sub"], "alice");
    assert_eq!(told["client_id"], "app");
    assert_eq!(told["scope"], "read write");
    let inactive = json!({"active": false});
    assert_eq!(server.introspect(&pair.refresh), inactive);
    let url = format!("{}/oauth/introspect", server.url);
    let form = format!("token={}", pair.access);
    assert_eq!(curl(&["-u", "app:wrong", "-d", &form, &url]).status, 401);
    server.revoke(&pair.access);
    assert_eq!(server.introspect(&pair.access), inactive);
}

fn what_lives_is_told_to_a_token_with_the_scope_for_it(server: &mut Server) {
    let (alice, bob) = (server.log_in("alice"), server.log_in("bob"));
    let read = token(&server.log_in_with(&json!({"scope": "read"})));
    let ask = |asker: &str| {
        let field = format!("authorization: Bearer {asker}");
        let (url, form) = (
            format!("{}/oauth/introspect", server.url),
            format!("token={bob}"),
        );
        curl(&["-H", &field, "-d", &form, &url])
    };
    assert_eq!(json_of(&ask(&alice))["sub"], "bob");
    assert_eq!(ask(&read).status, 403);
    server.log_out(&bob);
    assert_eq!(json_of(&ask(&alice)), json!({"active": false}));
    server.log_out(&alice);
    assert_eq!(ask(&alice).status, 401);
}
