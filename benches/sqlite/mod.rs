//! SQLite: look-ups in place beside a native loop over the same file, logins and uses beside
//! single commits, and look-ups while half of all tokens are purged.

mod look_ups;
mod purge;
mod writes;

use std::fs;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use futures_util::future::join_all;
use tokio::runtime::{Builder, Runtime};
use tower_expiring_token::{IssuingStore, SqliteStore, TokenDigest};

use crate::table::Budget;
use crate::tokens::{ADD, digest, login};

const TOKENS: u64 = 1_000_000;

/// A file with so many tokens, gone with its value.
struct File {
    folder: PathBuf,
    path: PathBuf,
    store: SqliteStore,
}

pub(crate) fn measure() {
    let file = File::new();
    let (look_ups, mut budgets) = look_ups::measure(&file);
    look_ups.print();
    writes::measure(&file).print();
    let (purge, budget) = purge::measure(&file);
    purge.print();
    budgets.push(budget);
    Budget::table(&budgets).print();
}

impl File {
    /// In the folder of builds, which is on a disk where temporary folders may be in memory.
    fn new() -> Self {
        let target = std::env::current_exe().expect("a bench has a path");
        let folder = target.with_file_name(format!("bench-sqlite-{}", std::process::id()));
        fs::create_dir_all(&folder).expect("a folder can be made beside the bench");
        let path = folder.join("tokens.sqlite");
        SqliteStore::migrate(&path).expect("a file can be made");
        let store = SqliteStore::open(&path).expect("it is there");
        eprintln!("filling {} with {TOKENS} tokens", path.display());
        runtime().block_on(async {
            const AT_ONCE: u64 = 1_000;
            for first in (0..TOKENS).step_by(AT_ONCE as usize) {
                let logins = (first..first + AT_ONCE).map(|number| insert(&store, number));
                join_all(logins).await;
            }
        });
        Self {
            folder,
            path,
            store,
        }
    }
}

impl Drop for File {
    fn drop(&mut self) {
        let _ = fs::remove_dir_all(&self.folder);
    }
}

fn runtime() -> Runtime {
    Builder::new_current_thread()
        .enable_time()
        .build()
        .expect("a runtime can be had")
}

async fn insert(store: &SqliteStore, number: u64) {
    let inserted = store.insert(login(number), ADD).await;
    inserted.expect("the disk takes it");
}

/// Digests in an order that has nothing to do with how they were inserted.
fn digests(first: u64, count: u64) -> Arc<[TokenDigest]> {
    let step = 7_368_787;
    let number = |index| (first + index) * step % TOKENS;
    (0..count).map(number).map(digest).collect()
}

fn connect(path: &Path) -> rusqlite::Connection {
    rusqlite::Connection::open(path).expect("it is there")
}
