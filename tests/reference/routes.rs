//! What the routes do, by curl.

use serde_json::{Value, json};

use crate::support::curl::{Printed, curl};
use crate::support::process::{Running, serve};

pub(super) fn call(server: &Running, method: &str, path: &str, token: &str) -> Printed {
    let field = format!("authorization: Bearer {token}");
    curl(&["-X", method, "-H", &field, &format!("{}{path}", server.url)])
}

pub(super) fn post(server: &Running, path: &str, content: &Value, fields: &[&str]) -> Printed {
    let (url, content) = (format!("{}{path}", server.url), content.to_string());
    let mut arguments = vec!["-H", "content-type: application/json", "-d", &content];
    arguments.extend(fields.iter().flat_map(|field| ["-H", field]));
    arguments.push(&url);
    curl(&arguments)
}

pub(super) fn log_in(server: &Running, name: &str, password: &str) -> Printed {
    post(
        server,
        "/login",
        &json!({"username": name, "password": password}),
        &[],
    )
}

pub(super) fn token(printed: &Printed) -> String {
    assert_eq!(printed.status, 200, "{printed:?}");
    let content: Value = serde_json::from_str(&printed.body).expect("JSON");
    content["token"].as_str().expect("a token").to_owned()
}

pub(super) fn advance(server: &Running, seconds: i64) {
    let set = post(server, "/clock/advance", &json!({"seconds": seconds}), &[]);
    assert_eq!(set.status, 200);
}

#[test]
fn a_token_lives_a_day_and_then_no_longer() {
    let server = serve(&["--manual-clock"]);
    let alice = token(&log_in(&server, "alice", "wonderland"));
    advance(&server, 24 * 3600 - 1);
    assert_eq!(call(&server, "GET", "/me", &alice).status, 200);
    advance(&server, 1);
    let dead = call(&server, "GET", "/me", &alice);
    assert_eq!(dead.status, 401);
    assert!(dead.all("www-authenticate")[0].contains(r#"error="invalid_token""#));
    advance(&server, -1);
    assert_eq!(
        call(&server, "GET", "/me", &alice).status,
        200,
        "a clock that went back"
    );
}

#[test]
fn what_arrives_in_clear_is_refused_and_burnt() {
    let server = serve(&["--require-https", "--trust-forwarded"]);
    let clear = log_in(&server, "alice", "wonderland");
    assert_eq!(clear.status, 400);
    let https = "x-forwarded-proto: https";
    let content = json!({"username": "alice", "password": "wonderland"});
    let alice = token(&post(&server, "/login", &content, &[https]));
    let field = format!("authorization: Bearer {alice}");
    let me = format!("{}/me", server.url);
    assert_eq!(curl(&["-H", &field, "-H", https, &me]).status, 200);
    assert_eq!(curl(&["-H", &field, &me]).status, 401);
    assert_eq!(
        curl(&["-H", &field, "-H", https, &me]).status,
        401,
        "it is burnt"
    );
    for path in ["/oauth/introspect", "/oauth/revoke", "/oauth/token"] {
        let url = format!("{}{path}", server.url);
        let clear = curl(&["-u", "app:appsecret", "-d", "token=x", &url]);
        assert_eq!(clear.status, 400, "{path} reads no secret in clear");
        assert!(clear.body.contains("encrypted"), "{}", clear.body);
    }
}

/// A hash takes 19 MiB, for which allocators find no second use.
#[test]
fn wrong_passwords_take_no_memory_that_is_not_used_again() {
    let server = serve(&[]);
    for number in 0..12 {
        let wrong = log_in(&server, &format!("user {number}"), "guess");
        assert_eq!(wrong.status, 400);
    }
    let resident = server.resident() >> 20;
    assert!(resident < 120, "twelve guesses took it to {resident} MiB");
}

#[test]
fn scripts_of_other_origins_may_call_and_read_the_challenge() {
    let server = serve(&[]);
    let me = format!("{}/me", server.url);
    let preflight = curl(&[
        "-X",
        "OPTIONS",
        "-H",
        "origin: https://app.example",
        "-H",
        "access-control-request-method: GET",
        "-H",
        "access-control-request-headers: authorization",
        &me,
    ]);
    assert_eq!(preflight.status, 200);
    assert_eq!(
        preflight.all("access-control-allow-headers"),
        ["authorization"]
    );
    let refused = curl(&["-H", "origin: https://app.example", &me]);
    assert_eq!(refused.status, 401);
    assert_eq!(
        refused.all("access-control-expose-headers"),
        ["www-authenticate,token-expires-in"]
    );
}

#[test]
fn a_token_that_ends_soon_is_announced_by_all_layers_if_the_flags_say_so() {
    for (flags, told) in [
        (
            &["--manual-clock", "--announce-expiry", "5m"][..],
            vec!["299"],
        ),
        (&["--manual-clock"], vec![]),
    ] {
        let server = serve(flags);
        let alice = token(&log_in(&server, "alice", "wonderland"));
        for (seconds, told) in [(24 * 3600 - 301, &vec![]), (2, &told)] {
            advance(&server, seconds);
            for path in ["/me", "/optional"] {
                let heard = call(&server, "GET", path, &alice);
                assert_eq!(heard.status, 200);
                assert_eq!(heard.all("token-expires-in"), *told, "{flags:?} {path}");
            }
        }
    }
}

#[test]
fn prometheus_is_told_what_has_happened() {
    let server = serve(&[]);
    let alice = token(&log_in(&server, "alice", "wonderland"));
    log_in(&server, "alice", "wrong");
    assert_eq!(call(&server, "POST", "/logout-all", &alice).status, 204);
    assert_eq!(call(&server, "GET", "/me", &alice).status, 401);
    let metrics = curl(&[&format!("{}/metrics", server.url)]).body;
    for line in [
        "token_issued_total 1",
        "token_login_failed_total 1",
        "token_revoked_total 1",
        "token_refused_total 1",
    ] {
        assert!(metrics.contains(line), "{metrics}");
    }
}
