//! Streams of events, by curl.

use std::io::{BufRead, BufReader, Lines};
use std::process::{Child, ChildStdout, Command, Stdio};

use crate::support::process::Running;

/// One that has begun.
pub(super) struct Ticks {
    curl: Child,
    lines: Lines<BufReader<ChildStdout>>,
}

impl Ticks {
    pub(super) fn begin(server: &Running, token: &str) -> Self {
        let field = format!("authorization: Bearer {token}");
        let url = format!("{}/events", server.url);
        let mut curl = Command::new("curl")
            .args(["-sN", "--max-time", "30", "-H", &field, &url])
            .stdout(Stdio::piped())
            .spawn()
            .expect("curl is needed to run these tests: install it");
        let mut lines = BufReader::new(curl.stdout.take().expect("it is piped")).lines();
        assert_eq!(lines.next().unwrap().unwrap(), "data: 0");
        Self { curl, lines }
    }

    /// Waits for its end, which comes before curl loses patience. Whether it was no cut.
    pub(super) fn end_cleanly(mut self) -> bool {
        assert!(self.lines.map_while(Result::ok).count() < 30);
        self.curl.wait().unwrap().success()
    }
}
