//! Refresh tokens, each of which is used once.

use serde_json::json;

use super::super::routes::call;
use super::server::{Pair, Server};
use super::{Flow, flows};

pub(super) const FLOWS: &[Flow] = flows![
    each_use_gives_a_new_pair_and_ends_the_old_one,
    a_spent_token_that_is_seen_again_ends_its_session_and_no_other,
    a_logout_burns_the_refresh_token,
    a_login_gives_a_refresh_token_if_it_is_asked,
    an_access_token_may_be_narrowed_and_nothing_is_widened,
];

fn each_use_gives_a_new_pair_and_ends_the_old_one(server: &mut Server) {
    let first = server.pair();
    let second = Pair::of(&server.refresh(&first.refresh, ""));
    assert_ne!(first.access, second.access);
    assert_ne!(first.refresh, second.refresh);
    assert!(!server.lets_in(&first.access));
    assert!(server.lets_in(&second.access));
    assert!(!server.lets_in(&second.refresh), "it opens nothing");
    assert_eq!(server.sessions(&second.access).len(), 1);
}

fn a_spent_token_that_is_seen_again_ends_its_session_and_no_other(server: &mut Server) {
    let (other, first) = (server.pair(), server.pair());
    let second = Pair::of(&server.refresh(&first.refresh, ""));
    let third = Pair::of(&server.refresh(&second.refresh, ""));
    server.refuses_refresh(&first.refresh);
    assert!(!server.lets_in(&third.access));
    server.refuses_refresh(&third.refresh);
    assert!(server.lets_in(&other.access));
    Pair::of(&server.refresh(&other.refresh, ""));
}

fn a_logout_burns_the_refresh_token(server: &mut Server) {
    let pair = server.pair();
    server.log_out(&pair.access);
    assert!(!server.lets_in(&pair.access));
    server.refuses_refresh(&pair.refresh);
}

fn a_login_gives_a_refresh_token_if_it_is_asked(server: &mut Server) {
    let first = Pair::of(&server.log_in_with(&json!({"refresh": true})));
    let second = Pair::of(&server.refresh(&first.refresh, ""));
    assert!(server.lets_in(&second.access));
}

fn an_access_token_may_be_narrowed_and_nothing_is_widened(server: &mut Server) {
    let opens = |pair: &Pair| {
        let write = call(server, "POST", "/write", &pair.access);
        assert_eq!(call(server, "GET", "/read", &pair.access).status, 200);
        if write.status == 403 {
            let challenge = write.all("www-authenticate")[0];
            assert!(
                challenge.contains(r#"error="insufficient_scope""#),
                "{challenge}"
            );
            assert!(challenge.contains(r#"scope="write""#), "{challenge}");
        }
        write.status == 200
    };
    let whole = server.pair();
    assert!(opens(&whole));
    let narrow = Pair::of(&server.refresh(&whole.refresh, "&scope=read"));
    assert!(!opens(&narrow));
    let again = Pair::of(&server.refresh(&narrow.refresh, ""));
    assert!(opens(&again), "the session has what it was granted");

    let read = server.log_in_with(&json!({"refresh": true, "scope": "read"}));
    let read = Pair::of(&read);
    assert!(!opens(&read));
    for wider in ["&scope=read%20write", "&scope=write", "&scope=admin"] {
        server.refuses_refresh_as(&read.refresh, wider, "invalid_scope");
    }
    let kept = Pair::of(&server.refresh(&read.refresh, ""));
    assert!(!opens(&kept), "a refusal spends nothing");
}
