use std::time::Duration;

use http::request::Parts;
use http::{Method, StatusCode};
use serde::Serialize;

use super::answer;
use super::login_form::LoginForm;
use super::oauth::{Granted, OAuthError};
use super::password::{Denied, PasswordGuard, SOON, Suspect, Verified, Who};
use super::service::{Answer, Body, Endpoint, Handle};
use super::style::Style;
use crate::authority::{Event, IssueRequest, IssuedToken, TokenAuthority};
use crate::rejection::Drf;
use crate::store::{IssuingStore, RotatingStore, StoreError};
use crate::token::{Scopes, Subject};

/// What [`TokenAuthority::login`] makes an [`Endpoint`] of.
#[derive(Debug)]
pub struct LoginEndpoint<S> {
    authority: TokenAuthority<S>,
    passwords: PasswordGuard,
    style: Style,
    expiry: bool,
    refresh: Option<Refreshing<S>>,
}

type Refreshing<S> = for<'a> fn(IssueRequest<'a, S>) -> IssueRequest<'a, S>;

impl<S: IssuingStore> TokenAuthority<S> {
    /// Logs in by a name and a password: `POST`, a form or JSON of `username` (white space around it
    /// is no part of it, as in Django) and `password`, and by choice `scope` (some of what the person
    /// may have; all of it, unless it is said) and `name` (what people call the session). The answer
    /// is `{"token","expires_at","scopes"}`.
    ///
    /// It is for applications of your own: others should never see a password. What a login does
    /// to the tokens that are there is the [`LoginMode`](crate::LoginMode). A refresh token comes
    /// along where that is [served](Endpoint::with_refresh).
    ///
    /// A wrong password, an unknown and a suspended person are answered alike: 400
    /// `invalid_grant`. Too many of them: 429 with `Retry-After`.
    ///
    /// ```
    /// # use tower_expiring_token::{Lifetime, MemoryStore, PasswordGuard, TokenAuthority};
    /// # fn app(passwords: PasswordGuard) -> Result<axum::Router, Box<dyn std::error::Error>> {
    /// let tokens = TokenAuthority::builder(MemoryStore::new()).expiry(Lifetime::hours(24)).build()?;
    /// let app = axum::Router::new()
    ///     .route_service("/logout", tokens.logout())
    ///     .layer(tokens.layer())
    ///     .route_service("/login", tokens.login(&passwords));
    /// # Ok(app)
    /// # }
    /// ```
    #[must_use]
    pub fn login(&self, passwords: &PasswordGuard) -> Endpoint<LoginEndpoint<S>> {
        Endpoint::new(LoginEndpoint {
            authority: self.clone(),
            passwords: passwords.clone(),
            style: Style::OAuth,
            expiry: false,
            refresh: None,
        })
    }
}

impl<S: IssuingStore> Endpoint<LoginEndpoint<S>> {
    /// Answers as Django REST framework's `obtain_auth_token` does: `{"token"}` alone, field
    /// errors, `non_field_errors`.
    #[must_use]
    pub fn drf(self, style: Drf) -> Self {
        self.with(|login| LoginEndpoint {
            style: Style::Drf(style),
            ..login.copy()
        })
    }

    /// Answers as knox does, with `{"expiry","token"}`; the offset is always UTC's.
    #[must_use]
    pub fn knox(self) -> Self {
        self.with(|login| LoginEndpoint {
            style: Style::Drf(Drf::stock()),
            expiry: true,
            ..login.copy()
        })
    }
}

impl<S: RotatingStore> Endpoint<LoginEndpoint<S>> {
    /// Gives a refresh token too when `refresh` is `true`, if the authority has any, and then answers
    /// as OAuth's [token endpoint](crate::OAuth::token) does. That is where it is used, with the
    /// `client_id` of a [`Client`](crate::Client): an app without a secret is a
    /// [public](crate::Client::public) one, and needs no scopes of its own for it. A session then
    /// lasts as the refresh policy says: an access token's idle time ends that token alone.
    ///
    /// ```
    /// # use tower_expiring_token::{Client, Lifetime, MemoryStore, OAuth, PasswordGuard, TokenAuthority};
    /// # fn app(passwords: PasswordGuard) -> Result<axum::Router, Box<dyn std::error::Error>> {
    /// let tokens = TokenAuthority::builder(MemoryStore::new())
    ///     .expiry(Lifetime::minutes(15))
    ///     .refresh(Lifetime::days(90).idle(std::time::Duration::from_secs(14 * 86_400)))
    ///     .build()?;
    /// let oauth = OAuth::new(&tokens, [Client::public("web")]);
    /// let app = axum::Router::new()
    ///     .route_service("/login", tokens.login(&passwords).with_refresh())
    ///     // A form: grant_type=refresh_token&client_id=web&refresh_token=…
    ///     .route_service("/oauth/token", oauth.token());
    /// # Ok(app)
    /// # }
    /// ```
    #[must_use]
    pub fn with_refresh(self) -> Self {
        self.with(|login| LoginEndpoint {
            refresh: match login.authority.refreshes() {
                true => Some(refreshing::<S>),
                false => None,
            },
            ..login.copy()
        })
    }
}

fn refreshing<S: RotatingStore>(request: IssueRequest<'_, S>) -> IssueRequest<'_, S> {
    request.refresh()
}

impl<S: IssuingStore> Handle for LoginEndpoint<S> {
    fn methods(&self) -> &'static [Method] {
        &[Method::POST]
    }

    fn tell_unavailable(&self, error: &StoreError) {
        self.authority.tell_unavailable(error);
    }

    async fn answer(&self, head: Parts, body: Body) -> Answer {
        match self.log_in(&head, body).await {
            Ok(answer) | Err(answer) => answer,
        }
    }

    fn method_not_allowed(&self, method: &Method) -> Answer {
        self.style.method_not_allowed(method)
    }
}

