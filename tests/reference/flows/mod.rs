//! Every flow of people and of clients, over the real server, on every store. A flow that fails
//! says its name and its store in its panic; those after it run all the same.

mod at_once;
mod clients;
mod grace;
mod limit;
mod lives;
mod logins;
mod people;
mod refresh;
mod restarting;
mod server;
mod sessions;

use std::thread;

use self::server::{Server, Store};

/// Flows over a server with these flags. Each begins with alice logged out everywhere.
pub(super) struct Flows {
    flags: &'static [&'static str],
    flows: &'static [&'static [Flow]],
}

/// What happens, and its name.
type Flow = (&'static str, fn(&mut Server));

const PLAIN: Flows = Flows {
    flags: &[
        "--manual-clock",
        "--password-grant",
        "--introspection-scope",
        "write",
    ],
    flows: &[
        logins::NEW,
        refresh::FLOWS,
        clients::FLOWS,
        sessions::FLOWS,
        people::FLOWS,
    ],
};

/// Functions as flows.
macro_rules! flows {
    ($($flow:ident),+ $(,)?) => { &[$((stringify!($flow), $flow)),+] };
}
use flows;

/// Makes a test of each of these groups of flows for each of these stores.
macro_rules! on_stores {
    ([$($store:ident),+] $groups:tt) => { $(on_stores!(@ $store $groups);)+ };
    (@ $store:ident { $($test:ident: $flows:expr),+ $(,)? }) => {
        mod $store {
            $(
                #[test]
                fn $test() {
                    super::run(super::Store::$store(), &{ use super::*; $flows });
                }
            )+
        }
    };
}

on_stores!([memory, sqlite, postgres, redis] {
    flows: PLAIN,
    flows_with_renewed_tokens: logins::RENEW,
    flows_with_tokens_that_are_replaced_when_expired: logins::REPLACE_EXPIRED,
    flows_with_one_session_at_a_time: logins::REPLACE_ALL,
    flows_with_a_limit: limit::FLOWS,
    flows_with_an_idle_time: lives::FLOWS,
    flows_with_a_grace: grace::FLOWS,
});

/// Of what outlives a server, which nothing in memory does.
mod restarts {
    use super::{Store, restarting, run};

    on_stores!([sqlite, postgres, redis] {
        killed: restarting::KILL,
        ended: restarting::END,
    });
}

fn run(store: Store, flows: &Flows) {
    let mut server = Server::start(store, flows.flags);
    let flows = flows.flows.iter().copied().flatten();
    let failed: Vec<&str> = flows
        .filter(|(name, flow)| !succeeds(&mut server, name, *flow))
        .map(|(name, _)| *name)
        .collect();
    assert!(failed.is_empty(), "on {}: {failed:?}", server.store());
}

/// Runs a flow in a thread of its name, since that is what a panic says.
fn succeeds(server: &mut Server, name: &str, flow: fn(&mut Server)) -> bool {
    let thread = thread::Builder::new().name(format!("{name} on {}", server.store()));
    thread::scope(|scope| {
        let run = thread.spawn_scoped(scope, || {
            server.log_alice_out();
            flow(server);
        });
        run.expect("a thread").join().is_ok()
    })
}
