//! What the crate promises, a module a promise.

mod memory;
mod support;
