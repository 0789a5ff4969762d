use http::header::WWW_AUTHENTICATE;
use http::request::Parts;
use http::{Method, StatusCode};
use serde::Serialize;

use super::OAuth;
use super::bearer::{self, Refused};
use super::client::{Client, Clients, Introspects};
use super::error::OAuthError;
use super::params::Params;
use crate::authority::Authenticated;
use crate::clock::Timestamp;
use crate::endpoint::answer;
use crate::endpoint::service::{Answer, Body, Endpoint, Handle};
use crate::endpoint::style::Style;
use crate::rejection::{Reason, Rejection};
use crate::store::{StoreError, TokenStore};
use crate::token::{BearerToken, InvalidScope, Scopes};

/// What [`OAuth::introspection`] makes an [`Endpoint`] of.
#[derive(Debug)]
pub struct Introspection<S, C>(OAuth<S, C>);

/// Who asks, and may.
enum Asker {
    Client(Client),
    /// Somebody whose token has the scope for it.
    Bearer,
}

impl<S, C> OAuth<S, C> {
    /// Lets whoever shows a bearer token of the authority's first kind with this scope introspect
    /// all tokens, without being a client (RFC 7662 section 2.1). Nobody may, unless this is said:
    /// grant the scope to services that check tokens, and to no user.
    ///
    /// A token that is not good is refused by 401 `invalid_token`, one without the scope by 403
    /// `insufficient_scope`, both with a challenge (RFC 6750 section 3).
    ///
    /// # Errors
    ///
    /// [`InvalidScope`] when it can't be a scope (RFC 6749 section 3.3).
    pub fn introspection_scope(mut self, scope: &str) -> Result<Self, InvalidScope> {
        self.introspection_scope = Some(Scopes::some([scope])?);
        Ok(self)
    }
}

impl<S: TokenStore, C: Clients> OAuth<S, C> {
    /// The introspection endpoint (RFC 7662), `POST` with a form: what lives, and what it may do.
    /// A client with a secret may ask about its own tokens, or about
    /// [all](Client::introspects_all), and instead of a client a bearer token with the
    /// [scope](Self::introspection_scope) for it. A token is active exactly when a request with it
    /// would pass; asking is no use of it.
    pub fn introspection(&self) -> Endpoint<Introspection<S, C>> {
        Endpoint::new(Introspection(self.clone()))
    }
}

impl<S: TokenStore, C: Clients> Handle for Introspection<S, C> {
    fn methods(&self) -> &'static [Method] {
        &[Method::POST]
    }

    fn tell_unavailable(&self, error: &StoreError) {
        self.0.authority.tell_unavailable(error);
    }

    async fn answer(&self, mut head: Parts, body: Body) -> Answer {
        match self.introspect(&mut head, body).await {
            Ok(Some(known)) => {
                let token_type = self.0.authority.challenges().token_type();
                answer::json(StatusCode::OK, &Active::of(&known, token_type))
            }
            Ok(None) => answer::json(StatusCode::OK, &Inactive { active: false }),
            Err(Refused::Error(error @ OAuthError::InvalidClient)) => {
                self.challenge(error.answer())
            }
            Err(Refused::Error(error)) => error.answer(),
            Err(Refused::Token(rejection)) => Style::OAuth.refuse(rejection, &head.headers),
        }
    }
}

impl<S: TokenStore, C: Clients> Introspection<S, C> {
    async fn introspect(
        &self,
        head: &mut Parts,
        body: Body,
    ) -> Result<Option<Authenticated>, Refused> {
        let params = Params::read(head, body)?;
        let asker = self.asker(head, &params).await?;
        let text = params.need("token", "expected a token, found none")?;
        let Ok(token) = BearerToken::parse(text) else {
            return Ok(None);
        };
        match self.0.authority.introspect(&token).await {
            Ok(known) => Ok(asker.may_know(&known).then_some(known)),
            Err(rejection) if *rejection.reason() == Reason::StoreUnavailable => {
                Err(OAuthError::Unavailable(StoreError::new(rejection)).into())
            }
            Err(_) => Ok(None),
        }
    }

    async fn asker(&self, head: &mut Parts, params: &Params) -> Result<Asker, Refused> {
        if let Some(needed) = &self.0.introspection_scope
            && bearer::is_shown(&self.0.authority, head, params, needed).await?
        {
            return Ok(Asker::Bearer);
        }
        let client = self.0.client(head, params).await?;
        // Whoever has no secret has proved nothing (RFC 7662 section 2.1).
        if client.secret.is_none() || client.introspects == Introspects::Nothing {
            return Err(self.0.refuse(Some(&client)).into());
        }
        Ok(Asker::Client(client))
    }

    /// Says that a bearer token would do too, where it would.
    fn challenge(&self, mut answer: Answer) -> Answer {
        if self.0.introspection_scope.is_some() {
            let challenges = self.0.authority.challenges();
            let refused = Rejection::new(Reason::NoCredentials, challenges, 0).response(());
            for challenge in refused.headers().get_all(WWW_AUTHENTICATE) {
                let headers = answer.headers_mut();
                headers.append(WWW_AUTHENTICATE, challenge.clone());
            }
        }
        answer
    }
}

impl Asker {
    fn may_know(&self, known: &Authenticated) -> bool {
        match self {
            Self::Bearer => true,
            Self::Client(client) => {
                client.introspects == Introspects::All
                    || known.record().client() == Some(&client.id)
            }
        }
    }
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
    /// By which a resource keeps personal tokens out, as a layer does.
    kind: &'a str,
}

impl<'a> Active<'a> {
    fn of(known: &'a Authenticated, token_type: &'static str) -> Self {
        Self {
            active: true,
            scope: known.scopes().as_str(),
            client_id: known.record().client(),
            username: known.subject(),
            token_type,
            exp: seconds(known.expires_at()),
            iat: seconds(known.issued_at()),
            auth_time: seconds(known.authenticated_at()),
            sub: known.subject(),
            sid: known.session().to_string(),
            kind: known.kind(),
        }
    }
}

/// A fraction is cut off, so that nobody takes a token for live when it has ended.
const fn seconds(at: Timestamp) -> i64 {
    at.as_micros().div_euclid(1_000_000)
}
