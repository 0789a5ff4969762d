//! PostgreSQL, by `initdb` and `postgres` alone.

use std::fmt::Write;
use std::fs;
use std::path::{Path, PathBuf};
use std::process::{Command, Output};
use std::sync::OnceLock;
use std::sync::atomic::{AtomicUsize, Ordering};

use super::{Server, command, find, folder, free_port, wait_until};

/// The role of all databases. It may do everything and needs its password.
pub(crate) const USER: &str = "owner";
/// Its password.
pub(crate) const PASSWORD: &str = "hunter2hunter2";

/// A private PostgreSQL.
pub(crate) struct Postgres {
    server: Server,
    program: PathBuf,
    arguments: Vec<String>,
    port: u16,
}

/// A database of its own on a server.
#[derive(Clone)]
pub(crate) struct Database {
    name: String,
    port: u16,
}

/// A new database on the one server of this process, which does not wait for its disk.
pub(crate) fn shared() -> Database {
    static SERVER: OnceLock<Postgres> = OnceLock::new();
    SERVER
        .get_or_init(|| Postgres::start(&["fsync=off", "synchronous_commit=on"]))
        .database()
}

impl Postgres {
    /// A server of one's own, with these settings beside its defaults.
    pub(crate) fn start(settings: &[&str]) -> Self {
        let initdb = find_program("initdb");
        let program = initdb.with_file_name("postgres");
        let folder = folder("postgres");
        initialise(&initdb, &folder);
        let port = free_port();
        let mut arguments = vec!["-D".to_owned(), text(&folder), format!("-p{port}")];
        let always = [
            "listen_addresses=127.0.0.1",
            "unix_socket_directories=",
            "max_connections=500",
        ];
        for setting in always.iter().chain(settings) {
            arguments.extend(["-c".to_owned(), (*setting).to_owned()]);
        }
        let arguments_now = arguments.iter().map(String::as_str);
        let server = Server::start(&folder, &program, arguments_now);
        let postgres = Self {
            server,
            program,
            arguments,
            port,
        };
        postgres.wait_until_it_answers();
        postgres
    }

    /// A new database on it.
    pub(crate) fn database(&self) -> Database {
        static DATABASES: AtomicUsize = AtomicUsize::new(0);
        let number = DATABASES.fetch_add(1, Ordering::Relaxed);
        let name = format!("database_{number}");
        self.main().psql(&format!("CREATE DATABASE {name}"));
        Database {
            name,
            ..self.main()
        }
    }

    /// Where its files are.
    pub(crate) fn folder(&self) -> &Path {
        self.server.folder()
    }

    /// Where databases are created from.
    fn main(&self) -> Database {
        Database {
            name: "postgres".to_owned(),
            port: self.port,
        }
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

    fn wait_until_it_answers(&self) {
        let main = self.main();
        let answers = wait_until(|| main.try_psql("SELECT 1").status.success());
        assert!(answers, "PostgreSQL does not start:\n{}", self.server.log());
    }
}

impl Database {
    /// Its URL, the password in it.
    pub(crate) fn url(&self) -> String {
        self.url_of(USER, PASSWORD)
    }

    /// The same for another role.
    pub(crate) fn url_of(&self, user: &str, password: &str) -> String {
        let (port, name) = (self.port, &self.name);
        format!("postgres://{user}:{password}@127.0.0.1:{port}/{name}")
    }

    /// What `psql` answers to a statement, as somebody else would type it.
    pub(crate) fn psql(&self, sql: &str) -> String {
        let output = self.try_psql(sql);
        let mut said = String::from_utf8_lossy(&output.stdout).trim().to_owned();
        if !output.status.success() {
            let _ = write!(said, "{}", String::from_utf8_lossy(&output.stderr));
            panic!("psql: {said}\n{sql}");
        }
        said
    }

    fn try_psql(&self, sql: &str) -> Output {
        let mut psql = Command::new(find_program("psql"));
        psql.args(["-X", "-q", "-A", "-t", "-v", "ON_ERROR_STOP=1"]);
        psql.args(["-d", &self.url(), "-c", sql]);
        psql.output().expect("psql runs")
    }
}

fn initialise(initdb: &Path, folder: &Path) {
    // The server wants a folder that nobody else may enter, and initdb an empty one.
    let password = folder.with_extension("password");
    fs::write(&password, PASSWORD).expect("the temporary folder is writable");
    let mut command = command(initdb, folder);
    command.args(["--no-sync", "--auth=scram-sha-256", "--encoding=UTF8"]);
    command.args(["--locale=C", "--username", USER, "--pwfile"]);
    let output = command.arg(&password).arg("-D").arg(folder).output();
    fs::remove_file(password).expect("it was written");
    let output = output.expect("initdb runs");
    let said = String::from_utf8_lossy(&output.stderr);
    assert!(output.status.success(), "initdb: {said}");
}

fn find_program(name: &str) -> PathBuf {
    let usual = [
        "/usr/lib/postgresql/*/bin",
        "/usr/pgsql-*/bin",
        "/opt/homebrew/opt/postgresql/bin",
    ];
    find(name, "POSTGRES_BIN", &usual, "postgresql")
}

fn text(path: &Path) -> String {
    path.to_str()
        .expect("the temporary folder has a name")
        .to_owned()
}
