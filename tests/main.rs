//! What the crate promises, a module a promise.

mod authority;
mod cleartext;
mod configuration;
mod conformance;
mod contract;
mod derived;
mod examples;
mod expiry;
mod frameworks;
mod headers;
mod layering;
mod login;
mod memory;
mod mutants;
mod own_database;
mod properties;
mod purge;
mod readiness;
mod refresh;
mod secrets;
mod server;
mod step_up;
mod support;
mod touch;
mod touch_behind;
