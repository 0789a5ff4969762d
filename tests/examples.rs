//! Each example runs as its user runs it, and clients that nobody here wrote drive it.

use std::io::{BufRead, BufReader};
use std::process::{Command, Stdio};
use std::thread::sleep;
use std::time::Duration;

use futures_util::{SinkExt, StreamExt};
use tokio_tungstenite::connect_async;
use tokio_tungstenite::tungstenite::Message;
use tokio_tungstenite::tungstenite::client::IntoClientRequest;
use tonic::Code;

use crate::support::curl::{Printed, curl};
use crate::support::grpc;
use crate::support::house::changed;
use crate::support::process::{Running, fail, start};

const LOGIN: &str = r#"{"username":"alice","password":"wonderland"}"#;
const INVALID_TOKEN: &str = r#"Bearer realm="api", error="invalid_token", error_description="the token is unknown, expired or revoked""#;

fn log_in(example: &Running) -> String {
    let url = format!("{}/login", example.url);
    let printed = curl(&[&url, "-H", "content-type: application/json", "-d", LOGIN]);
    assert_eq!(printed.status, 200, "{printed:?}");
    assert_eq!(printed.all("cache-control"), ["no-store"]);
    token(&printed.body)
}

fn token(json: &str) -> String {
    let json: serde_json::Value = serde_json::from_str(json).expect("JSON");
    json["token"].as_str().expect("a token").to_owned()
}

fn ask(example: &Running, method: &str, path: &str, token: &str) -> Printed {
    let url = format!("{}{path}", example.url);
    let field = format!("authorization: Bearer {token}");
    curl(&["-X", method, &url, "-H", &field])
}

fn assert_invalid_token(printed: &Printed) {
    assert_eq!(printed.status, 401, "{printed:?}");
    assert_eq!(printed.all("www-authenticate"), [INVALID_TOKEN]);
}

