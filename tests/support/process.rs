//! The examples as processes of their own, built once a run.

use std::collections::HashMap;
use std::env;
use std::io::{BufRead, BufReader};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Output, Stdio};
use std::sync::OnceLock;
use std::sync::mpsc::{Receiver, channel};
use std::thread;
use std::time::Duration;

const PATIENCE: Duration = Duration::from_secs(60);

/// A running example. It is killed when this is dropped.
pub(crate) struct Running {
    child: Child,
    lines: Receiver<String>,
    pub(crate) url: String,
}

/// Starts an example on a free port and waits until it listens.
pub(crate) fn start(name: &str, lifetime: Option<&str>) -> Running {
    let mut command = command(name);
    command.env("LISTEN", "127.0.0.1:0");
    if let Some(lifetime) = lifetime {
        command.env("LIFETIME", lifetime);
    }
    Running::start(name, command)
}

/// Starts the reference server with these flags, on a free port, and waits until it listens.
pub(crate) fn serve(flags: &[&str]) -> Running {
    let mut command = command("server");
    command.args(["--listen", "127.0.0.1:0"]).args(flags);
    command.stderr(Stdio::null());
    Running::start("server", command)
}

/// Runs the reference server with flags that it can't follow, to its end.
pub(crate) fn refuse(flags: &[&str]) -> Output {
    let output = command("server")
        .args(["--listen", "127.0.0.1:0"])
        .args(flags)
        .output();
    output.expect("a built example starts")
}

/// Runs an example that can't start to its end.
pub(crate) fn fail(name: &str, variable: &str, value: &str) -> Output {
    let output = command(name)
        .env("LISTEN", "127.0.0.1:0")
        .env(variable, value)
        .output();
    output.expect("a built example starts")
}

fn command(name: &str) -> Command {
    static BUILT: OnceLock<HashMap<String, PathBuf>> = OnceLock::new();
    let built = BUILT.get_or_init(build);
    let mut command = Command::new(built.get(name).expect("an example of this name"));
    for variable in ["LISTEN", "LIFETIME", "DATABASE"] {
        command.env_remove(variable);
    }
    // Where the example over a database makes its own.
    command.env("TMPDIR", env!("CARGO_TARGET_TMPDIR"));
    command
}

/// Where the examples are, built with the profile and beside the target of these tests.
fn build() -> HashMap<String, PathBuf> {
    let tests = env::current_exe().expect("tests have a path");
    let profile = tests.ancestors().nth(2).expect("target/<profile>/deps");
    let name = match profile.file_name().and_then(|name| name.to_str()) {
        Some("debug") => "dev",
        Some(name) => name,
        None => panic!("expected target/<profile>/deps/<test>, found {tests:?}"),
    };
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("..");
    // What `tests/run` has built already.
    let output = Command::new(env::var_os("CARGO").unwrap_or("cargo".into()))
        .args([
            "build",
            "--quiet",
            "--workspace",
            "--all-features",
            "--bins",
            "--examples",
        ])
        .args(["--message-format", "json-render-diagnostics"])
        .args(["--profile", name, "--target-dir"])
        .arg(profile.parent().expect("target"))
        .current_dir(root)
        .output()
        .expect("cargo is needed to build the examples: run these tests by `cargo test`");
    assert!(
        output.status.success(),
        "the examples do not build:\n{}",
        String::from_utf8_lossy(&output.stderr)
    );
    let messages = String::from_utf8(output.stdout).expect("cargo writes UTF-8");
    let built = messages.lines().filter_map(|line| {
        let message: serde_json::Value = serde_json::from_str(line).ok()?;
        let path = message["executable"].as_str()?;
        Some((message["target"]["name"].as_str()?.to_owned(), path.into()))
    });
    built.collect()
}

impl Running {
    fn start(name: &str, mut command: Command) -> Self {
        let mut child = command
            .stdout(Stdio::piped())
            .spawn()
            .expect("a built example starts");
        let stdout = BufReader::new(child.stdout.take().expect("it is piped"));
        let (sender, lines) = channel();
        thread::spawn(move || {
            for line in stdout.lines().map_while(Result::ok) {
                let _ = sender.send(line);
            }
        });
        let mut running = Self {
            child,
            lines,
            url: String::new(),
        };
        let first = running.line();
        first
            .strip_prefix("listening on ")
            .unwrap_or_else(|| {
                panic!("{name}: expected where it listens as the first line, found {first:?}")
            })
            .clone_into(&mut running.url);
        running
    }

    fn line(&mut self) -> String {
        self.lines
            .recv_timeout(PATIENCE)
            .expect("it prints what it should")
    }

    /// The memory that it has now, in bytes.
    pub(crate) fn resident(&self) -> usize {
        let status = format!("/proc/{}/status", self.child.id());
        let status = std::fs::read_to_string(status).expect("it runs, on Linux");
        let line = status.lines().find_map(|line| line.strip_prefix("VmRSS:"));
        let kilobytes = line.and_then(|line| line.split_whitespace().next());
        kilobytes
            .expect("is there")
            .parse::<usize>()
            .expect("is a number")
            << 10
    }

    /// The lines to try that it prints: from the login to what comes after the logout.
    pub(crate) fn lines_to_try(&mut self) -> Vec<String> {
        let mut lines: Vec<String> = Vec::new();
        let after_logout = |lines: &[String]| {
            let beside = lines.len().checked_sub(2).and_then(|at| lines.get(at));
            beside.is_some_and(|line| line.contains("/logout"))
        };
        while !after_logout(&lines) {
            let line = self.line();
            lines.extend(line.strip_prefix("  ").map(str::to_owned));
        }
        lines
    }

    /// Asks it to end, as a service manager does. Whether it ended as something that has succeeded.
    pub(crate) fn terminate(self) -> bool {
        self.end_by("-TERM")
    }

    /// Presses Ctrl-C. Whether it ended as something that has succeeded.
    pub(crate) fn interrupt(self) -> bool {
        self.end_by("-INT")
    }

    fn end_by(mut self, signal: &str) -> bool {
        let id = self.child.id().to_string();
        let sent = Command::new("kill").args([signal, &id]).status();
        assert!(sent.expect("kill is there").success());
        self.child.wait().expect("it is a child").success()
    }
}

impl Drop for Running {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}
