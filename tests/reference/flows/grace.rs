//! Refresh tokens whose answer was lost on the way, or that two tabs use at once.

use super::at_once;
use super::server::{Pair, Server};
use super::{Flows, flows};

pub(super) const FLOWS: Flows = Flows {
    flags: &[
        "--manual-clock",
        "--password-grant",
        "--refresh-grace",
        "30s",
    ],
    flows: &[flows![
        a_retry_within_the_grace_is_told_the_very_same_pair,
        a_retry_after_the_grace_ends_the_session,
        tabs_that_refresh_at_once_are_told_the_same_pair,
        a_logout_burns_what_a_retry_would_be_told,
    ]],
};

fn a_retry_within_the_grace_is_told_the_very_same_pair(server: &mut Server) {
    let first = server.pair();
    let second = Pair::of(&server.refresh(&first.refresh, ""));
    server.wait(29);
    assert_eq!(Pair::of(&server.refresh(&first.refresh, "")), second);
    assert!(server.lets_in(&second.access));
    Pair::of(&server.refresh(&second.refresh, ""));
}

fn a_retry_after_the_grace_ends_the_session(server: &mut Server) {
    let first = server.pair();
    let second = Pair::of(&server.refresh(&first.refresh, ""));
    server.wait(30);
    server.refuses_refresh(&first.refresh);
    assert!(!server.lets_in(&second.access));
    server.refuses_refresh(&second.refresh);
}

fn tabs_that_refresh_at_once_are_told_the_same_pair(server: &mut Server) {
    let mut last = server.pair();
    for _ in 0..3 {
        let mut told = at_once::refreshes(server, &last.refresh);
        let pair = told.pop().expect("there are some");
        assert!(
            told.iter().all(|other| *other == pair),
            "{told:?}, {pair:?}"
        );
        assert!(!server.lets_in(&last.access));
        assert!(server.lets_in(&pair.access));
        last = pair;
    }
    assert_eq!(server.sessions(&last.access).len(), 1);
}

fn a_logout_burns_what_a_retry_would_be_told(server: &mut Server) {
    let first = server.pair();
    let second = Pair::of(&server.refresh(&first.refresh, ""));
    server.log_out(&second.access);
    server.refuses_refresh(&first.refresh);
    server.refuses_refresh(&second.refresh);
}
