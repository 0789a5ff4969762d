//! What several promises need.

pub(crate) mod database;
pub(crate) mod mutant;
pub(crate) mod tokens;
