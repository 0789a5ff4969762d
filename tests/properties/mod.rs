//! What holds of any input and of any sequence of steps.

mod configuration;
mod fields;
mod lives;
