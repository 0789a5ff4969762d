//! What the crate promises, a module a promise.

mod authority;
mod configuration;
mod expiry;
mod layering;
mod secrets;
mod touch;
