use http::request::Parts;
use http::{Method, StatusCode};

use super::OAuth;
use super::client::Clients;
use super::error::OAuthError;
use super::params::Params;
use crate::endpoint::answer;
use crate::endpoint::service::{Answer, Body, Endpoint, Handle};
use crate::store::{IssuingStore, StoreError};
use crate::token::BearerToken;

/// What [`OAuth::revocation`] makes an [`Endpoint`] of.
#[derive(Debug)]
pub struct Revocation<S, C>(OAuth<S, C>);

impl<S: IssuingStore, C: Clients> OAuth<S, C> {
    /// The revocation endpoint (RFC 7009), `POST` with a form. A refresh token goes with its
    /// whole session, an access token alone. Another client's token lives on, and its caller is
    /// told the same as of an unknown one. Hints of what kind a token is are not needed.
    pub fn revocation(&self) -> Endpoint<Revocation<S, C>> {
        Endpoint::new(Revocation(self.clone()))
    }
}

impl<S: IssuingStore, C: Clients> Handle for Revocation<S, C> {
    fn methods(&self) -> &'static [Method] {
        &[Method::POST]
    }

    fn tell_unavailable(&self, error: &StoreError) {
        self.0.authority.tell_unavailable(error);
    }

    async fn answer(&self, head: Parts, body: Body) -> Answer {
        match self.revoke(&head, body).await {
            Ok(()) => answer::empty(StatusCode::OK),
            Err(error) => error.answer(),
        }
    }
}

impl<S: IssuingStore, C: Clients> Revocation<S, C> {
    async fn revoke(&self, head: &Parts, body: Body) -> Result<(), OAuthError> {
        let params = Params::read(head, body)?;
        let client = self.0.client(head, &params).await?;
        let text = params.need("token", "expected a token, found none")?;
        if let Ok(token) = BearerToken::parse(text) {
            let revoked = self.0.authority.revoke(&token).client(&client.id).await;
            revoked.map_err(OAuthError::Unavailable)?;
        }
        Ok(())
    }
}
