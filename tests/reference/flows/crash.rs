//! A server that is killed (`kill -9`) and started again. What it runs by is the system's clock.

use super::server::{Pair, Server};
use super::{Flows, flows};

pub(super) const FLOWS: Flows = Flows {
    flags: &["--password-grant", "--refresh-grace", "60s"],
    flows: &[flows![
        a_retry_of_what_was_turned_before_the_crash_is_told_the_same_pair,
        logins_and_logouts_outlive_it,
    ]],
};

fn a_retry_of_what_was_turned_before_the_crash_is_told_the_same_pair(server: &mut Server) {
    let first = server.pair();
    let second = Pair::of(&server.refresh(&first.refresh, ""));
    server.crash();
    assert_eq!(Pair::of(&server.refresh(&first.refresh, "")), second);
    assert!(!server.lets_in(&first.access));
    assert!(server.lets_in(&second.access));
    let third = Pair::of(&server.refresh(&second.refresh, ""));
    server.refuses_refresh(&first.refresh);
    assert!(
        !server.lets_in(&third.access),
        "two generations back is reuse"
    );
}

fn logins_and_logouts_outlive_it(server: &mut Server) {
    let (kept, ended, pair) = (server.log_in("bob"), server.log_in("bob"), server.pair());
    server.log_out(&ended);
    server.log_out(&pair.access);
    server.crash();
    assert!(server.lets_in(&kept));
    assert!(!server.lets_in(&ended));
    server.refuses_refresh(&pair.refresh);
}
