//! Files for databases: with users, for the example's store, or without anything.

use std::fs;
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicUsize, Ordering};

use rusqlite::Connection;

/// A folder for databases, gone with its value.
pub(crate) struct Databases {
    folder: PathBuf,
    made: AtomicUsize,
}

impl Databases {
    pub(crate) fn new() -> Self {
        static FOLDERS: AtomicUsize = AtomicUsize::new(0);
        let number = FOLDERS.fetch_add(1, Ordering::Relaxed);
        let name = format!("promises-{}-{number}", std::process::id());
        // In memory, where the system has a folder there: no promise here waits for a disk.
        let memory = Some(PathBuf::from("/dev/shm")).filter(|folder| folder.is_dir());
        let folder = memory.unwrap_or_else(std::env::temp_dir).join(name);
        fs::create_dir_all(&folder).unwrap();
        Self {
            folder,
            made: AtomicUsize::new(0),
        }
    }

    /// Where a database may be made; nothing is there yet.
    pub(crate) fn path(&self) -> PathBuf {
        let number = self.made.fetch_add(1, Ordering::Relaxed);
        self.folder.join(format!("{number}.sqlite"))
    }

    /// A new database with these users, all of them active. Their ids are 1, 2, 3 …
    pub(crate) fn create(&self, users: &[&str]) -> PathBuf {
        let path = self.path();
        run(
            &path,
            "CREATE TABLE users (id INTEGER PRIMARY KEY, name TEXT NOT NULL UNIQUE,
                email TEXT NOT NULL, active INTEGER NOT NULL DEFAULT 1)",
        );
        for user in users {
            let sql =
                format!("INSERT INTO users (name, email) VALUES ('{user}', '{user}@example.com')");
            run(&path, &sql);
        }
        path
    }
}

impl Drop for Databases {
    fn drop(&mut self) {
        let _ = fs::remove_dir_all(&self.folder);
    }
}

/// Runs a statement as somebody else would, beside the service.
pub(crate) fn run(path: &Path, sql: &str) -> usize {
    let connection = Connection::open(path).unwrap();
    connection.execute(sql, []).unwrap()
}