fn admits_good_tokens_alone(name: &str) {
    let example = start(name, None);
    let anonymous = curl(&[&format!("{}/me", example.url)]);
    assert_eq!(anonymous.status, 401, "{anonymous:?}");
    assert_eq!(anonymous.all("www-authenticate"), [r#"Bearer realm="api""#]);

    let token = log_in(&example);
    let good = ask(&example, "GET", "/me", &token);
    assert_eq!(good.status, 200, "{good:?}");
    assert!(good.body.contains("alice"), "{good:?}");

    assert_invalid_token(&ask(&example, "GET", "/me", &changed(&token)));

    let logout = ask(&example, "POST", "/logout", &token);
    assert_eq!(logout.status, 204, "{logout:?}");
    assert_invalid_token(&ask(&example, "GET", "/me", &token));
}

#[test]
fn quickstart_admits_good_tokens_and_refuses_absent_changed_and_revoked_ones() {
    admits_good_tokens_alone("quickstart");
}

#[test]
fn the_axum_example_admits_good_tokens_and_refuses_absent_changed_and_revoked_ones() {
    admits_good_tokens_alone("axum");
}

#[test]
fn the_hyper_example_admits_good_tokens_and_refuses_absent_changed_and_revoked_ones() {
    admits_good_tokens_alone("hyper");
}

#[test]
fn the_warp_example_admits_good_tokens_and_refuses_absent_changed_and_revoked_ones() {
    admits_good_tokens_alone("warp");
}

#[test]
fn the_own_database_example_admits_good_tokens_and_refuses_absent_changed_and_revoked_ones() {
    admits_good_tokens_alone("own_database");
}

#[test]
fn the_http_examples_refuse_a_token_whose_lifetime_is_over() {
    for name in ["quickstart", "axum", "hyper", "warp", "own_database"] {
        let example = start(name, Some("2s"));
        // On a slow machine a token may end before its first use: then log in again.
        let token = (0..10)
            .map(|_| log_in(&example))
            .find(|token| ask(&example, "GET", "/me", token).status == 200)
            .expect("a token is good at first");
        sleep(Duration::from_secs(2));
        assert_invalid_token(&ask(&example, "GET", "/me", &token));
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn the_axum_example_ends_what_lasts_when_its_user_logs_out() {
    let example = start("axum", None);
    let token = log_in(&example);
    let ticks = format!("{}/ticks", example.url);
    let field = format!("authorization: Bearer {token}");
    let mut curl = Command::new("curl")
        .args(["-sSN", "--max-time", "60", &ticks, "-H", &field])
        .stdout(Stdio::piped())
        .spawn()
        .expect("curl is needed to run these tests: install it");
    let mut ticks = BufReader::new(curl.stdout.take().expect("it is piped")).lines();
    let first = ticks.next().expect("it begins").expect("text");
    assert_eq!(first, "data: tick");
    let url = example.url.replace("http", "ws") + "/echo";
    let mut request = url.into_client_request().unwrap();
    let bearer = format!("Bearer {token}").parse().unwrap();
    request.headers_mut().insert("authorization", bearer);
    let (mut socket, _) = connect_async(request).await.expect("is let in");
    socket.send(Message::text("hello")).await.unwrap();
    assert_eq!(
        socket.next().await.unwrap().unwrap(),
        Message::text("hello")
    );

    assert_eq!(ask(&example, "POST", "/logout", &token).status, 204);
    let Some(Ok(Message::Close(Some(close)))) = socket.next().await else {
        panic!("expected that it is closed");
    };
    assert_eq!(u16::from(close.code), 4401);
    assert_eq!(close.reason, "the token is unknown, expired or revoked");
    assert!(ticks.all(|line| line.is_ok()));
    assert!(curl.wait().expect("it is a child").success(), "a clean end");
}

#[tokio::test(flavor = "multi_thread")]
async fn the_tonic_example_answers_a_tonic_client_to_good_tokens_alone() {
    let example = start("tonic", None);
    let check = async |token: Option<&str>| grpc::check(&example.url, token).await;

    let anonymous = check(None).await.expect_err("is refused");
    assert_eq!(anonymous.code(), Code::Unauthenticated);
    assert!(
        anonymous.message().starts_with("authentication is needed"),
        "{anonymous}"
    );

    let token = log_in(&example);
    check(Some(&token)).await.expect("is served");

    let refused = check(Some(&changed(&token))).await.expect_err("is refused");
    assert_eq!(refused.code(), Code::Unauthenticated);
    assert!(
        refused.message().starts_with("invalid_token: "),
        "{refused}"
    );

    // Its handler for `watch` needs a scope that alice lacks.
    let mut client = grpc::connect(&example.url).await;
    let watched = client.watch(grpc::question(Some(&token))).await;
    let refused = watched.expect_err("is refused");
    assert_eq!(refused.code(), Code::PermissionDenied);
    assert!(
        refused.message().starts_with("insufficient_scope: "),
        "{refused}"
    );

    let nowhere = format!("{}/no.such/Service", example.url);
    let grpc = [
        "-H",
        "content-type: application/grpc",
        "-X",
        "POST",
        &nowhere,
    ];
    assert_eq!(curl(&grpc).all("grpc-status"), ["12"]);

    assert_eq!(ask(&example, "POST", "/logout", &token).status, 204);
    let revoked = check(Some(&token)).await.expect_err("is refused");
    assert_eq!(revoked.code(), Code::Unauthenticated);
}

#[tokio::test(flavor = "multi_thread")]
async fn the_tonic_example_refuses_a_token_whose_lifetime_is_over() {
    let example = start("tonic", Some("2s"));
    for _ in 0..10 {
        let token = log_in(&example);
        // On a slow machine a token may end before its first use: then log in again.
        if grpc::check(&example.url, Some(&token)).await.is_err() {
            continue;
        }
        tokio::time::sleep(Duration::from_secs(2)).await;
        let expired = grpc::check(&example.url, Some(&token)).await;
        assert_eq!(
            expired.expect_err("is refused").code(),
            Code::Unauthenticated
        );
        return;
    }
    panic!("a token is good at first");
}

/// Runs the lines that an example prints in a shell, as they stand. What the shell printed.
fn try_lines(name: &str) -> Vec<String> {
    let mut example = start(name, None);
    let lines = example.lines_to_try();
    let mut heard: Vec<String> = Vec::new();
    let mut before = String::new();
    for line in &lines {
        if line.starts_with("TOKEN=") {
            let secret = token(heard.last().expect("a login"));
            before = format!("TOKEN={secret}\n");
        } else {
            let script = format!("{before}{line}");
            let output = Command::new("sh").args(["-c", &script]).output();
            let output = output.expect("sh is there");
            assert!(output.status.success(), "{line}: {output:?}");
            heard.push(String::from_utf8_lossy(&output.stdout).into_owned());
        }
    }
    heard
}

/// The statuses of the lines after the login, but for those that print nothing.
fn statuses(name: &str) -> Vec<u16> {
    let heard = try_lines(name);
    let printed = heard[1..].iter().filter(|text| !text.is_empty());
    printed.map(|text| Printed::read(text).status).collect()
}

#[test]
fn the_lines_that_the_http_examples_print_work_as_printed() {
    assert_eq!(statuses("quickstart"), [200, 401, 204, 401]);
    assert_eq!(statuses("axum"), [200, 401, 200, 200, 200, 403, 204, 401]);
    assert_eq!(statuses("hyper"), [200, 200, 401, 204, 401]);
    assert_eq!(statuses("warp"), [200, 401, 204, 401]);
    let suspended = 401;
    assert_eq!(statuses("own_database"), [200, 401, suspended, 204, 401]);
}

#[test]
fn the_lines_that_the_tonic_example_prints_work_as_printed() {
    let heard = try_lines("tonic");
    let codes: Vec<String> = heard[1..]
        .iter()
        .map(|text| Printed::read(text).all("grpc-status").concat())
        .collect();
    assert_eq!(codes, ["0", "16", "", "16"]);
}

#[test]
fn the_hyper_example_serves_http_2_too() {
    let example = start("hyper", None);
    let field = format!("authorization: Bearer {}", log_in(&example));
    let url = format!("{}/me", example.url);
    let good = curl(&["--http2-prior-knowledge", &url, "-H", &field]);
    assert_eq!((good.version.as_str(), good.status), ("HTTP/2", 200));
    let anonymous = curl(&["--http2-prior-knowledge", &url]);
    assert_eq!(anonymous.status, 401);
}

#[test]
fn an_example_that_can_not_start_says_why_in_one_line() {
    for name in [
        "quickstart",
        "axum",
        "hyper",
        "tonic",
        "warp",
        "own_database",
    ] {
        for (variable, value, why) in [
            ("LIFETIME", "nonsense", "LIFETIME=nonsense: expected number"),
            ("LIFETIME", "0s", "expected a life of a microsecond or more"),
            (
                "LISTEN",
                "nowhere",
                "LISTEN=nowhere: invalid socket address",
            ),
        ] {
            let output = fail(name, variable, value);
            assert!(!output.status.success(), "{name}");
            let said = String::from_utf8(output.stderr).expect("text");
            assert_eq!(said.lines().count(), 1, "{name}: {said}");
            assert!(said.contains(why), "{name}: {said}");
        }
    }
}

#[test]
fn ctrl_c_ends_an_example_cleanly() {
    for name in ["axum", "hyper", "tonic", "warp", "own_database"] {
        let example = start(name, None);
        log_in(&example);
        assert!(example.interrupt(), "{name}");
    }
}

#[test]
fn ctrl_c_waits_for_no_stream() {
    let example = start("axum", None);
    let ticks = format!("{}/ticks", example.url);
    let field = format!("authorization: Bearer {}", log_in(&example));
    let mut curl = Command::new("curl")
        .args(["-sSN", "--max-time", "60", &ticks, "-H", &field])
        .stdout(Stdio::piped())
        .stderr(Stdio::null())
        .spawn()
        .expect("curl is there");
    let mut ticks = BufReader::new(curl.stdout.take().expect("it is piped")).lines();
    ticks.next().expect("it begins").expect("text");
    assert!(example.interrupt());
    curl.wait().expect("it ends");
}
