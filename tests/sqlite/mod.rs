//! Tokens in SQLite: the contract, several processes on one file, and what is said when something
//! is wrong.

mod contract;
mod file;
mod processes;
mod schema;

use tower_expiring_token::SqliteStore;

use crate::support::database::Databases;

/// A store without any token, in a file of its own.
fn empty(databases: &Databases) -> SqliteStore {
    let path = databases.path();
    SqliteStore::migrate(&path).unwrap();
    SqliteStore::open(&path).unwrap()
}
