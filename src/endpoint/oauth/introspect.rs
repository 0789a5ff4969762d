use http::request::Parts;
use http::{Method, StatusCode};
use serde::Serialize;

use super::OAuth;
use super::authenticate;
use super::client::{Client, Clients, Introspects};
use super::error::OAuthError;
use super::params::Params;
use crate::authority::Authenticated;
use crate::clock::Timestamp;
use crate::endpoint::answer;
use crate::endpoint::service::{Answer, Body, Endpoint, Handle};
use crate::rejection::Reason;
use crate::store::{StoreError, TokenStore};
use crate::token::BearerToken;

/// What [`OAuth::introspection`] makes an [`Endpoint`] of.
#[derive(Debug)]
pub struct Introspection<S, C>(OAuth<S, C>);

impl<S: TokenStore, C: Clients> OAuth<S, C> {
    /// The introspection endpoint (RFC 7662), `POST` with a form: what lives, and what it may do.
    /// A client with a secret may ask about its own tokens, or about [all](Client::introspects_all).
    /// A token is active exactly when a request with it would pass; asking is no use of it.
    pub fn introspection(&self) -> Endpoint<Introspection<S, C>> {
        Endpoint::new(Introspection(self.clone()))
    }
}

impl<S: TokenStore, C: Clients> Handle for Introspection<S, C> {
    fn methods(&self) -> &'static [Method] {
        &[Method::POST]
    }

    async fn answer(&self, head: Parts, body: Body) -> Answer {
        match self.introspect(&head, body).await {
            Ok(Some(known)) => answer::json(StatusCode::OK, &Active::of(&known)),
            Ok(None) => answer::json(StatusCode::OK, &Inactive { active: false }),
            Err(error) => error.answer(),
        }
    }
}

impl<S: TokenStore, C: Clients> Introspection<S, C> {
    async fn introspect(
        &self,
        head: &Parts,
        body: Body,
    ) -> Result<Option<Authenticated>, OAuthError> {
        let params = Params::read(head, body)?;
        let client = authenticate::client(head, &params, &*self.0.clients).await?;
        if client.introspects == Introspects::Nothing {
            return Err(OAuthError::InvalidClient);
        }
        let text = params.need("token", "expected a token, found none")?;
        let Ok(token) = BearerToken::parse(text) else {
            return Ok(None);
        };
        match self.0.authority.introspect(&token).await {
            Ok(known) => Ok(may(&client, &known).then_some(known)),
            Err(rejection) if *rejection.reason() == Reason::StoreUnavailable => {
                Err(OAuthError::Unavailable(StoreError::new(rejection)))
            }
            Err(_) => Ok(None),
        }
    }
}

fn may(client: &Client, known: &Authenticated) -> bool {
    client.introspects == Introspects::All || known.record().client() == Some(&client.id)
}

/// RFC 7662 section 2.2. A refused token says nothing else.
#[derive(Serialize)]
struct Inactive {
    active: bool,
}

#[derive(Serialize)]
struct Active<'a> {
    active: bool,
    scope: &'a str,
    #[serde(skip_serializing_if = "Option::is_none")]
    client_id: Option<&'a str>,
    username: &'a str,
    token_type: &'static str,
    exp: i64,
    iat: i64,
    auth_time: i64,
    sub: &'a str,
    /// The session, which is no secret.
    sid: String,
}

impl<'a> Active<'a> {
    fn of(known: &'a Authenticated) -> Self {
        Self {
            active: true,
            scope: known.scopes().as_str(),
            client_id: known.record().client(),
            username: known.subject(),
            token_type: "Bearer",
            exp: seconds(known.expires_at()),
            iat: seconds(known.issued_at()),
            auth_time: seconds(known.authenticated_at()),
            sub: known.subject(),
            sid: known.session().to_string(),
        }
    }
}

/// A fraction is cut off, so that nobody takes a token for live when it has ended.
const fn seconds(at: Timestamp) -> i64 {
    at.as_micros().div_euclid(1_000_000)
}
