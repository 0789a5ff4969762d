//! Redis, by `redis-server` and `redis-cli` alone.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::{Command, Output};
use std::sync::OnceLock;
use std::sync::atomic::{AtomicUsize, Ordering};

use super::{Server, find, folder, free_port, give_to_owner, wait_until};

/// The password of all servers.
pub(crate) const PASSWORD: &str = "hunter2hunter2";

/// A private Redis.
pub(crate) struct Redis {
    server: Server,
    program: PathBuf,
    arguments: Vec<String>,
    port: u16,
}

/// The one server of this process, which keeps nothing on disk.
pub(crate) fn shared() -> &'static Redis {
    static SERVER: OnceLock<Redis> = OnceLock::new();
    SERVER.get_or_init(|| Redis::start(&[]))
}

/// The URL of a database on it that no other test has. There are fifteen beside the first one.
pub(crate) fn database() -> String {
    static DATABASES: AtomicUsize = AtomicUsize::new(1);
    let number = DATABASES.fetch_add(1, Ordering::Relaxed);
    format!("{}/{number}", shared().url())
}

/// A prefix that no other test has.
pub(crate) fn prefix() -> String {
    static PREFIXES: AtomicUsize = AtomicUsize::new(0);
    format!("test {}:", PREFIXES.fetch_add(1, Ordering::Relaxed))
}

impl Redis {
    /// A server of one's own, with these settings (`appendonly yes`) beside its defaults.
    pub(crate) fn start(settings: &[&str]) -> Self {
        Self::with_files(settings, &[])
    }

    /// The same, with files in the folder where it runs.
    fn with_files(settings: &[&str], files: &[(&str, &str)]) -> Self {
        let port = free_port();
        let always = [
            format!("port {port}"),
            "bind 127.0.0.1".to_owned(),
            "save ''".to_owned(),
            format!("requirepass {PASSWORD}"),
            format!("masterauth {PASSWORD}"),
            // It would wait for its replicas.
            "shutdown-timeout 0".to_owned(),
        ];
        let settings = settings.iter().map(|setting| (*setting).to_owned());
        let mut arguments = Vec::new();
        for setting in always.into_iter().chain(settings) {
            let (name, value) = setting.split_once(' ').expect("a name and a value");
            arguments.extend([format!("--{name}"), value.trim_matches('\'').to_owned()]);
        }
        let program = find_program("redis-server");
        let folder = folder("redis");
        for (name, text) in files {
            write(&folder, name, text);
        }
        let server = Server::start(&folder, &program, arguments.iter().map(String::as_str));
        let redis = Self {
            server,
            program,
            arguments,
            port,
        };
        redis.wait_until_it_answers();
        redis
    }

    /// Its URL, the password in it.
    pub(crate) fn url(&self) -> String {
        format!("redis://:{PASSWORD}@127.0.0.1:{}", self.port)
    }

    pub(crate) const fn port(&self) -> u16 {
        self.port
    }

    /// What `redis-cli` answers, as somebody else would type it.
    pub(crate) fn cli<'a>(&self, words: impl IntoIterator<Item = &'a str>) -> String {
        let output = cli(self.port, words);
        let said = String::from_utf8_lossy(&output.stdout).trim().to_owned();
        assert!(
            output.status.success() && !said.starts_with("ERR"),
            "{said}"
        );
        said
    }

    /// Where its files are.
    pub(crate) fn folder(&self) -> &Path {
        self.server.folder()
    }

    /// Kills it as the loss of power would, but for what the disk has not written.
    pub(crate) fn kill9(&mut self) {
        self.server.kill9();
    }

    /// Starts it again after [`kill9`](Self::kill9), at the same port.
    pub(crate) fn restart(&mut self) {
        let arguments = self.arguments.iter().map(String::as_str);
        self.server.restart(&self.program, arguments);
        self.wait_until_it_answers();
    }

    /// Sends a signal, such as `STOP` or `CONT`.
    pub(crate) fn signal(&self, signal: &str) {
        self.server.signal(signal);
    }

    fn wait_until_it_answers(&self) {
        let answers = wait_until(|| cli(self.port, ["PING"]).stdout.starts_with(b"PONG"));
        assert!(answers, "Redis does not start:\n{}", self.server.log());
    }
}

