//! Where tokens are kept: I/O, and nothing but I/O.

mod contract;
mod error;
mod found;
mod memory;
mod principals;
mod watch;

pub use contract::{
    Finding, Inserted, IssuingStore, NewSession, NewToken, Place, Rotated, RotatingStore, Rotation,
    Slot, TokenStore, Touch,
};
pub use error::StoreError;
pub use found::Found;
pub use memory::MemoryStore;
pub use principals::{Principals, WithPrincipals};
pub use watch::{Change, Watch, WatchedStore};

pub(crate) use found::Held;
