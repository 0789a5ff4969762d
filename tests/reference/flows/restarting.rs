//! A server that is killed (`kill -9`) or asked to end, and started again. What it runs by is the
//! system's clock, so uses are written behind the requests.

use std::thread::sleep;
use std::time::Duration;

use super::server::{Pair, Server};
use super::{Flows, flows};

pub(super) const KILL: Flows = Flows {
    flags: &["--password-grant", "--refresh-grace", "60s"],
    flows: &[flows![
        a_retry_of_what_was_turned_before_the_crash_is_told_the_same_pair,
        logins_and_logouts_outlive_it,
    ]],
};

/// Uses are written down every two seconds.
pub(super) const END: Flows = Flows {
    flags: &["--idle", "20s"],
    flows: &[flows![a_use_is_written_down_before_the_server_ends]],
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

fn a_use_is_written_down_before_the_server_ends(server: &mut Server) {
    let used = server.log_in("alice");
    sleep(Duration::from_millis(2_100));
    assert!(server.lets_in(&used));
    server.end_and_start_again();
    let sessions = server.sessions(&server.log_in("alice"));
    let session = sessions.iter().find(|session| session["current"] == false);
    let session = session.expect("it was used");
    let time = |name: &str| session[name].as_str().expect("a time").to_owned();
    assert!(time("last_used") > time("created"), "{session}");
}
