//! What a user sees of his sessions, and how he ends them.

use serde_json::Value;

use super::super::routes::call;
use super::server::Server;
use super::{Flow, flows};

pub(super) const FLOWS: &[Flow] = flows![
    a_user_sees_his_sessions_and_ends_one,
    another_users_session_is_not_found,
    all_sessions_end_but_this_one,
    all_sessions_end,
];

fn a_user_sees_his_sessions_and_ends_one(server: &mut Server) {
    let (phone, pair) = (server.log_in("alice"), server.pair());
    let sessions = server.sessions(&phone);
    assert_eq!(sessions.len(), 2, "{sessions:?}");
    let here = |session: &&Value| session["current"] == true;
    assert_eq!(sessions.iter().filter(here).count(), 1);
    let other = sessions.iter().find(|session| !here(session));
    let id = id(other.expect("the pair's"));
    assert_eq!(end(server, &phone, &id), 204);
    assert!(!server.lets_in(&pair.access));
    server.refuses_refresh(&pair.refresh);
    assert!(server.lets_in(&phone));
    assert_eq!(end(server, &phone, &id), 404, "it is gone");
}

fn another_users_session_is_not_found(server: &mut Server) {
    let (alice, bob) = (server.log_in("alice"), server.log_in("bob"));
    let sessions = server.sessions(&bob);
    let id = id(sessions
        .iter()
        .find(|session| session["current"] == true)
        .expect("his own"));
    assert_eq!(end(server, &alice, &id), 404);
    assert!(server.lets_in(&bob));
}

fn all_sessions_end_but_this_one(server: &mut Server) {
    let (here, there, bob) = three(server);
    let pair = server.pair();
    let path = "/logout-all?keep=current";
    assert_eq!(call(server, "POST", path, &here).status, 204);
    assert!(server.lets_in(&here));
    assert!(!server.lets_in(&there));
    assert!(!server.lets_in(&pair.access));
    server.refuses_refresh(&pair.refresh);
    assert!(server.lets_in(&bob));
}

fn all_sessions_end(server: &mut Server) {
    let (here, there, bob) = three(server);
    assert_eq!(call(server, "POST", "/logout-all", &here).status, 204);
    assert!(!server.lets_in(&here));
    assert!(!server.lets_in(&there));
    assert!(server.lets_in(&bob));
}

/// Two of alice's, one of bob's.
fn three(server: &Server) -> (String, String, String) {
    let log_in = |name| server.log_in(name);
    (log_in("alice"), log_in("alice"), log_in("bob"))
}

fn id(session: &Value) -> String {
    session["id"].as_str().expect("an id").to_owned()
}

fn end(server: &Server, token: &str, id: &str) -> u16 {
    call(server, "DELETE", &format!("/tokens/{id}"), token).status
}
