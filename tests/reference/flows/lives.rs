//! Tokens that end when nobody uses them.

use super::server::Server;
use super::{Flows, flows};

pub(super) const FLOWS: Flows = Flows {
    flags: &["--manual-clock", "--idle", "10m", "--cap", "30m"],
    flows: &[flows![
        a_token_that_is_not_used_ends_and_one_that_is_lives_on,
        a_token_ends_at_its_cap_however_much_it_is_used,
        a_use_is_seen_in_the_list_of_sessions,
    ]],
};

fn a_token_that_is_not_used_ends_and_one_that_is_lives_on(server: &mut Server) {
    let [idle, used] = ["alice"; 2].map(|name| server.log_in(name));
    server.wait(300);
    assert!(server.lets_in(&used));
    server.wait(299);
    assert_eq!(server.introspect(&idle)["active"], true, "no use of it");
    server.wait(1);
    assert!(!server.lets_in(&idle));
    assert!(server.lets_in(&used));
}

fn a_token_ends_at_its_cap_however_much_it_is_used(server: &mut Server) {
    let alice = server.log_in("alice");
    for _ in 0..3 {
        server.wait(599);
        assert!(server.lets_in(&alice));
    }
    server.wait(2);
    assert!(server.lets_in(&alice));
    server.wait(1);
    assert!(!server.lets_in(&alice));
}

fn a_use_is_seen_in_the_list_of_sessions(server: &mut Server) {
    let alice = server.log_in("alice");
    server.wait(300);
    assert!(server.lets_in(&alice));
    let session = &server.sessions(&alice)[0];
    let time = |name: &str| session[name].as_str().expect("a time").to_owned();
    assert!(time("last_used") > time("created"), "{session}");
}
