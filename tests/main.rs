//! What the crate promises, a module a promise.
