//! What the crate promises, a module a promise.

mod authority;
mod configuration;
mod contract;
mod expiry;
mod layering;
mod memory;
mod mutants;
mod own_database;
mod secrets;
mod support;
mod touch;
