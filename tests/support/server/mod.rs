//! Private servers: each on loopback, in a folder of its own, and gone with this process.

pub(crate) mod postgres;
pub(crate) mod redis;

use std::env;
use std::fs;
use std::io::{BufRead, BufReader, Lines};
use std::net::{Ipv4Addr, TcpListener};
use std::os::unix::fs::{MetadataExt, chown};
use std::os::unix::process::CommandExt;
use std::path::{Path, PathBuf};
use std::process::{Child, ChildStdin, ChildStdout, Command, Stdio};
use std::sync::atomic::{AtomicUsize, Ordering};
use std::thread;
use std::time::Duration;

/// How often something that takes a moment is looked at, ten milliseconds between.
pub(crate) const PATIENCE: usize = 3_000;

/// Who runs servers where these tests run as root: no server of a database wants to.
const NOBODY: u32 = 65_534;

/// Runs a server until its input ends, which it does when the process at its other end is gone,
/// however it went. Then the server is stopped and its folder removed: PostgreSQL ends at once by
/// QUIT, Redis by TERM, since a shell has what runs behind it ignore the former, and one that was
/// stopped goes on first.
const GUARD: &str = r#"
folder=$1; shift
exec 3<&0
"$@" </dev/null >>"$folder/log" 2>&1 3<&- & server=$!
echo $server
{ while read -r _; do :; done; for sign in QUIT TERM CONT; do kill -$sign $server; done; } <&3 & watcher=$!
wait $server
kill $watcher 2>/dev/null
(echo ended) 2>/dev/null
while read -r _; do :; done <&3
rm -rf "$folder""#;

/// A server's process, which dies with this one.
pub(crate) struct Server {
    folder: PathBuf,
    guard: Child,
    /// Held open: its end is the guard's sign.
    _sign: ChildStdin,
    said: Lines<BufReader<ChildStdout>>,
    id: String,
}

/// A new folder for a server, which its guard removes.
pub(crate) fn folder(name: &str) -> PathBuf {
    static FOLDERS: AtomicUsize = AtomicUsize::new(0);
    let number = FOLDERS.fetch_add(1, Ordering::Relaxed);
    let name = format!("promises-{}-{name}-{number}", std::process::id());
    let folder = env::temp_dir().join(name);
    fs::create_dir_all(&folder).expect("a folder in the temporary one");
    give_to_owner(&folder);
    folder
}

/// Gives a file to who runs the servers.
pub(crate) fn give_to_owner(path: &Path) {
    if is_roots(path) {
        chown(path, Some(NOBODY), Some(NOBODY)).expect("root may give a file away");
    }
}

/// A port of loopback that nobody listens on.
pub(crate) fn free_port() -> u16 {
    let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).expect("a free port");
    listener.local_addr().expect("it is bound").port()
}

/// A program that runs in this folder, as its owner.
pub(crate) fn command(program: &Path, folder: &Path) -> Command {
    let mut command = Command::new(program);
    command.current_dir(folder);
    let owner = fs::metadata(folder).expect("the folder is there");
    if owner.uid() == NOBODY {
        command.uid(NOBODY).gid(NOBODY);
    }
    command
}

/// Where a program is: in the folder that the variable names, in one of `PATH`, or in one of the
/// usual ones, of which the last name may be preceded by a `*`: a version, the highest first.
pub(crate) fn find(name: &str, variable: &str, usual: &[&str], package: &str) -> PathBuf {
    let named = env::var_os(variable).map(PathBuf::from);
    let path = env::var_os("PATH").unwrap_or_default();
    let mut folders = match &named {
        Some(folder) => vec![folder.clone()],
        None => env::split_paths(&path).collect(),
    };
    if named.is_none() {
        folders.extend(usual.iter().flat_map(|folder| versions(folder)));
    }
    let mut programs = folders.iter().map(|folder| folder.join(name));
    programs.find(|program| program.is_file()).unwrap_or_else(|| {
        panic!(
            "{name} is missing: type `apt-get install {package}`, or say in {variable} which folder it is in"
        )
    })
}

fn versions(pattern: &str) -> Vec<PathBuf> {
    let Some((before, after)) = pattern.split_once("/*/") else {
        return vec![pattern.into()];
    };
    let entries = fs::read_dir(before).into_iter().flatten().flatten();
    let mut versions: Vec<PathBuf> = entries.map(|entry| entry.path()).collect();
    versions.sort_by_key(|path| {
        let name = path.file_name().and_then(|name| name.to_str());
        std::cmp::Reverse(name.and_then(|name| name.parse::<u32>().ok()))
    });
    versions.iter().map(|path| path.join(after)).collect()
}

fn is_roots(folder: &Path) -> bool {
    fs::metadata(folder).is_ok_and(|folder| folder.uid() == 0)
}

impl Server {
    /// Starts a server whose files are in this folder. It writes what it says to `log` there.
    pub(crate) fn start<'a>(
        folder: &Path,
        program: &Path,
        arguments: impl IntoIterator<Item = &'a str>,
    ) -> Self {
        let mut guard = command(Path::new("/bin/sh"), folder);
        guard.args(["-c", GUARD, "guard"]);
        guard.arg(folder).arg(program).args(arguments);
        // A group of its own: Ctrl-C is for this process, whose end is enough.
        guard.process_group(0);
        guard
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .stderr(Stdio::null());
        let mut guard = guard.spawn().expect("there is a shell");
        let sign = guard.stdin.take().expect("it is piped");
        let said = BufReader::new(guard.stdout.take().expect("it is piped"));
        let mut said = said.lines();
        let id = said.next().expect("it says an id");
        Self {
            folder: folder.to_owned(),
            guard,
            _sign: sign,
            said,
            id: id.expect("an id is a line"),
        }
    }

    /// Kills it as the loss of power would, but for what the disk has not written.
    pub(crate) fn kill9(&mut self) {
        self.signal("KILL");
        let last = self.said.next();
        assert!(
            matches!(last, Some(Ok(_))),
            "its guard says that it has ended"
        );
    }

    /// Starts it again after [`kill9`](Self::kill9), in the same folder.
    pub(crate) fn restart<'a>(
        &mut self,
        program: &Path,
        arguments: impl IntoIterator<Item = &'a str>,
    ) {
        let next = Self::start(&self.folder, program, arguments);
        let mut last = std::mem::replace(self, next);
        // Before its input ends, so that it leaves the folder alone.
        last.guard.kill().expect("it is a child");
        last.guard.wait().expect("it is a child");
    }

    /// Sends a signal, such as `KILL`, `STOP` or `CONT`.
    pub(crate) fn signal(&self, signal: &str) {
        let mut kill = Command::new("kill");
        let _ = kill.args([&format!("-{signal}"), &self.id]).status();
    }

    /// Where its files are.
    pub(crate) fn folder(&self) -> &Path {
        &self.folder
    }

    /// The last lines that it wrote.
    pub(crate) fn log(&self) -> String {
        let log = fs::read(self.folder.join("log")).unwrap_or_default();
        let log = String::from_utf8_lossy(&log).into_owned();
        let lines: Vec<&str> = log.lines().collect();
        lines[lines.len().saturating_sub(20)..].join("\n")
    }
}

/// Looks until it is so. Whether it has become so.
pub(crate) fn wait_until(mut is_so: impl FnMut() -> bool) -> bool {
    for _ in 0..PATIENCE {
        if is_so() {
            return true;
        }
        thread::sleep(Duration::from_millis(10));
    }
    false
}
