//! The doors for people and their clients: ready-made services that log in and out, tell what
//! lives, and speak OAuth 2. Each is a tower service for any framework.

#![expect(
    clippy::result_large_err,
    reason = "an early answer is handed on once, to whoever sends it"
)]

mod answer;
mod fields;
mod json_fault;
mod login;
mod login_form;
mod oauth;
mod password;
mod password_change;
mod service;
mod session;
mod step_up;
mod style;

pub use login::LoginEndpoint;
pub use oauth::{
    Client, ClientSecret, Clients, Introspection, InvalidIssuer, Metadata, OAuth, Revocation,
    TokenEndpoint,
};
pub use password::{
    Allowance, CheckPassword, Checked, HashError, Login, Logins, PasswordGuard, PhcPasswords,
    Throttle, Verified, Who, hash_password,
};
pub use password_change::{ChangePassword, PasswordChange};
pub use service::Endpoint;
pub use session::Sessions;
pub use step_up::StepUp;
