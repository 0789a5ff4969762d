//! Where tokens are kept: I/O, and nothing but I/O.

#[cfg(feature = "cache")]
mod cached;
mod contract;
mod error;
mod found;
mod memory;
#[cfg(feature = "postgres")]
mod postgres;
mod principals;
#[cfg(feature = "redis")]
mod redis;
mod shared;
#[cfg(feature = "sqlite")]
mod sqlite;
mod watch;

#[cfg(feature = "cache")]
pub use cached::{CacheError, CacheStats, Cached};
pub use contract::{
    Finding, Inserted, IssuingStore, NewSession, NewToken, Place, Rotated, RotatingStore, Rotation,
    Slot, TokenStore, Touch,
};
pub use error::StoreError;
pub use found::Found;
pub use memory::MemoryStore;
#[cfg(feature = "postgres")]
pub use postgres::{PostgresBuilder, PostgresStore};
pub use principals::{Principals, WithPrincipals};
#[cfg(feature = "redis")]
pub use redis::{RedisBuilder, RedisStore};
#[cfg(feature = "sqlite")]
pub use sqlite::{SqliteBuilder, SqliteError, SqliteStore};
pub use watch::{Change, Watch, WatchedStore};

pub(crate) use found::Held;
