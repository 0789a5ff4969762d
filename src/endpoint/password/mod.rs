//! Whether a password is right: found, verified, and slowed down where it is guessed.

mod check;
mod crowd;
mod guard;
mod hasher;
mod phc;
mod throttle;

pub use check::{CheckPassword, Checked, Login, Logins, Verified, Who};
pub use guard::PasswordGuard;
pub use phc::{HashError, PhcPasswords, hash_password};
pub use throttle::{Allowance, Throttle};

pub(super) use guard::{Denied, SOON, Suspect};
