//! The same server over each store: tokens outlive it, and what was ended stays ended.

use serde_json::{Value, json};

use super::routes::{call, log_in, post, token};
use crate::support::curl::{Printed, curl};
use crate::support::process::{Running, serve};
use crate::support::server::{self, postgres, redis};

fn oauth(server: &Running, path: &str, form: &str) -> Printed {
    curl(&[
        "-u",
        "app:appsecret",
        "-d",
        form,
        &format!("{}{path}", server.url),
    ])
}

fn member(printed: &Printed, name: &str) -> String {
    assert_eq!(printed.status, 200, "{printed:?}");
    let content: Value = serde_json::from_str(&printed.body).expect("JSON");
    content[name].as_str().expect("text").to_owned()
}

fn outlives_its_server(name: &str, url: &str) {
    let folder = server::folder(name);
    let key = folder.join("key").display().to_string();
    let flags = ["--store", url, "--key-file", &key, "--password-grant"];

    let first = serve(&flags);
    let kept = token(&log_in(&first, "alice", "wonderland"));
    let ended = token(&log_in(&first, "alice", "wonderland"));
    assert_eq!(call(&first, "POST", "/logout", &ended).status, 204);
    let pair = oauth(
        &first,
        "/oauth/token",
        "grant_type=password&username=bob&password=builder",
    );
    let (access, refresh) = (
        member(&pair, "access_token"),
        member(&pair, "refresh_token"),
    );
    assert!(first.terminate());

    let second = serve(&flags);
    assert_eq!(call(&second, "GET", "/me", &kept).status, 200);
    assert_eq!(call(&second, "GET", "/me", &ended).status, 401);
    assert_eq!(call(&second, "GET", "/me", &access).status, 200);
    let again = format!("grant_type=refresh_token&refresh_token={refresh}");
    let next = oauth(&second, "/oauth/token", &again);
    let next_access = member(&next, "access_token");
    assert_eq!(call(&second, "GET", "/me", &access).status, 401);
    assert_eq!(
        oauth(&second, "/oauth/token", &again).status,
        400,
        "it is spent"
    );
    assert_eq!(
        call(&second, "GET", "/me", &next_access).status,
        401,
        "the session ended"
    );

    let field = format!("authorization: Bearer {kept}");
    let change = json!({"old": "wonderland", "new": "looking glass"});
    let fresh = token(&post(&second, "/password", &change, &[&field]));
    assert_eq!(call(&second, "GET", "/me", &kept).status, 401);
    assert_eq!(call(&second, "POST", "/logout-all", &fresh).status, 204);
    assert_eq!(call(&second, "GET", "/me", &fresh).status, 401);
    let _ = std::fs::remove_dir_all(folder);
}

#[test]
fn over_sqlite() {
    let folder = server::folder("reference-sqlite");
    let file = folder.join("tokens.db");
    outlives_its_server(
        "reference-sqlite-key",
        &format!("sqlite:{}", file.display()),
    );
    let _ = std::fs::remove_dir_all(folder);
}

#[test]
fn over_postgres() {
    outlives_its_server("reference-postgres", &postgres::shared().url());
}

#[test]
fn over_redis() {
    outlives_its_server("reference-redis", &redis::database());
}

/// Two nodes on one store, each with a cache of half a minute: a logout on one is heard of on the
/// other before anybody can ask twice.
fn a_logout_reaches_the_other_node(url: &str) {
    let nodes = [0, 1].map(|_| serve(&["--store", url, "--cache", "30s"]));
    let alice = token(&log_in(&nodes[0], "alice", "wonderland"));
    for node in &nodes {
        assert_eq!(call(node, "GET", "/me", &alice).status, 200);
        assert_eq!(
            call(node, "GET", "/me", &alice).status,
            200,
            "from the cache"
        );
    }
    assert_eq!(call(&nodes[0], "POST", "/logout", &alice).status, 204);
    assert_eq!(call(&nodes[0], "GET", "/me", &alice).status, 401);
    assert!(
        server::wait_until(|| call(&nodes[1], "GET", "/me", &alice).status == 401),
        "the other node still lets it in"
    );
}

#[test]
fn two_nodes_on_postgres_with_caches() {
    a_logout_reaches_the_other_node(&postgres::shared().url());
}

#[test]
fn two_nodes_on_redis_with_caches() {
    a_logout_reaches_the_other_node(&redis::database());
}
