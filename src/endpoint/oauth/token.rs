use http::request::Parts;
use http::{Method, StatusCode};
use serde::Serialize;

use super::OAuth;
use super::client::{Client, Clients};
use super::error::OAuthError;
use super::params::Params;
use crate::authority::{IssuedToken, RefreshError, TokenAuthority};
use crate::endpoint::answer;
use crate::endpoint::login::tell_while_it_stands;
use crate::endpoint::password::{PasswordGuard, Who};
use crate::endpoint::service::{Answer, Body, Endpoint, Handle};
use crate::store::{RotatingStore, StoreError};
use crate::token::{BearerToken, Scopes};

/// What [`OAuth::token`] makes an [`Endpoint`] of.
#[derive(Debug)]
pub struct TokenEndpoint<S, C>(OAuth<S, C>);

impl<S: RotatingStore, C: Clients> OAuth<S, C> {
    /// The token endpoint (RFC 6749 section 3.2), `POST` with a form.
    pub fn token(&self) -> Endpoint<TokenEndpoint<S, C>> {
        Endpoint::new(TokenEndpoint(self.clone()))
    }
}

impl<S: RotatingStore, C: Clients> Handle for TokenEndpoint<S, C> {
    fn methods(&self) -> &'static [Method] {
        &[Method::POST]
    }

    fn tell_unavailable(&self, error: &StoreError) {
        self.0.authority.tell_unavailable(error);
    }

    async fn answer(&self, head: Parts, body: Body) -> Answer {
        match self.grant(&head, body).await {
            Ok(content) => answer::json(StatusCode::OK, &content),
            Err(error) => error.answer(),
        }
    }
}

impl<S: RotatingStore, C: Clients> TokenEndpoint<S, C> {
    async fn grant(&self, head: &Parts, body: Body) -> Result<Granted, OAuthError> {
        let params = Params::read(head, body)?;
        let grant = params.need("grant_type", "expected a grant_type, found none")?;
        let client = self.0.client(head, &params).await?;
        let issued = match (grant, &self.0.passwords) {
            ("refresh_token", _) => self.refresh(&client, &params).await?,
            ("client_credentials", _) => self.client_credentials(&client, &params).await?,
            ("password", Some(passwords)) => {
                self.password(&client, &params, head, passwords).await?
            }
            _ => return Err(OAuthError::UnsupportedGrantType),
        };
        Ok(Granted::of(&issued, &self.0.authority))
    }

    async fn refresh(&self, client: &Client, params: &Params) -> Result<IssuedToken, OAuthError> {
        let text = params.need("refresh_token", "expected a refresh_token, found none")?;
        let scopes = params.scopes()?;
        let token = BearerToken::parse(text).map_err(|_| invalid_refresh_token())?;
        let mut request = self.0.authority.refresh(&token).client(&client.id);
        if let Some(scopes) = &scopes {
            request = request.scopes(scopes.iter());
        }
        request.await.map_err(|error| match error {
            RefreshError::Scope(_) | RefreshError::WiderScope(_) => OAuthError::InvalidScope,
            RefreshError::Store(error) => OAuthError::Unavailable(error),
            _ => invalid_refresh_token(),
        })
    }

    async fn client_credentials(
        &self,
        client: &Client,
        params: &Params,
    ) -> Result<IssuedToken, OAuthError> {
        let subject = client.acts_as.as_ref().filter(|_| client.secret.is_some());
        let subject = subject.ok_or(OAuthError::UnauthorizedClient)?;
        let scopes = client
            .granted(params.scopes()?)
            .ok_or(OAuthError::InvalidScope)?;
        let request = self
            .0
            .authority
            .issue(subject)
            .client(&client.id)
            .scopes(scopes.iter());
        Ok(request.await?)
    }
}

impl<S: RotatingStore, C: Clients> TokenEndpoint<S, C> {
    async fn password(
        &self,
        client: &Client,
        params: &Params,
        head: &Parts,
        passwords: &PasswordGuard,
    ) -> Result<IssuedToken, OAuthError> {
        let authority = &self.0.authority;
        let name = params.need("username", "expected a username, found none")?;
        let password = params.need("password", "expected a password, found none")?;
        let now = || authority.now();
        let who = Who::Name(name);
        let checked = passwords.check(head, who, password, now).await;
        let verified = checked.map_err(|denied| denied.tell(authority))?;
        // What the client may have and the user has; of nothing asked, all of that.
        let default = client.default_scopes.as_ref().unwrap_or(&client.scopes);
        let common = default
            .iter()
            .filter(|scope| verified.scopes.contains(scope));
        let scopes = match params.scopes()? {
            None => Scopes::of(common).ok(),
            Some(asked) => client
                .granted(Some(asked))
                .filter(|asked| verified.scopes.includes(asked)),
        };
        let scopes = scopes.ok_or(OAuthError::InvalidScope)?;
        let request = authority
            .issue(&verified.subject)
            .client(&client.id)
            .scopes(scopes.iter());
        let issued = match authority.refreshes() {
            true => request.refresh().await?,
            false => request.await?,
        };
        let stands = passwords.stands(head, who, password, &verified).await;
        tell_while_it_stands(authority, &issued, stands).await?;
        Ok(issued)
    }
}

fn invalid_refresh_token() -> OAuthError {
    OAuthError::InvalidGrant("the refresh token is unknown, expired, used or not this client's")
}

/// RFC 6749 section 5.1.
#[derive(Serialize)]
pub(in crate::endpoint) struct Granted {
    access_token: String,
    token_type: &'static str,
    expires_in: u64,
    #[serde(skip_serializing_if = "Option::is_none")]
    refresh_token: Option<String>,
    scope: String,
}

impl Granted {
    pub(in crate::endpoint) fn of<S>(issued: &IssuedToken, authority: &TokenAuthority<S>) -> Self {
        Self {
            access_token: issued.secret().to_owned(),
            token_type: authority.challenges().token_type(),
            expires_in: issued.expires_at().since(authority.now()).as_secs(),
            refresh_token: issued.refresh_secret().map(str::to_owned),
            scope: issued.record().scopes().as_str().to_owned(),
        }
    }
}
