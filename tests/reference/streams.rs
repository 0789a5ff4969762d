//! A stream ends with its token.

use std::io::{BufRead, BufReader};
use std::process::{Command, Stdio};

use super::routes::{call, log_in, token};
use crate::support::process::serve;

#[test]
fn events_end_cleanly_after_a_logout() {
    let server = serve(&[]);
    let alice = token(&log_in(&server, "alice", "wonderland"));
    let field = format!("authorization: Bearer {alice}");
    let mut curl = Command::new("curl")
        .args([
            "-sN",
            "--max-time",
            "30",
            "-H",
            &field,
            &format!("{}/events", server.url),
        ])
        .stdout(Stdio::piped())
        .spawn()
        .expect("curl is needed to run these tests: install it");
    let mut lines = BufReader::new(curl.stdout.take().expect("it is piped")).lines();
    assert_eq!(lines.next().unwrap().unwrap(), "data: 0");
    assert_eq!(call(&server, "POST", "/logout", &alice).status, 204);
    assert!(lines.map_while(Result::ok).count() < 30);
    assert!(
        curl.wait().unwrap().success(),
        "the stream was cut, not ended"
    );
}
