//! When a token ends: pure functions of its times and `now`.

mod begin;
mod lifetime;
mod policy;
mod verdict;

pub use lifetime::Lifetime;
pub use policy::{Bound, ExpiryPolicy, Rule};
pub use verdict::{Verdict, judge};

pub(crate) use begin::begin;
