use std::env;
use std::net::{Ipv4Addr, TcpListener};
use std::path::PathBuf;
use std::process::{Child, Command, Stdio};
use std::thread::sleep;
use std::time::Duration;

/// A private Redis, which keeps nothing on disk; gone with its value.
pub(super) struct Server {
    process: Child,
    port: u16,
}

impl Server {
    pub(super) fn start() -> Self {
        let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).expect("a free port");
        let port = listener.local_addr().expect("it is bound").port();
        drop(listener);
        let process = program("redis-server")
            .args(["--port", &port.to_string(), "--bind", "127.0.0.1"])
            .args(["--save", "", "--appendonly", "no"])
            .stdout(Stdio::null())
            .spawn()
            .expect("redis-server is in PATH or in the folder that REDIS_BIN names");
        let server = Self { process, port };
        while server.cli(&["PING"]) != "PONG" {
            sleep(Duration::from_millis(20));
        }
        server
    }

    pub(super) fn url(&self) -> String {
        format!("redis://127.0.0.1:{}", self.port)
    }

    /// What `redis-cli` answers.
    pub(super) fn cli(&self, words: &[&str]) -> String {
        let mut cli = self.client("redis-cli");
        let output = cli.args(words).output().expect("redis-cli is there");
        String::from_utf8_lossy(&output.stdout).trim().to_owned()
    }

    /// The bytes that it uses.
    pub(super) fn memory(&self) -> f64 {
        let info = self.cli(&["INFO", "memory"]);
        let used = info
            .lines()
            .find_map(|line| line.strip_prefix("used_memory:"));
        let used = used.expect("it says so").trim();
        used.parse().expect("it is a number")
    }

    /// Commands a second, as `redis-benchmark` counts them.
    pub(super) fn benchmark(&self, callers: u64, commands: u64, command: &[&str]) -> f64 {
        let mut benchmark = self.client("redis-benchmark");
        benchmark.args(["-c", &callers.to_string(), "-n", &commands.to_string()]);
        benchmark.args(["-r", &super::TOKENS.to_string(), "--csv"]);
        let output = benchmark.args(command).output();
        let output = output.expect("redis-benchmark is there").stdout;
        let text = String::from_utf8_lossy(&output);
        // Under the head, beside the command, in quotes.
        let line = text.lines().last().expect("it prints a table");
        let rate = line.split("\",\"").nth(1).expect("it prints a rate");
        rate.parse().expect("the rate is a number")
    }

    fn client(&self, name: &str) -> Command {
        let mut client = program(name);
        client.args(["-p", &self.port.to_string()]);
        client.stderr(Stdio::null());
        client
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        let _ = self.process.kill();
        let _ = self.process.wait();
    }
}

fn program(name: &str) -> Command {
    let folder = env::var_os("REDIS_BIN").map(PathBuf::from);
    Command::new(folder.unwrap_or_default().join(name))
}
