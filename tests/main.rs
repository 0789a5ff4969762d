//! What the crate promises, a module a promise.

mod contract;
mod memory;
mod mutants;
mod own_database;
mod support;
