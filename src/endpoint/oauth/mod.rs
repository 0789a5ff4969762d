//! The endpoints of OAuth 2 that need no browser: token, revocation, introspection, metadata.

mod authenticate;
mod bearer;
mod client;
mod error;
mod introspect;
mod metadata;
mod params;
mod revoke;
mod token;

use std::sync::Arc;

pub use client::{Client, ClientSecret, Clients};
pub(super) use error::{OAuthError, seconds};
pub use introspect::Introspection;
pub use metadata::{InvalidIssuer, Metadata};
pub use revoke::Revocation;
pub(super) use token::Granted;
pub use token::TokenEndpoint;

use super::password::PasswordGuard;
use crate::authority::TokenAuthority;
use crate::token::Scopes;

/// OAuth 2 over an authority: makes its endpoints.
///
/// It serves the grants `refresh_token` and `client_credentials` (RFC 6749 sections 6 and 4.4) to
/// clients that you know. It has no authorization endpoint, no consent and no identity tokens: where strangers' applications
/// ask users for access, or where one login serves many sites, use an authorization server.
///
/// ```
/// use axum::Router;
/// use tower_expiring_token::{Client, ClientSecret, Lifetime, MemoryStore, OAuth, TokenAuthority};
///
/// # fn main() -> Result<(), Box<dyn std::error::Error>> {
/// let tokens = TokenAuthority::builder(MemoryStore::new())
///     .expiry(Lifetime::hours(1))
///     .refresh(Lifetime::days(30))
///     .build()?;
/// let secret = ClientSecret::of("2Zk9vJr0hQ1uX7cN4bT8mW6yE3sA5dFg");
/// let clients = [Client::confidential("app", secret).scopes(["read", "write"])?];
/// let oauth = OAuth::new(&tokens, clients);
///
/// let metadata = oauth.metadata("https://api.example")?
///     .token("/oauth/token").revocation("/oauth/revoke").introspection("/oauth/introspect");
/// let app: Router = Router::new()
///     .route_service("/oauth/token", oauth.token())
///     .route_service("/oauth/revoke", oauth.revocation())
///     .route_service("/oauth/introspect", oauth.introspection())
///     .route_service(&metadata.path(), metadata.endpoint());
/// # let _ = app;
/// # Ok(())
/// # }
/// ```
pub struct OAuth<S, C> {
    authority: TokenAuthority<S>,
    clients: Arc<C>,
    passwords: Option<PasswordGuard>,
    introspection_scope: Option<Scopes>,
}

impl<S, C: Clients> OAuth<S, C> {
    /// The endpoints of this authority, for these clients.
    pub fn new(authority: &TokenAuthority<S>, clients: C) -> Self {
        Self {
            authority: authority.clone(),
            clients: Arc::new(clients),
            passwords: None,
            introspection_scope: None,
        }
    }

    /// Serves the grant `password` too (RFC 6749 section 4.3), which RFC 9700 section 2.4 forbids:
    /// users learn to give their password to applications. It is here for clients that can't be
    /// changed; applications of your own log in by
    /// [`TokenAuthority::login`](crate::TokenAuthority::login).
    #[must_use]
    pub fn dangerously_allow_password_grant(mut self, passwords: &PasswordGuard) -> Self {
        self.passwords = Some(passwords.clone());
        self
    }
}

impl<S, C> Clone for OAuth<S, C> {
    fn clone(&self) -> Self {
        Self {
            authority: self.authority.clone(),
            clients: Arc::clone(&self.clients),
            passwords: self.passwords.clone(),
            introspection_scope: self.introspection_scope.clone(),
        }
    }
}

impl<S, C> std::fmt::Debug for OAuth<S, C> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("OAuth")
            .field("authority", &self.authority)
            .finish_non_exhaustive()
    }
}
