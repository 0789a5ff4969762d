//! What the crate promises, a module a promise.

mod examples;
mod frameworks;
mod readiness;
mod support;
