//! What several modules of tests share: a file a concern.

pub(crate) mod ask;
pub(crate) mod challenge;
pub(crate) mod curl;
pub(crate) mod database;
pub(crate) mod desk;
pub(crate) mod gate;
pub(crate) mod grpc;
pub(crate) mod house;
pub(crate) mod mutant;
pub(crate) mod process;
pub(crate) mod raw;
pub(crate) mod reference;
pub(crate) mod refresh;
pub(crate) mod remote;
pub(crate) mod server;
pub(crate) mod silence;
pub(crate) mod spread;
pub(crate) mod steps;
pub(crate) mod stores;
pub(crate) mod strict;
pub(crate) mod tokens;
pub(crate) mod wire;
pub(crate) mod writes;