/// A private sentinel, which wants the same password and calls a server the master alone.
pub(crate) struct Sentinel {
    _server: Server,
    port: u16,
}

/// A private Redis that speaks TLS too.
pub(crate) struct Tls {
    _server: Redis,
    port: u16,
    certificate: String,
    key: String,
}

impl Sentinel {
    pub(crate) fn start(master: &Redis, name: &str) -> Self {
        Self::of(master.port, name, "", &[])
    }

    fn of(master: u16, name: &str, more: &str, files: &[(&str, &str)]) -> Self {
        let port = free_port();
        let folder = folder("sentinel");
        let settings = format!(
            "port {port}
bind 127.0.0.1
requirepass {PASSWORD}
sentinel sentinel-pass {PASSWORD}
sentinel monitor {name} 127.0.0.1 {master} 1
sentinel auth-pass {name} {PASSWORD}
sentinel down-after-milliseconds {name} 500
sentinel failover-timeout {name} 2000
{more}
"
        );
        for (name, text) in files.iter().chain(&[("sentinel.conf", &*settings)]) {
            write(&folder, name, text);
        }
        let program = find_program("redis-server");
        let server = Server::start(&folder, &program, ["sentinel.conf", "--sentinel"]);
        let answers = wait_until(|| cli(port, ["PING"]).stdout.starts_with(b"PONG"));
        assert!(answers, "the sentinel does not start:\n{}", server.log());
        Self {
            _server: server,
            port,
        }
    }

    pub(crate) const fn port(&self) -> u16 {
        self.port
    }
}

impl Tls {
    pub(crate) fn start() -> Self {
        let own = rcgen::generate_simple_self_signed(["127.0.0.1".to_owned()]);
        let own = own.expect("a certificate can be made");
        let (certificate, key) = (own.cert.pem(), own.signing_key.serialize_pem());
        let port = free_port();
        let settings = tls_settings(port);
        let settings: Vec<&str> = settings.iter().map(String::as_str).collect();
        let files = [("own.crt", &*certificate), ("own.key", &*key)];
        let server = Redis::with_files(&settings, &files);
        Self {
            _server: server,
            port,
            certificate,
            key,
        }
    }

    /// A sentinel that speaks TLS, with the same certificate. Its port is that of TLS.
    pub(crate) fn sentinel(&self, name: &str) -> Sentinel {
        let port = free_port();
        let more = tls_settings(port).join("\n");
        let files = [("own.crt", &*self.certificate), ("own.key", &*self.key)];
        let sentinel = Sentinel::of(self.port, name, &more, &files);
        Sentinel { port, ..sentinel }
    }

    /// What a client must trust.
    pub(crate) fn roots(&self) -> &[u8] {
        self.certificate.as_bytes()
    }

    pub(crate) const fn port(&self) -> u16 {
        self.port
    }
}

fn tls_settings(port: u16) -> [String; 6] {
    [
        format!("tls-port {port}"),
        "tls-cert-file own.crt".to_owned(),
        "tls-key-file own.key".to_owned(),
        "tls-ca-cert-file own.crt".to_owned(),
        "tls-auth-clients no".to_owned(),
        "tls-replication yes".to_owned(),
    ]
}

/// Writes a file for a server that runs in this folder.
fn write(folder: &Path, name: &str, text: &str) {
    let file = folder.join(name);
    fs::write(&file, text).expect("the temporary folder is writable");
    give_to_owner(&file);
}

fn cli<'a>(port: u16, words: impl IntoIterator<Item = &'a str>) -> Output {
    let mut cli = Command::new(find_program("redis-cli"));
    cli.args(["-p", &port.to_string(), "-a", PASSWORD]);
    cli.arg("--no-auth-warning").args(words);
    cli.output().expect("redis-cli runs")
}

fn find_program(name: &str) -> PathBuf {
    let usual = ["/usr/bin", "/usr/local/bin", "/opt/homebrew/bin"];
    find(name, "REDIS_BIN", &usual, "redis-server")
}
