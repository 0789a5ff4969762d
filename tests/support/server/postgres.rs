//! PostgreSQL, by `initdb` and `postgres` alone.

use std::fmt::Write;
use std::fs::{self, Permissions};
use std::os::unix::fs::{MetadataExt, PermissionsExt, chown};
use std::path::{Path, PathBuf};
use std::process::{Command, Output, Stdio};
use std::sync::OnceLock;
use std::sync::atomic::{AtomicUsize, Ordering};

use super::{Server, command, find, folder, free_port, wait_until};

/// Where its programs usually are.
pub(crate) const USUAL: [&str; 3] = [
    "/usr/lib/postgresql/*/bin",
    "/usr/pgsql-*/bin",
    "/opt/homebrew/opt/postgresql/bin",
];
/// The role that owns all databases, and is believed without a password.
const USER: &str = "owner";
/// A role that must prove its password, once a test has created it.
pub(crate) const LOCKED: &str = "locked";

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

    /// Puts a file beside its own that nobody else may read.
    pub(crate) fn write(&self, name: &str, text: &str) -> PathBuf {
        let path = self.folder().join(name);
        fs::write(&path, text).expect("the folder is writable");
        let owner = fs::metadata(self.folder()).expect("it is there");
        chown(&path, Some(owner.uid()), Some(owner.gid())).expect("it may be given away");
        fs::set_permissions(&path, Permissions::from_mode(0o600)).expect("it is ours");
        path
    }

    /// Where databases are created from.
    fn main(&self) -> Database {
        Database {
            name: "postgres".to_owned(),
            port: self.port,
        }
    }

    /// Kills it as the loss of power would, but for what the disk has not written: all of its
    /// processes, since those that serve clients live on for a moment without the first one.
    pub(crate) fn kill9(&mut self) {
        let ids = self.main().psql("SELECT pid FROM pg_stat_activity");
        let mut kill = Command::new("kill");
        let kill = kill.arg("-KILL").args(ids.lines());
        // The one that has just answered is gone.
        let _ = kill.stderr(Stdio::null()).status();
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
        let mut is_there = || main.try_psql("SELECT 1").status.success();
        // It brings all of its files to the disk first, which others may keep busy.
        let answers = (0..3).any(|_| wait_until(&mut is_there));
        assert!(answers, "PostgreSQL does not start:\n{}", self.server.log());
    }
}

impl Database {
    /// Its URL.
    pub(crate) fn url(&self) -> String {
        self.url_of(USER, "unread")
    }

    pub(crate) const fn port(&self) -> u16 {
        self.port
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

    /// Makes whoever inserts a token of the store's take a while over it, so that writes that may
    /// overlap do.
    pub(crate) fn slow_down(&self) {
        self.psql(
            "CREATE OR REPLACE FUNCTION slow() RETURNS trigger LANGUAGE plpgsql AS
                'BEGIN PERFORM pg_sleep(0.03); RETURN NEW; END';
            CREATE OR REPLACE TRIGGER slow BEFORE INSERT ON expiring_tokens.token
                FOR EACH ROW EXECUTE FUNCTION slow()",
        );
    }

    /// No longer.
    pub(crate) fn speed_up(&self) {
        self.psql("DROP FUNCTION slow CASCADE");
    }

    fn try_psql(&self, sql: &str) -> Output {
        let mut psql = Command::new(find_program("psql"));
        psql.args(["-X", "-q", "-A", "-t", "-v", "ON_ERROR_STOP=1"]);
        psql.args(["-d", &self.url(), "-c", sql]);
        psql.output().expect("psql runs")
    }
}

fn initialise(initdb: &Path, folder: &Path) {
    let mut command = command(initdb, folder);
    command.args(["--no-sync", "--auth=trust", "--encoding=UTF8", "--locale=C"]);
    command.args(["--username", USER, "-D"]).arg(folder);
    let output = command.output().expect("initdb runs");
    let said = String::from_utf8_lossy(&output.stderr);
    assert!(output.status.success(), "initdb: {said}");
    // Proving that one knows a password takes a build without optimisation a long time.
    let access =
        format!("host all {LOCKED} 127.0.0.1/32 scram-sha-256\nhost all all 127.0.0.1/32 trust\n");
    fs::write(folder.join("pg_hba.conf"), access).expect("the folder is writable");
}

fn find_program(name: &str) -> PathBuf {
    find(name, "POSTGRES_BIN", &USUAL, "postgresql")
}

fn text(path: &Path) -> String {
    path.to_str()
        .expect("the temporary folder has a name")
        .to_owned()
}
