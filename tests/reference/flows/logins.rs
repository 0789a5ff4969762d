//! What a login does to the tokens that are there, in each mode, also when several arrive at once.

use super::at_once::{self, MANY};
use super::server::Server;
use super::{Flow, Flows, flows};

pub(super) const NEW: &[Flow] = flows![
    each_login_has_a_token_of_its_own,
    logins_at_once_have_each_a_token_of_its_own,
];

pub(super) const RENEW: Flows = Flows {
    flags: &["--manual-clock", "--login", "renew"],
    flows: &[flows![
        a_login_starts_the_life_of_the_same_token_anew,
        a_dead_token_lives_again_but_not_after_a_logout,
        logins_at_once_are_told_one_token,
        logins_at_once_are_told_the_token_that_had_expired,
    ]],
};

pub(super) const REPLACE_EXPIRED: Flows = Flows {
    flags: &["--manual-clock", "--login", "replace-expired"],
    flows: &[flows![
        a_live_token_is_told_again_as_it_is_and_a_dead_one_is_replaced,
        logins_at_once_are_told_one_token,
        logins_at_once_agree_on_one_token_instead_of_the_dead_one,
    ]],
};

pub(super) const REPLACE_ALL: Flows = Flows {
    flags: &["--manual-clock", "--login", "replace-all"],
    flows: &[flows![
        a_login_ends_all_others,
        of_logins_at_once_one_is_left,
    ]],
};

const HOUR: i64 = 3600;

fn each_login_has_a_token_of_its_own(server: &mut Server) {
    let [phone, laptop] = ["alice"; 2].map(|name| server.log_in(name));
    assert_ne!(phone, laptop);
    server.log_out(&phone);
    assert!(!server.lets_in(&phone));
    assert!(server.lets_in(&laptop));
}

fn logins_at_once_have_each_a_token_of_its_own(server: &mut Server) {
    let mut tokens = at_once::logins(server, "alice");
    assert_eq!(server.let_in(&tokens), MANY);
    assert_eq!(server.sessions(&tokens[0]).len(), MANY);
    tokens.sort();
    tokens.dedup();
    assert_eq!(tokens.len(), MANY);
}

fn a_login_starts_the_life_of_the_same_token_anew(server: &mut Server) {
    let alice = server.log_in("alice");
    server.wait(23 * HOUR);
    assert_eq!(server.log_in("alice"), alice);
    server.wait(23 * HOUR);
    assert!(server.lets_in(&alice));
    server.wait(HOUR);
    assert!(!server.lets_in(&alice));
}

fn a_dead_token_lives_again_but_not_after_a_logout(server: &mut Server) {
    let alice = server.log_in("alice");
    server.wait(25 * HOUR);
    assert!(!server.lets_in(&alice));
    assert_eq!(server.log_in("alice"), alice);
    assert!(server.lets_in(&alice));
    server.log_out(&alice);
    assert_ne!(server.log_in("alice"), alice);
    assert!(!server.lets_in(&alice));
}

fn logins_at_once_are_told_one_token(server: &mut Server) {
    let tokens = at_once::logins(server, "alice");
    assert!(is_one(&tokens), "{tokens:?}");
    assert_eq!(server.sessions(&tokens[0]).len(), 1);
    assert_eq!(server.log_in("alice"), tokens[0]);
}

fn logins_at_once_are_told_the_token_that_had_expired(server: &mut Server) {
    let alice = server.log_in("alice");
    server.wait(25 * HOUR);
    let tokens = at_once::logins(server, "alice");
    assert!(is_one(&tokens), "{tokens:?}");
    assert_eq!(tokens[0], alice);
    assert_eq!(server.sessions(&alice).len(), 1);
}

fn a_live_token_is_told_again_as_it_is_and_a_dead_one_is_replaced(server: &mut Server) {
    let alice = server.log_in("alice");
    server.wait(23 * HOUR);
    assert_eq!(server.log_in("alice"), alice);
    server.wait(HOUR);
    assert!(!server.lets_in(&alice), "its life has not begun anew");
    let next = server.log_in("alice");
    assert_ne!(next, alice);
    assert!(server.lets_in(&next));
    assert!(!server.lets_in(&alice));
}

fn logins_at_once_agree_on_one_token_instead_of_the_dead_one(server: &mut Server) {
    let alice = server.log_in("alice");
    server.wait(25 * HOUR);
    let tokens = at_once::logins(server, "alice");
    assert!(is_one(&tokens), "{tokens:?}");
    assert_ne!(tokens[0], alice);
    assert_eq!(server.sessions(&tokens[0]).len(), 1);
}

fn a_login_ends_all_others(server: &mut Server) {
    let (phone, bob) = (server.log_in("alice"), server.log_in("bob"));
    let laptop = server.log_in("alice");
    assert!(!server.lets_in(&phone));
    assert!(server.lets_in(&laptop));
    assert!(server.lets_in(&bob), "he is another");
}

fn of_logins_at_once_one_is_left(server: &mut Server) {
    let tokens = at_once::logins(server, "alice");
    assert_eq!(server.let_in(&tokens), 1, "{tokens:?}");
    let left = tokens.iter().find(|token| server.lets_in(token));
    assert_eq!(server.sessions(left.expect("there is one")).len(), 1);
}

/// Whether all are the same.
fn is_one(tokens: &[String]) -> bool {
    tokens.iter().all(|token| *token == tokens[0])
}
