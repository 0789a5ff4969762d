//! For tests of services and stores: a clock that is set by hand, a layer that acts as a user, a
//! store that fails on command, and the contract that every store keeps.

mod acting_as;
mod channel;
mod clock;
pub mod contract;
mod faulty;

pub use acting_as::{ActingAs, acting_as};
pub use clock::ManualClock;
pub use faulty::FaultyStore;
