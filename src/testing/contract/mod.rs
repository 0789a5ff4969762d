//! What every store promises, as a suite that any store runs with one line: yours too.
//!
//! Give it a constructor of an empty store and await it in a test, under any runtime. Each
//! promise of [`TokenStore`], [`IssuingStore`] and [`RotatingStore`] is tried on a store of its
//! own, and [`Broken`] names those that were not kept.
//!
//! ```
//! use tower_expiring_token::MemoryStore;
//! use tower_expiring_token::testing::contract::{self, Broken};
//!
//! # async fn hidden() {} /*
//! #[tokio::test]
//! # */
//! # #[tokio::main(flavor = "current_thread")] async fn main() -> Result<(), Broken> { the_memory_store_keeps_the_contract().await }
//! async fn the_memory_store_keeps_the_contract() -> Result<(), Broken> {
//!     contract::rotating_store(|| async { MemoryStore::new() }).await
//! }
//! ```
//!
//! Of the three, take the one that names all that your store implements: [`rotating_store`]
//! includes [`issuing_store`], which includes [`token_store`].
//!
//! A [`WatchedStore`] tells what it removes, also to other processes. That part of the contract
//! takes two values of the store on the same data, as two processes have them:
//!
//! ```
//! # use tower_expiring_token::{MemoryStore, testing::contract};
//! # #[tokio::main(flavor = "current_thread")]
//! # async fn main() -> Result<(), contract::Broken> {
//! contract::watched_store(|| async {
//!     let store = MemoryStore::new();
//!     (store.clone(), store)
//! })
//! .await
//! # }
//! ```
//!
//! # The constructor
//!
//! It is called some hundreds of times, and each time for a store without tokens: best in a schema,
//! a database or a prefix of its own. Calls that the suite has dropped may still be under way on the
//! store before, so a constructor that clears the same tables has to wait for those.
//!
//! # What it can't try
//!
//! That a user who is suspended or gone lets nobody in, and that a [`WatchedStore`] tells it: users
//! are yours. That a store answers at all while its database hangs.
//!
//! # A store with a table of users
//!
//! The tokens of the suite belong to [`SUBJECTS`]: a constructor whose store knows its users
//! creates them first, all of them active. Where subjects can't be such texts, name three that
//! can:
//!
//! ```
//! # use tower_expiring_token::{MemoryStore, testing::contract};
//! # #[tokio::main(flavor = "current_thread")]
//! # async fn main() -> Result<(), contract::Broken> {
//! contract::issuing_store(|| async {
//!     // CREATE TABLE .. ; INSERT INTO users (id) VALUES (1), (2), (3)
//!     MemoryStore::new()
//! })
//! .subjects(["1", "2", "3"])
//! .await
//! # }
//! ```
//!
//! # Calls that meet
//!
//! Promises about calls at the same time are tried by polling the calls in turns. Say how to
//! spawn and they run in parallel, and more often: on your runtime
//! (`.spawn(|job| drop(tokio::spawn(job)))`), or, for a store that needs none, on threads
//! (`.spawn(contract::on_a_thread)`).
//!
//! # Time
//!
//! No store reads the time, so the suite doesn't either: its tokens live in the year 2100, which
//! also keeps them from a database that throws away what has ended.
//!
//! [`TokenStore`]: crate::TokenStore
//! [`IssuingStore`]: crate::IssuingStore
//! [`RotatingStore`]: crate::RotatingStore
//! [`WatchedStore`]: crate::WatchedStore

mod broken;
mod dropped;
mod extend;
mod find;
mod in_time;
mod insert;
mod limit;
mod meet;
mod purge;
mod remove;
mod rotate;
mod run;
mod spawn;
mod stage;
mod token;
mod value;
mod watch;

pub use broken::Broken;
pub use run::{
    Contract, issuing_store, rotating_store, token_store, watched_issuing_store, watched_store,
};
pub use spawn::{Job, on_a_thread};

/// Whom the suite's tokens belong to, unless [`Contract::subjects`] names others: like one
/// another but for case, a space or a wildcard, beyond ASCII, empty, and of 1,000 bytes.
pub const SUBJECTS: [&str; 9] = [
    "alice",
    "bob",
    "carol",
    "Alice",
    "alice ",
    "a%",
    "Zoë Ωmega 🦊",
    "",
    HUGE,
];

const HUGE: &str = match str::from_utf8(&[b'u'; 1_000]) {
    Ok(text) => text,
    Err(_) => "",
};
