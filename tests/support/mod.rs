//! What several promises need.

pub(crate) mod mutant;
pub(crate) mod tokens;
