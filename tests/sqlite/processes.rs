//! Several processes on one file, one of which is killed while it works.

use std::collections::{HashMap, HashSet};
use std::io::{BufRead, BufReader, Write};
use std::path::Path;
use std::process::{Child, ChildStdin, ChildStdout, Command, Stdio};

use tower_expiring_token::{BearerToken, Lifetime, SqliteStore, Subject, TokenAuthority};

use super::empty;
use crate::support::database::Databases;

const NODE: &str = env!("CARGO_BIN_EXE_sqlite-node");

/// Another process on a file: `node.rs`. It is killed when this is dropped.
struct Node {
    child: Child,
    orders: ChildStdin,
    answers: BufReader<ChildStdout>,
}

impl Node {
    fn start(path: &Path) -> Self {
        let mut command = Command::new(NODE);
        Self::run(command.arg(path))
    }

    /// Whose files can't grow beyond so many blocks of 512 bytes.
    fn start_on_a_full_disk(path: &Path, blocks: u32) -> Self {
        let limited = format!("trap '' XFSZ; ulimit -f {blocks}; exec \"$0\" \"$1\"");
        let mut command = Command::new("sh");
        Self::run(command.args(["-c", &limited, NODE]).arg(path))
    }

    fn run(command: &mut Command) -> Self {
        let command = command.stdin(Stdio::piped()).stdout(Stdio::piped());
        let mut child = command.spawn().unwrap();
        let mut node = Self {
            orders: child.stdin.take().unwrap(),
            answers: BufReader::new(child.stdout.take().unwrap()),
            child,
        };
        assert_eq!(node.answer().as_deref(), Some("ready"));
        node
    }

    fn order(&mut self, order: &str) {
        writeln!(self.orders, "{order}").unwrap();
    }

    fn ask(&mut self, order: &str) -> String {
        self.order(order);
        self.answer().unwrap()
    }

    /// The next line, if it is whole.
    fn answer(&mut self) -> Option<String> {
        let mut line = String::new();
        self.answers.read_line(&mut line).unwrap();
        line.strip_suffix('\n').map(str::to_owned)
    }
}

