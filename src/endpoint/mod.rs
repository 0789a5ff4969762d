//! The doors for people and their clients: ready-made services that log in and out, tell what
//! lives, and speak OAuth 2. Each is a tower service for any framework.

mod answer;
mod fields;
mod oauth;
mod service;
mod session;
mod style;

pub use oauth::{
    Client, ClientSecret, Clients, Introspection, InvalidIssuer, Metadata, OAuth, Revocation,
    TokenEndpoint,
};
pub use service::Endpoint;
pub use session::Sessions;