impl<S> LoginEndpoint<S> {
    fn copy(&self) -> Self {
        Self {
            authority: self.authority.clone(),
            passwords: self.passwords.clone(),
            ..*self
        }
    }
}

impl<S: IssuingStore> LoginEndpoint<S> {
    async fn log_in(&self, head: &Parts, body: Body) -> Result<Answer, Answer> {
        let form = LoginForm::read(head, body, self.style).await?;
        let refresh = self.refresh(&form)?;
        let now = || self.authority.now();
        let who = Who::Name(&form.username);
        let checked = self.passwords.check(head, who, &form.password, now).await;
        let verified = checked.map_err(|denied| denied.answer(&self.authority, self.style))?;
        let scopes = granted(&verified, &form.scope)
            .ok_or_else(|| self.style.oauth(OAuthError::InvalidScope))?;
        let request = self
            .authority
            .issue(&verified.subject)
            .scopes(scopes.iter());
        let request = match refresh {
            Some(refresh) => refresh(request),
            None => request,
        };
        let issued = request.label(form.name).await;
        let issued = issued.map_err(|error| self.style.oauth(error.into()))?;
        let stands = self.passwords.stands(head, who, &form.password, &verified);
        let told = tell_while_it_stands(&self.authority, &issued, stands.await).await;
        told.map_err(|error| self.style.oauth(error))?;
        Ok(self.tell(&issued))
    }

    /// How a refresh token is asked for, if it is.
    fn refresh(&self, form: &LoginForm) -> Result<Option<Refreshing<S>>, Answer> {
        let fault = match (form.refresh, self.refresh) {
            (Some(true), Some(refresh)) => return Ok(Some(refresh)),
            (Some(false), _) | (None, None) => return Ok(None),
            (Some(true), None) => "expected no refresh, which is not served here",
            (None, Some(_)) => "expected refresh to be true or false",
        };
        Err(self.style.oauth(OAuthError::InvalidRequest(fault)))
    }

    fn tell(&self, issued: &IssuedToken) -> Answer {
        match self.style {
            _ if issued.refresh_secret().is_some() => {
                answer::json(StatusCode::OK, &Granted::of(issued, &self.authority))
            }
            Style::OAuth => answer::json(StatusCode::OK, &LoggedIn::of(issued)),
            Style::Drf(_) => answer::json(
                StatusCode::OK,
                &Key {
                    expiry: self.expiry.then(|| issued.expires_at().to_string()),
                    token: issued.secret(),
                },
            ),
        }
    }
}

/// Ends a token that was issued to a login which no longer holds: whoever changes a password or
/// suspends somebody, and then ends all tokens, misses none. One that other logins have had before
/// is not this one's to end; a login that was told it since logs in once more.
pub(super) async fn tell_while_it_stands<S: IssuingStore>(
    authority: &TokenAuthority<S>,
    issued: &IssuedToken,
    stands: Result<(), Denied>,
) -> Result<(), OAuthError> {
    let Err(denied) = stands else {
        return Ok(());
    };
    if issued.is_new() {
        let record = issued.record();
        let ended = authority.revoke_session(record.subject(), record.session());
        ended.await.map_err(OAuthError::Unavailable)?;
    }
    Err(denied.tell(authority))
}

/// Some of what a person may have; none when more is asked for.
pub(super) fn granted(verified: &Verified, asked: &str) -> Option<Scopes> {
    if asked.is_empty() {
        return Some(verified.scopes.clone());
    }
    let asked = Scopes::parse(asked).ok()?;
    verified.scopes.includes(&asked).then_some(asked)
}

/// What a login answers.
#[derive(Serialize)]
pub(super) struct LoggedIn<'a> {
    token: &'a str,
    expires_at: String,
    scopes: Vec<&'a str>,
}

impl<'a> LoggedIn<'a> {
    pub(super) fn of(issued: &'a IssuedToken) -> Self {
        Self {
            token: issued.secret(),
            expires_at: issued.expires_at().to_string(),
            scopes: issued.record().scopes().iter().collect(),
        }
    }
}

#[derive(Serialize)]
struct Key<'a> {
    #[serde(skip_serializing_if = "Option::is_none")]
    expiry: Option<String>,
    token: &'a str,
}

impl Denied {
    /// Tells whoever listens, and the client.
    pub(super) fn answer<S>(self, authority: &TokenAuthority<S>, style: Style) -> Answer {
        style.oauth(self.tell(authority))
    }

    /// Tells whoever listens. What is left is what the client may know.
    pub(super) fn tell<S>(self, authority: &TokenAuthority<S>) -> OAuthError {
        match self {
            Self::Wrong(Suspect { subject, address }) => {
                let subject = subject.as_ref().map(Subject::as_str);
                authority.tell(&Event::LoginFailed { subject, address });
                OAuthError::WrongPassword
            }
            Self::TooOften(suspect, wait) => {
                suspect.tell_throttled(authority, wait);
                OAuthError::SlowDown(wait)
            }
            Self::Crowded(suspect) => {
                suspect.tell_throttled(authority, SOON);
                OAuthError::Crowded(SOON)
            }
            Self::Unavailable(error) => OAuthError::Unavailable(error),
        }
    }
}

impl Suspect {
    fn tell_throttled<S>(&self, authority: &TokenAuthority<S>, retry_after: Duration) {
        authority.tell(&Event::LoginThrottled {
            subject: self.subject.as_ref().map(Subject::as_str),
            address: self.address,
            retry_after,
        });
    }
}
