//! The ready-made services, asked as clients ask them.

mod apart;
mod drf;
mod guard;
mod login;
mod oauth;
mod password_change;
mod people;
mod sessions;
mod standing;
mod step_up;