impl Drop for Node {
    fn drop(&mut self) {
        // By SIGKILL.
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

type Tokens = TokenAuthority<SqliteStore>;

fn tokens(store: SqliteStore) -> Tokens {
    let builder = TokenAuthority::builder(store).expiry(Lifetime::hours(24));
    builder.build().unwrap()
}

async fn status(tokens: &Tokens, token: &str) -> u16 {
    let token = BearerToken::parse(token).unwrap();
    let verdict = tokens.authenticate(&token).await;
    verdict.map_or_else(|rejection| rejection.status().as_u16(), |_| 200)
}

#[tokio::test]
async fn what_one_process_acknowledges_another_knows_at_once() {
    let databases = Databases::new();
    let path = databases.path();
    let mut node = Node::start(&path);
    let here = tokens(SqliteStore::open(&path).unwrap());
    for _ in 0..50 {
        let theirs = node.ask("issue alice");
        assert_eq!(status(&here, &theirs).await, 200);
        assert_eq!(here.revoke_all(&Subject::new("alice")).await.unwrap(), 1);
        assert_eq!(node.ask(&format!("check {theirs}")), "401");

        let ours = here.issue("bob").await.unwrap();
        assert_eq!(node.ask(&format!("check {}", ours.secret())), "200");
        assert_eq!(node.ask(&format!("revoke {}", ours.secret())), "Ok(true)");
        assert_eq!(status(&here, ours.secret()).await, 401);
    }
}

#[tokio::test]
async fn processes_that_start_at_once_make_the_tables_once() {
    let databases = Databases::new();
    for _ in 0..5 {
        let path = databases.path();
        let nodes: Vec<_> = (0..6)
            .map(|_| {
                let path = path.clone();
                std::thread::spawn(move || Node::start(&path))
            })
            .collect();
        for node in nodes {
            let mut node = node.join().unwrap();
            let token = node.ask("issue alice");
            assert_eq!(node.ask(&format!("check {token}")), "200");
        }
    }
}

#[tokio::test]
async fn a_process_that_is_killed_loses_no_login_and_brings_back_no_logout() {
    let databases = Databases::new();
    let path = databases.path();
    SqliteStore::migrate(&path).unwrap();
    let beside = tokens(SqliteStore::open(&path).unwrap());
    let mut expected: HashMap<String, Option<u16>> = HashMap::new();
    for killed_after in [200, 1_000, 3_000] {
        let mut node = Node::start(&path);
        node.order("load 16");
        let mut heard = 0;
        while let Some(line) = node.answer() {
            heard += 1;
            if heard == killed_after {
                node.child.kill().unwrap();
            }
            let (what, token) = line.split_once(' ').unwrap();
            let status_now = status(&beside, token).await;
            let status = match what {
                "in" => Some(200),
                "out" => Some(401),
                _ => None,
            };
            assert!(
                status_now == 401 || (what != "out" && status_now == 200),
                "{line}: {status_now} beside it"
            );
            expected.insert(token.to_owned(), status);
        }
        assert!(heard >= killed_after, "it was killed under load");
        let afresh = tokens(SqliteStore::open(&path).unwrap());
        let mut restarted = Node::start(&path);
        for (token, expected) in &expected {
            let found = status(&afresh, token).await;
            assert_eq!(found, expected.unwrap_or(found));
            assert_eq!(found, status(&beside, token).await);
        }
        for (token, expected) in expected.iter().take(100) {
            let found = restarted.ask(&format!("check {token}"));
            assert_eq!(found, expected.map_or(found.clone(), |it| it.to_string()));
        }
    }
}

#[tokio::test]
async fn a_full_disk_takes_no_login_and_lets_look_ups_go_on() {
    let databases = Databases::new();
    let path = databases.path();
    let mut node = Node::start_on_a_full_disk(&path, 4_000);
    let token = node.ask("issue alice");
    assert_eq!(
        node.ask("fill"),
        "the token store could not answer",
        "an error, no panic"
    );
    assert_eq!(node.ask(&format!("check {token}")), "200");
    let here = tokens(SqliteStore::open(&path).unwrap());
    assert!(
        here.revoke(&BearerToken::parse(&token).unwrap())
            .await
            .unwrap()
    );
    assert_eq!(node.ask(&format!("check {token}")), "401");
}

#[tokio::test]
async fn a_lock_that_another_process_keeps_fails_writes_in_the_end_and_no_look_up() {
    let databases = Databases::new();
    let path = databases.path();
    SqliteStore::migrate(&path).unwrap();
    let patience = std::time::Duration::from_millis(50);
    let store = SqliteStore::builder(&path)
        .patience(patience)
        .open()
        .unwrap();
    let tokens = tokens(store);
    let issued = tokens.issue("alice").await.unwrap();

    let other = rusqlite::Connection::open(&path).unwrap();
    other.execute_batch("BEGIN EXCLUSIVE").unwrap();
    let error = tokens.issue("alice").await.unwrap_err();
    let cause = std::error::Error::source(&error).unwrap().to_string();
    assert!(cause.contains("locked"), "{cause}");
    assert_eq!(status(&tokens, issued.secret()).await, 200);
    other.execute_batch("ROLLBACK").unwrap();
    assert!(tokens.issue("alice").await.is_ok());
}

#[tokio::test]
async fn a_file_that_is_damaged_is_an_error_and_no_panic() {
    let databases = Databases::new();
    let path = databases.path();
    let issued: Vec<String> = {
        let mut node = Node::start(&path);
        (0..500).map(|_| node.ask("issue alice")).collect()
    };
    let connection = rusqlite::Connection::open(&path).unwrap();
    let checkpoint = "PRAGMA wal_checkpoint(TRUNCATE)";
    connection.query_row(checkpoint, [], |_| Ok(())).unwrap();
    drop(connection);
    let mut bytes = std::fs::read(&path).unwrap();
    let half = bytes.len() / 2;
    bytes[half..].fill(0xA5);
    std::fs::write(&path, bytes).unwrap();

    let tokens = tokens(SqliteStore::open(&path).unwrap());
    let mut answers = HashSet::new();
    for token in &issued {
        answers.insert(status(&tokens, token).await);
    }
    assert!(answers.contains(&503), "{answers:?}");
    assert!(answers.is_subset(&[200, 401, 503].into()), "{answers:?}");
    assert!(tokens.revoke_all(&Subject::new("alice")).await.is_err());
}

#[tokio::test]
async fn clones_share_their_tokens() {
    let databases = Databases::new();
    let store = empty(&databases);
    let issued = tokens(store.clone()).issue("alice").await.unwrap();
    assert_eq!(status(&tokens(store), issued.secret()).await, 200);
}
