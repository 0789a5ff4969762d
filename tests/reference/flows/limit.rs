//! A limit of sessions.

use super::at_once;
use super::server::Server;
use super::{Flows, flows};

pub(super) const FLOWS: Flows = Flows {
    flags: &["--manual-clock", "--max-tokens", "2"],
    flows: &[flows![
        the_least_recently_used_session_makes_room,
        logins_at_once_keep_to_the_limit,
    ]],
};

fn the_least_recently_used_session_makes_room(server: &mut Server) {
    let first = server.log_in("alice");
    server.wait(1);
    let second = server.log_in("alice");
    // A use is written down once a minute.
    server.wait(60);
    assert!(server.lets_in(&first));
    server.wait(1);
    let third = server.log_in("alice");
    let live = [first, second, third].map(|token| server.lets_in(&token));
    assert_eq!(live, [true, false, true]);
}

fn logins_at_once_keep_to_the_limit(server: &mut Server) {
    let tokens = at_once::logins(server, "alice");
    assert_eq!(server.let_in(&tokens), 2);
}
